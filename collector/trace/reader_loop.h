/*
 * reader_loop: all events of a trace, one after another, as a part of whoever reads them.
 *
 * What the reader does for an event and what its user does become one piece of code for each
 * of the frequent types, so that what the type says is known when this is compiled. For
 * loops over whole traces alone; everybody else has reader_next().
 */
#ifndef COLLECTOR_TRACE_READER_LOOP_H
#define COLLECTOR_TRACE_READER_LOOP_H

#include "collector/trace/frontier.h"
#include "collector/trace/order_state.h"
#include "collector/trace/reader.h"

/* What the next call does when the generation at hand has nothing left. */
enum phase {
	GENERATIONS, /* read the next one */
	FAILED,	     /* the final sync was handed out: tell the error */
	DONE,
};

struct reader {
	unsigned int version;
	struct feed feed;
	struct generation gen;
	struct order order;
	struct frontier frontier;
	struct stream *streams; /* one per thread of the generation */
	size_t cap_streams;
	size_t next_sample;  /* of gen.samples */
	int64_t sample_time; /* its time; INT64_MAX: there is none */
	int64_t last_time;   /* of the last event handed out */
	uint64_t n_syncs, n_generations;
	/*
	 * The frontier's first stream, and the time up to which it stays that and no
	 * sample comes before it. &none: something else may come first.
	 */
	struct stream *top;
	int64_t limit;
	struct stream none;
	struct event *pending; /* events of the last advance not yet handed out */
	unsigned int n_pending;
	enum phase phase;
	struct err failure; /* in phase FAILED */
	void *lost_end;	    /* notes of a goroutine whose end was lost with the failure, or NULL */
	struct event extra; /* the sync event or CPU sample handed out last */
	struct salvage salvage;
};

/*
 * What somebody does with an event, borrowed until it returns. `type`: a constant, the wire
 * type of an event that is not its thread's first in the generation; or ANY_TYPE. What it
 * returns, other than ST_OK, ends the loop.
 */
typedef enum status reader_taker(void *self, const struct event *ev, unsigned int type,
				 struct err *err);
#define ANY_TYPE 256u

/* The earliest event was not simply taken, or there is none. */
MUST_CHECK enum status reader_otherwise(struct reader *r, enum advance a, const struct event **ev,
					struct err *err);
/* An event of the first stream was taken, and the one behind is not simple. */
MUST_CHECK enum status reader_next_slowly(struct reader *r, struct err *err);
/* The next event if it is not of a frequent type. */
MUST_CHECK enum status reader_seldom(struct reader *r, const struct event **ev, struct err *err);

/* Public times strictly increase: section 4.2. */
HOT const struct event *stamp(struct reader *r, struct event *ev)
{
	ev->time = ev->wire_time > r->last_time ? ev->wire_time : r->last_time + 1;
	r->last_time = ev->time;
	return ev;
}

/* The frontier changed, and it is not empty. */
HOT void choose_first(struct reader *r)
{
	const struct timed *first = r->frontier.heap;

	r->limit = frontier_limit(&r->frontier);
	if (r->sample_time < r->limit)
		r->limit = r->sample_time;
	r->top = LIKELY(first->time <= r->limit) ? first->item : &r->none;
}

/*
 * Where the loop is: r->top, its next type, r->limit. In registers: which type is next is often
 * not foretold, and then everything waits until it is known.
 */
struct reader_place {
	struct stream *top;
	unsigned int type;
	int64_t limit;
};

HOT struct reader_place reader_place(const struct reader *r)
{
	return (struct reader_place){ r->top, r->top->type, r->limit };
}

/* An event of the first stream was taken: on to the next. */
HOT enum status reader_on(struct reader *r, struct reader_place *at, struct err *err)
{
	int64_t time;
	enum status st;

	if (UNLIKELY(!stream_next_simply(at->top, &at->type, &time))) {
		st = reader_next_slowly(r, err);
		*at = reader_place(r);
		return st;
	}
	if (time > at->limit) {
		/* If the same thread goes on, the frontier learns of it later. */
		frontier_sink(&r->frontier, time);
		choose_first(r);
		*at = reader_place(r);
	}
	return ST_OK;
}

/* The next event goes to `take`. */
HOT enum status reader_step(struct reader *r, struct reader_place *at, reader_taker *take,
			    void *self, struct err *err)
{
	const struct event *other;
	enum advance a;
	enum status st;

	/* Streams have no others: the jump needs no look at its bounds. */
	if (at->type < SELDOM_TYPE || at->type > LAST_FREQUENT)
		__builtin_unreachable();
	switch (at->type) {
#define WAY(wire, rule)                                                                            \
	case EV_##wire:                                                                            \
		a = advance_by(EV_##wire, rule, &r->order, at->top, err);                          \
		if (UNLIKELY(a != ADVANCED))                                                       \
			break;                                                                     \
		/* If the one behind it is broken, which loses it, there is no other to stamp. */  \
		stamp(r, &r->order.ev);                                                            \
		st = reader_on(r, at, err);                                                        \
		return UNLIKELY(st) ? st : take(self, &r->order.ev, EV_##wire, err);
		FREQUENT_TYPES(WAY)
#undef WAY
	default:
		st = reader_seldom(r, &other, err);
		*at = reader_place(r);
		return st ? st : take(self, other, ANY_TYPE, err);
	}
	st = reader_otherwise(r, a, &other, err);
	*at = reader_place(r);
	return st ? st : take(self, other, ANY_TYPE, err);
}

/*
 * All events that are left. ST_END: there are no more; else what the reader failed with, as
 * reader_next() does, or what `take` returned.
 */
MUST_CHECK HOT enum status reader_each(struct reader *r, reader_taker *take, void *self,
				       struct err *err)
{
	struct reader_place at = reader_place(r);
	enum status st;

	do
		st = reader_step(r, &at, take, self, err);
	while (LIKELY(!st));
	return st;
}

#endif /* COLLECTOR_TRACE_READER_LOOP_H */
