/*
 * stats_state: what is open while stats are taken; for mapping/stats*.c only.
 *
 * Goroutines are what the reader keeps as notes; tasks, regions and procs live in
 * pools and are found by id.
 */
#ifndef MAPPING_STATS_STATE_H
#define MAPPING_STATS_STATE_H

#include "base/map.h"
#include "base/pool.h"
#include "mapping/stats.h"

enum stats_edge {
	EDGE_CLOSED,
	EDGE_WHOLE, /* begun in the trace */
	EDGE_CUT,   /* begun before it */
};

/* A range that may be open. */
struct stats_range {
	int64_t since;
	uint8_t edge; /* enum stats_edge */
};

struct stats_region {
	struct stats_region *outer;
	struct stats_row *row;
	int64_t since;
};

struct stats_task {
	struct stats_row *row;
	int64_t since;
};

/* The notes of a goroutine; what every transition touches comes first. */
struct stats_go {
	int64_t since;		      /* in this state */
	struct dist *dist;	      /* unless it runs: where the stay counts; NULL: nowhere */
	struct stats_stack *stack;    /* if it waits: where it blocked, or NULL */
	uint8_t state;		      /* enum go_state; undetermined: not seen yet */
	bool cut;		      /* it was in this state before the trace */
	struct stats_region *regions; /* open, innermost first */
	struct stats_range assist, stw;
	struct stats_row *stw_kind;
};

struct stats_proc {
	int64_t id;
	struct stats_range sweep;
};

#define STATS_FEW_THREADS 256u
#define STATS_NEAR_PROCS 64u

struct stats {
	struct stats_report report;
	struct stats_stacks stacks;
	struct map tasks, procs, threads;
	struct stats_proc *near_procs[STATS_NEAR_PROCS]; /* by id modulo; or NULL */
	struct pool task_pool, region_pool, proc_pool;
	struct stats_range gc;
	int64_t few_threads[STATS_FEW_THREADS]; /* counted already, by id modulo */
	uint64_t by_wire[256];			/* events by type */
};

static inline uint64_t stats_ns(int64_t since, int64_t until)
{
	return (uint64_t)until - (uint64_t)since;
}

enum status stats_far_row(struct stats_rows *t, const struct event *ev, uint64_t id,
			  struct slice (*text)(const struct event *), struct stats_row **out,
			  struct err *err);

/* The row of a string of the event's generation; `text` is asked only if the id is new. */
MUST_CHECK static inline enum status stats_row_of(struct stats_rows *t, const struct event *ev,
						  uint64_t id,
						  struct slice (*text)(const struct event *),
						  struct stats_row **out, struct err *err)
{
	if (LIKELY(id < STATS_LOW_IDS && t->low[id])) {
		*out = t->low[id];
		return ST_OK;
	}
	return stats_far_row(t, ev, id, text, out, err);
}

/* The goroutine of a region or range; NULL: it has not been seen in any state. */
static inline struct stats_go *stats_go_of(const struct event *ev)
{
	struct stats_go *g = ev->notes;

	return g->state != GO_UNDETERMINED ? g : NULL;
}

/* stats_go.c */
MUST_CHECK enum status stats_transition(struct stats *s, const struct event *ev, struct err *err);
/* It is known from now on, in the state that the event tells it was in. */
void stats_add_go(struct stats *s, const struct event *ev, struct stats_go *g);
/* The part inside the trace of a stay that began before it. */
void stats_add_cut(struct stats *s, const struct stats_go *g, uint64_t ns);
/* It is not alive any more, and its last stay is accounted. */
void stats_end_go(struct stats *s, struct stats_go *g, int64_t now);

/* stats_user.c */
MUST_CHECK enum status stats_task_begin(struct stats *s, const struct event *ev, struct err *err);
MUST_CHECK enum status stats_task_end(struct stats *s, const struct event *ev, struct err *err);
MUST_CHECK enum status stats_region_begin(struct stats *s, const struct event *ev, struct err *err);
MUST_CHECK enum status stats_region_end(struct stats *s, const struct event *ev, struct err *err);
/* Count the open regions of a goroutine that ends as cut, and forget them. */
void stats_regions_cut(struct stats *s, struct stats_go *g, int64_t now);
void stats_tasks_finish(struct stats *s);

/* stats_range.c */
/* Sweeping, of which there is much; all else of ranges. */
MUST_CHECK enum status stats_sweep_begin(struct stats *s, const struct event *ev, struct err *err);
MUST_CHECK enum status stats_sweep_end(struct stats *s, const struct event *ev, struct err *err);
MUST_CHECK enum status stats_range(struct stats *s, const struct event *ev, struct err *err);
/* Count the open ranges of a goroutine that ends as cut. */
void stats_ranges_cut(struct stats *s, struct stats_go *g, int64_t now);
void stats_ranges_finish(struct stats *s);

#endif /* MAPPING_STATS_STATE_H */
