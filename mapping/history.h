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
	STOP_BIRTH,	/* before it, the goroutine did not exist */
	STOP_WOKEN = 4, /* with one of them: a goroutine ended it, not the network or a timer */
};
#define STOP_KINDS 3u /* all but that */

struct stop {
	int64_t began, ready; /* ns; not running, runnable; ready is 0 until then */
	int64_t waker;	      /* the goroutine that made it runnable, if woken */
	uint64_t waker_last;  /* its last record then; 0: it has none */
	uint8_t kind;	      /* of enum stop_kind */
	bool on;	      /* it is not over */
	uint8_t reason;	      /* of a wait: of mapper.reasons */
};

/* Where a goroutine is in its history. */
struct track {
	uint64_t last;	  /* record of its last stop; 0: none */
	struct stop stop; /* in progress, or the last one */
};

/*
 * A stop as the ring has it: times after the one before, records counted back from its
 * own. A stop of 2^40 ns (18 minutes) and more is remembered as having been, no more.
 * Whole words, not fields of bits: those would be read before they are written, and what
 * was written so long ago is in no cache.
 */
struct record {
	int64_t began;
	uint64_t ready; /* 40 bits: ns; 18: back to `previous`; 3: kind; 1: it is all there is */
};
/*
 * The rest of one, apart: a call that returned to its proc has none, and of some programs nearly
 * all stops are such calls.
 */
struct record_rest {
	int64_t waker;
	uint64_t ran; /* 40 bits: ns; 18: back to `waker_last`; 6: reason */
};
#define RECORD_BACK 40 /* the lowest bits of what is no time */
#define RECORD_KIND 58
#define RECORD_REASON 58
#define RECORD_ALONE ((uint64_t)1 << 61) /* no rest: it ran when it was ready, nobody woke it */

struct history {
	struct record *ring;	  /* MAX_HISTORY */
	struct record_rest *rest; /* as many */
	uint64_t n;		  /* records ever written; they count from 1 */
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

MUST_CHECK enum status history_init(struct history *h, struct err *err);
/* Also of one that is all zeros. */
void history_release(struct history *h);

/* A stop that took too long to be told, until `ran`. */
COLD void history_add_long(struct record *r, int64_t ran);

#define RECORD_NS ((uint64_t)1 << 40)
#define RECORD_LOST ((1u << 18) - 1) /* instead of a record that is out of the ring */

/* How far `number` is before the record `own`: up to `own` itself if it is 0, no record. */
static inline uint64_t record_back(uint64_t own, uint64_t number)
{
	uint64_t back = own - number;

	if (UNLIKELY(back >= MAX_HISTORY))
		return number ? RECORD_LOST : 0;
	return back;
}

/* A stop that is over: it was runnable and ran again then; `previous`: its goroutine's before. */
static inline void history_add(struct history *h, const struct stop *s, int64_t ready, int64_t ran,
			       uint64_t previous)
{
	uint64_t own = h->n + 1;
	struct record *r = &h->ring[h->n % MAX_HISTORY];
	struct record_rest *rest = &h->rest[h->n % MAX_HISTORY];
	bool alone = s->kind == STOP_SYSCALL && ready == ran;
	uint64_t waker = s->kind & STOP_WOKEN ? record_back(own, s->waker_last) << RECORD_BACK : 0;

	h->n = own;
	/* The ring is larger than the caches that are near. */
	__builtin_prefetch(&h->ring[(own + 32) % MAX_HISTORY], 1, 3);
	if (UNLIKELY((uint64_t)(ran - s->began) >= RECORD_NS)) {
		history_add_long(r, ran);
		return;
	}
	r->began = s->began;
	r->ready = (uint64_t)(ready - s->began) | record_back(own, previous) << RECORD_BACK |
		   (uint64_t)s->kind << RECORD_KIND | (alone ? RECORD_ALONE : 0);
	if (alone)
		return;
	__builtin_prefetch(&h->rest[(own + 16) % MAX_HISTORY], 1, 3);
	rest->waker = s->waker;
	rest->ran = (uint64_t)(ran - ready) | waker | (uint64_t)s->reason << RECORD_REASON;
}

/* It stops running (or is first seen not running), or begins to exist. */
static inline void track_stop(struct track *t, enum stop_kind kind, uint8_t reason, int64_t now)
{
	t->stop.began = now;
	t->stop.ready = kind == STOP_PREEMPTED || kind == STOP_BIRTH ? now : 0;
	t->stop.kind = (uint8_t)kind;
	t->stop.on = true;
	t->stop.reason = reason;
}

/* It is runnable, thanks to another goroutine (NULL: to none). */
static inline void track_ready(struct track *t, int64_t waker, const struct track *waker_track,
			       int64_t now)
{
	t->stop.ready = now;
	if (!waker_track)
		return;
	t->stop.kind |= STOP_WOKEN;
	t->stop.waker = waker;
	t->stop.waker_last = waker_track->last;
}

/* A stop of its that is over: it was runnable and ran again then. */
static inline void track_over(struct history *h, struct track *t, const struct stop *s,
			      int64_t ready, int64_t ran)
{
	history_add(h, s, ready, ran, t->last);
	t->last = h->n;
}

/* It runs again; `returns`: from a system call, without having been runnable. */
static inline void track_run(struct history *h, struct track *t, int64_t now, bool returns)
{
	if (!t->stop.on)
		return;
	t->stop.on = false;
	track_over(h, t, &t->stop, returns || !t->stop.ready ? now : t->stop.ready, now);
}

/*
 * Back from w->now on w->goroutine, whose last record is `last` and which is in
 * `stop` (NULL: it runs). What it comes to is exactly now - begin.
 */
MUST_CHECK enum status history_walk(struct walk *w, uint64_t last, const struct stop *stop,
				    struct err *err);

#endif /* MAPPING_HISTORY_H */
