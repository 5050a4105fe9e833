/*
 * stream: the events of one thread in one generation, decoded one at a time.
 *
 * A stream always holds its next event, decoded and with its time in ns; the
 * ordering may look at it as often as it needs before stream_next() goes on
 * (peek and consume are apart). Times are section 4.1 of the trace format.
 */
#ifndef COLLECTOR_TRACE_STREAM_H
#define COLLECTOR_TRACE_STREAM_H

#include "collector/trace/generation.h"

struct wire_event {
	uint8_t type;			  /* enum wire_type */
	int64_t time;			  /* ns */
	uint64_t args[WIRE_MAX_ARGS - 1]; /* without dt */
};

struct order_m; /* the ordering's state of the thread */

struct stream {
	const struct generation *gen;
	const uint8_t *bytes;	 /* the window */
	const uint8_t *at, *end; /* rest of the current batch */
	const uint8_t *event;	 /* where `ev` starts, for messages */
	int64_t last;		 /* ns: time of the event before, or the batch's base */
	uint32_t next_batch;	 /* or NO_BATCH */
	int64_t m;
	struct order_m *state; /* filled in by the ordering, NULL at first */
	struct wire_event ev;  /* the next event */
};

/* Start before the first event; call stream_next() to have one. */
void stream_init(struct stream *s, const struct generation *gen, const uint8_t *bytes,
		 const struct thread_batches *thread);

/* Decode the next event into s->ev. ST_END: no more; ST_FORMAT: err->offset counts from `bytes`. */
MUST_CHECK enum status stream_next(struct stream *s, struct err *err);

#endif /* COLLECTOR_TRACE_STREAM_H */
