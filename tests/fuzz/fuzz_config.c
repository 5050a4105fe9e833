/*
 * Any bytes as a configuration file, in an environment with references to resolve.
 *
 * What is refused is refused with a place and a reason, in one line without a secret. What is
 * taken is written as a file again, every key of it with its value, and that file says the same:
 * by settings_same() and, origins left out, by what `config print` shows.
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/num.h"
#include "config/record.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/support.h"

#define NAME "fuzz.yaml"
#define SECRET "s3cret-9f8e7d"
#define MAX_SECRETS 1024

/* Of the file that is written: a secret cannot stand in it, so each gets a variable. */
static const char *secrets[MAX_SECRETS];
static size_t n_secrets;

static const char *first_variable(void *arg, const char *name)
{
	static const struct {
		const char *name, *value;
	} variables[] = {
		{ "A", "text of a: [b]" },
		{ "N", "42" },
		{ "T", SECRET },
		{ "D", "300ms" },
		{ "NEST", "${A}" },
		{ "E", "" },
		{ "OTEL_RESOURCE_ATTRIBUTES", "a=1,b=c" },
		{ "OTEL_EXPORTER_OTLP_HEADERS", "k=" SECRET },
	};

	(void)arg;
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		if (!strcmp(variables[i].name, name))
			return variables[i].value;
	}
	return NULL;
}

static const char *second_variable(void *arg, const char *name)
{
	uint64_t i;

	/* What they set outside of the chosen sections is not in the file. */
	if (!strncmp(name, "OTEL_", strlen("OTEL_")))
		return first_variable(arg, name);
	if (strncmp(name, "SECRET_", strlen("SECRET_")) != 0 ||
	    !num_u64(slice_str(name + strlen("SECRET_")), MAX_SECRETS, &i))
		return NULL;
	return i < n_secrets ? secrets[i] : NULL;
}

/* As a double-quoted scalar that nothing is substituted in. */
static void write_quoted(struct buf *out, const char *text)
{
	buf_str(out, "\"");
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '$')
			buf_str(out, "$$");
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_printf(out, "%c", c);
	}
	buf_str(out, "\"");
}

static void write_secret(struct buf *out, const char *text)
{
	if (n_secrets == MAX_SECRETS)
		die("too many secrets");
	buf_printf(out, "\"${SECRET_%zu}\"", n_secrets);
	secrets[n_secrets++] = text;
}

static void write_scalar(struct buf *out, const struct key *k, const char *text)
{
	if (k->flags & KEY_SECRET && *text)
		write_secret(out, text);
	else if (k->type == KEY_BOOL || k->type == KEY_COUNT || k->type == KEY_REAL ||
		 k->type == KEY_AMOUNT)
		buf_str(out, text); /* in quotes it would be a string */
	else
		write_quoted(out, text);
}

static void write_texts(struct buf *out, const struct setting_texts *texts)
{
	buf_str(out, "[");
	for (size_t i = 0; i < texts->n; i++) {
		buf_str(out, i ? ", " : "");
		write_quoted(out, texts->ptr[i]);
	}
	buf_str(out, "]");
}

static void write_pairs(struct buf *out, const struct key *k, const struct setting_pairs *pairs)
{
	buf_str(out, "{");
	for (size_t i = 0; i < pairs->n; i++) {
		const struct setting_pair *p = &pairs->ptr[i];

		buf_str(out, i ? ", ? " : "? ");
		/* A name is not resolved: no dollar sign is doubled in it. */
		buf_str(out, "\"");
		for (const char *c = p->name; *c; c++)
			buf_printf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
		buf_str(out, "\" : ");
		if (k->type == KEY_HEADERS)
			write_secret(out, p->text);
		else if (p->value.type == SCALAR_STRING)
			write_quoted(out, p->text);
		else
			buf_str(out, p->text);
	}
	buf_str(out, "}");
}

static void write_keys(struct buf *out, const struct key *parent,
		       const struct setting_record *record);

static void write_items(struct buf *out, const struct key *list,
			const struct setting_record *record)
{
	const char *field = (const char *)record + list->offset;
	const char *entries;
	size_t n;

	/* Every list is a pointer and a count. */
	memcpy(&entries, field, sizeof(entries));
	memcpy(&n, field + sizeof(entries), sizeof(n));
	buf_str(out, "[");
	for (size_t i = 0; i < n; i++) {
		buf_str(out, i ? ",\n{" : "{");
		write_keys(out, list, (const void *)(entries + i * list->size));
		buf_str(out, "}");
	}
	buf_str(out, "]");
}

static void write_value(struct buf *out, const struct key *k, const struct setting_record *record)
{
	const void *field = (const char *)record + k->offset;

	switch (k->type) {
	case KEY_SECTION:
		buf_str(out, "{");
		write_keys(out, k, record);
		buf_str(out, "}");
		break;
	case KEY_ITEMS:
		write_items(out, k, record);
		break;
	case KEY_TEXTS:
		write_texts(out, field);
		break;
	case KEY_HEADERS:
	case KEY_ATTRIBUTES:
		write_pairs(out, k, field);
		break;
	default:
		write_scalar(out, k, record->given[schema_index(k)].text);
	}
}

/* Is the key in effect? Of several to choose from, the one that was chosen. */
static bool in_effect(const struct key *k, const struct setting_record *record)
{
	const struct setting_given *g = &record->given[schema_index(k)];

	if (k->type == KEY_SECTION)
		return !k->offset || *((const bool *)record + k->offset);
	if (k->type == KEY_ITEMS)
		return k->offset && k->size;
	if (!k->offset || (k->flags & KEY_CHOICE && g->origin == ORIGIN_DEFAULT))
		return false;
	return k->type >= KEY_TEXTS || *g->text || g->origin != ORIGIN_DEFAULT;
}

static void write_keys(struct buf *out, const struct key *parent,
		       const struct setting_record *record)
{
	struct slice name;

	for (const struct key *k = parent ? parent + 1 : schema_keys; k->path; k++) {
		if (!schema_is_child(parent, k, &name) || !in_effect(k, record))
			continue;
		buf_printf(out, "%.*s: ", SLICE_ARG(name));
		write_value(out, k, record);
		buf_str(out, parent ? ", " : "\n");
	}
}

static void print_key(void *arg, const char *path, const char *shown, enum setting_origin origin,
		      const char *variable)
{
	(void)origin;
	(void)variable;
	buf_printf(arg, "%s: %s\n", path, shown);
}

static void check_refusal(struct slice yaml, enum status st, const struct err *err)
{
	if (st != ST_CONFIG && st != ST_LIMIT)
		die("status %d: %s", st, err->msg);
	if (strncmp(err->msg, NAME ":", strlen(NAME ":")) != 0)
		die("no place: %s", err->msg);
	for (const char *p = err->msg; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			die("a control character: %s", err->msg);
	}
	/* libFuzzer knows it too, and writes it where it is none. */
	if (strstr(err->msg, SECRET) && !memmem(yaml.ptr, yaml.len, SECRET, strlen(SECRET)))
		die("a secret: %s", err->msg);
}

static void check_again(const struct settings *s, struct buf *text)
{
	const struct env env = { .get = second_variable };
	struct err err = ERR_INIT;
	struct settings again;
	struct buf one, two;
	enum status st;

	n_secrets = 0;
	write_keys(text, NULL, &s->record);
	if (buf_status(text, "the file", &err))
		return;
	st = settings_parse(&again, NAME, buf_view(text), &env, &err);
	/* With all its defaults it may be too large. */
	if (st == ST_LIMIT)
		return;
	if (st)
		die("not a file: %s\n%.*s", err.msg, SLICE_ARG(buf_view(text)));
	for (const struct key *k = schema_keys; k->path; k++) {
		if (!strpbrk(k->path, ".[") && !settings_same(s, &again, k->path))
			die("another %s:\n%.*s", k->path, SLICE_ARG(buf_view(text)));
	}
	buf_init(&one, MAX_CONFIG_BYTES);
	buf_init(&two, MAX_CONFIG_BYTES);
	settings_visit(s, print_key, &one);
	settings_visit(&again, print_key, &two);
	if (!slice_eq(buf_view(&one), buf_view(&two)))
		die("printed: %.*s\nand again: %.*s", SLICE_ARG(buf_view(&one)),
		    SLICE_ARG(buf_view(&two)));
	buf_release(&one);
	buf_release(&two);
	settings_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct env env = { .get = first_variable };
	struct err err = ERR_INIT;
	struct settings s;
	struct buf text;
	const struct slice yaml = { data, size };
	enum status st = settings_parse(&s, NAME, yaml, &env, &err);

	if (st) {
		check_refusal(yaml, st, &err);
		return 0;
	}
	buf_init(&text, MAX_CONFIG_BYTES);
	check_again(&s, &text);
	buf_release(&text);
	settings_release(&s);
	return 0;
}
