#include "mapping/history.h"

#include "base/limits.h"
#include "base/mem.h"
#include "mapping/reasons.h"

void history_init(struct history *h)
{
	*h = (struct history){ .n = 0 };
}

void history_release(struct history *h)
{
	mem_free(h->ring);
	history_init(h);
}

void track_stop(struct track *t, enum stop_kind kind, uint8_t reason, int64_t now)
{
	t->stopped = true;
	t->stop = (struct stop){ .began = now, .kind = (uint8_t)kind, .reason = reason };
	if (kind == STOP_PREEMPTED || kind == STOP_BIRTH)
		t->stop.ready = now;
}

void track_ready(struct track *t, int64_t waker, const struct track *waker_track, int64_t now)
{
	t->stop.ready = now;
	if (!waker_track)
		return;
	t->stop.woken = true;
	t->stop.waker = waker;
	t->stop.waker_last = waker_track->last;
}

enum status track_run(struct history *h, struct track *t, bool keep, int64_t now, struct err *err)
{
	if (!t->stopped)
		return ST_OK;
	t->stopped = false;
	if (!keep)
		return ST_OK;
	if (!h->ring)
		h->ring = mem_alloc(MAX_HISTORY * sizeof(*h->ring));
	if (!h->ring)
		return err_nomem(err, "the history of goroutines");
	if (!t->stop.ready)
		t->stop.ready = now;
	t->stop.ran = now;
	t->stop.previous = t->last;
	h->ring[h->n % MAX_HISTORY] = t->stop;
	t->last = ++h->n;
	return ST_OK;
}

static const struct stop *record(const struct history *h, uint64_t number)
{
	return number && h->n - number < MAX_HISTORY ? &h->ring[(number - 1) % MAX_HISTORY] : NULL;
}

/* The time from `from` until w->now, which moves there; nothing before the window. */
static uint64_t take(struct walk *w, int64_t from, int64_t first)
{
	uint64_t ns;

	if (from < w->begin)
		from = w->begin;
	if (from >= w->now)
		return 0;
	ns = (uint64_t)(w->now - from);
	if (w->segments && w->n_segments < w->max_segments)
		w->segments[w->n_segments++] = (struct segment){ w->goroutine, from, w->now };
	w->now = from;
	if (w->goroutine != first)
		w->path->others_ns += ns;
	return ns;
}

/* One stop, backwards. *last is where to go on; false: nothing is known before it. */
static bool take_stop(struct walk *w, const struct stop *s, uint64_t *last, int64_t first,
		      enum status *st, struct err *err)
{
	uint64_t *ns = w->path->sums.ns;
	uint64_t blocked;

	ns[PART_RUNNING] += take(w, s->ran, first);
	ns[PART_RUNNABLE] += take(w, s->ready, first);
	*last = s->previous;
	if (s->woken && w->follow) {
		w->goroutine = s->waker;
		*last = s->waker_last;
		return true;
	}
	if (s->kind == STOP_SYSCALL)
		ns[PART_SYSCALL] += take(w, s->began, first);
	if (s->kind == STOP_WAIT && s->ready > w->begin) {
		blocked = take(w, s->began, first);
		ns[PART_BLOCKED] += blocked;
		/* A capture that begins later would not know why: nor does this one say. */
		*st = budget_add_reason(w->pools, &w->path->sums,
					w->follow && s->began < w->begin ? REASON_UNKNOWN
									 : s->reason,
					blocked, 0, err);
	}
	return s->kind != STOP_BIRTH;
}

enum status history_walk(struct walk *w, uint64_t last, const struct stop *stop, struct err *err)
{
	const int64_t first = w->goroutine;
	const struct stop *s = stop;
	enum status st = ST_OK;
	bool known = true;

	for (size_t steps = 0; !st && known && w->now > w->begin; steps++) {
		if (!s && !last) {
			/* It has not stopped since the capture began. */
			w->path->sums.ns[PART_RUNNING] += take(w, w->begin, first);
			break;
		}
		if (!s)
			s = record(w->history, last);
		if (!s || steps == MAX_PATH_STEPS)
			break;
		known = take_stop(w, s, &last, first, &st, err);
		s = NULL;
	}
	w->path->unknown_ns += w->now > w->begin ? (uint64_t)(w->now - w->begin) : 0;
	return st;
}
