/*
 * wiretext: a trace as `go tool trace -d=wire` prints it, byte for byte.
 *
 * Every recorded event in file order, batch headers and tables included, with
 * no check beyond the grammar. Like the reference's raw reader it takes whatever
 * follows a whole event for the next one.
 */
#ifndef COLLECTOR_TRACE_WIRETEXT_H
#define COLLECTOR_TRACE_WIRETEXT_H

#include "base/buf.h"
#include "collector/trace/generation.h"

struct wiretext {
	struct feed feed;
	unsigned int version;
};

/* Read the header. The source must live as long as the wiretext. */
MUST_CHECK enum status wiretext_open(struct wiretext *w, struct byte_source source,
				     struct err *err);
void wiretext_close(struct wiretext *w);

/* Append the next event's lines to `b`. ST_END: no more. */
MUST_CHECK enum status wiretext_next(struct wiretext *w, struct buf *b, struct err *err);

#endif /* COLLECTOR_TRACE_WIRETEXT_H */
