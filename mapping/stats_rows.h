/*
 * stats_rows: a table of distributions by name: reasons, task types, kinds of stop.
 *
 * A name is found by its string id while its generation lasts, so that no text
 * is hashed or compared twice in a generation. Equal texts of different ids and
 * generations are one row. The table has a maximum: further names share the
 * last row, `rest`, which has no name of its own. Rows never move; the table owns
 * them and their names.
 */
#ifndef MAPPING_STATS_ROWS_H
#define MAPPING_STATS_ROWS_H

#include "base/map.h"
#include "base/slice.h"
#include "mapping/dist.h"

#define STATS_LOW_IDS 1024u

struct stats_row {
	struct slice name; /* any bytes */
	bool rest;	   /* the names that found no place */
	uint32_t index;	   /* order of first appearance; of rest: the table's maximum */
	struct dist dist;
};

struct stats_rows {
	struct stats_row **list; /* rows in use, by appearance until stats_rows_sort() */
	size_t n, cap, max;	 /* max counts without rest */
	struct stats_row *rest;	 /* in list too; NULL until it is needed */
	struct stats_row *low[STATS_LOW_IDS]; /* by string id, this generation */
	struct map by_id;		      /* the same for the other ids */
	struct map by_text; /* hash of the name; the next key where that is taken */
};

void stats_rows_init(struct stats_rows *t, size_t max, const char *what);
void stats_rows_release(struct stats_rows *t);
/* String ids mean something else from now on. */
void stats_rows_new_generation(struct stats_rows *t);

/* The row a string id led to in this generation, or NULL. */
static inline struct stats_row *stats_rows_get(const struct stats_rows *t, uint64_t id)
{
	return id < STATS_LOW_IDS ? t->low[id] : (struct stats_row *)map_get(&t->by_id, id);
}

/* The row of `text`, which is the string `id` of this generation. */
MUST_CHECK enum status stats_rows_put(struct stats_rows *t, uint64_t id, struct slice text,
				      struct stats_row **out, struct err *err);

/* Largest total first; equal ones by count, then by name; rest last. */
void stats_rows_sort(struct stats_rows *t);

#endif /* MAPPING_STATS_ROWS_H */
