/*
 * reader: a Go execution trace as a sequence of events, pulled one at a time.
 *
 * Same events, order, times and refusals as Go's own reader (trace format
 * sections 1 to 8) for format versions 1.22 to 1.26. Memory is one generation
 * and the state of what is alive, whatever the length of the trace. Errors are
 * final: every later call repeats the first one. Not thread-safe.
 *
 * On demand it gives more than the reference: what can be used of the generation
 * in which a trace was cut (docs/decisions/015).
 */
#ifndef COLLECTOR_TRACE_READER_H
#define COLLECTOR_TRACE_READER_H

#include "collector/trace/event.h"
#include "collector/trace/generation.h"

struct reader;

/* Versions read without a warning. */
#define OLDEST_VERSION 22u
#define NEWEST_VERSION 26u

/*
 * Read the 16-byte header and be ready for events. NULL: err is filled; a trace
 * of Go 1.21 or older is refused. The source must live as long as the reader.
 */
struct reader *reader_open(struct byte_source source, struct err *err);
void reader_close(struct reader *r);

/*
 * From the next generation on, salvage: one that cannot be read whole gives what
 * there is of it, and then the error that it would have given at once. Its sync
 * event says where it is cut, event_sync_cut(). Of each thread the events up to
 * the first that is lost come, or that depends on one; a text that is lost reads
 * "?", a stack is empty. Call it before the first reader_next().
 */
void reader_salvage(struct reader *r);

/*
 * Keep notes: each goroutine carries that many bytes for the caller, zero at first and
 * aligned for any number or pointer. The events that event->notes speaks of lead there. They
 * stay until the call after the one that handed out the goroutine's end, or until
 * reader_close(). Call it before the first reader_next().
 */
void reader_take_notes(struct reader *r, size_t bytes);

/*
 * All notes of goroutines whose end was not handed out, in no order: start with *at = 0; NULL: no
 * more. Only if notes are taken.
 */
void *reader_next_notes(const struct reader *r, size_t *at);

/* What is known of the generation that is cut, up to the last event handed out. */
struct salvage {
	uint64_t generation; /* its number */
	uint64_t nameless;   /* events that name a lost string or stack */
	uint64_t n_stuck;    /* threads with events that wait for lost ones */
	bool clock_borrowed; /* it relies on the clock of the generation before */
};

/* NULL: nothing is cut, as far as it is read; or nothing of it could be used. */
const struct salvage *reader_salvaged(const struct reader *r);

/*
 * The next event, borrowed until the next call. ST_END: the trace is over.
 * A trace that is damaged gives every event before the damage first; err->offset
 * is where in the (decompressed) trace the trouble is.
 */
MUST_CHECK enum status reader_next(struct reader *r, const struct event **ev, struct err *err);

/* The NN of the header's "go 1.NN". Above NEWEST_VERSION: read as if it were that. */
unsigned int reader_version(const struct reader *r);
/* Bytes consumed so far, for progress; generations begun so far. */
uint64_t reader_bytes(const struct reader *r);
uint64_t reader_generations(const struct reader *r);

#endif /* COLLECTOR_TRACE_READER_H */
