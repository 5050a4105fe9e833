/*
 * stats_state: what is open while stats are taken; for mapping/stats*.c only.
 *
 * Goroutines, tasks, regions and procs live in pools and are found by id. The
 * few goroutines a program keeps busy are found in a small table first.
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

struct stats_go {
	int64_t id;
	int64_t since;		      /* in this state */
	uint8_t state;		      /* enum go_state */
	bool cut;		      /* it was in this state before the trace */
	struct dist *dist;	      /* where the stay counts, if it ends; NULL: nowhere */
	struct stats_stack *stack;    /* where it blocked; NULL: it does not */
	struct stats_region *regions; /* open, innermost first */
	struct stats_range assist, stw;
	struct stats_row *stw_kind;
};

struct stats_proc {
	struct stats_range sweep;
};

#define STATS_FEW 512u
#define STATS_FEW_THREADS 256u

struct stats {
	struct stats_report report;
	struct stats_stacks stacks;
	struct map goroutines, tasks, procs, threads;
	struct pool go_pool, task_pool, region_pool, proc_pool;
	struct stats_range gc;
	struct stats_go *few[STATS_FEW];	/* by id modulo; NULL or in goroutines */
	int64_t last_thread;			/* of the event before, counted already */
	int64_t few_threads[STATS_FEW_THREADS]; /* the same by id modulo */
};

static inline uint64_t stats_ns(int64_t since, int64_t until)
{
	return (uint64_t)until - (uint64_t)since;
}

/* The row of a string of the event's generation; `text` is asked only if the id is new. */
MUST_CHECK enum status stats_row_of(struct stats_rows *t, const struct event *ev, uint64_t id,
				    struct slice (*text)(const struct event *),
				    struct stats_row **out, struct err *err);

/* stats_go.c */
struct stats_go *stats_go_find_far(struct stats *s, int64_t id);

/* NULL: not known. */
static inline struct stats_go *stats_go_find(struct stats *s, int64_t id)
{
	struct stats_go *g = s->few[(uint64_t)id % STATS_FEW];

	return g && g->id == id ? g : stats_go_find_far(s, id);
}

MUST_CHECK enum status stats_transition(struct stats *s, const struct event *ev, struct err *err);
/* The trace is over: count what is open as cut. */
void stats_go_finish(struct stats *s);

/* stats_user.c */
MUST_CHECK enum status stats_task_begin(struct stats *s, const struct event *ev, struct err *err);
MUST_CHECK enum status stats_task_end(struct stats *s, const struct event *ev, struct err *err);
MUST_CHECK enum status stats_region_begin(struct stats *s, const struct event *ev, struct err *err);
MUST_CHECK enum status stats_region_end(struct stats *s, const struct event *ev, struct err *err);
/* Count the open regions of a goroutine that ends as cut, and forget them. */
void stats_regions_cut(struct stats *s, struct stats_go *g, int64_t now);
void stats_tasks_finish(struct stats *s);

/* stats_range.c */
MUST_CHECK enum status stats_range(struct stats *s, const struct event *ev, struct err *err);
/* Count the open ranges of a goroutine that ends as cut. */
void stats_ranges_cut(struct stats *s, struct stats_go *g, int64_t now);
void stats_ranges_finish(struct stats *s);

#endif /* MAPPING_STATS_STATE_H */
