#include "collector/trace/wire.h"

#define ARGS(...) .args = { __VA_ARGS__ }

const struct wire_spec wire_specs[N_WIRE_TYPES] = {
	[EV_EVENT_BATCH] = { "EventBatch", ARGS("gen", "m", "time", "size"), 4 },
	[EV_STACKS] = { .name = "Stacks" },
	[EV_STACK] = { "Stack", ARGS("id", "nframes"), 2 },
	[EV_STRINGS] = { .name = "Strings" },
	[EV_STRING] = { "String", ARGS("id"), 1, .data = true },
	[EV_CPU_SAMPLES] = { .name = "CPUSamples" },
	[EV_CPU_SAMPLE] = { "CPUSample", ARGS("time", "m", "p", "g", "stack"), 5 },
	[EV_FREQUENCY] = { "Frequency", ARGS("freq"), 1 },
	[EV_EXPERIMENTAL_BATCH] = { "ExperimentalBatch", ARGS("exp", "gen", "m", "time"), 4,
				    .data = true },
	[EV_SYNC] = { .name = "Sync" },
	[EV_END_OF_GENERATION] = { .name = "EndOfGeneration" },

	[EV_PROCS_CHANGE] = { "ProcsChange", ARGS("dt", "procs_value", "stack"), 3, true },
	[EV_PROC_START] = { "ProcStart", ARGS("dt", "p", "p_seq"), 3, true },
	[EV_PROC_STOP] = { "ProcStop", ARGS("dt"), 1, true },
	[EV_PROC_STEAL] = { "ProcSteal", ARGS("dt", "p", "p_seq", "m"), 4, true },
	[EV_PROC_STATUS] = { "ProcStatus", ARGS("dt", "p", "pstatus"), 3, true },
	[EV_GO_CREATE] = { "GoCreate", ARGS("dt", "new_g", "new_stack", "stack"), 4, true },
	[EV_GO_CREATE_SYSCALL] = { "GoCreateSyscall", ARGS("dt", "new_g"), 2, true },
	[EV_GO_START] = { "GoStart", ARGS("dt", "g", "g_seq"), 3, true },
	[EV_GO_DESTROY] = { "GoDestroy", ARGS("dt"), 1, true },
	[EV_GO_DESTROY_SYSCALL] = { "GoDestroySyscall", ARGS("dt"), 1, true },
	[EV_GO_STOP] = { "GoStop", ARGS("dt", "reason_string", "stack"), 3, true },
	[EV_GO_BLOCK] = { "GoBlock", ARGS("dt", "reason_string", "stack"), 3, true },
	[EV_GO_UNBLOCK] = { "GoUnblock", ARGS("dt", "g", "g_seq", "stack"), 4, true },
	[EV_GO_SYSCALL_BEGIN] = { "GoSyscallBegin", ARGS("dt", "p_seq", "stack"), 3, true },
	[EV_GO_SYSCALL_END] = { "GoSyscallEnd", ARGS("dt"), 1, true },
	[EV_GO_SYSCALL_END_BLOCKED] = { "GoSyscallEndBlocked", ARGS("dt"), 1, true },
	[EV_GO_STATUS] = { "GoStatus", ARGS("dt", "g", "m", "gstatus"), 4, true },
	[EV_STW_BEGIN] = { "STWBegin", ARGS("dt", "kind_string", "stack"), 3, true },
	[EV_STW_END] = { "STWEnd", ARGS("dt"), 1, true },
	[EV_GC_ACTIVE] = { "GCActive", ARGS("dt", "gc_seq"), 2, true },
	[EV_GC_BEGIN] = { "GCBegin", ARGS("dt", "gc_seq", "stack"), 3, true },
	[EV_GC_END] = { "GCEnd", ARGS("dt", "gc_seq"), 2, true },
	[EV_GC_SWEEP_ACTIVE] = { "GCSweepActive", ARGS("dt", "p"), 2, true },
	[EV_GC_SWEEP_BEGIN] = { "GCSweepBegin", ARGS("dt", "stack"), 2, true },
	[EV_GC_SWEEP_END] = { "GCSweepEnd", ARGS("dt", "swept_value", "reclaimed_value"), 3, true },
	[EV_GC_MARK_ASSIST_ACTIVE] = { "GCMarkAssistActive", ARGS("dt", "g"), 2, true },
	[EV_GC_MARK_ASSIST_BEGIN] = { "GCMarkAssistBegin", ARGS("dt", "stack"), 2, true },
	[EV_GC_MARK_ASSIST_END] = { "GCMarkAssistEnd", ARGS("dt"), 1, true },
	[EV_HEAP_ALLOC] = { "HeapAlloc", ARGS("dt", "heapalloc_value"), 2, true },
	[EV_HEAP_GOAL] = { "HeapGoal", ARGS("dt", "heapgoal_value"), 2, true },
	[EV_GO_LABEL] = { "GoLabel", ARGS("dt", "label_string"), 2, true },
	[EV_USER_TASK_BEGIN] = { "UserTaskBegin",
				 ARGS("dt", "task", "parent_task", "name_string", "stack"), 5,
				 true },
	[EV_USER_TASK_END] = { "UserTaskEnd", ARGS("dt", "task", "stack"), 3, true },
	[EV_USER_REGION_BEGIN] = { "UserRegionBegin", ARGS("dt", "task", "name_string", "stack"), 4,
				   true },
	[EV_USER_REGION_END] = { "UserRegionEnd", ARGS("dt", "task", "name_string", "stack"), 4,
				 true },
	[EV_USER_LOG] = { "UserLog", ARGS("dt", "task", "key_string", "value_string", "stack"), 5,
			  true },
	[EV_GO_SWITCH] = { "GoSwitch", ARGS("dt", "g", "g_seq"), 3, true },
	[EV_GO_SWITCH_DESTROY] = { "GoSwitchDestroy", ARGS("dt", "g", "g_seq"), 3, true },
	[EV_GO_CREATE_BLOCKED] = { "GoCreateBlocked", ARGS("dt", "new_g", "new_stack", "stack"), 4,
				   true },
	[EV_GO_STATUS_STACK] = { "GoStatusStack", ARGS("dt", "g", "m", "gstatus", "stack"), 5,
				 true },
	/* Legal only in a sync batch, but an M's stream decodes it before refusing. */
	[EV_CLOCK_SNAPSHOT] = { "ClockSnapshot", ARGS("dt", "mono", "sec", "nsec"), 4, true },

	[EV_SPAN] = { "Span", ARGS("dt", "id", "npages_value", "kindclass"), 4, true },
	[EV_SPAN_ALLOC] = { "SpanAlloc", ARGS("dt", "id", "npages_value", "kindclass"), 4, true },
	[EV_SPAN_FREE] = { "SpanFree", ARGS("dt", "id"), 2, true },
	[EV_HEAP_OBJECT] = { "HeapObject", ARGS("dt", "id", "type"), 3, true },
	[EV_HEAP_OBJECT_ALLOC] = { "HeapObjectAlloc", ARGS("dt", "id", "type"), 3, true },
	[EV_HEAP_OBJECT_FREE] = { "HeapObjectFree", ARGS("dt", "id"), 2, true },
	[EV_GOROUTINE_STACK] = { "GoroutineStack", ARGS("dt", "id", "order"), 3, true },
	[EV_GOROUTINE_STACK_ALLOC] = { "GoroutineStackAlloc", ARGS("dt", "id", "order"), 3, true },
	[EV_GOROUTINE_STACK_FREE] = { "GoroutineStackFree", ARGS("dt", "id"), 2, true },
};

const struct wire_ids wire_ids[N_WIRE_TYPES] = {
	[EV_PROCS_CHANGE] = { .stack = 2 },
	[EV_GO_CREATE] = { .stack = 3, .start_stack = 2 },
	[EV_GO_STOP] = { .stack = 2, .string1 = 1 },
	[EV_GO_BLOCK] = { .stack = 2, .string1 = 1 },
	[EV_GO_UNBLOCK] = { .stack = 3 },
	[EV_GO_SYSCALL_BEGIN] = { .stack = 2 },
	[EV_STW_BEGIN] = { .stack = 2, .string1 = 1 },
	[EV_GC_BEGIN] = { .stack = 2 },
	[EV_GC_SWEEP_BEGIN] = { .stack = 1 },
	[EV_GC_MARK_ASSIST_BEGIN] = { .stack = 1 },
	[EV_GO_LABEL] = { .string1 = 1 },
	[EV_USER_TASK_BEGIN] = { .stack = 4, .string1 = 3 },
	[EV_USER_TASK_END] = { .stack = 2 },
	[EV_USER_REGION_BEGIN] = { .stack = 3, .string1 = 2 },
	[EV_USER_REGION_END] = { .stack = 3, .string1 = 2 },
	[EV_USER_LOG] = { .stack = 4, .string1 = 2, .string2 = 3 },
	[EV_GO_CREATE_BLOCKED] = { .stack = 3, .start_stack = 2 },
	[EV_GO_STATUS_STACK] = { .stack = 4 },
};

unsigned int wire_n_types(unsigned int version)
{
	if (version < 23)
		return EV_USER_LOG + 1;
	if (version < 25)
		return EV_EXPERIMENTAL_BATCH + 1;
	if (version < 26)
		return EV_CLOCK_SNAPSHOT + 1;
	return N_WIRE_TYPES;
}
