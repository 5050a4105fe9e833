/*
 * order: which recorded event may come next, and what it means.
 *
 * It emulates the Go scheduler's state (goroutines, procs, threads, tasks, GC) as
 * the reference does. An event is offered with order_advance(): either it
 * advances the state and becomes one to three public events, or it has to wait for
 * an event of another thread, or the trace is broken (trace format section 5).
 * State lives over generations; names of open regions and tasks are borrowed
 * from the current one until order_keep_names() copies them.
 * Nothing here depends on time: times only guide which event is offered first.
 */
#ifndef COLLECTOR_TRACE_ORDER_H
#define COLLECTOR_TRACE_ORDER_H

#include "collector/trace/event.h"
#include "collector/trace/stream.h"

struct order;

enum advance {
	NO_EVENT, /* of a stream of zeros, which stands for none */
	ADVANCED, /* order_event() is the public event now */
	NAMELESS, /* so it is, and names a string or stack that is not there (section 3.3) */
	EXPANDED, /* it means several: order_extra() has them */
	MUST_WAIT,
	BROKEN,
};

/* From all zeros; it stays where it is. */
void order_init(struct order *o);
void order_release(struct order *o);

/* Before any event: room for reader_take_notes(). */
void order_take_notes(struct order *o, size_t bytes);

/* Events of this generation are offered from now on. */
void order_begin_generation(struct order *o, uint64_t gen, const struct tables *tables);
/* Copy what outlives the generation, before its bytes go. */
MUST_CHECK enum status order_keep_names(struct order *o, struct err *err);

/*
 * Offer the stream's next event. Nothing but an event that is taken changes the
 * state. BROKEN fills err (without an offset).
 */
enum advance order_advance(struct order *o, struct stream *s, struct err *err);
/* The event that was offered last: the order's until the next offer. */
struct event *order_event(struct order *o);
/* The events of the last EXPANDED: the order's until the next offer. */
struct event *order_extra(struct order *o, unsigned int *n);

/* What the stream's next event waits for, for a message: "G 7 is Waiting, seq 3". */
void order_explain(struct order *o, struct stream *s, char *text, size_t size);

#endif /* COLLECTOR_TRACE_ORDER_H */
