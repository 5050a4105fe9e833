/*
 * history: when goroutines did not run, why, and who made them run again.
 *
 * One record for each stop, written when the goroutine runs again, in a ring of
 * MAX_HISTORY for all goroutines together: memory is bounded, and what is older
 * than the ring is lost and says so. A record knows the one before of its
 * goroutine, and the last one of the goroutine that ended the stop as of then:
 * walking back only ever leads to lower numbers, so it ends on any input. All are
 * kept, also while no task is open: one that began before the capture may turn up.
 */
#ifndef MAPPING_HISTORY_H
#define MAPPING_HISTORY_H

#include <stdbool.h>

#include "base/err.h"
#include "base/limits.h"
#include "mapping/budget.h"

enum stop_kind {
	STOP_WAIT,
	STOP_SYSCALL,
	STOP_PREEMPTED,
	STOP_BIRTH, /* before it, the goroutine did not exist */
};

struct stop {
	int64_t began, ready, ran; /* ns; not running, runnable, running again */
	int64_t waker;		   /* the goroutine that made it runnable, if woken */
	uint64_t waker_last;	   /* its last record then; 0: it has none */
	uint64_t previous;	   /* record of the same goroutine; 0: none */
	uint8_t kind;		   /* enum stop_kind */
	uint8_t reason;		   /* of a wait: of mapper.reasons */
	bool woken;		   /* by a goroutine: not by the network or a timer */
};

/* Where a goroutine is in its history. */
struct track {
	uint64_t last;	  /* record of its last stop; 0: none */
	struct stop stop; /* in progress; ready is 0 until then */
	bool stopped;
};

/*
 * A stop as the ring has it: times after the one before, records counted back from its
 * own. A stop of 2^40 ns (18 minutes) and more is remembered as having been, no more.
 * Whole words, not fields of bits: those would be read before they are written, and what
 * was written so long ago is in no cache.
 */
struct record {
	int64_t began, waker;
	uint64_t ready; /* 40 bits: ns; 18: back to `previous`; 2: kind; 1: woken */
	uint64_t ran;	/* 40 bits: ns; 18: back to `waker_last`; 6: reason */
};
#define RECORD_BACK 40 /* the lowest bits of what is no time */
#define RECORD_KIND 58
#define RECORD_WOKEN 60
#define RECORD_REASON 58

struct history {
	struct record *ring; /* MAX_HISTORY; NULL until the first record */
	uint64_t n;	     /* records ever written; they count from 1 */
};

/* Time on a path, or of a waker, by what it went to. */
struct path {
	struct budget sums; /* running, runnable, in system calls, blocked and why */
	uint64_t others_ns; /* part of it on other goroutines than the first */
	uint64_t unknown_ns;
};

/* A stretch of a path: one goroutine, from then to then. */
struct segment {
	int64_t goroutine, from, to;
};

/* What a walk works on. The caller fills the first part. */
struct walk {
	const struct history *history;
	struct budget_pools *pools;
	struct path *path;	  /* is added to */
	struct segment *segments; /* the latest of the path, or NULL */
	size_t n_segments, max_segments;
	int64_t begin;	   /* of the window */
	bool follow;	   /* the wakers and creators; else the one goroutine alone */
	int64_t now;	   /* the end of the window */
	int64_t goroutine; /* whose */
};

void history_init(struct history *h);
void history_release(struct history *h);

/* The ring's memory. */
COLD MUST_CHECK enum status history_begin(struct history *h, struct err *err);
/* A stop that took too long to be told. */
COLD void history_add_long(struct record *r, const struct stop *s);

#define RECORD_NS ((uint64_t)1 << 40)
#define RECORD_LOST ((1u << 18) - 1) /* instead of a record that is out of the ring */

/* How far `number` is before the record `own`; 0: there is none. */
static inline unsigned int record_back(uint64_t own, uint64_t number)
{
	if (LIKELY(number && own - number < MAX_HISTORY))
		return (unsigned int)(own - number);
	return number ? RECORD_LOST : 0;
}

static inline void history_add(struct history *h, const struct stop *s)
{
	uint64_t own = h->n + 1;
	struct record *r = &h->ring[h->n % MAX_HISTORY];
	uint64_t previous = record_back(own, s->previous);
	uint64_t waker_last = record_back(own, s->woken ? s->waker_last : 0);

	*r = (struct record){
		.began = s->began,
		.waker = s->waker,
		.ready = ((uint64_t)(s->ready - s->began) & (RECORD_NS - 1)) |
			 previous << RECORD_BACK | (uint64_t)s->kind << RECORD_KIND |
			 (uint64_t)s->woken << RECORD_WOKEN,
		.ran = ((uint64_t)(s->ran - s->ready) & (RECORD_NS - 1)) |
		       waker_last << RECORD_BACK | (uint64_t)s->reason << RECORD_REASON,
	};
	if (UNLIKELY((uint64_t)(s->ran - s->began) >= RECORD_NS))
		history_add_long(r, s);
	h->n = own;
}

/* It stops running (or is first seen not running), or begins to exist. */
static inline void track_stop(struct track *t, enum stop_kind kind, uint8_t reason, int64_t now)
{
	t->stopped = true;
	t->stop.began = now;
	t->stop.ready = kind == STOP_PREEMPTED || kind == STOP_BIRTH ? now : 0;
	t->stop.kind = (uint8_t)kind;
	t->stop.reason = reason;
	t->stop.woken = false;
}

/* It is runnable, thanks to another goroutine (NULL: to none). */
static inline void track_ready(struct track *t, int64_t waker, const struct track *waker_track,
			       int64_t now)
{
	t->stop.ready = now;
	if (!waker_track)
		return;
	t->stop.woken = true;
	t->stop.waker = waker;
	t->stop.waker_last = waker_track->last;
}

/* It runs again. */
MUST_CHECK static inline enum status track_run(struct history *h, struct track *t, int64_t now,
					       struct err *err)
{
	enum status st;

	if (!t->stopped)
		return ST_OK;
	t->stopped = false;
	if (UNLIKELY(!h->ring)) {
		st = history_begin(h, err);
		if (st)
			return st;
	}
	if (!t->stop.ready)
		t->stop.ready = now;
	t->stop.ran = now;
	t->stop.previous = t->last;
	history_add(h, &t->stop);
	t->last = h->n;
	return ST_OK;
}

/*
 * Back from w->now on w->goroutine, whose last record is `last` and which is in
 * `stop` (NULL: it runs). What it comes to is exactly now - begin.
 */
MUST_CHECK enum status history_walk(struct walk *w, uint64_t last, const struct stop *stop,
				    struct err *err);

#endif /* MAPPING_HISTORY_H */
