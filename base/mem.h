/*
 * mem: the only door to the heap.
 *
 * Same meaning as malloc and friends: NULL when there is no memory, which every
 * caller reports as ST_NOMEM. Tests make the n-th allocation fail with
 * mem_fail_at(); the counter is per process, so such tests run single-threaded.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Bytes of a line of the cache, on what we run on. */
#define CACHE_LINE ((size_t)64)

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *p, size_t size);
void mem_free(void *p);

/* mem_grow() where there is no room. */
MUST_CHECK enum status mem_grow_now(void **p, size_t *cap, size_t need, size_t elem, size_t max,
				    const char *what, struct err *err);

/*
 * Make room for `need` elements of `elem` bytes in the array *p of *cap
 * elements, growing geometrically. Over `max` elements is ST_LIMIT. On failure
 * the array is as it was. `what` names the array in the message.
 */
MUST_CHECK static inline enum status mem_grow(void **p, size_t *cap, size_t need, size_t elem,
					      size_t max, const char *what, struct err *err)
{
	return LIKELY(need <= *cap) ? ST_OK : mem_grow_now(p, cap, need, elem, max, what, err);
}

/* Test hook: fail the n-th allocation from now (1 = the next), 0 = never. */
void mem_fail_at(uint64_t n);
/* Allocations seen since the last mem_fail_at(). */
uint64_t mem_count(void);

#endif /* BASE_MEM_H */
