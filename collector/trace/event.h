/*
 * event: what the reader hands out, one at a time, in the reference's order.
 *
 * The model is the public one of Go's trace reader (trace format section 6):
 * kinds, states and context are those of its API. An event is a small value; the
 * texts and stacks it names live in its generation's tables and are borrowed
 * until the reader is asked for the next event. Contexts (m, p, g) are the state
 * before a transition; -1 = none.
 */
#ifndef COLLECTOR_TRACE_EVENT_H
#define COLLECTOR_TRACE_EVENT_H

#include "base/slice.h"
#include "collector/trace/wire.h"

enum event_kind {
	EVENT_BAD,
	EVENT_SYNC,
	EVENT_METRIC,
	EVENT_LABEL,
	EVENT_STACK_SAMPLE,
	EVENT_RANGE_BEGIN,
	EVENT_RANGE_ACTIVE,
	EVENT_RANGE_END,
	EVENT_TASK_BEGIN,
	EVENT_TASK_END,
	EVENT_REGION_BEGIN,
	EVENT_REGION_END,
	EVENT_LOG,
	EVENT_STATE_TRANSITION,
	EVENT_EXPERIMENTAL,
	N_EVENT_KINDS
};

/* States of a goroutine: section 3.4. */
enum go_state {
	GO_UNDETERMINED,
	GO_NOT_EXIST,
	GO_RUNNABLE,
	GO_RUNNING,
	GO_WAITING,
	GO_SYSCALL,
};

enum proc_state {
	PROC_UNDETERMINED,
	PROC_NOT_EXIST,
	PROC_RUNNING,
	PROC_IDLE,
};

enum resource_kind { RESOURCE_NONE, RESOURCE_GOROUTINE, RESOURCE_PROC };

#define NO_THREAD (-1)
#define NO_PROC (-1)
#define NO_GOROUTINE (-1)
#define NO_TASK UINT64_MAX /* parent of a task without one */
#define BACKGROUND_TASK 0u /* of regions and logs outside every task */

struct tables; /* the generation's strings and stacks: tables.h */

/* The sync batch's clock reading (since 1.25): section 2.7. */
struct clock_snapshot {
	int64_t trace_ns;   /* the instant in trace time */
	uint64_t mono_ns;   /* the same instant on the OS monotonic clock */
	int64_t wall_sec;   /* and on the wall clock, Unix time */
	uint64_t wall_nsec; /* as on the wire: may exceed a second in a broken trace */
};

struct event {
	uint8_t kind;	  /* enum event_kind */
	uint8_t wire;	  /* enum wire_type it came from; 0 for a sync event */
	uint8_t resource; /* enum resource_kind of `id`, for transitions and ranges */
	uint8_t from, to; /* of a transition: go_state or proc_state */
	/* For the reader alone: what event_heads[wire] says. */
	uint8_t stack_arg; /* which of args is the stack, from 1; 0: none */
	uint8_t ids;	   /* bit i: args[i] is a string's id; bit 4 + i: a stack's */
	uint8_t n_numbers; /* recorded behind the type byte, dt included */
	int64_t time;	   /* ns; strictly increasing over the trace (section 4.2) */
	int64_t wire_time; /* ns as recorded, before that correction */
	int64_t m, p, g;
	int64_t id; /* the transition's resource, the range's scope */
	/* As on the wire, without dt; some are rewritten by the ordering. */
	uint64_t args[WIRE_MAX_ARGS - 1];
	union {
		struct slice task_type;		       /* of a task end; borrowed */
		const struct clock_snapshot *snapshot; /* of a sync event; may be NULL */
	};
	const struct tables *tables; /* NULL in the sync event that ends the trace */
	/*
	 * What reader_take_notes() asked for: bytes of the goroutine that a transition or
	 * range is about, or that a region is on. Of no meaning in other events.
	 */
	void *notes;
};

/*
 * What the wire type alone says of an event: its first eight bytes, copied at
 * once by the decoder. Transitions whose states depend on more are completed by
 * the ordering. n_numbers 0: not legal in a thread's events (section 3.2).
 */
struct event_head {
	uint8_t kind, wire, resource, from, to, stack_arg, ids, n_numbers;
};

extern const struct event_head event_heads[256]; /* by the type byte */

static inline void event_begin(struct event *ev, const struct event_head *head)
{
	memcpy((void *)ev, head, sizeof(*head));
}

/* One frame of a stack, leaf first. Texts borrowed from the tables. */
struct frame {
	uint64_t pc;
	struct slice func;
	struct slice file;
	uint64_t line;
};

/* A stack of an event: step through it with stack_next(). */
struct stack {
	const struct tables *tables;
	uint32_t left;	   /* frames not yet handed out */
	const uint8_t *at; /* next frame's record */
};

/* The stack of the acting context; false: the event has none. */
bool event_stack(const struct event *ev, struct stack *out);
/*
 * The stack of the goroutine that changes state; false: none. A GoCreate whose
 * new goroutine has stack id 0 gives true and an empty stack, as the reference.
 */
bool event_transition_stack(const struct event *ev, struct stack *out);
/* The next frame, leaf first; false after the last. */
bool stack_next(struct stack *s, struct frame *out);
/* Number that identifies the stack of an event of that type within its generation; 0 = none. */
static inline uint64_t event_stack_of(const struct event *ev, unsigned int type)
{
	unsigned int at = event_heads[type].stack_arg;

	return at ? ev->args[at - 1] : 0;
}

static inline uint64_t event_stack_id(const struct event *ev)
{
	return event_stack_of(ev, ev->wire);
}

/* Texts by kind; empty where the event has none. */
struct slice event_reason(const struct event *ev);	 /* transition: why it stopped */
struct slice event_name(const struct event *ev);	 /* metric, range, task, region type */
struct slice event_label(const struct event *ev);	 /* label */
struct slice event_stw_kind(const struct event *ev);	 /* STW range: "GC mark termination" */
struct slice event_log_category(const struct event *ev); /* log */
struct slice event_log_message(const struct event *ev);	 /* log */

/*
 * A sync event: its generation was cut at this byte of the trace and is read as
 * far as possible; 0: it is whole.
 */
static inline uint64_t event_sync_cut(const struct event *ev)
{
	return ev->args[1];
}

static inline uint64_t event_task(const struct event *ev) /* task, region, log: its id */
{
	return ev->args[0];
}
static inline uint64_t event_parent_task(const struct event *ev) /* task begin and end */
{
	return ev->args[ev->wire == EV_USER_TASK_END ? 2 : 1];
}

const char *event_kind_name(unsigned int kind);
const char *go_state_name(unsigned int state);
const char *proc_state_name(unsigned int state);

#endif /* COLLECTOR_TRACE_EVENT_H */
