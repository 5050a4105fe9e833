/*
 * pool: memory of one loaded configuration, freed together.
 *
 * Everything that a loaded file and its settings hold is taken here, up to a
 * maximum, so one release undoes a load that failed half way. Each piece is an
 * allocation of its own: there are few, a checker then sees every overrun, and a
 * test can make any of them fail. Not thread-safe.
 */
#ifndef CONFIG_POOL_H
#define CONFIG_POOL_H

#include "base/err.h"
#include "base/slice.h"

struct pool_piece;

struct pool {
	struct pool_piece *pieces; /* the newest first */
	size_t total;		   /* bytes of all pieces */
	size_t max;
};

void pool_init(struct pool *p, size_t max_bytes);
void pool_release(struct pool *p);

/*
 * `size` zeroed bytes, aligned for any type, alive until pool_release(). NULL with
 * `err` (required) filled: ST_NOMEM, or ST_LIMIT at the maximum.
 */
MUST_CHECK void *pool_alloc(struct pool *p, size_t size, struct err *err);

/* A copy of `text` with a NUL behind it; NULL as pool_alloc(). */
MUST_CHECK const char *pool_text(struct pool *p, struct slice text, struct err *err);

/* The status to return after either gave NULL. */
static inline enum status pool_failed(const struct err *err)
{
	return err->code == ST_LIMIT ? ST_LIMIT : ST_NOMEM;
}

#endif /* CONFIG_POOL_H */
