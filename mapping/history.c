#include "mapping/history.h"

#include "base/limits.h"
#include "base/mem.h"
#include "mapping/reasons.h"

enum status history_init(struct history *h, struct err *err)
{
	*h = (struct history){ .ring = mem_alloc(MAX_HISTORY * sizeof(*h->ring)),
			       .rest = mem_alloc(MAX_HISTORY * sizeof(*h->rest)) };
	return h->ring && h->rest ? ST_OK : err_nomem(err, "the history of goroutines");
}

void history_release(struct history *h)
{
	mem_free(h->ring);
	mem_free(h->rest);
	*h = (struct history){ .n = 0 };
}

_Static_assert(MAX_HISTORY < RECORD_LOST && MAX_REASONS <= 64, "a record has bits for them");

void history_add_long(struct record *r, int64_t ran)
{
	*r = (struct record){ .began = ran,
			      .ready = (uint64_t)RECORD_LOST << RECORD_BACK |
				       (uint64_t)STOP_PREEMPTED << RECORD_KIND | RECORD_ALONE };
}

/* The record so far before the one of that number; one that is lost, if it is. */
HOT uint64_t number_of(uint64_t own, uint64_t word)
{
	uint64_t back = word >> RECORD_BACK & RECORD_LOST;

	if (back == RECORD_LOST)
		return UINT64_MAX;
	return back ? own - back : 0;
}

/* Is it remembered? */
HOT bool remembers(const struct history *h, uint64_t number)
{
	return number && number <= h->n && h->n - number < MAX_HISTORY;
}

/* Where a walk is, and what it comes to: apart from struct walk, so that it stays in registers. */
struct step {
	int64_t begin, now, since; /* since: where it came to the goroutine, going back */
	int64_t goroutine, first;
	uint64_t running, runnable, syscall, blocked, others;
};

/* The blocked time by reason. */
struct tally {
	uint64_t reasons; /* bit i: ns[i] is there */
	uint64_t ns[MAX_REASONS];
	uint8_t list[MAX_REASONS]; /* of them, as they came */
	size_t n;
};

/* The time from `from` until s->now, which moves there; nothing before the window. */
HOT uint64_t take(struct step *s, int64_t from)
{
	int64_t now = s->now;

	from = from < s->begin ? s->begin : from;
	s->now = from < now ? from : now;
	return (uint64_t)(now - s->now);
}

/* The walk leaves the goroutine, or ends: what it was on there is one stretch. */
HOT void leave(struct walk *w, struct step *s)
{
	struct segment *last;

	if (s->now >= s->since)
		return;
	if (s->goroutine != s->first)
		s->others += (uint64_t)(s->since - s->now);
	if (!w->segments)
		return;
	last = w->n_segments ? &w->segments[w->n_segments - 1] : NULL;
	/* It was there just before, and nowhere else for any time. */
	if (last && last->goroutine == s->goroutine && last->from == s->since)
		last->from = s->now;
	else if (w->n_segments < w->max_segments)
		w->segments[w->n_segments++] = (struct segment){ s->goroutine, s->now, s->since };
}

HOT void go_to(struct walk *w, struct step *s, int64_t goroutine)
{
	if (goroutine == s->goroutine)
		return;
	leave(w, s);
	s->since = s->now;
	s->goroutine = goroutine;
}

HOT void add_blocked(struct step *s, struct tally *t, uint8_t reason, uint64_t ns)
{
	s->blocked += ns;
	if (!(t->reasons >> reason & 1)) {
		t->reasons |= (uint64_t)1 << reason;
		t->ns[reason] = 0;
		t->list[t->n++] = reason;
	}
	t->ns[reason] += ns;
}

/* How long it waited; `ready` is when that was over. */
HOT void take_wait(struct step *s, struct tally *t, bool follow, int64_t began, int64_t ready,
		   uint8_t reason)
{
	/*
	 * A capture that begins later would not know why: nor does this one say. All know
	 * that no goroutine ended it, or the path would have gone on to that one.
	 */
	if (ready > s->begin)
		add_blocked(s, t, follow && began < s->begin ? (uint8_t)REASON_EXTERNAL : reason,
			    take(s, began));
}

/* The stop that is not over yet. false: nothing is known before it. */
static bool take_stop(struct walk *w, const struct stop *stop, struct step *s, struct tally *t,
		      uint64_t *last)
{
	unsigned int kind = stop->kind & STOP_KINDS;

	s->runnable += take(s, stop->ready);
	if (stop->kind & STOP_WOKEN && w->follow) {
		go_to(w, s, stop->waker);
		*last = stop->waker_last;
		return true;
	}
	if (kind == STOP_SYSCALL)
		s->syscall += take(s, stop->began);
	if (kind == STOP_WAIT)
		take_wait(s, t, w->follow, stop->began, stop->ready, stop->reason);
	return kind != STOP_BIRTH;
}

/* Back from one record to the next. false: nothing is known before it. */
HOT bool take_record(struct walk *w, struct step *s, struct tally *t, uint64_t *number)
{
	const struct history *h = w->history;
	const struct record *r = &h->ring[(*number - 1) % MAX_HISTORY];
	const struct record_rest *rest = &h->rest[(*number - 1) % MAX_HISTORY];
	int64_t began = r->began, ready = began + (int64_t)(r->ready & (RECORD_NS - 1));
	int64_t ran =
		r->ready & RECORD_ALONE ? ready : ready + (int64_t)(rest->ran & (RECORD_NS - 1));
	unsigned int marks = (unsigned int)(r->ready >> RECORD_KIND), kind = marks & STOP_KINDS;

	/* Nearly all are inside the window: what take() would do, without its bounds. */
	if (LIKELY(ready >= s->begin && ran <= s->now)) {
		s->running += (uint64_t)(s->now - ran);
		s->runnable += (uint64_t)(ran - ready);
		s->now = ready;
	} else {
		s->running += take(s, ran);
		s->runnable += take(s, ready);
	}
	if (marks & STOP_WOKEN && w->follow) {
		go_to(w, s, rest->waker);
		*number = number_of(*number, rest->ran);
		return true;
	}
	*number = number_of(*number, r->ready);
	if (kind == STOP_SYSCALL)
		s->syscall += take(s, began);
	if (kind == STOP_WAIT)
		take_wait(s, t, w->follow, began, ready, (uint8_t)(rest->ran >> RECORD_REASON));
	return kind != STOP_BIRTH;
}

static enum status settle(const struct walk *w, const struct step *s, const struct tally *t,
			  struct err *err)
{
	struct budget *sums = &w->path->sums;
	enum status st = ST_OK;

	sums->ns[PART_RUNNING] += s->running;
	sums->ns[PART_RUNNABLE] += s->runnable;
	sums->ns[PART_SYSCALL] += s->syscall;
	sums->ns[PART_BLOCKED] += s->blocked;
	w->path->others_ns += s->others;
	w->path->unknown_ns += s->now > s->begin ? (uint64_t)(s->now - s->begin) : 0;
	for (size_t i = 0; !st && i < t->n; i++)
		st = budget_add_reason(w->pools, sums, t->list[i], t->ns[t->list[i]], 0, err);
	return st;
}

enum status history_walk(struct walk *w, uint64_t last, const struct stop *stop, struct err *err)
{
	struct step s = { .begin = w->begin,
			  .now = w->now,
			  .since = w->now,
			  .goroutine = w->goroutine,
			  .first = w->goroutine };
	struct tally t; /* its arrays are filled as they are needed */
	size_t steps = 0;
	bool known = true;

	t.reasons = t.n = 0;
	if (stop && s.now > s.begin) {
		known = take_stop(w, stop, &s, &t, &last);
		steps = 1;
	}
	for (; known && last && s.now > s.begin && steps < MAX_PATH_STEPS; steps++) {
		known = remembers(w->history, last) && take_record(w, &s, &t, &last);
	}
	/* It has not stopped since the capture began. */
	if (known && !last)
		s.running += take(&s, s.begin);
	leave(w, &s);
	w->now = s.now;
	w->goroutine = s.goroutine;
	return settle(w, &s, &t, err);
}
