#include "config/schema.h"

#include <stdio.h>

#include "base/distance.h"
#include "base/log.h"
#include "config/settings.h"

/* What the fields of a record must look like to be written through a row. */
_Static_assert(sizeof(enum setting_mode) == sizeof(unsigned int), "KEY_WORD writes unsigned int");
_Static_assert(sizeof(enum log_level) == sizeof(unsigned int), "KEY_WORD writes unsigned int");

size_t schema_size(void)
{
	size_t n = 0;

	while (schema_keys[n].path)
		n++;
	return n;
}

size_t schema_index(const struct key *k)
{
	return (size_t)(k - schema_keys);
}

/* What stands before the names of the keys under `parent`: its path and "." or "[].". */
static const char *after_parent(const struct key *parent, const char *path)
{
	size_t len = parent ? strlen(parent->path) : 0;

	if (!parent)
		return path;
	if (strncmp(path, parent->path, len) != 0)
		return NULL;
	path += len;
	if (parent->type == KEY_ITEMS && !strncmp(path, "[]", 2))
		path += 2;
	return *path == '.' ? path + 1 : NULL;
}

bool schema_is_under(const struct key *parent, const struct key *k)
{
	return after_parent(parent, k->path) != NULL;
}

bool schema_is_child(const struct key *parent, const struct key *k, struct slice *name)
{
	*name = slice_str(after_parent(parent, k->path));
	return name->len && !memchr(name->ptr, '.', name->len);
}

const struct key *schema_child(const struct key *parent, struct slice name)
{
	struct slice last;

	for (const struct key *k = schema_keys; k->path; k++) {
		if (schema_is_child(parent, k, &last) && slice_eq(last, name))
			return k;
	}
	return NULL;
}

const struct key *schema_by_attribute(struct slice name)
{
	for (const struct key *k = schema_keys; k->path; k++) {
		if (k->attribute && slice_is(name, k->attribute))
			return k;
	}
	return NULL;
}

/* The row under `parent` whose name is nearest to `name`, if any is near. */
static const char *nearest(const struct key *parent, struct slice name)
{
	const char *best = NULL;
	size_t least = DISTANCE_FAR;
	struct slice last;

	for (const struct key *k = schema_keys; k->path; k++) {
		size_t n;

		if (!schema_is_child(parent, k, &last))
			continue;
		n = distance_near(name, last);
		if (n < least) {
			least = n;
			best = (const char *)last.ptr;
		}
	}
	return best;
}

/* The path of a key of this very name in another section. */
static const char *elsewhere(struct slice name)
{
	for (const struct key *k = schema_keys; k->path; k++) {
		const char *dot = strrchr(k->path, '.');

		if (slice_is(name, dot ? dot + 1 : k->path))
			return k->path;
	}
	return NULL;
}

void schema_advise(const struct key *parent, struct slice name, char *out, size_t cap)
{
	const char *meant = nearest(parent, name);
	size_t len;
	struct slice last;

	if (!meant)
		meant = elsewhere(name);
	if (meant) {
		snprintf(out, cap, "did you mean \"%s\"?", meant);
		return;
	}
	snprintf(out, cap, "known here:");
	for (const struct key *k = schema_keys; k->path; k++) {
		len = strlen(out);
		if (schema_is_child(parent, k, &last))
			snprintf(out + len, cap - len, " %s", (const char *)last.ptr);
	}
}
