/*
 * wire: the event types of the Go trace format v2 (Go 1.22 and later), as data.
 *
 * Source of the rules: trace format sections 1 and 3. Names, argument names and
 * ids are the runtime's. One table drives the decoder, the ordering's id checks,
 * `dump` and `dump --wire`.
 */
#ifndef COLLECTOR_TRACE_WIRE_H
#define COLLECTOR_TRACE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

enum wire_type {
	EV_NONE,
	EV_EVENT_BATCH,
	EV_STACKS,
	EV_STACK,
	EV_STRINGS,
	EV_STRING,
	EV_CPU_SAMPLES,
	EV_CPU_SAMPLE,
	EV_FREQUENCY,
	EV_PROCS_CHANGE,
	EV_PROC_START,
	EV_PROC_STOP,
	EV_PROC_STEAL,
	EV_PROC_STATUS,
	EV_GO_CREATE,
	EV_GO_CREATE_SYSCALL,
	EV_GO_START,
	EV_GO_DESTROY,
	EV_GO_DESTROY_SYSCALL,
	EV_GO_STOP,
	EV_GO_BLOCK,
	EV_GO_UNBLOCK,
	EV_GO_SYSCALL_BEGIN,
	EV_GO_SYSCALL_END,
	EV_GO_SYSCALL_END_BLOCKED,
	EV_GO_STATUS,
	EV_STW_BEGIN,
	EV_STW_END,
	EV_GC_ACTIVE,
	EV_GC_BEGIN,
	EV_GC_END,
	EV_GC_SWEEP_ACTIVE,
	EV_GC_SWEEP_BEGIN,
	EV_GC_SWEEP_END,
	EV_GC_MARK_ASSIST_ACTIVE,
	EV_GC_MARK_ASSIST_BEGIN,
	EV_GC_MARK_ASSIST_END,
	EV_HEAP_ALLOC,
	EV_HEAP_GOAL,
	EV_GO_LABEL,
	EV_USER_TASK_BEGIN,
	EV_USER_TASK_END,
	EV_USER_REGION_BEGIN,
	EV_USER_REGION_END,
	EV_USER_LOG,
	EV_GO_SWITCH,
	EV_GO_SWITCH_DESTROY,
	EV_GO_CREATE_BLOCKED,
	EV_GO_STATUS_STACK,
	EV_EXPERIMENTAL_BATCH,
	EV_SYNC,
	EV_CLOCK_SNAPSHOT,
	EV_END_OF_GENERATION,
	/* Ids 128 to 136: the AllocFree experiment. */
	EV_SPAN = 128,
	EV_SPAN_ALLOC,
	EV_SPAN_FREE,
	EV_HEAP_OBJECT,
	EV_HEAP_OBJECT_ALLOC,
	EV_HEAP_OBJECT_FREE,
	EV_GOROUTINE_STACK,
	EV_GOROUTINE_STACK_ALLOC,
	EV_GOROUTINE_STACK_FREE,
	N_WIRE_TYPES
};

#define WIRE_MAX_ARGS 5 /* of any event, dt included */

struct wire_spec {
	const char *name; /* NULL: no such event */
	const char *args[WIRE_MAX_ARGS];
	uint8_t n_args;
	bool timed; /* appears in an M's stream; args[0] is dt */
	bool data;  /* followed by a length and bytes */
};

extern const struct wire_spec wire_specs[N_WIRE_TYPES];

/* Which arguments are ids of the tables: 1-based without dt, 0 = none. */
struct wire_ids {
	uint8_t stack;	     /* of the acting context */
	uint8_t start_stack; /* of the new goroutine */
	uint8_t string1, string2;
};

extern const struct wire_ids wire_ids[N_WIRE_TYPES];

/* Highest event id + 1 that `dump --wire` accepts for a header's version. */
unsigned int wire_n_types(unsigned int version);

#endif /* COLLECTOR_TRACE_WIRE_H */
