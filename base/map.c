#include "base/map.h"

#include <string.h>
#include <sys/auxv.h>

#include "base/mem.h"

static uint64_t multiplier;

/* The golden ratio's first 16 bits, on top: of all multipliers, those near it spread best. */
#define GOLDEN ((uint64_t)0x9e37 << 48)

/* The kernel hands every process 16 random bytes: no system call needed. */
static void seed_once(void)
{
	const void *random =
		(const void *)getauxval(AT_RANDOM); // NOLINT(performance-no-int-to-ptr)

	if (multiplier)
		return;
	if (random)
		memcpy(&multiplier, random, sizeof(multiplier));
	multiplier = GOLDEN | (multiplier & (UINT64_MAX >> 16)) | 1;
}

/*
 * Multiply and take the high bits. Ids in a row spread evenly if the multiplier is near
 * the golden ratio (Knuth, volume 3, 6.4), where any other may put them in heaps; what
 * ids a hostile trace would need to make all collide depends on its random 48 bits.
 */
static inline size_t home(const struct map *m, uint64_t key)
{
	return (size_t)(key * multiplier >> m->shift);
}

void map_init(struct map *m, size_t max_keys, const char *what)
{
	seed_once();
	*m = (struct map){ .max = max_keys, .what = what };
}

void map_release(struct map *m)
{
	mem_free(m->slots);
	map_init(m, m->max, m->what);
}

void map_clear(struct map *m)
{
	if (m->slots)
		memset(m->slots, 0, (m->mask + 1) * sizeof(*m->slots));
	m->n = 0;
}

/* The slot of `key`, or the free slot where it belongs. Needs slots. */
static inline struct map_slot *find(const struct map *m, uint64_t key)
{
	size_t i = home(m, key);

	while (m->slots[i].val && m->slots[i].key != key)
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

void *map_get(const struct map *m, uint64_t key)
{
	return m->n ? find(m, key)->val : NULL;
}

static enum status rehash(struct map *m, struct err *err)
{
	struct map old = *m;
	size_t slots = old.slots ? 2 * (old.mask + 1) : 16;

	m->slots = mem_zalloc(slots * sizeof(*m->slots));
	if (!m->slots) {
		*m = old;
		return err_nomem(err, m->what);
	}
	m->mask = slots - 1;
	m->shift = 64 - (unsigned int)__builtin_ctzll(slots);
	for (size_t i = 0; old.slots && i <= old.mask; i++) {
		if (old.slots[i].val)
			*find(m, old.slots[i].key) = old.slots[i];
	}
	mem_free(old.slots);
	return ST_OK;
}

enum status map_put(struct map *m, uint64_t key, void *val, struct err *err)
{
	struct map_slot *s;

	/* At most half full: linear probing stays short. */
	if (!m->slots || m->n >= (m->mask + 1) / 2) {
		enum status st = rehash(m, err);

		if (st)
			return st;
	}
	s = find(m, key);
	if (!s->val) {
		if (m->n >= m->max)
			return err_set(err, ST_LIMIT, ERR_NO_OFFSET,
				       "too many %s: the maximum is %zu", m->what, m->max);
		m->n++;
	}
	*s = (struct map_slot){ key, val };
	return ST_OK;
}

/* Close the gap so that no later key of the run becomes unreachable. */
static void close_gap(struct map *m, size_t gap)
{
	for (size_t i = (gap + 1) & m->mask; m->slots[i].val; i = (i + 1) & m->mask) {
		size_t from_home = (i - home(m, m->slots[i].key)) & m->mask;

		if (from_home >= ((i - gap) & m->mask)) {
			m->slots[gap] = m->slots[i];
			gap = i;
		}
	}
	m->slots[gap].val = NULL;
}

void *map_del(struct map *m, uint64_t key)
{
	struct map_slot *s;
	void *val;

	if (!m->n)
		return NULL;
	s = find(m, key);
	val = s->val;
	if (val) {
		m->n--;
		close_gap(m, (size_t)(s - m->slots));
	}
	return val;
}

struct map_slot *map_next(const struct map *m, size_t *at)
{
	while (m->slots && *at <= m->mask) {
		struct map_slot *s = &m->slots[(*at)++];

		if (s->val)
			return s;
	}
	return NULL;
}
