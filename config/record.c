#include "config/record.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "config/pairs.h"

/* The longest OTEL_* variable that is looked at. */
#define VARIABLE_CHARS 63

void *record_field(struct setting_record *record, const struct key *k)
{
	return record && k->offset ? (char *)record + k->offset : NULL;
}

void record_mark(struct setting_record *record, const struct key *k, enum setting_origin origin)
{
	if (record)
		record->given[schema_index(k)].origin = origin;
}

bool record_set(struct setting_record *record, const struct key *k, const struct setting_input *in,
		char expected[VALUE_EXPECTED_CHARS])
{
	struct value v;

	if (!value_read(k, in->text, in->quoted, &v, expected))
		return false;
	value_store(k, &v, record);
	if (record)
		record->given[schema_index(k)] = (struct setting_given){
			.origin = in->origin,
			.text = (const char *)in->text.ptr,
			.variable = in->variable,
		};
	return true;
}

enum status record_warn(struct settings *s, struct err *err, const char *variable, const char *fmt,
			...)
{
	struct arena *arena = &s->state->doc.arena;
	struct setting_texts grown = { .n = s->warnings.n + 1 };
	char why[VALUE_EXPECTED_CHARS + 32];
	char line[sizeof(why) + 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s: %s; ignored", variable, why);
	/* Each exporter reads the same variables: once is enough. */
	for (size_t i = 0; i < s->warnings.n; i++) {
		if (!strcmp(s->warnings.ptr[i], line))
			return ST_OK;
	}
	/* Few and rare: a new array each time. */
	grown.ptr = arena_alloc(arena, grown.n * sizeof(*grown.ptr), err);
	if (!grown.ptr)
		return arena_failed(err);
	for (size_t i = 0; i < s->warnings.n; i++)
		grown.ptr[i] = s->warnings.ptr[i];
	grown.ptr[grown.n - 1] = arena_text(arena, slice_str(line), err);
	if (!grown.ptr[grown.n - 1])
		return arena_failed(err);
	s->warnings = grown;
	return ST_OK;
}

/* Split a default such as "a, b"; the parts are copied. */
static enum status split_texts(struct arena *arena, const char *text, struct setting_texts *out,
			       struct err *err)
{
	size_t most = 1 + strlen(text) / 2;

	out->ptr = arena_alloc(arena, most * sizeof(*out->ptr), err);
	if (!out->ptr)
		return arena_failed(err);
	for (text += strspn(text, ", "); *text; text += strspn(text, ", ")) {
		size_t len = strcspn(text, ", ");

		out->ptr[out->n] =
			arena_text(arena, (struct slice){ (const uint8_t *)text, len }, err);
		if (!out->ptr[out->n])
			return arena_failed(err);
		out->n++;
		text += len;
	}
	return ST_OK;
}

static enum status set_default(struct settings *s, struct setting_record *record,
			       const struct key *k, struct err *err)
{
	struct setting_input in = { .text = slice_str(k->text), .origin = ORIGIN_DEFAULT };
	char expected[VALUE_EXPECTED_CHARS];
	struct value v = { .text = k->text };

	if (k->text)
		record->given[schema_index(k)].text = k->text;
	if (!k->text || !k->offset)
		return ST_OK;
	if (k->type == KEY_TEXTS)
		return split_texts(&s->state->doc.arena, k->text, record_field(record, k), err);
	/* A required text has no default that would be a value. */
	if (k->flags & KEY_REQUIRED && !*k->text)
		value_store(k, &v, record);
	else if (k->type != KEY_HEADERS && k->type != KEY_ATTRIBUTES &&
		 !record_set(record, k, &in, expected))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "default of %s: expected %s", k->path,
			       expected);
	return ST_OK;
}

/* Attributes that are keys of their own go there, unless a variable already did. */
static enum status env_attributes(struct settings *s, struct setting_record *record,
				  const char *variable, struct setting_pairs read,
				  struct setting_pairs *out, struct err *err)
{
	char expected[VALUE_EXPECTED_CHARS];
	enum status st =
		pairs_grow((struct setting_pairs){ 0 }, read.n, &s->state->doc.arena, out, err);

	for (size_t i = 0; !st && i < read.n; i++) {
		const struct key *k = schema_by_attribute(slice_str(read.ptr[i].name));
		struct setting_input in = { .text = slice_str(read.ptr[i].text),
					    .origin = ORIGIN_ENV,
					    .variable = variable };

		if (!k)
			pairs_put(out, read.ptr[i]);
		else if (record->given[schema_index(k)].origin != ORIGIN_ENV &&
			 !record_set(record, k, &in, expected))
			st = record_warn(s, err, variable, "%s: expected %s", k->attribute,
					 expected);
	}
	return st;
}

static bool all_headers(struct setting_pairs pairs)
{
	for (size_t i = 0; i < pairs.n; i++) {
		if (!value_is_header_name(slice_str(pairs.ptr[i].name)) ||
		    !value_is_header(slice_str(pairs.ptr[i].text)))
			return false;
	}
	return true;
}

/* A list variable into a map; on a wrong one the whole value is dropped. */
static enum status env_pairs(struct settings *s, struct setting_record *record, const struct key *k,
			     const char *variable, struct slice text, bool *used, struct err *err)
{
	struct setting_pairs *field = record_field(record, k);
	struct setting_pairs pairs = { 0 };
	struct err why = ERR_INIT;
	enum status st = pairs_parse(text, &s->state->doc.arena, &pairs, &why);

	if (st == ST_NOMEM) {
		*err = why;
		return st;
	}
	if (!st && k->type == KEY_HEADERS && !all_headers(pairs))
		st = err_set(&why, ST_CONFIG, ERR_NO_OFFSET, "not the name or value of a header");
	if (st)
		return record_warn(s, err, variable, "%s", why.msg);
	*used = true;
	record->given[schema_index(k)].origin = ORIGIN_ENV;
	record->given[schema_index(k)].variable = variable;
	if (k->type == KEY_ATTRIBUTES)
		return env_attributes(s, record, variable, pairs, field, err);
	*field = pairs;
	return ST_OK;
}

static enum status env_scalar(struct settings *s, struct setting_record *record,
			      const struct key *k, const char *variable, struct slice text,
			      bool *used, struct err *err)
{
	struct setting_input in = { .origin = ORIGIN_ENV, .variable = variable };
	char expected[VALUE_EXPECTED_CHARS];
	char ms[32] = "";
	uint64_t number;

	if (k->flags & KEY_ENV_MS) {
		if (num_u64(text, UINT32_MAX, &number))
			snprintf(ms, sizeof(ms), "%llums", (unsigned long long)number);
		text = slice_str(ms);
	}
	in.text = (struct slice){ (const uint8_t *)arena_text(&s->state->doc.arena, text, err),
				  text.len };
	if (!in.text.ptr)
		return arena_failed(err);
	*used = record_set(record, k, &in, expected);
	if (*used)
		return ST_OK;
	return record_warn(s, err, variable, "expected %s",
			   k->flags & KEY_ENV_MS ? "a whole number of milliseconds, at least 1"
						 : expected);
}

/* Take the first of the row's variables that is set and makes sense. */
static enum status set_from_env(struct settings *s, struct setting_record *record,
				const struct key *k, struct err *err)
{
	enum status st = ST_OK;
	bool used = false;
	size_t len;

	for (const char *at = k->env; !st && !used && at && *at; at += len + (at[len] == ' ')) {
		char name[VARIABLE_CHARS + 1];
		const char *variable;
		struct slice text;

		len = strcspn(at, " ");
		snprintf(name, sizeof(name), "%.*s", (int)len, at);
		text = env_get(s->state->env, name);
		if (!text.len)
			continue;
		variable = arena_text(&s->state->doc.arena, slice_str(name), err);
		if (!variable)
			return arena_failed(err);
		if (k->type == KEY_HEADERS || k->type == KEY_ATTRIBUTES)
			st = env_pairs(s, record, k, variable, text, &used, err);
		else
			st = env_scalar(s, record, k, variable, text, &used, err);
	}
	return st;
}

static bool belongs(const struct key *list, const struct key *k)
{
	return list ? schema_is_under(list, k) : !strstr(k->path, "[]");
}

enum status record_init(struct settings *s, const struct key *list, struct setting_record *record,
			enum setting_origin origin, struct err *err)
{
	struct arena *arena = &s->state->doc.arena;
	enum status st = ST_OK;

	record->origin = origin;
	record->given = arena_alloc(arena, schema_size() * sizeof(*record->given), err);
	if (!record->given)
		return arena_failed(err);
	for (const struct key *k = schema_keys; !st && k->path; k++) {
		record->given[schema_index(k)].text = "";
		if (!belongs(list, k))
			continue;
		st = set_default(s, record, k, err);
		if (!st && k->env && k->offset)
			st = set_from_env(s, record, k, err);
	}
	return st;
}
