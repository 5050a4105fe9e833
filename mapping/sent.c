#include "mapping/sent.h"

#include "base/limits.h"
#include "base/mem.h"

void sent_init(struct sent_set *s, size_t max)
{
	*s = (struct sent_set){ .max = max };
	for (int i = 0; i < 2; i++)
		map_init(&s->keys[i], max, "spans sent before");
}

void sent_release(struct sent_set *s)
{
	for (int i = 0; i < 2; i++)
		map_release(&s->keys[i]);
	mem_free(s->fresh);
	sent_init(s, s->max);
}

bool sent_has(const struct sent_set *s, uint64_t key)
{
	return map_get(&s->keys[0], key) || map_get(&s->keys[1], key);
}

enum status sent_note(struct sent_set *s, uint64_t key, struct err *err)
{
	enum status st = mem_grow((void **)&s->fresh, &s->cap_fresh, s->n_fresh + 1,
				  sizeof(*s->fresh), MAX_HELD_SPANS, "spans of a capture", err);

	if (!st)
		s->fresh[s->n_fresh++] = key;
	return st;
}

const uint64_t *sent_fresh(const struct sent_set *s, size_t *n)
{
	*n = s->n_fresh;
	return s->fresh;
}

/* A full half becomes the older one; what was that is forgotten. */
enum status sent_seed(struct sent_set *s, uint64_t key, struct err *err)
{
	if (s->keys[0].n >= s->max) {
		map_release(&s->keys[1]);
		s->keys[1] = s->keys[0];
		map_init(&s->keys[0], s->max, "spans sent before");
	}
	return map_put(&s->keys[0], key, s, err);
}

enum status sent_commit(struct sent_set *s, struct err *err)
{
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < s->n_fresh; i++)
		st = sent_seed(s, s->fresh[i], err);
	s->n_fresh = 0;
	return st;
}

void sent_abort(struct sent_set *s)
{
	s->n_fresh = 0;
}
