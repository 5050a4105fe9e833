/*
 * gotext: texts in the forms that Go's standard library gives them.
 *
 * `dump` has to equal the reference byte for byte, so these follow
 * strconv.Quote (Unicode 15, as in Go 1.26) and time.RFC3339Nano.
 */
#ifndef COLLECTOR_TRACE_GOTEXT_H
#define COLLECTOR_TRACE_GOTEXT_H

#include "base/buf.h"

/* Append a Go-quoted string, with or without the quotes around it. */
void gotext_quote(struct buf *b, struct slice s);
void gotext_escape(struct buf *b, struct slice s);

/* Append a wall time in the local time zone; `nsec` may exceed a second. */
void gotext_wall_time(struct buf *b, int64_t sec, uint64_t nsec);

#endif /* COLLECTOR_TRACE_GOTEXT_H */
