/*
 * arena: memory of one loaded configuration, freed together.
 *
 * Everything that a loaded file and its settings hold is taken here, up to a
 * maximum, so one release undoes a load that failed half way. Each piece is an
 * allocation of its own: there are few, a checker then sees every overrun, and a
 * test can make any of them fail. Not thread-safe.
 */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include "base/err.h"
#include "base/slice.h"

struct arena_piece;

struct arena {
	struct arena_piece *pieces; /* the newest first */
	size_t total;		    /* bytes of all pieces */
	size_t max;
};

void arena_init(struct arena *p, size_t max_bytes);
void arena_release(struct arena *p);

/*
 * `size` zeroed bytes, aligned for any type, alive until arena_release(). NULL with
 * `err` (required) filled: ST_NOMEM, or ST_LIMIT at the maximum.
 */
MUST_CHECK void *arena_alloc(struct arena *p, size_t size, struct err *err);

/* A copy of `text` with a NUL behind it; NULL as arena_alloc(). */
MUST_CHECK const char *arena_text(struct arena *p, struct slice text, struct err *err);

/* The status to return after either gave NULL. */
static inline enum status arena_failed(const struct err *err)
{
	return err->code == ST_LIMIT ? ST_LIMIT : ST_NOMEM;
}

#endif /* CONFIG_ARENA_H */
