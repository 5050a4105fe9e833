#include "config/bind.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/num.h"
#include "config/pairs.h"

struct binder {
	struct settings *s;
	struct arena *arena;
	struct err *err;
	char path[160]; /* of the key at hand, escaped; cut when too long */
	size_t len;
};

/* Go down to a name; returns what leave() takes to come back. */
static size_t enter(struct binder *b, const char *separator, struct slice name)
{
	size_t before = b->len;
	char shown[64];

	log_escape(name, shown, sizeof(shown));
	snprintf(b->path + b->len, sizeof(b->path) - b->len, "%s%s", b->len ? separator : "",
		 shown);
	b->len += strlen(b->path + b->len);
	return before;
}

static size_t enter_index(struct binder *b, size_t i)
{
	size_t before = b->len;

	snprintf(b->path + b->len, sizeof(b->path) - b->len, "[%zu]", i);
	b->len += strlen(b->path + b->len);
	return before;
}

static void leave(struct binder *b, size_t before)
{
	b->len = before;
	b->path[before] = '\0';
}

/* The error that something is wrong with the key at hand. */
static enum status __attribute__((format(printf, 3, 4)))
wrong(struct binder *b, struct place place, const char *fmt, ...)
{
	char text[sizeof(b->err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(b->err, ST_CONFIG, ERR_NO_OFFSET, "%s%s%s%s", b->len ? "key " : "", b->path,
		b->len ? ": " : "", text);
	return doc_at(&b->s->state->doc, place, b->err);
}

/* A value that is not what the row wants. It is shown as in the file, if it may be. */
static enum status mismatch(struct binder *b, const struct key *k, const struct node *n,
			    const char *expected)
{
	char shown[48];

	if (n->kind != NODE_SCALAR)
		return wrong(b, n->place, "expected %s, got %s", expected,
			     n->kind == NODE_LIST ? "a list" : "a map");
	if (node_is_null(n))
		return wrong(b, n->place, "expected %s, got nothing", expected);
	if (k->flags & KEY_SECRET || k->type == KEY_URL)
		return wrong(b, n->place, "expected %s", expected);
	log_escape(n->source, shown, sizeof(shown));
	return wrong(b, n->place, "expected %s, got %s\"%s\"", expected,
		     n->quoted ? "the string " : "", shown);
}

static enum status bind_map(struct binder *b, const struct key *section, const struct node *map,
			    struct setting_record *record);

static enum status bind_scalar(struct binder *b, const struct key *k, const struct node *n,
			       struct setting_record *record)
{
	struct setting_input in = { .text = n->text, .quoted = n->quoted, .origin = ORIGIN_FILE };
	char expected[VALUE_EXPECTED_CHARS] = "one value";

	/* A file is copied around, and read by many. */
	if (n->kind == NODE_SCALAR && k->flags & KEY_SECRET && n->text.len &&
	    !memmem(n->source.ptr, n->source.len, "${", 2))
		return wrong(b, n->place,
			     "a secret does not stand in the file: write ${VARIABLE}, "
			     "or name its file in %s_file",
			     strrchr(k->path, '.') + 1);
	if (n->kind != NODE_SCALAR || !record_set(record, k, &in, expected))
		return mismatch(b, k, n, expected);
	return ST_OK;
}

static enum status bind_texts(struct binder *b, const struct key *k, const struct node *list,
			      struct setting_record *record)
{
	struct setting_texts *field = record_field(record, k);
	struct setting_texts texts = { 0 };

	if (list->kind != NODE_LIST)
		return mismatch(b, k, list, "a list");
	texts.ptr = arena_alloc(b->arena, list->n * sizeof(*texts.ptr), b->err);
	if (!texts.ptr)
		return arena_failed(b->err);
	for (const struct node *n = list->first; n; n = n->next) {
		if (n->kind != NODE_SCALAR || node_is_null(n))
			return mismatch(b, k, n, "text");
		texts.ptr[texts.n++] = (const char *)n->text.ptr;
	}
	if (field)
		*field = texts;
	record_mark(record, k, ORIGIN_FILE);
	return ST_OK;
}

/* One header or attribute; what makes it wrong is in the message, never its value. */
static enum status bind_pair(struct binder *b, const struct key *k, const struct node *n,
			     struct setting_pairs *pairs)
{
	struct setting_pair pair = { .name = (const char *)n->key.ptr,
				     .text = (const char *)n->text.ptr,
				     .origin = ORIGIN_FILE };
	const struct key *own;

	if (n->kind != NODE_SCALAR)
		return mismatch(b, k, n, "one value");
	if (!n->key.len)
		return wrong(b, n->key_place, "a name is empty");
	if (k->type == KEY_HEADERS && !value_is_header_name(n->key))
		return wrong(b, n->key_place, "not the name of a header");
	if (k->type == KEY_HEADERS && !value_is_header(n->text))
		return wrong(b, n->place, "a header holds no control characters");
	own = k->type == KEY_ATTRIBUTES ? schema_by_attribute(n->key) : NULL;
	if (own)
		return wrong(b, n->key_place, "set %s instead", own->path);
	if (k->type == KEY_ATTRIBUTES)
		pair.value = scalar_read(n->text, n->quoted);
	if (!node_is_null(n))
		pairs_put(pairs, pair);
	return ST_OK;
}

/* Headers replace those of the environment; attributes go over them one by one. */
static enum status bind_pairs(struct binder *b, const struct key *k, const struct node *map,
			      struct setting_record *record)
{
	struct setting_pairs *field = record_field(record, k);
	struct setting_pairs pairs = { 0 };
	enum status st;

	if (map->kind != NODE_MAP)
		return mismatch(b, k, map, "a map of names to values");
	if (field && k->type == KEY_ATTRIBUTES)
		pairs = *field;
	st = pairs_grow(pairs, map->n, b->arena, &pairs, b->err);
	if (st == ST_LIMIT) {
		err_wrap(b->err, "key %s", b->path);
		return doc_at(&b->s->state->doc, map->place, b->err);
	}
	for (const struct node *n = map->first; !st && n; n = n->next) {
		size_t before = enter(b, ".", n->key);

		st = bind_pair(b, k, n, &pairs);
		leave(b, before);
	}
	if (st)
		return st;
	if (field)
		*field = pairs;
	record_mark(record, k, ORIGIN_FILE);
	return ST_OK;
}

/* Refuse an entry that has the name of an earlier one. */
static enum status check_unique(struct binder *b, const struct key *list, const struct node *all,
				const struct node *entry)
{
	size_t i = 0;

	for (const struct node *n = all->first; n != entry; n = n->next, i++) {
		for (const struct key *k = list + 1; k->path; k++) {
			struct slice name;
			const struct node *mine, *other;

			if (!(k->flags & KEY_UNIQUE) || !schema_is_child(list, k, &name))
				continue;
			mine = node_child(entry, name);
			other = node_child(n, name);
			if (slice_eq(mine->text, other->text))
				return wrong(b, mine->place, "its %s is that of %s[%zu]",
					     (const char *)name.ptr, list->path, i);
		}
	}
	return ST_OK;
}

static enum status bind_entry(struct binder *b, const struct key *list, const struct node *all,
			      const struct node *entry, struct setting_record *record)
{
	enum status st = ST_OK;

	if (entry->kind != NODE_MAP)
		return mismatch(b, list, entry, "a map of keys");
	if (record)
		st = record_init(b->s, list, record, ORIGIN_FILE, b->err);
	if (!st)
		st = bind_map(b, list, entry, record);
	return st ? st : check_unique(b, list, all, entry);
}

/* Write a pointer and a count as the typed list { T *ptr; size_t n; } of a record. */
static void store_items(void *field, void *ptr, size_t n)
{
	memcpy(field, &ptr, sizeof(ptr));
	memcpy((char *)field + sizeof(ptr), &n, sizeof(n));
}

static enum status bind_items(struct binder *b, const struct key *k, const struct node *list,
			      struct setting_record *record)
{
	void *field = record_field(record, k);
	char *entries = NULL;
	uint64_t most;
	size_t i = 0;
	enum status st = ST_OK;

	if (list->kind != NODE_LIST)
		return mismatch(b, k, list, "a list");
	if (num_u64(slice_str(k->most), UINT64_MAX, &most) && list->n > most)
		return wrong(b, list->place, "more than %s entries", k->most);
	if (field) {
		entries = arena_alloc(b->arena, list->n * k->size, b->err);
		if (!entries)
			return arena_failed(b->err);
	}
	for (const struct node *n = list->first; !st && n; n = n->next, i++) {
		size_t before = enter_index(b, i);

		st = bind_entry(b, k, list, n,
				entries ? (struct setting_record *)(void *)(entries + i * k->size)
					: NULL);
		leave(b, before);
	}
	if (!st && field)
		store_items(field, entries, list->n);
	if (!st)
		record_mark(record, k, ORIGIN_FILE);
	return st;
}

static enum status bind_section(struct binder *b, const struct key *k, const struct node *n,
				struct setting_record *record)
{
	static const struct value present = { .flag = true };

	if (n->kind != NODE_MAP && !node_is_null(n))
		return mismatch(b, k, n, "a map of keys");
	value_store(k, &present, record);
	record_mark(record, k, ORIGIN_FILE);
	return bind_map(b, k, n, record);
}

static enum status bind_value(struct binder *b, const struct key *k, const struct node *n,
			      struct setting_record *record)
{
	if (k->type == KEY_SECTION)
		return bind_section(b, k, n, record);
	/* A key without a value is as good as absent. */
	if (node_is_null(n))
		return ST_OK;
	switch (k->type) {
	case KEY_ITEMS:
		return bind_items(b, k, n, record);
	case KEY_TEXTS:
		return bind_texts(b, k, n, record);
	case KEY_HEADERS:
	case KEY_ATTRIBUTES:
		return bind_pairs(b, k, n, record);
	default:
		return bind_scalar(b, k, n, record);
	}
}

/* Is the key in the map, with a value unless it is a section? */
static bool given(const struct key *k, const struct node *map, struct slice name)
{
	const struct node *n = node_child(map, name);

	return n && (k->type == KEY_SECTION || !node_is_null(n));
}

/* What must be there: required keys, and one of those to choose from. */
static enum status check_present(struct binder *b, const struct key *section,
				 const struct node *map)
{
	char choices[VALUE_EXPECTED_CHARS] = "";
	size_t n_choices = 0, n_given = 0;
	struct slice name;

	if (!section)
		return ST_OK;
	for (const struct key *k = section + 1; k->path; k++) {
		if (!schema_is_child(section, k, &name))
			continue;
		if (k->flags & KEY_REQUIRED && !given(k, map, name))
			return wrong(b, map->place, "needs a %s", (const char *)name.ptr);
		if (k->flags & KEY_CHOICE) {
			size_t len = strlen(choices);

			snprintf(choices + len, sizeof(choices) - len, "%s%s", len ? ", " : "",
				 (const char *)name.ptr);
			n_choices++;
			n_given += given(k, map, name);
		}
	}
	if (n_choices && n_given != 1)
		return wrong(b, map->place, "needs exactly one of %s", choices);
	return ST_OK;
}

/* The keys of one map, into one record; a null node is an empty map. */
static enum status bind_map(struct binder *b, const struct key *section, const struct node *map,
			    struct setting_record *record)
{
	for (const struct node *n = map->first; n; n = n->next) {
		const struct key *k = schema_child(section, n->key);
		size_t before = enter(b, ".", n->key);
		enum status st;

		if (k) {
			st = bind_value(b, k, n, record);
		} else {
			char advice[200];

			schema_advise(section, n->key, advice, sizeof(advice));
			st = wrong(b, n->key_place, "unknown; %s", advice);
		}
		leave(b, before);
		if (st)
			return st;
	}
	return check_present(b, section, map);
}

enum status bind_file(struct settings *s, struct err *err)
{
	struct binder b = { .s = s, .arena = &s->state->doc.arena, .err = err };
	const struct node *root = s->state->doc.root;

	if (!root)
		return ST_OK;
	if (root->kind != NODE_MAP)
		return wrong(&b, root->place, "expected keys at the top, got %s",
			     root->kind == NODE_LIST ? "a list" : "a single value");
	return bind_map(&b, NULL, root, &s->record);
}
