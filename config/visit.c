/* Telling all settings as text: for `config print`. */
#include <stdio.h>

#include "config/record.h"

struct visitor {
	void (*fn)(void *arg, const char *path, const char *shown, enum setting_origin origin,
		   const char *variable);
	void *arg;
};

/* Longer values are cut. */
#define SHOWN_CHARS 1024
#define PATH_CHARS 256

static void tell(const struct visitor *v, const struct key *k, const char *path, const char *text,
		 enum setting_origin origin, const struct setting_given *given)
{
	char shown[SHOWN_CHARS];

	value_mask(k, slice_str(text), shown, sizeof(shown));
	v->fn(v->arg, path, shown, origin, origin == ORIGIN_ENV ? given->variable : NULL);
}

static void tell_texts(const struct visitor *v, const struct key *k, const char *path,
		       const struct setting_texts *texts, const struct setting_given *given)
{
	char joined[SHOWN_CHARS] = "";
	size_t len = 0;

	for (size_t i = 0; i < texts->n && len < sizeof(joined); i++)
		len += (size_t)snprintf(joined + len, sizeof(joined) - len, "%s%s", i ? ", " : "",
					texts->ptr[i]);
	tell(v, k, path, joined, given->origin, given);
}

static void tell_pairs(const struct visitor *v, const struct key *k, const char *path,
		       const struct setting_pairs *pairs, const struct setting_given *given)
{
	char longer[PATH_CHARS];
	char name[PATH_CHARS / 2];

	for (size_t i = 0; i < pairs->n; i++) {
		log_escape(slice_str(pairs->ptr[i].name), name, sizeof(name));
		snprintf(longer, sizeof(longer), "%s.%s", path, name);
		tell(v, k, longer, pairs->ptr[i].text, pairs->ptr[i].origin, given);
	}
}

static void visit_key(const struct visitor *v, const struct setting_record *record,
		      const struct key *k, const char *path)
{
	const struct setting_given *given = &record->given[schema_index(k)];
	const void *field = (const char *)record + k->offset;

	if (!k->offset || k->type == KEY_SECTION)
		return;
	/* One of several that was not chosen. */
	if (k->flags & KEY_CHOICE && given->origin == ORIGIN_DEFAULT)
		return;
	if (k->type == KEY_TEXTS)
		tell_texts(v, k, path, field, given);
	else if (k->type == KEY_HEADERS || k->type == KEY_ATTRIBUTES)
		tell_pairs(v, k, path, field, given);
	else
		tell(v, k, path, given->text, given->origin, given);
}

/* Is the key inside a section that the entry does not have? */
static bool is_absent(const struct key *list, const struct key *k,
		      const struct setting_record *record)
{
	for (const struct key *c = list + 1; c->path && schema_is_under(list, c); c++) {
		if (c->type == KEY_SECTION && c->offset && schema_is_under(c, k) &&
		    !*(const bool *)((const char *)record + c->offset))
			return true;
	}
	return false;
}

static void visit_entry(const struct visitor *v, const struct key *list,
			const struct setting_record *record, size_t i)
{
	char path[PATH_CHARS];

	for (const struct key *k = list + 1; k->path && schema_is_under(list, k); k++) {
		snprintf(path, sizeof(path), "%s[%zu]%s", list->path, i,
			 k->path + strlen(list->path) + strlen("[]"));
		if (!is_absent(list, k, record))
			visit_key(v, record, k, path);
	}
}

static void visit_items(const struct visitor *v, const struct key *list,
			const struct setting_record *record)
{
	const char *field = (const char *)record + list->offset;
	const char *entries;
	size_t n;

	/* Every list is a pointer and a count. */
	memcpy(&entries, field, sizeof(entries));
	memcpy(&n, field + sizeof(entries), sizeof(n));
	for (size_t i = 0; i < n; i++)
		visit_entry(v, list, (const void *)(entries + i * list->size), i);
}

void settings_visit(const struct settings *s,
		    void (*fn)(void *arg, const char *path, const char *shown,
			       enum setting_origin origin, const char *variable),
		    void *arg)
{
	const struct visitor v = { .fn = fn, .arg = arg };

	for (const struct key *k = schema_keys; k->path; k++) {
		if (k->type == KEY_ITEMS && k->size) {
			visit_items(&v, k, &s->record);
		} else if (k->type != KEY_ITEMS && !strstr(k->path, "[]")) {
			visit_key(&v, &s->record, k, k->path);
		}
	}
}
