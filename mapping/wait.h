/*
 * wait: one stop of a goroutine, and what is kept of it for a span's event.
 *
 * A goroutine has the one in flight in its place, a span that is a wait owns a copy.
 */
#ifndef MAPPING_WAIT_H
#define MAPPING_WAIT_H

#include "mapping/span.h"
#include "mapping/stackpool.h"

struct node;

/* A node that may have been sent, and its slot used again, since. */
struct handle {
	struct node *node;
	uint64_t serial;
};

/* One stop of a goroutine: running, waiting (or in a system call), runnable, running. */
struct wait {
	const struct pooled *stack; /* where it stopped, or NULL */
	int64_t stopped, ready;	    /* ns; ready 0 if cut off */
	int64_t id_time;	    /* stopped, as recorded */
	uint8_t reason;		    /* of mapper.reasons */
	bool syscall;
	bool inherited;	     /* of a goroutine that only its creator's task made resident */
	bool has_waker_span; /* the ids below */
	bool unlinked;	     /* that span is not sent: it is told, not linked to */
	bool told;	     /* whoever knows the whole of this span's trace knows that span */
	bool woken;	     /* what is below is written: wait_complete() */
	int64_t resumed;     /* ns; 0 if cut off */
	int64_t waker;	     /* its goroutine, or NO_GOROUTINE */
	const struct pooled *waker_stack; /* who made it runnable, or NULL */
	const struct pooled *waker_name;  /* of that span; NULL: too many names */
	struct handle waker_node;
	uint8_t waker_trace[TRACE_ID_BYTES],
		waker_span[SPAN_ID_BYTES]; /* provisional until link_settle() */
};

/* What is left of a wait that is an event, or that a summary may name. */
struct short_wait {
	const struct pooled *stack, *waker_stack;
	int64_t waker;
	int64_t stopped, ready, resumed;
	struct wait *told; /* the whole of it, if its waker's span is told; owned by an event */
	uint8_t reason;
};

static inline struct short_wait short_wait(const struct wait *w)
{
	return (struct short_wait){ .stack = w->stack,
				    .waker_stack = w->waker_stack,
				    .waker = w->waker,
				    .stopped = w->stopped,
				    .ready = w->ready,
				    .resumed = w->resumed,
				    .reason = w->reason };
}

/* Something that becomes a span event. Many are held: those of logs take no more than they need. */
struct pending {
	int64_t time;
	int64_t goroutine;
	struct pooled *message; /* of a log: owned; NULL: this is a wait */
	union {
		const struct pooled *category; /* of a log; NULL: the pool was full */
		struct short_wait wait;
	};
};

#endif /* MAPPING_WAIT_H */
