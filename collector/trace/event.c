#include "collector/trace/event.h"

#include <assert.h>
#include <stddef.h>

#include "collector/trace/tables.h"

#define STRING(arg) (1 << (arg))
#define STACK(arg) (16 << (arg))
#define ROW(type, kind, resource, from, to, stack, ids, n)                                         \
	[type] = { kind, type, resource, from, to, stack, ids, n }
#define GO(type, from, to, stack, ids, n)                                                          \
	ROW(type, EVENT_STATE_TRANSITION, RESOURCE_GOROUTINE, from, to, stack, ids, n)
#define PROC(type, from, to, stack, ids, n)                                                        \
	ROW(type, EVENT_STATE_TRANSITION, RESOURCE_PROC, from, to, stack, ids, n)
#define PLAIN(type, kind, stack, ids, n) ROW(type, kind, RESOURCE_NONE, 0, 0, stack, ids, n)

/* Kinds: section 5.8; stacks, ids and counts: section 3.2. A test holds it against wire.c. */
const struct event_head event_heads[256] = {
	PLAIN(EV_CPU_SAMPLE, EVENT_STACK_SAMPLE, 1, 0, 0),
	PLAIN(EV_PROCS_CHANGE, EVENT_METRIC, 2, STACK(1), 3),
	PROC(EV_PROC_START, PROC_IDLE, PROC_RUNNING, 0, 0, 3),
	PROC(EV_PROC_STOP, PROC_RUNNING, PROC_IDLE, 0, 0, 1),
	PROC(EV_PROC_STEAL, PROC_RUNNING, PROC_IDLE, 0, 0, 4),
	PROC(EV_PROC_STATUS, PROC_UNDETERMINED, PROC_UNDETERMINED, 0, 0, 3),
	GO(EV_GO_CREATE, GO_NOT_EXIST, GO_RUNNABLE, 3, STACK(1) | STACK(2), 4),
	GO(EV_GO_CREATE_SYSCALL, GO_NOT_EXIST, GO_SYSCALL, 0, 0, 2),
	GO(EV_GO_START, GO_RUNNABLE, GO_RUNNING, 0, 0, 3),
	GO(EV_GO_DESTROY, GO_RUNNING, GO_NOT_EXIST, 0, 0, 1),
	GO(EV_GO_DESTROY_SYSCALL, GO_SYSCALL, GO_NOT_EXIST, 0, 0, 1),
	GO(EV_GO_STOP, GO_RUNNING, GO_RUNNABLE, 2, STRING(0) | STACK(1), 3),
	GO(EV_GO_BLOCK, GO_RUNNING, GO_WAITING, 2, STRING(0) | STACK(1), 3),
	GO(EV_GO_UNBLOCK, GO_WAITING, GO_RUNNABLE, 3, STACK(2), 4),
	GO(EV_GO_SYSCALL_BEGIN, GO_RUNNING, GO_SYSCALL, 2, STACK(1), 3),
	GO(EV_GO_SYSCALL_END, GO_SYSCALL, GO_RUNNING, 0, 0, 1),
	GO(EV_GO_SYSCALL_END_BLOCKED, GO_SYSCALL, GO_RUNNABLE, 0, 0, 1),
	GO(EV_GO_STATUS, GO_UNDETERMINED, GO_UNDETERMINED, 0, 0, 4),
	ROW(EV_STW_BEGIN, EVENT_RANGE_BEGIN, RESOURCE_GOROUTINE, 0, 0, 2, STRING(0) | STACK(1), 3),
	ROW(EV_STW_END, EVENT_RANGE_END, RESOURCE_GOROUTINE, 0, 0, 0, 0, 1),
	PLAIN(EV_GC_ACTIVE, EVENT_RANGE_ACTIVE, 0, 0, 2),
	PLAIN(EV_GC_BEGIN, EVENT_RANGE_BEGIN, 2, STACK(1), 3),
	PLAIN(EV_GC_END, EVENT_RANGE_END, 0, 0, 2),
	ROW(EV_GC_SWEEP_ACTIVE, EVENT_RANGE_ACTIVE, RESOURCE_PROC, 0, 0, 0, 0, 2),
	ROW(EV_GC_SWEEP_BEGIN, EVENT_RANGE_BEGIN, RESOURCE_PROC, 0, 0, 1, STACK(0), 2),
	ROW(EV_GC_SWEEP_END, EVENT_RANGE_END, RESOURCE_PROC, 0, 0, 0, 0, 3),
	ROW(EV_GC_MARK_ASSIST_ACTIVE, EVENT_RANGE_ACTIVE, RESOURCE_GOROUTINE, 0, 0, 0, 0, 2),
	ROW(EV_GC_MARK_ASSIST_BEGIN, EVENT_RANGE_BEGIN, RESOURCE_GOROUTINE, 0, 0, 1, STACK(0), 2),
	ROW(EV_GC_MARK_ASSIST_END, EVENT_RANGE_END, RESOURCE_GOROUTINE, 0, 0, 0, 0, 1),
	PLAIN(EV_HEAP_ALLOC, EVENT_METRIC, 0, 0, 2),
	PLAIN(EV_HEAP_GOAL, EVENT_METRIC, 0, 0, 2),
	PLAIN(EV_GO_LABEL, EVENT_LABEL, 0, STRING(0), 2),
	PLAIN(EV_USER_TASK_BEGIN, EVENT_TASK_BEGIN, 4, STRING(2) | STACK(3), 5),
	PLAIN(EV_USER_TASK_END, EVENT_TASK_END, 2, STACK(1), 3),
	PLAIN(EV_USER_REGION_BEGIN, EVENT_REGION_BEGIN, 3, STRING(1) | STACK(2), 4),
	PLAIN(EV_USER_REGION_END, EVENT_REGION_END, 3, STRING(1) | STACK(2), 4),
	PLAIN(EV_USER_LOG, EVENT_LOG, 4, STRING(1) | STRING(2) | STACK(3), 5),
	GO(EV_GO_SWITCH, GO_WAITING, GO_RUNNABLE, 0, 0, 3),
	GO(EV_GO_SWITCH_DESTROY, GO_WAITING, GO_RUNNABLE, 0, 0, 3),
	GO(EV_GO_CREATE_BLOCKED, GO_NOT_EXIST, GO_WAITING, 3, STACK(1) | STACK(2), 4),
	GO(EV_GO_STATUS_STACK, GO_UNDETERMINED, GO_UNDETERMINED, 4, STACK(3), 5),
	PLAIN(EV_SPAN, EVENT_EXPERIMENTAL, 0, 0, 4),
	PLAIN(EV_SPAN_ALLOC, EVENT_EXPERIMENTAL, 0, 0, 4),
	PLAIN(EV_SPAN_FREE, EVENT_EXPERIMENTAL, 0, 0, 2),
	PLAIN(EV_HEAP_OBJECT, EVENT_EXPERIMENTAL, 0, 0, 3),
	PLAIN(EV_HEAP_OBJECT_ALLOC, EVENT_EXPERIMENTAL, 0, 0, 3),
	PLAIN(EV_HEAP_OBJECT_FREE, EVENT_EXPERIMENTAL, 0, 0, 2),
	PLAIN(EV_GOROUTINE_STACK, EVENT_EXPERIMENTAL, 0, 0, 3),
	PLAIN(EV_GOROUTINE_STACK_ALLOC, EVENT_EXPERIMENTAL, 0, 0, 3),
	PLAIN(EV_GOROUTINE_STACK_FREE, EVENT_EXPERIMENTAL, 0, 0, 2),
	PLAIN(EV_CLOCK_SNAPSHOT, EVENT_BAD, 0, 0, 4), /* decoded, then refused by the ordering */
};

static_assert(offsetof(struct event, n_numbers) == offsetof(struct event_head, n_numbers) &&
		      offsetof(struct event, time) == sizeof(struct event_head),
	      "an event begins with its head");

bool event_stack(const struct event *ev, struct stack *out)
{
	uint64_t id = event_stack_id(ev);

	/* A sample always has a stack in the API, even the empty one. */
	if (!ev->tables || (!id && ev->kind != EVENT_STACK_SAMPLE))
		return false;
	*out = tables_stack(ev->tables, id);
	return true;
}

bool event_transition_stack(const struct event *ev, struct stack *out)
{
	switch (ev->wire) {
	case EV_GO_CREATE:
	case EV_GO_CREATE_BLOCKED:
		*out = tables_stack(ev->tables, ev->args[wire_ids[ev->wire].start_stack - 1]);
		return true;
	case EV_GO_STOP:
	case EV_GO_BLOCK:
	case EV_GO_SYSCALL_BEGIN:
	case EV_GO_STATUS:
	case EV_GO_STATUS_STACK:
		return event_stack(ev, out);
	default:
		return false;
	}
}

struct slice event_reason(const struct event *ev)
{
	if (ev->wire != EV_GO_BLOCK && ev->wire != EV_GO_STOP)
		return (struct slice){ NULL, 0 };
	return tables_string(ev->tables, ev->args[0]);
}

struct slice event_name(const struct event *ev)
{
	switch (ev->wire) {
	case EV_PROCS_CHANGE:
		return SLICE("/sched/gomaxprocs:threads");
	case EV_HEAP_ALLOC:
		return SLICE("/memory/classes/heap/objects:bytes");
	case EV_HEAP_GOAL:
		return SLICE("/gc/heap/goal:bytes");
	case EV_STW_BEGIN:
	case EV_STW_END:
		return SLICE("stop-the-world");
	case EV_GC_ACTIVE:
	case EV_GC_BEGIN:
	case EV_GC_END:
		return SLICE("GC concurrent mark phase");
	case EV_GC_SWEEP_ACTIVE:
	case EV_GC_SWEEP_BEGIN:
	case EV_GC_SWEEP_END:
		return SLICE("GC incremental sweep");
	case EV_GC_MARK_ASSIST_ACTIVE:
	case EV_GC_MARK_ASSIST_BEGIN:
	case EV_GC_MARK_ASSIST_END:
		return SLICE("GC mark assist");
	case EV_USER_TASK_BEGIN:
		return tables_string(ev->tables, ev->args[2]);
	case EV_USER_TASK_END:
		return ev->task_type;
	case EV_USER_REGION_BEGIN:
	case EV_USER_REGION_END:
		return tables_string(ev->tables, ev->args[1]);
	default:
		return (struct slice){ NULL, 0 };
	}
}

struct slice event_label(const struct event *ev)
{
	return tables_string(ev->tables, ev->args[0]);
}

struct slice event_stw_kind(const struct event *ev)
{
	return tables_string(ev->tables, ev->args[0]);
}

struct slice event_log_category(const struct event *ev)
{
	return tables_string(ev->tables, ev->args[1]);
}

struct slice event_log_message(const struct event *ev)
{
	return tables_string(ev->tables, ev->args[2]);
}

const char *event_kind_name(unsigned int kind)
{
	static const char *const names[N_EVENT_KINDS] = {
		[EVENT_BAD] = "Bad",
		[EVENT_SYNC] = "Sync",
		[EVENT_METRIC] = "Metric",
		[EVENT_LABEL] = "Label",
		[EVENT_STACK_SAMPLE] = "StackSample",
		[EVENT_RANGE_BEGIN] = "RangeBegin",
		[EVENT_RANGE_ACTIVE] = "RangeActive",
		[EVENT_RANGE_END] = "RangeEnd",
		[EVENT_TASK_BEGIN] = "TaskBegin",
		[EVENT_TASK_END] = "TaskEnd",
		[EVENT_REGION_BEGIN] = "RegionBegin",
		[EVENT_REGION_END] = "RegionEnd",
		[EVENT_LOG] = "Log",
		[EVENT_STATE_TRANSITION] = "StateTransition",
		[EVENT_EXPERIMENTAL] = "Experimental",
	};

	return kind < N_EVENT_KINDS ? names[kind] : names[EVENT_BAD];
}

const char *go_state_name(unsigned int state)
{
	static const char *const names[] = { "Undetermined", "NotExist", "Runnable",
					     "Running",	     "Waiting",	 "Syscall" };

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "Bad";
}

const char *proc_state_name(unsigned int state)
{
	static const char *const names[] = { "Undetermined", "NotExist", "Running", "Idle" };

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "Bad";
}
