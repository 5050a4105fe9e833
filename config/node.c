#include "config/node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "config/scalar.h"
#include "config/subst.h"

struct builder {
	struct doc *doc;
	const struct env *env;
	struct slice bytes;
	struct buf value; /* the scalar that is being resolved */
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; empty before the first */
};

void doc_init(struct doc *d)
{
	*d = (struct doc){ .name = "" };
	arena_init(&d->arena, MAX_CONFIG_BYTES);
}

void doc_release(struct doc *d)
{
	arena_release(&d->arena);
	doc_init(d);
}

struct node *node_child(const struct node *map, struct slice key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (struct node *n = map->first; n; n = n->next) {
		if (slice_eq(n->key, key))
			return n;
	}
	return NULL;
}

bool node_is_null(const struct node *n)
{
	return n->kind == NODE_SCALAR && scalar_read(n->text, n->quoted).type == SCALAR_NULL;
}

enum status doc_at(const struct doc *d, struct place place, struct err *err)
{
	return err_wrap(err, "%s:%zu:%zu", d->name, place.line, place.column);
}

static struct place from_mark(yaml_mark_t mark)
{
	return (struct place){ mark.line + 1, mark.column + 1 };
}

/* An error at the current event. */
static enum status __attribute__((format(printf, 4, 5)))
refuse(struct builder *b, struct err *err, enum status code, const char *fmt, ...)
{
	char text[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(err, code, ERR_NO_OFFSET, "%s", text);
	return doc_at(b->doc, from_mark(b->event.start_mark), err);
}

/* libyaml tells a byte offset, not a line, for what is no text at all. */
static struct place from_offset(struct slice bytes, size_t offset)
{
	struct place place = { 1, 1 };

	for (size_t i = 0; i < offset && i < bytes.len; i++) {
		place.column++;
		if (bytes.ptr[i] == '\n')
			place = (struct place){ place.line + 1, 1 };
	}
	return place;
}

static enum status yaml_failed(struct builder *b, struct err *err)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "cannot be read";

	if (p->error == YAML_MEMORY_ERROR)
		return err_nomem(err, "the configuration");
	if (p->error == YAML_READER_ERROR) {
		err_set(err, ST_CONFIG, ERR_NO_OFFSET, "not YAML: %s", problem);
		return doc_at(b->doc, from_offset(b->bytes, p->problem_offset), err);
	}
	err_set(err, ST_CONFIG, ERR_NO_OFFSET, "not YAML: %s%s%s", p->context ? p->context : "",
		p->context ? ": " : "", problem);
	return doc_at(b->doc, from_mark(p->problem_mark), err);
}

/* Go to the next event. */
static enum status advance(struct builder *b, struct err *err)
{
	yaml_event_delete(&b->event);
	return yaml_parser_parse(&b->parser, &b->event) ? ST_OK : yaml_failed(b, err);
}

static enum status new_node(struct builder *b, enum node_kind kind, struct node **out,
			    struct err *err)
{
	struct node *n;

	if (b->doc->n_nodes == MAX_CONFIG_NODES)
		return refuse(b, err, ST_LIMIT, "more than %zu values", MAX_CONFIG_NODES);
	n = arena_alloc(&b->doc->arena, sizeof(*n), err);
	if (!n)
		return arena_failed(err);
	b->doc->n_nodes++;
	n->kind = kind;
	n->place = from_mark(b->event.start_mark);
	*out = n;
	return ST_OK;
}

static enum status keep_text(struct builder *b, struct slice text, struct slice *out,
			     struct err *err)
{
	const char *copy = arena_text(&b->doc->arena, text, err);

	if (!copy)
		return arena_failed(err);
	*out = (struct slice){ (const uint8_t *)copy, text.len };
	return ST_OK;
}

/* Refuse what gives a value two places or a type of its own. */
static enum status check_properties(struct builder *b, const yaml_char_t *anchor,
				    const yaml_char_t *tag, struct err *err)
{
	if (anchor)
		return refuse(b, err, ST_CONFIG,
			      "anchors and aliases are not supported: "
			      "write the value out");
	if (tag)
		return refuse(b, err, ST_CONFIG,
			      "tags are not supported: leave it out, or quote a string");
	return ST_OK;
}

static size_t count_characters(struct slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += (text.ptr[i] & 0xc0) != 0x80;
	return n;
}

/*
 * The place of byte `offset` of the current scalar. Known when the scalar stands on
 * one line without escapes: plain, or in a pair of quotes. Else it is the start.
 */
static struct place place_in_scalar(const struct builder *b, struct slice source, size_t offset)
{
	yaml_mark_t start = b->event.start_mark;
	size_t width = b->event.end_mark.column - start.column;
	size_t n = count_characters(source);
	struct place place = from_mark(start);

	if (start.line != b->event.end_mark.line || (width != n && width != n + 2))
		return place;
	place.column += count_characters((struct slice){ source.ptr, offset }) + (width - n) / 2;
	return place;
}

static enum status resolve(struct builder *b, struct node *n, struct err *err)
{
	bool changed = false;
	enum status st;

	buf_clear(&b->value);
	st = subst(n->source, b->env, &b->value, &changed, err);
	if (st) {
		struct place place = n->place;

		if (err->offset <= n->source.len)
			place = place_in_scalar(b, n->source, (size_t)err->offset);
		err->offset = ERR_NO_OFFSET;
		return doc_at(b->doc, place, err);
	}
	n->text = n->source;
	return changed ? keep_text(b, buf_view(&b->value), &n->text, err) : ST_OK;
}

static enum status scalar(struct builder *b, struct node **out, struct err *err)
{
	struct slice source = { b->event.data.scalar.value, b->event.data.scalar.length };
	enum status st =
		check_properties(b, b->event.data.scalar.anchor, b->event.data.scalar.tag, err);

	if (!st && memchr(source.ptr, 0, source.len))
		st = refuse(b, err, ST_CONFIG, "a NUL byte in a value");
	if (!st && source.len > MAX_CONFIG_VALUE_BYTES)
		st = refuse(b, err, ST_LIMIT, "a value over %zu bytes", MAX_CONFIG_VALUE_BYTES);
	if (!st)
		st = new_node(b, NODE_SCALAR, out, err);
	if (!st)
		st = keep_text(b, source, &(*out)->source, err);
	if (st)
		return st;
	(*out)->quoted = b->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return resolve(b, *out, err);
}

static enum status value(struct builder *b, unsigned int depth, struct node **out, struct err *err);

static enum status list(struct builder *b, unsigned int depth, struct node *list, struct err *err)
{
	struct node **end = &list->first;
	enum status st;

	while (!(st = advance(b, err)) && b->event.type != YAML_SEQUENCE_END_EVENT) {
		st = value(b, depth + 1, end, err);
		if (st)
			return st;
		end = &(*end)->next;
		list->n++;
	}
	return st;
}

/* The key that is the current event, checked against those before it. */
static enum status map_key(struct builder *b, const struct node *map, struct slice *key,
			   struct err *err)
{
	struct slice text;
	const struct node *before;
	char shown[80];
	enum status st;

	if (b->event.type != YAML_SCALAR_EVENT)
		return refuse(b, err, ST_CONFIG, "a key must be plain text");
	text = (struct slice){ b->event.data.scalar.value, b->event.data.scalar.length };
	st = check_properties(b, b->event.data.scalar.anchor, b->event.data.scalar.tag, err);
	if (st)
		return st;
	log_escape(text, shown, sizeof(shown));
	if (memchr(text.ptr, 0, text.len))
		return refuse(b, err, ST_CONFIG, "key \"%s\": holds a NUL byte", shown);
	before = node_child(map, text);
	if (before)
		return refuse(b, err, ST_CONFIG, "key \"%s\": given twice, first on line %zu",
			      shown, before->key_place.line);
	return keep_text(b, text, key, err);
}

static enum status map(struct builder *b, unsigned int depth, struct node *map, struct err *err)
{
	struct node **end = &map->first;
	enum status st;

	while (!(st = advance(b, err)) && b->event.type != YAML_MAPPING_END_EVENT) {
		struct place place = from_mark(b->event.start_mark);
		struct node *child = NULL;
		struct slice key;

		st = map_key(b, map, &key, err);
		if (!st)
			st = advance(b, err);
		if (!st)
			st = value(b, depth + 1, &child, err);
		if (st)
			return st;
		/* Linked only now, whole: node_child() looks at keys. */
		child->key = key;
		child->key_place = place;
		*end = child;
		end = &child->next;
		map->n++;
	}
	return st;
}

/* Build the value that starts with the current event; ends on its last event. */
static enum status value(struct builder *b, unsigned int depth, struct node **out, struct err *err)
{
	enum status st;

	if (depth > MAX_CONFIG_DEPTH)
		return refuse(b, err, ST_LIMIT, "nested deeper than %u levels", MAX_CONFIG_DEPTH);
	switch (b->event.type) {
	case YAML_SCALAR_EVENT:
		return scalar(b, out, err);
	case YAML_SEQUENCE_START_EVENT:
		st = check_properties(b, b->event.data.sequence_start.anchor,
				      b->event.data.sequence_start.tag, err);
		if (!st)
			st = new_node(b, NODE_LIST, out, err);
		return st ? st : list(b, depth, *out, err);
	case YAML_MAPPING_START_EVENT:
		st = check_properties(b, b->event.data.mapping_start.anchor,
				      b->event.data.mapping_start.tag, err);
		if (!st)
			st = new_node(b, NODE_MAP, out, err);
		return st ? st : map(b, depth, *out, err);
	default: /* an alias: libyaml has no other event here */
		return check_properties(b, b->event.data.alias.anchor, NULL, err);
	}
}

static enum status document(struct builder *b, struct err *err)
{
	enum status st = advance(b, err); /* the start of the stream */

	if (!st)
		st = advance(b, err);
	if (st || b->event.type == YAML_STREAM_END_EVENT)
		return st;
	st = advance(b, err);
	if (!st)
		st = value(b, 0, &b->doc->root, err);
	if (!st)
		st = advance(b, err); /* the end of the document */
	if (!st)
		st = advance(b, err);
	if (!st && b->event.type != YAML_STREAM_END_EVENT)
		st = refuse(b, err, ST_CONFIG, "a second document: one file holds one");
	if (!st && node_is_null(b->doc->root))
		b->doc->root = NULL;
	return st;
}

/* Keep the name as messages show it: escaped, and short enough to leave them room. */
static enum status name_doc(struct doc *d, const char *name, struct err *err)
{
	char shown[200];

	log_escape(slice_str(name), shown, sizeof(shown));
	d->name = arena_text(&d->arena, slice_str(shown), err);
	return d->name ? ST_OK : arena_failed(err);
}

enum status doc_parse(struct doc *d, const char *name, struct slice bytes, const struct env *env,
		      struct err *err)
{
	struct builder b = { .doc = d, .env = env, .bytes = bytes };
	enum status st = name_doc(d, name, err);

	if (st)
		return st;
	if (bytes.len > MAX_CONFIG_FILE_BYTES)
		return err_set(err, ST_LIMIT, ERR_NO_OFFSET, "%s: over %zu bytes", d->name,
			       MAX_CONFIG_FILE_BYTES);
	if (!yaml_parser_initialize(&b.parser))
		return err_nomem(err, "the configuration");
	yaml_parser_set_input_string(&b.parser, bytes.len ? bytes.ptr : (const uint8_t *)"",
				     bytes.len);
	buf_init(&b.value, MAX_CONFIG_VALUE_BYTES);
	st = document(&b, err);
	buf_release(&b.value);
	yaml_event_delete(&b.event);
	yaml_parser_delete(&b.parser);
	return st;
}

/* The whole file, up to the maximum; the messages of `in` carry no name. */
static enum status read_file(const char *path, struct buf *out, struct err *err)
{
	FILE *in = fopen(path, "re");
	char chunk[8192];
	enum status st = ST_OK;
	size_t n;

	if (!in)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "%s", strerror(errno));
	while (!out->failed && (n = fread(chunk, 1, sizeof(chunk), in)) > 0)
		buf_add(out, chunk, n);
	if (ferror(in))
		st = err_set(err, ST_CONFIG, ERR_NO_OFFSET, "%s", strerror(errno));
	else
		st = buf_status(out, "the file", err);
	fclose(in);
	return st;
}

enum status doc_load(struct doc *d, const char *path, const struct env *env, struct err *err)
{
	enum status st = name_doc(d, path, err);
	struct buf bytes;

	if (st)
		return st;
	buf_init(&bytes, MAX_CONFIG_FILE_BYTES);
	st = read_file(path, &bytes, err);
	if (st)
		err_wrap(err, "%s", d->name);
	else
		st = doc_parse(d, path, buf_view(&bytes), env, err);
	buf_release(&bytes);
	return st;
}
