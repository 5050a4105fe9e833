/*
 * mapper: events in, spans out.
 *
 * One mapper serves one capture (a snapshot, a file). Events are fed in the
 * reader's order; each ends zero or more spans, which go to the sink at once.
 * mapper_finish() ends what the capture left open, marked as cut. Memory is what
 * is open: tasks, regions, goroutines, and the distinct stacks.
 * The rules are design section 6; docs/mapping.md tells them to users.
 */
#ifndef MAPPING_MAPPER_H
#define MAPPING_MAPPER_H

#include "collector/trace/event.h"
#include "mapping/metric.h"
#include "mapping/sampler.h"
#include "mapping/sent.h"
#include "mapping/span.h"

struct mapper;

/* Tasks of which the application exports a span: see mapping/context.h. */
enum context_mode { CONTEXT_ADOPT, CONTEXT_LINK, CONTEXT_OFF };

struct mapper_options {
	/* Identity of the service, hashed into every id. */
	struct slice service_name, service_namespace, service_instance;
	uint64_t spans_over_ns;	 /* a wait this long is a child span */
	uint64_t events_over_ns; /* a wait this long is an event */
	bool stacks;		 /* attach stacks to waits */
	bool regions, logs;
	bool gc, stop_the_world; /* spans of the capture trace */
	uint32_t events_per_span;
	uint32_t spans_per_trace;
	uint64_t bytes_per_trace;	       /* as OTLP protobuf, before compression */
	uint32_t spans_per_capture;	       /* of the capture's own trace */
	uint32_t attribute_length;	       /* bytes */
	enum context_mode context;	       /* what a log of a traceparent does */
	const char *const *context_categories; /* of such logs; borrowed */
	size_t n_context_categories;
	const struct sampling_rule *sampling; /* at most MAX_SAMPLING_RULES; borrowed */
	size_t n_sampling;
	bool metrics;		 /* for mapper_metrics() */
	uint32_t links_per_span; /* of the capture's root */
	/*
	 * What earlier captures have sent is not sent again; what this one sends is
	 * noted, to be committed by the caller. NULL: every capture by itself. Borrowed.
	 */
	struct sent_set *sent;
	/*
	 * Wall minus trace time in ns, for a trace without a clock snapshot (before
	 * Go 1.25); spans then say so.
	 */
	int64_t fallback_offset_ns;
	struct slice source;	     /* what the capture came from, for people */
	struct slice trigger, cause; /* why it was taken, empty if unknown */
	struct slice request;	     /* traceparent of the request that it is about, or empty */
};

/* The defaults of design section 4. */
void mapper_options_default(struct mapper_options *o);

/* Of one finished capture. */
struct mapper_summary {
	uint64_t events, generations;
	uint64_t spans, tasks, regions, logs, waits; /* sent; waits: spans and events of them */
	uint64_t traces;			     /* with at least one task */
	uint64_t in_context; /* tasks put below or linked to an application's span */
	uint64_t cut_tasks;  /* open at one of the capture's edges */
	uint64_t late_ends;  /* ends of tasks that had ended already */
	uint64_t dropped_events, dropped_spans, stacks_left_out;
	uint64_t unsampled_spans, unsampled_traces; /* not sent: the policies say so */
	uint64_t repeated_spans;		    /* not sent: an earlier capture has */
	bool has_clock;				    /* all wall times are from the trace itself */
	struct {
		bool any;
		char name[128]; /* repaired and cut, NUL-terminated */
		uint64_t duration_ns;
		bool cut;
		uint8_t trace_id[TRACE_ID_BYTES];
		uint64_t wait_ns; /* its longest single wait, below it in the tree or its own */
		char reason[64];
		char where[160]; /* innermost frame of that wait outside the runtime and sync */
		char waker[160]; /* the same of who ended it, empty if unknown */
	} slowest;
};

/* NULL: err is filled. The options' slices and the sink live as long as the mapper. */
struct mapper *mapper_new(const struct mapper_options *options, struct span_sink sink,
			  struct err *err);
void mapper_free(struct mapper *m);

/* What it wants noted of each goroutine: reader_take_notes(), before the first event. */
size_t mapper_note_bytes(void);
MUST_CHECK enum status mapper_feed(struct mapper *m, const struct event *ev, struct err *err);
/* The same of an event of that wire type, which the caller knows when it is compiled. */
MUST_CHECK enum status mapper_feed_type(struct mapper *m, const struct event *ev, unsigned int type,
					struct err *err);
/* Events fed so far. */
uint64_t mapper_events(const struct mapper *m);
/* The capture's span says that the trace was damaged, and this of how. Copied. */
void mapper_tell_damage(struct mapper *m, const char *why);
/* End what is open at the time of the last event. Feed nothing after it. */
MUST_CHECK enum status mapper_finish(struct mapper *m, struct err *err);
void mapper_summarize(const struct mapper *m, struct mapper_summary *out);
/* After mapper_finish(); histograms are borrowed from the mapper. */
void mapper_metrics(const struct mapper *m, struct metrics *out);

#endif /* MAPPING_MAPPER_H */
