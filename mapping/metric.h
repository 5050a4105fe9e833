/*
 * metric: the metrics of one capture, as mapping makes and exporter encodes them.
 *
 * The model is the part of OpenTelemetry's that we need: sums that are a value at
 * the end of an interval, and exponential histograms of what happened within it
 * (delta). Names and units are those of the semantic conventions for Go.
 */
#ifndef MAPPING_METRIC_H
#define MAPPING_METRIC_H

#include "base/err.h"
#include "base/slice.h"

/*
 * Bucket i holds what is over base^(i+LEAST) and up to base^(i+LEAST+1) seconds, with
 * four buckets a power of two: a quantile is at most 9 % off. 1 ns is in the first ones
 * and every 64-bit number of ns in some.
 */
#define HISTOGRAM_SCALE 2
#define HISTOGRAM_LEAST (-121)
#define HISTOGRAM_BUCKETS 260

struct histogram {
	uint64_t count, zeros; /* zeros are in no bucket */
	uint64_t sum_ns, min_ns, max_ns;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);

struct metric {
	const char *name, *unit, *description;
	const struct histogram *histogram; /* of seconds; NULL: the value */
	int64_t value;
};

#define MAX_METRICS 8u

struct metrics {
	uint64_t start_unix_ns, end_unix_ns;
	struct metric list[MAX_METRICS];
	size_t n; /* 0: nothing to report */
};

/* Who takes the metrics of a capture; borrowed until emit() returns. NULL: nobody. */
struct metrics_sink {
	enum status (*emit)(void *arg, const struct metrics *metrics, struct err *err);
	void *arg;
};

#endif /* MAPPING_METRIC_H */
