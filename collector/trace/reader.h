/*
 * reader: a Go execution trace as a sequence of events, pulled one at a time.
 *
 * Same events, order, times and refusals as Go's own reader (trace format
 * sections 1 to 8) for format versions 1.22 to 1.26. Memory is one generation
 * and the state of what is alive, whatever the length of the trace. Errors are
 * final: every later call repeats the first one. Not thread-safe.
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
