#include "collector/trace/generation.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

/* What is read at once: large enough for speed, small beside a generation. */
#define CHUNK ((size_t)256 << 10)

void feed_init(struct feed *f, struct byte_source source)
{
	*f = (struct feed){ .source = source,
			    .max_generation = MAX_GENERATION_BYTES,
			    .failure = ERR_INIT };
}

void feed_release(struct feed *f)
{
	mem_free(f->bytes);
	f->bytes = NULL;
}

/*
 * Grow by a quarter: what a generation does not fill stays untouched and costs
 * no memory, but a test under an address space limit sees it.
 */
static enum status feed_grow(struct feed *f, size_t need, struct err *err)
{
	size_t want = f->cap + f->cap / 4 + 2 * CHUNK;
	uint8_t *grown;

	if (need <= f->cap)
		return ST_OK;
	if (need > f->max_generation)
		return err_set(err, ST_LIMIT, f->start,
			       "generation is over the maximum of %zu bytes", f->max_generation);
	if (want < need)
		want = need;
	grown = mem_realloc(f->bytes, want + FEED_SLACK);
	if (!grown)
		return err_nomem(err, "a generation");
	f->bytes = grown;
	f->cap = want;
	return ST_OK;
}

enum status feed_need(struct feed *f, size_t pos, size_t n, size_t *have, struct err *err)
{
	enum status st = ST_OK;

	assert(pos <= f->end);
	while (!st && !f->ended && f->end - pos < n) {
		size_t got = 0;

		st = feed_grow(f, f->end + CHUNK, err);
		if (st)
			break;
		f->ended = f->source.read(f->source.arg, f->bytes + f->end, CHUNK, &got,
					  &f->failure) ||
			   !got;
		f->end += got;
		memset(f->bytes + f->end, 0, FEED_SLACK);
	}
	*have = f->end - pos < n ? f->end - pos : n;
	if (!st && *have < n && f->failure.code) {
		if (err)
			*err = f->failure;
		st = f->failure.code;
	}
	return st;
}
