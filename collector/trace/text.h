/*
 * text: events as `go tool trace -d=parsed` prints them, byte for byte.
 *
 * The form is the String method of the reference's events. This is what `dump`
 * prints, what golden files hold and what the differential test compares.
 */
#ifndef COLLECTOR_TRACE_TEXT_H
#define COLLECTOR_TRACE_TEXT_H

#include "base/buf.h"
#include "collector/trace/event.h"

/* Append one event and a newline; more lines where it has stacks. */
void text_event(struct buf *b, const struct event *ev);

#endif /* COLLECTOR_TRACE_TEXT_H */
