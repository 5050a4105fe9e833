/*
 * mapper_state: what the mapper knows while it maps; for mapping/ only.
 *
 * Every span-to-be is a node of a trace. A trace is held until nothing in it is
 * open any more, then its ids are fixed from the root down and its spans are
 * sent: only then is it known which spans the capture's end has cut, and a cut
 * span, with all below it, must not carry the id of the whole one. What a trace
 * may hold is limited by spans_per_trace and bytes_per_trace: the shortest leaves
 * (waits, GC, STW) go first, then new regions and tasks are left out; all are
 * counted (trim.c).
 *
 *   goroutine --entries--> node (open tasks and regions, innermost last)
 *             --inherited-> node (its creator's task)
 *             --wait------> node it worked for when it stopped
 *   node --parent--> node, --trace--> trace --nodes--> all its nodes
 *
 *   node --residents--> goroutines that work for it now
 *
 * Nodes are recycled when their trace is sent; a struct handle notices that.
 */
#ifndef MAPPING_MAPPER_STATE_H
#define MAPPING_MAPPER_STATE_H

#include "base/pool.h"
#include "mapping/budget.h"
#include "mapping/context.h"
#include "mapping/history.h"
#include "mapping/ids.h"
#include "mapping/idset.h"
#include "mapping/mapper.h"
#include "mapping/metrics.h"
#include "mapping/reasons.h"
#include "mapping/stackpool.h"
#include "mapping/wait.h"

enum node_kind { NODE_TASK, NODE_REGION, NODE_WAIT, NODE_RANGE, NODE_CAPTURE };

/* From trace time to wall time: one for all spans of a trace. */
struct wall_clock {
	int64_t offset; /* ns to add */
	bool recorded;	/* in the trace; else it is the caller's fallback */
};

/* Room for the attributes of any event or span: three families of sums by reason. */
#define MAX_EVENT_ATTRS 16u
#define WAKER_HEX (2 * (TRACE_ID_BYTES + SPAN_ID_BYTES)) /* digits of its ids */
#define MAX_SPAN_ATTRS (64 + 4 * MAX_REASONS)

struct trace;

/*
 * A span-to-be. Leaves (waits, ranges) are the most of them: a leaf has the first part alone,
 * and is as small as that.
 */
struct node {
	struct trace *trace;	   /* first: the pool uses its place while the node is free */
	uint64_t serial;	   /* changes when the slot is used again */
	struct node *parent;	   /* in the same trace, or NULL */
	const struct pooled *name; /* type of task or region, name of a range */
	uint64_t task;		   /* its own or its region's; BACKGROUND_TASK */
	uint64_t lost_parent;	   /* task that is not in the capture, or NO_TASK */
	int64_t goroutine;	   /* where it began, or NO_GOROUTINE */
	int64_t start, end;	   /* trace ns */
	int64_t id_time;	   /* begin as recorded, for the id */
	int64_t moved; /* ns its begin was moved by what the capture had before: time_moved() */
	uint8_t span_id[SPAN_ID_BYTES], parent_id[SPAN_ID_BYTES]; /* provisional until sent */
	struct node *island; /* itself or the nearest above that is in the application's trace */
	struct context *context; /* the application's span that it is about, or NULL; owned */
	struct wall_clock clock; /* of the generation in which it began */
	struct wait *wait;	 /* of NODE_WAIT, owned; else NULL */
	struct path *path;	 /* owned; a task's, or of a wait: what its waker did; or NULL */
	struct budget *budget;	 /* own_budget; NULL: nobody worked for it or below it */
	struct pending *events;
	size_t n_events, cap_events;
	uint32_t dropped_events;
	enum node_kind kind;
	bool owns_name; /* the pool was full */
	bool adopted;	/* it is below that span, in the application's trace */
	bool ended, cut_start, cut_end;
	bool partial;	 /* it, or something below it, is cut */
	bool whole;	 /* it is, or is below, a task that is not partial */
	bool unsampled;	 /* not sent: the policies say so */
	bool sent;	 /* not sent: an earlier capture has sent it ... */
	bool sent_below; /* ... and all below it */
	bool abandoned;	 /* a region whose goroutine died: shows as cut, not by the capture */
	bool salvaged;	 /* ended in a generation that was cut: some of it may be lost */
	bool left_out;	 /* not in its trace's list, never a parent; gone when it ends */
	bool critical;	 /* it is on the critical path of the task at the top */
	bool unsent;	 /* left out in the end: the trace has too many bytes */
	bool accounted;	 /* nothing is added to its budget any more */
	/* From here on of tasks, regions and the capture alone: LEAF_BYTES. */
	int64_t context_on;	     /* goroutine with a context_log of it, or NO_GOROUTINE */
	int64_t id_end;		     /* of a task: its end as recorded */
	int64_t shortest_event;	     /* no wait among the events is shorter; of a full one */
	size_t n_waits;		     /* if heaped: so many events are waits, and come first */
	bool heaped;		     /* those are a heap, the shortest on top: it was full once */
	struct short_wait longest;   /* own one of the node and below; stopped == 0: none */
	struct goroutine *residents; /* who works for it, linked by next and previous */
	struct node *open_parent;    /* the nearest one above that is open; NULL: none */
	size_t n_open_below;	     /* whose open_parent it is */
	uint64_t stamp;		     /* scratch */
	uint64_t stw_ns;	     /* of the world, until the node's begin; then: during it */
	uint32_t n_goroutines;	     /* that worked for it or below it; once accounted */
	struct node *out_next, **out_link; /* in its trace's list, if it is left out */
	struct budget *passed;		   /* owned; what of it open_parent has already, or NULL */
	struct budget own_budget;	   /* unset until it is needed */
};

#define LEAF_BYTES offsetof(struct node, context_on)

static inline bool is_leaf(const struct node *n)
{
	return n->kind == NODE_WAIT || n->kind == NODE_RANGE;
}

struct trace {
	uint8_t id[TRACE_ID_BYTES]; /* provisional until sent, unless fixed */
	bool id_fixed;		    /* continues a trace that was sent already */
	bool stale;		    /* something in it is not what its id was made of */
	bool continued;		    /* below a span of that trace */
	struct wall_clock clock;
	struct node **nodes; /* tasks, regions: in order of creation, parents first */
	size_t n_nodes, cap_nodes;
	struct node **leaves; /* waits and ranges: nothing hangs below them */
	size_t n_leaves, cap_leaves;
	struct node *out; /* open nodes that are left out */
	bool is_heap;	  /* leaves, the shortest on top: once there were too many */
	size_t max_spans;
	size_t n_held;		  /* nodes and leaves, until it is sent */
	bool shed;		  /* it had to make room for other traces: trim.c */
	size_t n_open;		  /* open nodes, and waits in flight that hold it */
	struct handle *referrers; /* leaves of other traces that link into this one */
	size_t n_referrers, cap_referrers;
	uint64_t log_bits; /* sampling rules whose condition on logs is met */
	bool unsampled;	   /* it goes on below a span that was not sent */
	uint64_t left_out;
	size_t index;	      /* in mapper.traces */
	uint64_t adopted_key; /* in mapper.adopted; 0: it is not there */
	uint8_t adopted_id[TRACE_ID_BYTES];
};

enum goroutine_special {
	SPECIAL_ASSIST = 1, /* it is made to help the GC */
	SPECIAL_GHOST = 2,  /* it ended; tasks that it began did not */
};

/* What every transition looks at stands first, in whole lines of the cache. */
struct goroutine {
	int64_t id;
	int64_t since;		  /* its time is charged until then */
	struct budget *charged;	  /* to this: the resident's, or mapper.outside */
	struct node *resident;	  /* whom it works for; NULL: nobody */
	struct node *waiting_for; /* of the wait in flight; NULL: none is */
	size_t n_entries;
	uint8_t part;	 /* enum budget_part: what its time is now; settle_part() */
	uint8_t state;	 /* enum go_state; running if it was not told */
	uint8_t reason;	 /* while it waits */
	uint8_t special; /* of enum goroutine_special */
	bool calling;	 /* the system, since wait.stopped; nothing else says so: call_settle() */
	bool holds;	 /* the trace that the wait in flight is for: its node does not */
	bool has_runnable;
	uint8_t owner; /* enum goroutine_owner */
	struct track track;
	struct wait wait; /* the one in flight */
	uint64_t serial;  /* an id used again is another goroutine */
	struct handle *entries;
	size_t cap_entries;
	size_t n_regions; /* open ones among the entries */
	struct handle inherited;
	int64_t runnable;	     /* for metrics: since when it is */
	struct context_log *context; /* a traceparent whose task is not certain yet, or NULL */
	struct goroutine *next, *previous; /* others that work for `resident` */
	struct goroutine *ghost_next, **ghost_link;
} __attribute__((aligned(64)));

/* No task follows the log that waits on the goroutine, if any does. */
MUST_CHECK static inline enum status context_settle(struct mapper *m, struct goroutine *g,
						    struct err *err)
{
	return LIKELY(!g->context) ? ST_OK : context_settle_log(m, g, err);
}

/* The few goroutines that a program keeps busy are found without a hash. */
#define NEAR_GOROUTINES 1024u

/* An ended task that others may still refer to. */
struct recent_task {
	uint64_t id;
	struct handle node;					  /* as long as its trace is held */
	uint8_t trace_id[TRACE_ID_BYTES], span_id[SPAN_ID_BYTES]; /* once it was sent */
	struct wall_clock clock;
	bool unsampled;
};

/* What the capture and a task tell of each other. */
struct capture_link {
	int64_t length; /* of the task, ns */
	uint64_t start_unix_ns;
	uint8_t trace_id[TRACE_ID_BYTES], span_id[SPAN_ID_BYTES];
	bool recorded; /* its clock */
	bool foreign;  /* not of a task here: the request that the capture is about */
};

/* Time and how often. */
struct sum {
	uint64_t ns, count;
};

/* A special range in progress. */
struct open_range {
	bool on;
	const struct pooled *name; /* NULL: the pool was full */
	int64_t start, id_time;
	int64_t goroutine;
	bool cut_start;
};

struct mapper {
	struct mapper_options opt;
	struct span_sink sink;
	struct id_seed seed;
	struct stackpool stacks, names;
	struct reasons reasons;
	struct budget_pools budgets;
	struct budget outside;	  /* the time of goroutines that work for nobody */
	struct goroutine *ghosts; /* linked by ghost_next */
	struct history history;
	struct pool paths;
	struct segment *segments; /* MAX_PATH_SEGMENTS: scratch */
	struct map goroutines;	  /* id -> struct goroutine */
	struct goroutine **near;  /* NEAR_GOROUTINES of them, by id modulo, or NULL */
	struct pool goroutine_pool;
	struct map open_tasks; /* id -> struct node */
	struct idset ended;
	struct recent_task *recent; /* RECENT_TASKS of them, by id modulo */
	struct trace **traces;
	size_t n_traces, cap_traces;
	struct trace *capture;
	struct node *capture_root;
	struct capture_link *linked; /* links_per_span of them */
	size_t n_linked;
	uint64_t n_unlinked; /* traces over that */
	struct span_link *link_scratch;
	struct open_range gc, stw;	    /* in progress; the world stops once at a time */
	uint64_t stopped_ns;		    /* of the world, before that */
	struct pool nodes, leaves, waits;   /* leaves: LEAF_BYTES of a node */
	struct pool few_events, messages;   /* of events; what is longer is allocated */
	struct pool contexts, context_logs; /* of struct context, struct context_log */
	struct map adopted; /* first half of an application's trace id -> struct trace */
	size_t n_held;	    /* nodes and leaves of all traces */
	uint64_t last_serial, last_stamp, last_goroutine;
	int64_t generation_time; /* of the last event, by the generation's own correction */
	int64_t first_time, last_time, first_id_time;
	uint64_t report_over_ns;   /* shorter waits are neither spans nor events */
	struct wall_clock clock;   /* of the current generation */
	uint64_t cut_at;	   /* byte where the current one was cut; 0: it is whole */
	char damage[256];	   /* for the capture's span; empty: none */
	bool started, lacks_clock; /* some generation had none */
	bool aside;		   /* generation_time is kept, or there are metrics: no short cut */
	bool finishing;		   /* nobody works any more */
	struct span_event *event_scratch;    /* events_per_span, for spans.c */
	struct attr *attr_scratch;	     /* MAX_EVENT_ATTRS for each of them */
	struct attr *span_attrs;	     /* MAX_SPAN_ATTRS */
	struct buf name, words;		     /* scratch, for spans.c */
	struct buf packed;		     /* scratch, for packed.c */
	struct sum reason_sums[MAX_REASONS]; /* scratch */
	uint8_t (*hex)[WAKER_HEX];	     /* events_per_span + 1: scratch */
	struct metrics_state metrics;
	struct mapper_summary sum;
};

/*
 * By how much the last event's time was moved on because of what the capture has before
 * its generation. Generations overlap a little, and the reader lets no time go back:
 * a capture that begins with this generation has another time for the same event.
 */
static inline int64_t time_moved(const struct mapper *m)
{
	return m->aside ? m->last_time - m->generation_time : 0;
}

/* send.c: nothing in the trace is open; frees it. */
MUST_CHECK enum status trace_send(struct mapper *m, struct trace *t, struct err *err);

/* nodes.c */
void nodes_release(struct mapper *m);
MUST_CHECK enum status trace_new(struct mapper *m, struct wall_clock clock, size_t max_spans,
				 struct trace **out, struct err *err);
void trace_free(struct mapper *m, struct trace *t);
/* Could it hold one more span without leaving out another? */
bool trace_has_room(const struct trace *t);
/*
 * An open task or region that begins at `start`. `parent` may be NULL. In a full
 * trace it comes out left_out: usable while open, then forgotten and counted.
 */
MUST_CHECK enum status node_new(struct mapper *m, struct trace *t, enum node_kind kind,
				struct node *parent, int64_t start, int64_t id_time,
				struct node **out, struct err *err);
/* A finished leaf below `parent`; *out NULL: the trace is full of longer ones. */
MUST_CHECK enum status leaf_new(struct mapper *m, struct node *parent, enum node_kind kind,
				int64_t start, int64_t end, struct node **out, struct err *err);
/* `id` is the name's in the generation's strings, or NO_STRING. */
#define NO_STRING UINT64_MAX
MUST_CHECK enum status node_set_name(struct mapper *m, struct node *n, struct slice name,
				     uint64_t id, struct err *err);
/* Compute the ids by what is known now: parents' ids first. */
void node_identify(const struct mapper *m, struct node *n);
/* trim.c: room for a leaf of that length; false: it is shorter than all there are. */
bool trace_make_room(struct mapper *m, struct trace *t, int64_t length);
/* How many spans the trace may hold now. */
size_t trace_max_spans(const struct mapper *m, const struct trace *t);
/* Something of it is left out for that: for its own limit, or for all traces'. */
void trace_left_out(const struct mapper *m, struct trace *t);
/* t->leaves has got its last one. */
void trace_leaf_added(struct trace *t);
/* Leave out what is over the limits, before a trace is sent. */
void trace_trim(struct mapper *m, struct trace *t);
/* At least what the span takes when it is encoded. */
size_t span_bytes(const struct span *s);
/* End it; sends its trace when nothing in that is open any more. */
MUST_CHECK enum status node_end(struct mapper *m, struct node *n, int64_t end, struct err *err);
/* Give back what keeps a trace from being sent. */
MUST_CHECK static inline enum status trace_unhold(struct mapper *m, struct trace *t,
						  struct err *err)
{
	return --t->n_open ? ST_OK : trace_send(m, t, err);
}

/* The node owns what *p points at from now on, whatever comes of it. */
MUST_CHECK enum status node_add_event(struct mapper *m, struct node *n, struct pending *p,
				      struct err *err);

/* The node itself, or the nearest one above it that is not left out. */
static inline struct node *kept(struct node *n)
{
	while (n && n->left_out)
		n = n->parent;
	return n;
}

/* Is the node full of waits that are no shorter? Then this one is counted, and goes. */
static inline bool node_refuses(struct mapper *m, struct node *n, int64_t blocked_ns)
{
	n = kept(n);
	if (n->n_events < m->opt.events_per_span || blocked_ns > n->shortest_event)
		return false;
	n->dropped_events++;
	m->sum.dropped_events++;
	return true;
}

/* The node that has none above it. */
static inline const struct node *top_of(const struct node *n)
{
	while (n->parent)
		n = n->parent;
	return n;
}

/* The trace that the node's span is in, by what is known now. */
static inline const uint8_t *trace_id_of(const struct node *n)
{
	return n->island ? n->island->context->trace_id : n->trace->id;
}

/* Tasks in the application's trace have a clock each: no capture has all of that trace. */
static inline const struct wall_clock *clock_of(const struct node *n)
{
	return n->island ? &n->island->clock : &n->trace->clock;
}

/* A span of an earlier capture in the set of those that were sent. */
static inline uint64_t span_key(const struct node *n)
{
	uint64_t key;

	memcpy(&key, n->span_id, sizeof(key));
	return key;
}

static inline struct handle handle_to(struct node *n)
{
	return (struct handle){ n, n ? n->serial : 0 };
}

/* The node, or NULL if it was sent. It may have ended. */
static inline struct node *handle_get(struct handle h)
{
	return h.node && h.node->serial == h.serial ? h.node : NULL;
}

void leaf_free(struct mapper *m, struct node *leaf);
#define FEW_EVENTS ((size_t)2) /* of a node, in a piece of m->few_events */
/* The pools of events. */
void events_init(struct mapper *m);
/* A copy of what was logged, for a struct pending. */
struct pooled *message_new(struct mapper *m, struct slice text, struct err *err);
/* Forget an event. */
void pending_release(struct mapper *m, struct pending *p);

/* send.c */
/* A new leaf of a wait: its link follows what the waker's span is called in the end. */
MUST_CHECK enum status link_expect(struct node *leaf, struct err *err);
void referrers_release(struct mapper *m, struct trace *t);

/* spans.c: turn a node whose ids are final into a span. */
uint64_t wall_time(const struct node *n, int64_t time);
MUST_CHECK enum status node_emit(struct mapper *m, const struct node *n, struct err *err);
/* How large that span is: span_bytes(). */
size_t node_bytes(struct mapper *m, const struct node *n);

/* residency.c */
struct goroutine *goroutine_find_far(const struct mapper *m, int64_t id);

/* NULL: not known. */
static inline struct goroutine *goroutine_find(const struct mapper *m, int64_t id)
{
	struct goroutine *g = m->near[(uint64_t)id % NEAR_GOROUTINES];

	return LIKELY(g && g->id == id) ? g : goroutine_find_far(m, id);
}

/* NULL: err is filled. */
COLD struct goroutine *goroutine_new(struct mapper *m, int64_t id, struct err *err);

MUST_CHECK static inline enum status goroutine_get(struct mapper *m, int64_t id,
						   struct goroutine **out, struct err *err)
{
	*out = goroutine_find(m, id);
	if (UNLIKELY(!*out))
		*out = goroutine_new(m, id, err);
	return LIKELY(*out) ? ST_OK : err->code;
}

/* It is not found any more, but stays until goroutine_free(). */
void goroutine_forget(struct mapper *m, const struct goroutine *g);
void goroutine_free(struct mapper *m, struct goroutine *g);
MUST_CHECK enum status goroutine_push(struct goroutine *g, struct node *n, struct err *err);
/* The innermost open region, whatever its task; NULL: none is known. */
struct node *goroutine_region(struct goroutine *g);
/* The innermost open region of the task, or NULL. */
struct node *goroutine_region_of(struct goroutine *g, uint64_t task);
/* The span the goroutine works for: the rule of design section 6. */
struct node *goroutine_resident(struct goroutine *g);
/* The task of that span, for goroutines it creates. */
struct node *task_of_node(const struct mapper *m, struct node *n);

/* account.c: whom goroutines work for, and what their time goes to; also account.h. */
MUST_CHECK enum status account_assist(struct mapper *m, struct goroutine *g, bool on, int64_t now,
				      struct err *err);
/* Its open tasks and regions changed. */
MUST_CHECK enum status account_move(struct mapper *m, struct goroutine *g, int64_t now,
				    struct err *err);
/* It was created by a goroutine that works for the task `inherited`, or NULL. */
MUST_CHECK enum status account_born(struct mapper *m, struct goroutine *g, struct node *inherited,
				    unsigned int state, int64_t now, struct err *err);
/* It ends: it works for nobody. Its regions are to be ended before account_bury(). */
MUST_CHECK enum status account_gone(struct mapper *m, struct goroutine *g, int64_t now,
				    struct err *err);
/* Free it now, or when the last task that it began ends. */
MUST_CHECK enum status account_bury(struct mapper *m, struct goroutine *g, int64_t now,
				    struct err *err);
/* The node has ended (n->ended): nothing is charged to it any more. */
MUST_CHECK enum status account_end(struct mapper *m, struct node *n, int64_t end, struct err *err);
/* How long the world was stopped, from the capture's begin until now. */
uint64_t account_stw(const struct mapper *m, int64_t now);

/* critical.c */
/* The path of a task that has ended, or is cut, at `end`, back from goroutine g. */
MUST_CHECK enum status critical_path(struct mapper *m, struct node *task, struct goroutine *g,
				     int64_t end, struct err *err);
/* What the waker of a stop did since the stop began. */
MUST_CHECK enum status waker_path(struct mapper *m, const struct stop *stop, struct path **out,
				  struct err *err);
void path_free(struct mapper *m, struct path *p);

/* tasks.c, waits.c, capture.c: one function per event kind. */
MUST_CHECK enum status map_task_begin(struct mapper *m, const struct event *ev, struct err *err);
MUST_CHECK enum status map_task_end(struct mapper *m, const struct event *ev, struct err *err);
MUST_CHECK enum status map_region_begin(struct mapper *m, const struct event *ev, struct err *err);
MUST_CHECK enum status map_region_end(struct mapper *m, const struct event *ev, struct err *err);
MUST_CHECK enum status map_log(struct mapper *m, const struct event *ev, struct err *err);
/* An open task, cut if nothing was known of it before; NULL: it ended, or is none. */
MUST_CHECK enum status task_open(struct mapper *m, uint64_t id, struct node **out, struct err *err);
/* A log as an event of the span it belongs to. `category` is of m->names. */
MUST_CHECK enum status log_event(struct mapper *m, struct goroutine *g, uint64_t task, int64_t time,
				 const struct pooled *category, struct slice message,
				 struct err *err);
MUST_CHECK enum status map_range(struct mapper *m, const struct event *ev, struct err *err);
MUST_CHECK enum status map_sync(struct mapper *m, const struct event *ev, struct err *err);
/* A trace of tasks is being sent: the capture links to it if it is one of the longest. */
void capture_note(struct mapper *m, const struct trace *t);
/* The ranges that the end cuts, before anything is sent. */
MUST_CHECK enum status capture_cut(struct mapper *m, struct err *err);
/* The capture's own trace, and the links to it; after all others. */
MUST_CHECK enum status capture_send(struct mapper *m, struct err *err);
MUST_CHECK enum status capture_begin(struct mapper *m, const struct event *ev, struct err *err);

#endif /* MAPPING_MAPPER_STATE_H */
