/*
 * context: W3C traceparents in the logs of a trace, and the tasks they mean.
 *
 * A log of a configured category whose message is a traceparent says which span
 * of the application's own OpenTelemetry trace a task is about. It stands on the
 * task itself, or on a goroutine immediately before that goroutine begins the
 * task (the OpenTelemetry SDK begins a task for each span, right after the span
 * processors have seen it). Which of the two is known at the goroutine's next
 * annotation: until then the log waits as a struct context_log. Such a log is no
 * event of a span: it becomes the task's parent (adopt) or link (link). A task
 * takes the first; what is not needed, or not a traceparent, is a log like others.
 */
#ifndef MAPPING_CONTEXT_H
#define MAPPING_CONTEXT_H

#include "collector/trace/event.h"
#include "mapping/span.h"

struct mapper;
struct pooled;
struct node;
struct trace;
struct goroutine;

/* A span of the application. */
struct context {
	void *place; /* the pool uses it while the object is free */
	uint8_t trace_id[TRACE_ID_BYTES];
	uint8_t span_id[SPAN_ID_BYTES];
	uint8_t flags; /* W3C: bit 0 is sampled */
};

/* The longest message that is kept until its task is certain. */
#define MAX_TRACEPARENT 128u

/* A traceparent that still may belong to the task its goroutine begins next. */
struct context_log {
	void *place;
	struct context context;
	uint64_t task; /* that it stands on, or BACKGROUND_TASK */
	int64_t time;
	const struct pooled *category; /* NULL: the pool was full */
	size_t len;
	uint8_t message[MAX_TRACEPARENT];
};

/*
 * Read a traceparent: version 00, or a later one as the W3C wants it read. false:
 * it is none, or has an id of zeros.
 */
bool context_parse(struct slice text, struct context *out);

/* A log: *taken if it is a traceparent, which then waits on its goroutine. */
MUST_CHECK enum status context_log(struct mapper *m, struct goroutine *g, const struct event *ev,
				   bool *taken, struct err *err);
/* The log that waits on the goroutine is not followed by a task: it is its own task's. */
MUST_CHECK enum status context_settle_log(struct mapper *m, struct goroutine *g, struct err *err);
/* The task is ending, wherever: what waits on it anywhere is its own. */
MUST_CHECK enum status context_settle_task(struct mapper *m, struct node *task, struct err *err);
/* Hand over what waits; the caller begins a task. false: nothing does. */
bool context_take(struct mapper *m, struct goroutine *g, struct context *out);
/* The trace that tasks of the application's trace are held in, or NULL. */
struct trace *context_trace(const struct mapper *m, const struct context *c);
/* The task is about that span: it goes below it, or links to it. */
MUST_CHECK enum status context_apply(struct mapper *m, struct node *task, const struct context *c,
				     struct err *err);

#endif /* MAPPING_CONTEXT_H */
