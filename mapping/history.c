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

enum status history_begin(struct history *h, struct err *err)
{
	h->ring = mem_alloc(MAX_HISTORY * sizeof(*h->ring));
	return h->ring ? ST_OK : err_nomem(err, "the history of goroutines");
}

_Static_assert(MAX_HISTORY < RECORD_LOST && MAX_REASONS <= 64, "a record has bits for them");

void history_add_long(struct record *r, const struct stop *s)
{
	*r = (struct record){ .began = s->ran, .kind = STOP_PREEMPTED, .previous = RECORD_LOST };
}

/* The record so far before the one of that number; one that is lost, if it is. */
HOT uint64_t number_of(uint64_t own, unsigned int back)
{
	if (back == RECORD_LOST)
		return UINT64_MAX;
	return back ? own - back : 0;
}

/* false: it is not remembered. */
HOT bool recall(const struct history *h, uint64_t number, struct stop *out)
{
	const struct record *r = &h->ring[(number - 1) % MAX_HISTORY];

	if (!number || number > h->n || h->n - number >= MAX_HISTORY)
		return false;
	*out = (struct stop){ .began = r->began,
			      .ready = r->began + (int64_t)r->ready,
			      .ran = r->began + (int64_t)r->ready + (int64_t)r->ran,
			      .waker = r->waker,
			      .waker_last = number_of(number, r->waker_last),
			      .previous = number_of(number, r->previous),
			      .kind = r->kind,
			      .reason = r->reason,
			      .woken = r->woken };
	return true;
}

/* What a walk comes to, until it is over. */
struct tally {
	uint64_t running, runnable, syscall, blocked, others;
	uint64_t reasons;	   /* bit i: ns[i] is there */
	uint64_t ns[MAX_REASONS];  /* blocked, by reason */
	uint8_t list[MAX_REASONS]; /* of them, as they came */
	size_t n;
	int64_t first; /* goroutine */
};

/* The time from `from` until w->now, which moves there; nothing before the window. */
HOT uint64_t take(struct walk *w, int64_t from, struct tally *t)
{
	struct segment *last = NULL;
	uint64_t ns;

	if (from < w->begin)
		from = w->begin;
	if (from >= w->now)
		return 0;
	ns = (uint64_t)(w->now - from);
	if (w->segments) {
		/* What comes before it on the same goroutine is the same stretch. */
		if (w->n_segments)
			last = &w->segments[w->n_segments - 1];
		if (last && last->goroutine == w->goroutine && last->from == w->now)
			last->from = from;
		else if (w->n_segments < w->max_segments)
			w->segments[w->n_segments++] =
				(struct segment){ w->goroutine, from, w->now };
	}
	w->now = from;
	if (w->goroutine != t->first)
		t->others += ns;
	return ns;
}

HOT void add_blocked(struct tally *t, uint8_t reason, uint64_t ns)
{
	t->blocked += ns;
	if (!(t->reasons >> reason & 1)) {
		t->reasons |= (uint64_t)1 << reason;
		t->ns[reason] = 0;
		t->list[t->n++] = reason;
	}
	t->ns[reason] += ns;
}

/* One stop, backwards. *last is where to go on; false: nothing is known before it. */
HOT bool take_stop(struct walk *w, const struct stop *s, uint64_t *last, struct tally *t)
{
	t->running += take(w, s->ran, t);
	t->runnable += take(w, s->ready, t);
	*last = s->previous;
	if (s->woken && w->follow) {
		w->goroutine = s->waker;
		*last = s->waker_last;
		return true;
	}
	if (s->kind == STOP_SYSCALL)
		t->syscall += take(w, s->began, t);
	/* A capture that begins later would not know why: nor does this one say. */
	if (s->kind == STOP_WAIT && s->ready > w->begin)
		add_blocked(t,
			    w->follow && s->began < w->begin ? (uint8_t)REASON_UNKNOWN : s->reason,
			    take(w, s->began, t));
	return s->kind != STOP_BIRTH;
}

static enum status settle(const struct walk *w, const struct tally *t, struct err *err)
{
	struct budget *sums = &w->path->sums;
	enum status st = ST_OK;

	sums->ns[PART_RUNNING] += t->running;
	sums->ns[PART_RUNNABLE] += t->runnable;
	sums->ns[PART_SYSCALL] += t->syscall;
	sums->ns[PART_BLOCKED] += t->blocked;
	w->path->others_ns += t->others;
	w->path->unknown_ns += w->now > w->begin ? (uint64_t)(w->now - w->begin) : 0;
	for (size_t i = 0; !st && i < t->n; i++)
		st = budget_add_reason(w->pools, sums, t->list[i], t->ns[t->list[i]], 0, err);
	return st;
}

enum status history_walk(struct walk *w, uint64_t last, const struct stop *stop, struct err *err)
{
	struct tally t; /* its arrays are filled as they are needed */
	struct stop s;
	size_t steps = 0;
	bool known = true;

	t.running = t.runnable = t.syscall = t.blocked = t.others = 0;
	t.reasons = t.n = 0;
	t.first = w->goroutine;
	if (stop && w->now > w->begin) {
		s = *stop;
		known = take_stop(w, &s, &last, &t);
		steps = 1;
	}
	for (; known && w->now > w->begin; steps++) {
		if (!last) {
			/* It has not stopped since the capture began. */
			t.running += take(w, w->begin, &t);
			break;
		}
		if (steps == MAX_PATH_STEPS || !recall(w->history, last, &s))
			break;
		known = take_stop(w, &s, &last, &t);
	}
	return settle(w, &t, err);
}
