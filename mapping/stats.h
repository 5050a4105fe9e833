/*
 * stats: what a trace says, in numbers; fed one event at a time.
 *
 * Every figure is defined over the public events, so that another reader can be
 * asked for the same one (tests/stats does). All times are event times in ns. An
 * interval is whole if its first and last event are in the trace; it is cut if it
 * reaches over an edge: then it is counted apart, with its part inside the trace.
 * A goroutine first seen in a state (from Undetermined) has been in it since the
 * trace's first event. A transition to the state a goroutine is in changes nothing.
 * Memory follows what is alive and the maxima in base/limits.h, not the length of
 * the trace. Not thread-safe.
 */
#ifndef MAPPING_STATS_H
#define MAPPING_STATS_H

#include "collector/trace/event.h"
#include "mapping/dist.h"
#include "mapping/stats_rows.h"
#include "mapping/stats_stacks.h"

#define STATS_TOP_STACKS 10u
#define STATS_COROUTINE "coroutine switch" /* the name of the empty reason */
#define N_GO_STATES (GO_SYSCALL + 1u)

struct stats_report {
	uint64_t n_events; /* of all kinds, sync events too */
	uint64_t by_kind[N_EVENT_KINDS];
	int64_t first_ns, last_ns; /* of the first and the last event, trace time */
	/* Wall clock at first_ns, by the first clock snapshot. */
	bool has_wall;
	int64_t wall_sec; /* Unix time */
	uint32_t wall_nsec;
	uint64_t gomaxprocs;	   /* the last value of the metric; 0: never told */
	uint64_t n_threads;	   /* distinct threads of events, stack samples left aside */
	uint64_t goroutines_seen;  /* an id used again after its goroutine's end counts again */
	uint64_t goroutines_alive; /* in a state other than NotExist at the end */
	/* Time in each state, summed over goroutines, clipped to the trace; by enum go_state. */
	uint64_t state_ns[N_GO_STATES];

	/* Blocks: Running->Waiting until it leaves Waiting. By reason; then over all. */
	struct stats_rows blocks;
	struct dist all_blocks;
	const struct stats_row *network; /* of blocks: the reason "network"; or NULL */
	struct dist blocked_before;	 /* only cut: first seen Waiting, so of unknown reason */
	/* The stacks goroutines stopped at, by time blocked inside the trace. */
	const struct stats_stack *top[STATS_TOP_STACKS];
	size_t n_top, n_stacks;
	const struct stats_stack *other_stacks; /* those over the maximum: sums only */

	/* Running->Syscall until it leaves Syscall; first seen in Syscall: cut. */
	struct dist syscalls;
	/*
	 * Runnable->Running, however it became Runnable. Apart: a goroutine that a
	 * coroutine switch runs directly is never in a queue.
	 */
	struct dist latency;
	uint64_t coroutine_switches;

	/*
	 * TaskBegin until the next TaskEnd of that id. Cut: no end in the trace. An
	 * end without a begin is of a task begun before the trace, or ended twice.
	 */
	struct stats_rows tasks;
	uint64_t unmatched_task_ends;
	/*
	 * RegionBegin until the RegionEnd that closes it on its goroutine. Cut: one
	 * of the two is not in the trace, or the goroutine ended inside it.
	 */
	struct stats_rows regions;

	/* RangeBegin until RangeEnd; first seen by RangeActive: cut. */
	struct dist gc_mark;	 /* "GC concurrent mark phase": count + cut cycles */
	struct dist mark_assist; /* by goroutine */
	struct dist sweep;	 /* by proc */
	struct stats_rows stw;	 /* by kind; then over all */
	struct dist all_stw;
};

struct stats;

/* NULL: out of memory. */
struct stats *stats_new(void);
/* What it wants noted of each goroutine: reader_take_notes(). */
size_t stats_note_bytes(void);
void stats_free(struct stats *s);

/*
 * Take the next event in; of it, only the goroutine's notes stay borrowed, which the reader
 * must have been asked for: stats_note_bytes(). A failure may lose a part of it.
 */
MUST_CHECK enum status stats_feed(struct stats *s, const struct event *ev, struct err *err);
/* The same for one that is not its thread's first in the generation; `type`: its wire type. */
MUST_CHECK enum status stats_feed_type(struct stats *s, const struct event *ev, unsigned int type,
				       struct err *err);

/*
 * The trace is over, or no more of it can be read: that a goroutine is alive then cuts what is
 * open of it. Of each one's notes, reader_next_notes(), before stats_finish().
 */
void stats_cut(struct stats *s, void *notes);
/* Close what else is open, sum and sort. Once. */
MUST_CHECK enum status stats_finish(struct stats *s, struct err *err);

/* The figures, complete after stats_finish(); borrowed from `s`. */
const struct stats_report *stats_report(const struct stats *s);

#endif /* MAPPING_STATS_H */
