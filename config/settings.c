#include "config/settings.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/num.h"
#include "config/bind.h"

#define ENDPOINT "exporters[].otlp.endpoint"
#define ENDPOINT_EXACT "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
#define ENDPOINT_GRPC "http://localhost:4317"

/* The row of a path as the table has it; the path is a constant of ours. */
static const struct key *row(const char *path)
{
	const struct key *k = schema_keys;

	while (k->path && strcmp(k->path, path) != 0)
		k++;
	return k;
}

void settings_release(struct settings *s)
{
	if (s->state)
		doc_release(&s->state->doc);
	mem_free(s->state);
	*s = (struct settings){ 0 };
}

/* What depends on more than one key. Done again after each flag. */
static void settle(struct settings *s)
{
	const struct key *endpoint = row(ENDPOINT);

	for (size_t i = 0; i < s->exporters.n; i++) {
		struct exporter_settings *e = &s->exporters.ptr[i];
		struct setting_given *g = &e->record.given[schema_index(endpoint)];

		if (g->origin == ORIGIN_DEFAULT) {
			g->text = e->otlp.protocol == SETTING_GRPC ? ENDPOINT_GRPC : endpoint->text;
			e->otlp.endpoint = g->text;
		}
		/* The specification's two variables differ; our own key forgives. */
		e->otlp.path = !g->variable			     ? SETTING_PATH_TRACES
			       : strcmp(g->variable, ENDPOINT_EXACT) ? SETTING_PATH_APPEND
								     : SETTING_PATH_AS_IS;
	}
}

/* Make one OTLP exporter out of environment and defaults the only one. */
static enum status only_otlp(struct settings *s, const char *name, enum setting_origin origin,
			     struct err *err)
{
	const struct key *list = row("exporters");
	struct exporter_settings *e = arena_alloc(&s->state->doc.arena, sizeof(*e), err);
	struct setting_input in = { .text = slice_str(name), .origin = origin };
	char expected[VALUE_EXPECTED_CHARS];
	enum status st;

	if (!e)
		return arena_failed(err);
	st = record_init(s, list, &e->record, origin, err);
	if (st)
		return st;
	if (!record_set(&e->record, row("exporters[].name"), &in, expected))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "%s: expected %s", name, expected);
	e->is_otlp = true;
	s->exporters.ptr = e;
	s->exporters.n = 1;
	record_mark(&s->record, list, origin);
	return ST_OK;
}

/* Without exporters in the file, an endpoint in the environment is one. */
static enum status env_exporter(struct settings *s, struct err *err)
{
	const struct env *env = s->state->env;

	if (settings_origin(s, "exporters") != ORIGIN_DEFAULT)
		return ST_OK;
	if (!env_get(env, ENDPOINT_EXACT).len && !env_get(env, "OTEL_EXPORTER_OTLP_ENDPOINT").len)
		return ST_OK;
	return only_otlp(s, "otlp", ORIGIN_ENV, err);
}

static enum status start(struct settings *s, const struct env *env, struct err *err)
{
	*s = (struct settings){ .state = mem_zalloc(sizeof(*s->state)) };
	if (!s->state)
		return err_nomem(err, "the configuration");
	doc_init(&s->state->doc);
	s->state->env = env;
	return ST_OK;
}

/* The second half of a load, with the file (or none) in the doc. */
static enum status finish(struct settings *s, enum status st, struct err *err)
{
	if (!st)
		st = record_init(s, NULL, &s->record, ORIGIN_DEFAULT, err);
	if (!st)
		st = bind_file(s, err);
	if (!st)
		st = env_exporter(s, err);
	if (st)
		settings_release(s);
	else
		settle(s);
	return st;
}

enum status settings_load(struct settings *s, const char *path, const struct env *env,
			  struct err *err)
{
	enum status st = start(s, env, err);

	if (!st && path)
		st = doc_load(&s->state->doc, path, env, err);
	return finish(s, st, err);
}

enum status settings_parse(struct settings *s, const char *name, struct slice yaml,
			   const struct env *env, struct err *err)
{
	enum status st = start(s, env, err);

	if (!st)
		st = doc_parse(&s->state->doc, name, yaml, env, err);
	return finish(s, st, err);
}

/* Not an entry of a list. */
#define AT_TOP SIZE_MAX

/*
 * The row of a path such as "exporters[0].otlp.timeout", and which exporter it is
 * of. NULL if there is no such key or entry.
 */
static const struct key *resolve(const struct settings *s, const char *path, size_t *entry)
{
	const char *from = strchr(path, '[');
	const char *to = from ? strchr(from, ']') : NULL;
	struct slice number = { 0 };
	const struct key *k;
	char pattern[128];
	uint64_t i;

	*entry = AT_TOP;
	if (!from) {
		k = row(path);
		return k->path ? k : NULL;
	}
	if (to)
		number = (struct slice){ (const uint8_t *)from + 1, (size_t)(to - from) - 1 };
	if (!num_u64(number, SIZE_MAX, &i) || i >= s->exporters.n)
		return NULL;
	*entry = (size_t)i;
	snprintf(pattern, sizeof(pattern), "%.*s[]%s", (int)(from - path), path, to + 1);
	k = row(pattern);
	return k->path && schema_is_under(row("exporters"), k) ? k : NULL;
}

enum setting_origin settings_origin(const struct settings *s, const char *path)
{
	size_t entry;
	const struct key *k = resolve(s, path, &entry);
	const struct setting_given *given =
		entry == AT_TOP ? s->record.given : s->exporters.ptr[entry].record.given;

	return k ? given[schema_index(k)].origin : ORIGIN_DEFAULT;
}

enum status settings_set(struct settings *s, const char *path, const char *text, struct err *err)
{
	size_t entry;
	const struct key *k = resolve(s, path, &entry);
	struct setting_record *record =
		entry == AT_TOP ? &s->record : &s->exporters.ptr[entry].record;
	struct setting_input in = { .text.len = strlen(text), .origin = ORIGIN_FLAG };
	char expected[VALUE_EXPECTED_CHARS];
	const char *copy;

	if (!k || !k->offset || !value_is_scalar(k))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "key %s: cannot be a flag", path);
	copy = arena_text(&s->state->doc.arena, slice_str(text), err);
	if (!copy)
		return arena_failed(err);
	in.text.ptr = (const uint8_t *)copy;
	if (!record_set(record, k, &in, expected))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "key %s: expected %s", path,
			       expected);
	settle(s);
	return ST_OK;
}

enum status settings_send_to(struct settings *s, const char *endpoint, struct err *err)
{
	__typeof__(s->exporters) before = s->exporters;
	enum status st = only_otlp(s, "flag", ORIGIN_FLAG, err);

	if (!st)
		st = settings_set(s, "exporters[0].otlp.endpoint", endpoint, err);
	if (st)
		s->exporters = before;
	return st;
}

const struct node *settings_section(const struct settings *s, const char *name)
{
	return node_child(s->state->doc.root, slice_str(name));
}

size_t settings_unused(const struct settings *s, const char *unused, char *out, size_t cap)
{
	const struct node *section;
	size_t n = 0;
	size_t len = 0;

	*out = '\0';
	for (unused += strspn(unused, " "); *unused; unused += strspn(unused, " ")) {
		struct slice name = { (const uint8_t *)unused, strcspn(unused, " ") };

		unused += name.len;
		section = node_child(s->state->doc.root, name);
		if (!section || node_is_null(section) || len >= cap)
			continue;
		len += (size_t)snprintf(out + len, cap - len, "%s%.*s", n ? ", " : "",
					SLICE_ARG(name));
		n++;
	}
	return n;
}

const char *settings_origin_name(enum setting_origin origin)
{
	static const char *const names[] = { "default", "env", "file", "flag" };

	return names[origin];
}
