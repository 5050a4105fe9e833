/*
 * pool: many objects of one size, got and put back one at a time.
 *
 * For what is open while a trace is read (goroutines, tasks, regions): an object
 * never moves, comes out zeroed, and its memory is used again after pool_put().
 * Memory follows the highest number of objects in use, which has a maximum; it
 * is given back by pool_release() alone. Not thread-safe.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <string.h>

#include "base/err.h"

struct pool {
	void **blocks;
	size_t n_blocks, cap_blocks;
	size_t used;	  /* objects taken from the last block */
	void *free;	  /* objects put back, chained through their first bytes */
	size_t size;	  /* of an object */
	size_t n, max;	  /* objects in use, and allowed */
	const char *what; /* for messages: "goroutines" */
};

void pool_init(struct pool *p, size_t size, size_t max, const char *what);
/* Every object is gone. The pool is as after pool_init(). */
void pool_release(struct pool *p);

/* A zeroed object, the pool's; NULL: ST_LIMIT or ST_NOMEM in err, nothing changed. */
void *pool_get(struct pool *p, struct err *err);

/* One that was put back, its bytes anything; NULL: there is none, or no more are allowed. */
static inline void *pool_reuse(struct pool *p)
{
	void *object = p->free;

	if (UNLIKELY(!object || p->n >= p->max))
		return NULL;
	memcpy(&p->free, object, sizeof(p->free));
	p->n++;
	return object;
}

/* As pool_get(), but what the bytes of the object are is not said. */
static inline void *pool_take(struct pool *p, struct err *err)
{
	void *object = pool_reuse(p);

	return LIKELY(object) ? object : pool_get(p, err);
}

static inline void pool_put(struct pool *p, void *object)
{
	memcpy(object, &p->free, sizeof(p->free));
	p->free = object;
	p->n--;
}

#endif /* BASE_POOL_H */
