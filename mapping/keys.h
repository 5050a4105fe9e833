/*
 * keys: every attribute name that the mapper writes, in one table.
 *
 * `make page` prints the table into docs/mapping.md, `make check-page` verifies it.
 * A name with <reason> is a family: one for each reason of waiting, spelled by
 * reasons.h. The texts are static. Columns: identifier, name, type, where, meaning.
 */
#ifndef MAPPING_KEYS_H
#define MAPPING_KEYS_H

#include "mapping/span.h"

/* clang-format off: a table */
#define ATTRIBUTE_KEYS(X)                                                                          \
	X(KIND, "flightspan.kind", "text", "every span",                                           \
	  "`task`, `region`, `wait`, `runtime`, `capture` or `capture link`")                      \
	X(TRUNCATED, "flightspan.truncated", "text", "spans",                                      \
	  "`start`, `end` or `both`: the edge that is not the real one")                           \
	X(SALVAGED, "flightspan.salvaged", "bool", "spans",                                        \
	  "true: its trace was cut in the file, this is what was left")                            \
	X(CLOCK, "flightspan.clock", "text", "spans",                                              \
	  "`file time`: the trace has no clock, its end is the file's time")                       \
	X(TASK_ID, "flightspan.task.id", "int", "tasks, regions",                                  \
	  "the runtime's number of the task")                                                      \
	X(GOROUTINE_ID, "flightspan.goroutine.id", "int", "spans, waits",                          \
	  "where it began; of a wait: who waited")                                                 \
	X(PARENT_TASK_ID, "flightspan.parent_task.id", "int", "tasks, regions",                    \
	  "a parent that is not in the capture")                                                   \
	X(GOROUTINES, "flightspan.goroutines", "int", "tasks, regions",                            \
	  "how many goroutines worked for it or below it")                                         \
	X(TIME_RUNNING, "flightspan.time.running_ns", "int", "tasks, regions",                     \
	  "its goroutines ran, marking for the GC apart")                                          \
	X(TIME_RUNNABLE, "flightspan.time.runnable_ns", "int", "tasks, regions",                   \
	  "they could have run and waited for a processor")                                        \
	X(TIME_SYSCALL, "flightspan.time.syscall_ns", "int", "tasks, regions",                     \
	  "they were in system calls")                                                             \
	X(TIME_ASSIST, "flightspan.time.gc_assist_ns", "int", "tasks, regions",                    \
	  "they were made to help the GC")                                                         \
	X(TIME_BLOCKED, "flightspan.time.blocked_ns", "int", "tasks, regions", "they waited")      \
	X(TIME_ABSENT, "flightspan.time.absent_ns", "int", "tasks",                                \
	  "the goroutine that began the task was gone")                                            \
	X(TIME_REASON, "flightspan.time.blocked.<reason>_ns", "int", "tasks, regions",             \
	  "the part of blocked_ns for that reason")                                                \
	X(COUNT_RUNNING, "flightspan.time.running_count", "int", "tasks, regions",                 \
	  "how often one of them began to run")                                                    \
	X(COUNT_RUNNABLE, "flightspan.time.runnable_count", "int", "tasks, regions",               \
	  "how often one began to wait for a processor")                                           \
	X(COUNT_SYSCALL, "flightspan.time.syscall_count", "int", "tasks, regions",                 \
	  "how many system calls they began")                                                      \
	X(COUNT_ASSIST, "flightspan.time.gc_assist_count", "int", "tasks, regions",                \
	  "how often they were made to help the GC")                                               \
	X(COUNT_BLOCKED, "flightspan.time.blocked_count", "int", "tasks, regions",                 \
	  "how many waits they began")                                                             \
	X(COUNT_REASON, "flightspan.time.blocked.<reason>_count", "int", "tasks, regions",         \
	  "those for that reason")                                                                 \
	X(TIME_STW, "flightspan.time.stop_the_world_ns", "int", "tasks, regions",                  \
	  "how long the world was stopped meanwhile; in none of the sums")                         \
	X(WAIT_REASON, "flightspan.wait.reason", "text", "waits",                                  \
	  "the runtime's word; `coroutine switch` where it has none")                              \
	X(WAIT_ON, "flightspan.wait.on", "text", "waits",                                          \
	  "what the stack adds to it: `mutex`, `read`, ...")                                       \
	X(WAIT_BLOCKED, "flightspan.wait.blocked_ns", "int", "waits",                              \
	  "until somebody made it runnable")                                                       \
	X(WAIT_RUNNABLE, "flightspan.wait.runnable_ns", "int", "waits",                            \
	  "from then until it ran: scheduling latency")                                            \
	X(WAIT_EXPLANATION, "flightspan.wait.explanation", "text", "long waits",                   \
	  "who held it and what he did meanwhile, in words")                                       \
	X(STACK, "code.stacktrace", "text", "waits",                                               \
	  "where it stopped: the program's own frames first, innermost first")                     \
	X(WAKER_GOROUTINE, "flightspan.waker.goroutine.id", "int", "waits",                        \
	  "who made it runnable")                                                                  \
	X(WAKER_STACK, "flightspan.waker.stacktrace", "text", "waits", "and from where")           \
	X(WAKER_SPAN, "flightspan.waker.span", "text", "waits",                                    \
	  "the name of the span he worked for")                                                    \
	X(WAKER_TRACE_ID, "flightspan.waker.trace_id", "text", "waits", "its trace, if another")   \
	X(WAKER_SPAN_ID, "flightspan.waker.span_id", "text", "waits", "its span id")               \
	X(WAKER_RUNNING, "flightspan.waker.time.running_ns", "int", "long waits",                  \
	  "since the wait began, the waker ran")                                                   \
	X(WAKER_RUNNABLE, "flightspan.waker.time.runnable_ns", "int", "long waits",                \
	  "waited for a processor")                                                                \
	X(WAKER_SYSCALL, "flightspan.waker.time.syscall_ns", "int", "long waits",                  \
	  "was in system calls")                                                                   \
	X(WAKER_BLOCKED, "flightspan.waker.time.blocked_ns", "int", "long waits", "waited itself") \
	X(WAKER_REASON, "flightspan.waker.time.blocked.<reason>_ns", "int", "long waits",          \
	  "the part of that for that reason")                                                      \
	X(WAKER_UNKNOWN, "flightspan.waker.time.unknown_ns", "int", "long waits",                  \
	  "did not exist yet, or is no longer remembered")                                         \
	X(CRITICAL, "flightspan.critical", "bool", "spans below a root or adopted task",           \
	  "true: it is on that task's critical path")                                              \
	X(CRITICAL_RUNNING, "flightspan.critical.running_ns", "int", "tasks",                      \
	  "of the critical path: some goroutine ran")                                              \
	X(CRITICAL_RUNNABLE, "flightspan.critical.runnable_ns", "int", "tasks",                    \
	  "waited for a processor")                                                                \
	X(CRITICAL_SYSCALL, "flightspan.critical.syscall_ns", "int", "tasks",                      \
	  "was in a system call")                                                                  \
	X(CRITICAL_BLOCKED, "flightspan.critical.blocked_ns", "int", "tasks",                      \
	  "waited, and no goroutine ended it: for the network, the time")                          \
	X(CRITICAL_REASON, "flightspan.critical.blocked.<reason>_ns", "int", "tasks",              \
	  "the part of that for that reason")                                                      \
	X(CRITICAL_OTHERS, "flightspan.critical.others_ns", "int", "tasks",                        \
	  "how much of the path is on goroutines other than the one that ended the task")          \
	X(CRITICAL_UNKNOWN, "flightspan.critical.unknown_ns", "int", "tasks",                      \
	  "how much of the task's time the path cannot explain")                                   \
	X(DROPPED_SPANS, "flightspan.dropped_spans", "int", "a trace's first span",                \
	  "spans left out for mapping.limits")                                                     \
	X(DROPPED_EVENTS, "flightspan.dropped_events", "int", "spans",                             \
	  "events left out for mapping.limits")                                                    \
	X(CUT_ATTRIBUTES, "flightspan.cut_attributes", "int", "spans, events",                     \
	  "texts cut to mapping.limits.attribute_length")                                          \
	X(CAPTURE_EVENTS, "flightspan.capture.events", "int", "the capture",                       \
	  "events of the trace")                                                                   \
	X(CAPTURE_GENERATIONS, "flightspan.capture.generations", "int", "the capture",             \
	  "generations of the trace")                                                              \
	X(CAPTURE_SOURCE, "flightspan.capture.source", "text", "the capture", "the file's name")   \
	X(CAPTURE_TRIGGER, "flightspan.capture.trigger", "text", "the capture",                    \
	  "name of the trigger that fired")                                                        \
	X(CAPTURE_CAUSE, "flightspan.capture.cause", "text", "the capture",                        \
	  "on what it fired, with the value; or the reason that a sender gave")                    \
	X(CAPTURE_REQUEST, "flightspan.capture.traceparent", "text", "the capture",                \
	  "the request that a sender says it is about, linked to")                                 \
	X(CAPTURE_DAMAGE, "flightspan.capture.damage", "text", "the capture",                      \
	  "what is wrong with the file")                                                           \
	X(MESSAGE, "message", "text", "logs", "what was logged")
/* clang-format on */

enum attribute_key {
#define X(id, name, type, where, meaning) KEY_##id,
	ATTRIBUTE_KEYS(X)
#undef X
		N_ATTRIBUTE_KEYS
};

struct key_info {
	const char *name, *type, *where, *meaning;
};

extern const struct key_info key_infos[N_ATTRIBUTE_KEYS];
extern const struct slice key_names[N_ATTRIBUTE_KEYS]; /* of ready keys */

#endif /* MAPPING_KEYS_H */
