#include "config/arena.h"

#include <stdalign.h>

#include "base/mem.h"

struct arena_piece {
	struct arena_piece *next;
	alignas(max_align_t) uint8_t bytes[];
};

void arena_init(struct arena *p, size_t max_bytes)
{
	*p = (struct arena){ .max = max_bytes };
}

void arena_release(struct arena *p)
{
	struct arena_piece *next;

	for (struct arena_piece *piece = p->pieces; piece; piece = next) {
		next = piece->next;
		mem_free(piece);
	}
	arena_init(p, p->max);
}

void *arena_alloc(struct arena *p, size_t size, struct err *err)
{
	struct arena_piece *piece;

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

const char *arena_text(struct arena *p, struct slice text, struct err *err)
{
	char *copy = arena_alloc(p, text.len + 1, err);

	if (copy && text.len)
		memcpy(copy, text.ptr, text.len);
	return copy;
}
