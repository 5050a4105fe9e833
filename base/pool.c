#include "base/pool.h"

#include <stdalign.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_OBJECTS 64u
#define MAX_BLOCKS(p) ((p)->max / BLOCK_OBJECTS + 1)

void pool_init(struct pool *p, size_t size, size_t max, const char *what)
{
	size_t align = alignof(max_align_t);

	*p = (struct pool){ .max = max, .what = what };
	p->size = (size + align - 1) / align * align;
}

void pool_release(struct pool *p)
{
	for (size_t i = 0; i < p->n_blocks; i++)
		mem_free(p->blocks[i]);
	mem_free((void *)p->blocks);
	pool_init(p, p->size, p->max, p->what);
}

/* The first begins with a line of the cache, so all do that have whole lines. */
static void *object_at(const struct pool *p, size_t block, size_t i)
{
	uintptr_t start = (uintptr_t)p->blocks[block];

	return (char *)p->blocks[block] + (-start % CACHE_LINE) + i * p->size;
}

static enum status add_block(struct pool *p, struct err *err)
{
	enum status st = mem_grow((void **)&p->blocks, &p->cap_blocks, p->n_blocks + 1,
				  sizeof(*p->blocks), MAX_BLOCKS(p), p->what, err);
	void *block;

	if (st)
		return st;
	block = mem_alloc(BLOCK_OBJECTS * p->size + CACHE_LINE);
	if (!block)
		return err_nomem(err, p->what);
	p->blocks[p->n_blocks++] = block;
	p->used = 0;
	return ST_OK;
}

void *pool_get(struct pool *p, struct err *err)
{
	void *object = p->free;

	if (p->n >= p->max) {
		err_set(err, ST_LIMIT, ERR_NO_OFFSET, "too many %s: the maximum is %zu", p->what,
			p->max);
		return NULL;
	}
	if (object) {
		memcpy(&p->free, object, sizeof(p->free));
	} else {
		if ((!p->n_blocks || p->used == BLOCK_OBJECTS) && add_block(p, err))
			return NULL;
		object = object_at(p, p->n_blocks - 1, p->used++);
	}
	p->n++;
	return memset(object, 0, p->size);
}
