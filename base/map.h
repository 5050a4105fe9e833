/*
 * map: a hash map from a 64-bit number to a pointer.
 *
 * For ids that come from outside (goroutines, procs, threads, tasks, strings):
 * any value is a legal key, and the hash is seeded per process so that a
 * hostile trace cannot make all keys collide. The map owns its slots, never
 * what the pointers point at. NULL is not a value. Not thread-safe.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct map_slot {
	uint64_t key;
	void *val; /* NULL: free slot */
};

struct map {
	struct map_slot *slots;
	size_t n;	    /* keys in use */
	size_t mask;	    /* slots - 1; slots are a power of two; 0 with no slots */
	unsigned int shift; /* 64 - log2 of the slots */
	size_t max;	    /* keys allowed */
	const char *what;   /* for messages: "goroutines" */
};

void map_init(struct map *m, size_t max_keys, const char *what);
void map_release(struct map *m);
void map_clear(struct map *m);

void *map_get(const struct map *m, uint64_t key);
/* Insert or replace; `val` is not NULL. On failure the map is unchanged. */
MUST_CHECK enum status map_put(struct map *m, uint64_t key, void *val, struct err *err);
/* Returns what was there, or NULL. */
void *map_del(struct map *m, uint64_t key);

/* Visit: start with *at = 0; NULL at the end. Do not change the map meanwhile. */
struct map_slot *map_next(const struct map *m, size_t *at);

#endif /* BASE_MAP_H */
