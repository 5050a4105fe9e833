/*
 * dist: how long a kind of interval takes: count, sum, extremes, percentiles.
 *
 * Count, total, minimum and maximum are exact. Percentiles come from a histogram
 * of bounded size: values below 128 ns have a bucket each, and every power of two
 * above is cut into 64 buckets of equal width. A percentile is the middle of its
 * bucket, so it is at most 1/128 (0.8 %) away from the exact one by nearest rank.
 * Intervals whose begin or end is outside the trace ("cut") are counted apart
 * and in none of these numbers. At most 30 KiB; few powers of two need less.
 */
#ifndef MAPPING_DIST_H
#define MAPPING_DIST_H

#include <stdint.h>

#include "base/err.h"

#define DIST_STEPS_LOG 6u
#define DIST_STEPS (1u << DIST_STEPS_LOG) /* buckets of a power of two */
#define DIST_POWERS (64u - DIST_STEPS_LOG + 1)

struct dist {
	uint64_t count;			   /* whole intervals */
	uint64_t total_ns, min_ns, max_ns; /* of them; 0 without one; total saturates */
	uint64_t cut;			   /* intervals cut by an edge of the trace */
	uint64_t cut_ns;		   /* what of them is inside the trace */
	uint64_t *buckets[DIST_POWERS];	   /* DIST_STEPS counts each, or NULL: all 0 */
};

/* a + b, or UINT64_MAX. */
static inline uint64_t dist_sum(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/*
 * Power 0 holds the values below 64 and power 1 those up to 127, all exactly;
 * power p from 64 << (p - 1) on, in steps of 1 << (p - 1).
 */
static inline unsigned int dist_power(uint64_t ns)
{
	return 64u - DIST_STEPS_LOG - (unsigned int)__builtin_clzll(ns | (DIST_STEPS - 1));
}

static inline unsigned int dist_step(uint64_t ns, unsigned int power)
{
	return (unsigned int)(ns >> (power - (power > 0))) & (DIST_STEPS - 1);
}

/* Starts as all zeros. */
void dist_release(struct dist *d);

/* dist_add() for the first value of a power of two. */
MUST_CHECK enum status dist_add_first(struct dist *d, uint64_t ns, struct err *err);

/* A whole interval. ST_NOMEM leaves d as it was. */
MUST_CHECK static inline enum status dist_add(struct dist *d, uint64_t ns, struct err *err)
{
	unsigned int power = dist_power(ns);
	uint64_t *steps = d->buckets[power];

	if (UNLIKELY(!steps))
		return dist_add_first(d, ns, err);
	steps[dist_step(ns, power)]++;
	if (ns < d->min_ns)
		d->min_ns = ns;
	if (ns > d->max_ns)
		d->max_ns = ns;
	d->count++;
	d->total_ns = dist_sum(d->total_ns, ns);
	return ST_OK;
}

void dist_add_cut(struct dist *d, uint64_t ns);
/* Add all of `from`. ST_NOMEM leaves a part of it in `to`. */
MUST_CHECK enum status dist_merge(struct dist *to, const struct dist *from, struct err *err);

/*
 * The smallest value that at least per_mille thousandths of the whole intervals
 * do not exceed, within 0.8 % and within [min_ns, max_ns]; 0 if there are none.
 */
uint64_t dist_quantile(const struct dist *d, unsigned int per_mille);

#endif /* MAPPING_DIST_H */
