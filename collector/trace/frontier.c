#include "collector/trace/frontier.h"

#include "base/limits.h"
#include "base/mem.h"

/* Children that are not there: of the last, and both of an only one. */
#define N_SENTINELS 2u

void frontier_release(struct frontier *f)
{
	mem_free(f->heap);
	*f = (struct frontier){ .heap = NULL };
}

static inline void swap(struct timed *h, size_t i, size_t j)
{
	struct timed t = h[i];

	h[i] = h[j];
	h[j] = t;
}

static size_t sift_up(struct timed *h, size_t i)
{
	while (i > 0 && h[(i - 1) / 2].time > h[i].time) {
		swap(h, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
	return i;
}

enum status frontier_add(struct frontier *f, struct stream *s, struct err *err)
{
	enum status st = mem_grow((void **)&f->heap, &f->cap, f->n + 1 + N_SENTINELS,
				  sizeof(*f->heap), MAX_THREADS + N_SENTINELS, "threads", err);

	if (st)
		return st;
	f->heap[f->n] = (struct timed){ s->time, s };
	sift_up(f->heap, f->n++);
	for (size_t i = 0; i < N_SENTINELS; i++)
		f->heap[f->n + i] = (struct timed){ INT64_MAX, NULL };
	return ST_OK;
}

void frontier_update(struct frontier *f, size_t i)
{
	f->heap[i].time = frontier_at(f, i)->time;
	if (!i || sift_up(f->heap, i) == i)
		frontier_sift(f->heap, f->n, i);
}

void frontier_remove(struct frontier *f, size_t i)
{
	/* Up to the root whatever the times are, then out through the last place. */
	for (; i > 0; i = (i - 1) / 2)
		swap(f->heap, i, (i - 1) / 2);
	swap(f->heap, 0, --f->n);
	f->heap[f->n] = (struct timed){ INT64_MAX, NULL };
	frontier_sift(f->heap, f->n, 0);
}

void frontier_sort(struct frontier *f)
{
	timesort(f->heap, f->n);
}
