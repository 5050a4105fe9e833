#include "config/pool.h"

#include <stdalign.h>

#include "base/mem.h"

#define BLOCK_BYTES ((size_t)8 << 10)

struct pool_block {
	struct pool_block *next;
	size_t size; /* of bytes[] */
	alignas(max_align_t) uint8_t bytes[];
};

void pool_init(struct pool *p, size_t max_bytes)
{
	*p = (struct pool) { .max = max_bytes };
}

void pool_release(struct pool *p)
{
	struct pool_block *next;

	for (struct pool_block *b = p->blocks; b; b = next) {
		next = b->next;
		mem_free(b);
	}
	pool_init(p, p->max);
}

/* Put a fresh block of at least `size` bytes in front. */
static bool add_block(struct pool *p, size_t size, struct err *err)
{
	struct pool_block *b;

	if (size < BLOCK_BYTES)
		size = BLOCK_BYTES;
	if (size > p->max - p->total) {
		err_set(err, ST_LIMIT, ERR_NO_OFFSET,
			"the configuration needs more than %zu bytes of memory", p->max);
		return false;
	}
	b = mem_zalloc(sizeof(*b) + size);
	if (!b) {
		err_nomem(err, "the configuration");
		return false;
	}
	b->next = p->blocks;
	b->size = size;
	p->blocks = b;
	p->left = size;
	p->total += size;
	return true;
}

void *pool_alloc(struct pool *p, size_t size, struct err *err)
{
	size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *got;

	if (rounded < size)
		rounded = SIZE_MAX;
	if (rounded > p->left && !add_block(p, rounded, err))
		return NULL;
	got = p->blocks->bytes + (p->blocks->size - p->left);
	p->left -= rounded;
	return got;
}

const char *pool_text(struct pool *p, struct slice text, struct err *err)
{
	char *copy = pool_alloc(p, text.len + 1, err);

	if (copy && text.len)
		memcpy(copy, text.ptr, text.len);
	return copy;
}
