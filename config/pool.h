/*
 * pool: memory of one loaded configuration, freed together.
 *
 * Blocks are taken as needed up to a maximum for the whole pool; nothing is
 * freed alone. Everything that a loaded file and its settings hold lives here,
 * so one release undoes a load that failed half way. Not thread-safe.
 */
#ifndef CONFIG_POOL_H
#define CONFIG_POOL_H

#include "base/err.h"
#include "base/slice.h"

struct pool_block;

struct pool {
	struct pool_block *blocks; /* the newest first */
	size_t left;		   /* bytes unused at the end of the newest */
	size_t total;		   /* bytes of all blocks */
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

#endif /* CONFIG_POOL_H */
