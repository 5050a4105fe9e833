/*
 * frontier: the streams of a generation that still have events, as a min-heap by
 * the time of each one's next event.
 *
 * Which of two streams with equal times is tried first follows from the heap's
 * mechanics alone, so they are the reference's to the letter (trace format section 5.1).
 * The time is the one recorded, not the corrected public one.
 */
#ifndef COLLECTOR_TRACE_FRONTIER_H
#define COLLECTOR_TRACE_FRONTIER_H

#include "collector/trace/stream.h"
#include "collector/trace/timesort.h"

struct frontier {
	/* Items are struct stream *. Behind the last are two more without, never smaller. */
	struct timed *heap;
	size_t n, cap;
};

void frontier_release(struct frontier *f);

static inline struct stream *frontier_at(const struct frontier *f, size_t i)
{
	return f->heap[i].item;
}

/* Add a stream that holds its first event. */
MUST_CHECK enum status frontier_add(struct frontier *f, struct stream *s, struct err *err);
/* The stream at i holds another event now. */
void frontier_update(struct frontier *f, size_t i);

/*
 * From i downwards: the smallest of a node and its children goes up; the left child wins
 * a tie, and the node itself one with either. Which child it is cannot be foretold, so it is
 * computed. Times and items are copied one by one: a pair that was just written in two pieces
 * is slow to read in one.
 */
HOT void frontier_sift(struct timed *h, size_t n, size_t i)
{
	int64_t time = h[i].time;
	void *item = h[i].item;

	for (size_t least = 2 * i + 1; least < n; least = 2 * i + 1) {
		least += h[least + 1].time < h[least].time;
		if (h[least].time >= time)
			break;
		h[i].item = h[least].item;
		h[i].time = h[least].time;
		i = least;
	}
	h[i].time = time;
	h[i].item = item;
}

/* frontier_update() of the first stream, which goes on at that time. */
HOT void frontier_sink(struct frontier *f, int64_t time)
{
	struct timed *first = f->heap, *least = first + 1;
	void *item = first->item;

	if (first[2].time < least->time)
		least = first + 2;
	if (least->time >= time) {
		first->time = time;
		return;
	}
	first->time = least->time;
	first->item = least->item;
	least->time = time;
	least->item = item;
	/* Few threads run at a time: seldom does it go deeper. */
	if (UNLIKELY(f->n > 3))
		frontier_sift(first, f->n, (size_t)(least - first));
}

/*
 * The time up to which the first stream stays the first: as long as its next
 * event is not later, frontier_update(f, 0) would change nothing but the time.
 */
static inline int64_t frontier_limit(const struct frontier *f)
{
	int64_t left = f->heap[1].time, right = f->heap[2].time;

	return right < left ? right : left;
}

/* The stream at i has no more events. */
void frontier_remove(struct frontier *f, size_t i);
/* Order the heap fully, so that it can be walked by time. */
void frontier_sort(struct frontier *f);

#endif /* COLLECTOR_TRACE_FRONTIER_H */
