#include "collector/trace/event.h"

#include "collector/trace/tables.h"

const uint8_t wire_kinds[N_WIRE_TYPES] = {
	[EV_CPU_SAMPLE] = EVENT_STACK_SAMPLE,
	[EV_PROCS_CHANGE] = EVENT_METRIC,
	[EV_PROC_START] = EVENT_STATE_TRANSITION,
	[EV_PROC_STOP] = EVENT_STATE_TRANSITION,
	[EV_PROC_STEAL] = EVENT_STATE_TRANSITION,
	[EV_PROC_STATUS] = EVENT_STATE_TRANSITION,
	[EV_GO_CREATE] = EVENT_STATE_TRANSITION,
	[EV_GO_CREATE_SYSCALL] = EVENT_STATE_TRANSITION,
	[EV_GO_START] = EVENT_STATE_TRANSITION,
	[EV_GO_DESTROY] = EVENT_STATE_TRANSITION,
	[EV_GO_DESTROY_SYSCALL] = EVENT_STATE_TRANSITION,
	[EV_GO_STOP] = EVENT_STATE_TRANSITION,
	[EV_GO_BLOCK] = EVENT_STATE_TRANSITION,
	[EV_GO_UNBLOCK] = EVENT_STATE_TRANSITION,
	[EV_GO_SYSCALL_BEGIN] = EVENT_STATE_TRANSITION,
	[EV_GO_SYSCALL_END] = EVENT_STATE_TRANSITION,
	[EV_GO_SYSCALL_END_BLOCKED] = EVENT_STATE_TRANSITION,
	[EV_GO_STATUS] = EVENT_STATE_TRANSITION,
	[EV_STW_BEGIN] = EVENT_RANGE_BEGIN,
	[EV_STW_END] = EVENT_RANGE_END,
	[EV_GC_ACTIVE] = EVENT_RANGE_ACTIVE,
	[EV_GC_BEGIN] = EVENT_RANGE_BEGIN,
	[EV_GC_END] = EVENT_RANGE_END,
	[EV_GC_SWEEP_ACTIVE] = EVENT_RANGE_ACTIVE,
	[EV_GC_SWEEP_BEGIN] = EVENT_RANGE_BEGIN,
	[EV_GC_SWEEP_END] = EVENT_RANGE_END,
	[EV_GC_MARK_ASSIST_ACTIVE] = EVENT_RANGE_ACTIVE,
	[EV_GC_MARK_ASSIST_BEGIN] = EVENT_RANGE_BEGIN,
	[EV_GC_MARK_ASSIST_END] = EVENT_RANGE_END,
	[EV_HEAP_ALLOC] = EVENT_METRIC,
	[EV_HEAP_GOAL] = EVENT_METRIC,
	[EV_GO_LABEL] = EVENT_LABEL,
	[EV_USER_TASK_BEGIN] = EVENT_TASK_BEGIN,
	[EV_USER_TASK_END] = EVENT_TASK_END,
	[EV_USER_REGION_BEGIN] = EVENT_REGION_BEGIN,
	[EV_USER_REGION_END] = EVENT_REGION_END,
	[EV_USER_LOG] = EVENT_LOG,
	[EV_GO_SWITCH] = EVENT_STATE_TRANSITION,
	[EV_GO_SWITCH_DESTROY] = EVENT_STATE_TRANSITION,
	[EV_GO_CREATE_BLOCKED] = EVENT_STATE_TRANSITION,
	[EV_GO_STATUS_STACK] = EVENT_STATE_TRANSITION,
	[EV_SPAN] = EVENT_EXPERIMENTAL,
	[EV_SPAN_ALLOC] = EVENT_EXPERIMENTAL,
	[EV_SPAN_FREE] = EVENT_EXPERIMENTAL,
	[EV_HEAP_OBJECT] = EVENT_EXPERIMENTAL,
	[EV_HEAP_OBJECT_ALLOC] = EVENT_EXPERIMENTAL,
	[EV_HEAP_OBJECT_FREE] = EVENT_EXPERIMENTAL,
	[EV_GOROUTINE_STACK] = EVENT_EXPERIMENTAL,
	[EV_GOROUTINE_STACK_ALLOC] = EVENT_EXPERIMENTAL,
	[EV_GOROUTINE_STACK_FREE] = EVENT_EXPERIMENTAL,
};

uint64_t event_stack_id(const struct event *ev)
{
	unsigned int at;

	if (ev->kind == EVENT_STACK_SAMPLE)
		return ev->args[0];
	at = wire_ids[ev->wire].stack;
	return at ? ev->args[at - 1] : 0;
}

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
