/* Questions about loaded settings: where a key stands, and what differs between two loads. */
#include <stdio.h>

#include "base/num.h"
#include "config/record.h"

static const struct key *row(const char *path)
{
	const struct key *k = schema_keys;

	while (k->path && strcmp(k->path, path) != 0)
		k++;
	return k->path ? k : NULL;
}

enum setting_origin settings_entry_origin(const struct setting_record *record, const char *path)
{
	const struct key *k = row(path);

	return k && record->given ? record->given[schema_index(k)].origin : ORIGIN_DEFAULT;
}

/* One step down: a name, or a number in brackets. NULL: the file has none. */
static const struct node *step(const struct node *n, const char **at)
{
	struct slice part = { (const uint8_t *)*at, strcspn(*at, ".[") };
	const struct node *child;
	uint64_t i;

	if (**at != '[') {
		*at += part.len + (((*at)[part.len]) == '.');
		return node_child(n, part);
	}
	part = (struct slice){ (const uint8_t *)*at + 1, strcspn(*at + 1, "]") };
	*at += part.len + 2;
	*at += **at == '.';
	if (!num_u64(part, SIZE_MAX, &i))
		return NULL;
	for (child = n->first; child && i; i--)
		child = child->next;
	return child;
}

enum status settings_at(const struct settings *s, const char *path, struct err *err)
{
	const struct node *n = s->state->doc.root;
	struct place place = { 0 };
	const char *at = path;

	err_wrap(err, "key %s", path);
	if (!n)
		return err->code;
	place = n->place;
	while (*at) {
		n = step(n, &at);
		if (!n)
			break;
		place = n->key_place.line ? n->key_place : n->place;
	}
	return doc_at(&s->state->doc, place, err);
}

static bool same_pairs(const struct setting_pairs *a, const struct setting_pairs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->ptr[i].name, b->ptr[i].name) != 0 ||
		    strcmp(a->ptr[i].text, b->ptr[i].text) != 0 ||
		    a->ptr[i].value.type != b->ptr[i].value.type)
			return false;
	}
	return true;
}

static bool same_texts(const struct setting_texts *a, const struct setting_texts *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->ptr[i], b->ptr[i]) != 0)
			return false;
	}
	return true;
}

static bool same_key(const struct key *k, const struct setting_record *a,
		     const struct setting_record *b)
{
	const char *one = (const char *)a + k->offset;
	const char *two = (const char *)b + k->offset;
	size_t i = schema_index(k);

	if (!k->offset || k->type == KEY_ITEMS)
		return true;
	switch (k->type) {
	case KEY_SECTION:
		return *(const bool *)one == *(const bool *)two;
	case KEY_TEXTS:
		return same_texts((const void *)one, (const void *)two);
	case KEY_HEADERS:
	case KEY_ATTRIBUTES:
		return same_pairs((const void *)one, (const void *)two);
	default:
		/* `every: 1h` says more than its default: it chooses. */
		return !strcmp(a->given[i].text, b->given[i].text) &&
		       (!(k->flags & KEY_CHOICE) || (a->given[i].origin == ORIGIN_DEFAULT) ==
							    (b->given[i].origin == ORIGIN_DEFAULT));
	}
}

bool settings_same_entry(const char *list, const struct setting_record *a,
			 const struct setting_record *b)
{
	const struct key *top = row(list);

	for (const struct key *k = top + 1; k->path && schema_is_under(top, k); k++) {
		if (!same_key(k, a, b))
			return false;
	}
	return true;
}

static bool same_list(const struct key *list, const struct setting_record *a,
		      const struct setting_record *b)
{
	const char *one, *two;
	size_t n, m;

	/* Every list is a pointer and a count. */
	memcpy(&one, (const char *)a + list->offset, sizeof(one));
	memcpy(&n, (const char *)a + list->offset + sizeof(one), sizeof(n));
	memcpy(&two, (const char *)b + list->offset, sizeof(two));
	memcpy(&m, (const char *)b + list->offset + sizeof(two), sizeof(m));
	if (n != m)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!settings_same_entry(list->path, (const void *)(one + i * list->size),
					 (const void *)(two + i * list->size)))
			return false;
	}
	return true;
}

bool settings_same(const struct settings *a, const struct settings *b, const char *section)
{
	const struct key *top = row(section);

	if (top->type == KEY_ITEMS)
		return same_list(top, &a->record, &b->record);
	for (const struct key *k = top + 1; k->path && schema_is_under(top, k); k++) {
		if (!same_key(k, &a->record, &b->record))
			return false;
	}
	return true;
}
