#include "config/pool.h"

#include <stdalign.h>

#include "base/mem.h"

struct pool_piece {
	struct pool_piece *next;
	alignas(max_align_t) uint8_t bytes[];
};

void pool_init(struct pool *p, size_t max_bytes)
{
	*p = (struct pool) { .max = max_bytes };
}

void pool_release(struct pool *p)
{
	struct pool_piece *next;

	for (struct pool_piece *piece = p->pieces; piece; piece = next) {
		next = piece->next;
		mem_free(piece);
	}
	pool_init(p, p->max);
}

void *pool_alloc(struct pool *p, size_t size, struct err *err)
{
	struct pool_piece *piece;

	if (size > p->max || sizeof(*piece) + size > p->max - p->total) {
		err_set(err, ST_LIMIT, ERR_NO_OFFSET,
			"the configuration needs more than %zu bytes of memory", p->max);
		return NULL;
	}
	piece = mem_zalloc(sizeof(*piece) + size);
	if (!piece) {
		err_nomem(err, "the configuration");
		return NULL;
	}
	piece->next = p->pieces;
	p->pieces = piece;
	p->total += sizeof(*piece) + size;
	return piece->bytes;
}

const char *pool_text(struct pool *p, struct slice text, struct err *err)
{
	char *copy = pool_alloc(p, text.len + 1, err);

	if (copy && text.len)
		memcpy(copy, text.ptr, text.len);
	return copy;
}
