/*
 * text: events as `go tool trace -d=parsed` prints them, byte for byte.
 *
 * The form is the String method of the reference's events. This is what `dump`
 * prints, what golden files hold and what the differential test compares.
 */
#ifndef COLLECTOR_TRACE_TEXT_H
#define COLLECTOR_TRACE_TEXT_H

#include "base/buf.h"
#include "base/map.h"
#include "collector/trace/event.h"

/* Stacks that were spelled before: most events of a generation share a few. */
struct text_stacks {
	struct map known; /* record of the stack -> where its text is, + 1 */
	struct buf texts; /* length and text of each */
};

void text_stacks_init(struct text_stacks *t);
void text_stacks_release(struct text_stacks *t);

/*
 * Append one event and a newline; more lines where it has stacks. `stacks` may be
 * NULL; else it sees every event of a trace, and forgets at each sync event. Without
 * memory for it stacks are spelled anew.
 */
void text_event(struct buf *b, const struct event *ev, struct text_stacks *stacks);

#endif /* COLLECTOR_TRACE_TEXT_H */
