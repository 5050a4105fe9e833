#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>

static uint64_t count;
static uint64_t fail_at;

void mem_fail_at(uint64_t n)
{
	count = 0;
	fail_at = n;
}

uint64_t mem_count(void)
{
	return count;
}

/* Relaxed: other threads allocate too, and only tests read the counter. */
static bool refused(void)
{
	uint64_t n = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);

	return n == fail_at;
}

void *mem_alloc(size_t size)
{
	return refused() ? NULL : malloc(size ? size : 1);
}

void *mem_zalloc(size_t size)
{
	return refused() ? NULL : calloc(1, size ? size : 1);
}

void *mem_realloc(void *p, size_t size)
{
	return refused() ? NULL : realloc(p, size ? size : 1);
}

void mem_free(void *p)
{
	free(p);
}

enum status mem_grow_now(void **p, size_t *cap, size_t need, size_t elem, size_t max,
			 const char *what, struct err *err)
{
	size_t want;
	void *grown;

	if (need > max || max > SIZE_MAX / elem)
		return err_set(err, ST_LIMIT, ERR_NO_OFFSET, "too many %s: the maximum is %zu",
			       what, max);
	want = *cap + *cap / 2 + 8;
	if (want < need)
		want = need;
	if (want > max)
		want = max;
	grown = mem_realloc(*p, want * elem);
	if (!grown)
		return err_nomem(err, what);
	*p = grown;
	*cap = want;
	return ST_OK;
}
