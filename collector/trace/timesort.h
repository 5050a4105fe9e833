/*
 * timesort: sort by time, with equal times ending up where Go's reader puts them.
 *
 * The reference sorts its frontier and its CPU samples with slices.SortFunc, an
 * unstable but deterministic pattern-defeating quicksort. Which of two events
 * with one time comes first then depends on every comparison and swap that sort
 * makes, so this one makes the same (trace format section 5.1). A sorted input is left
 * as it is. O(n log n) in the worst case; nothing is allocated.
 */
#ifndef COLLECTOR_TRACE_TIMESORT_H
#define COLLECTOR_TRACE_TIMESORT_H

#include <stddef.h>
#include <stdint.h>

struct timed {
	int64_t time;
	void *item;
};

void timesort(struct timed *a, size_t n);

#endif /* COLLECTOR_TRACE_TIMESORT_H */
