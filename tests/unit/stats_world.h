/*
 * stats_world: a made-up trace for the tests of stats: tables, a clock, events.
 *
 * Each world_*() that takes a time sets the clock and feeds one event to
 * w->stats. A trace begins at 1000 with a sync event. Failures are check's.
 */
#ifndef TESTS_UNIT_STATS_WORLD_H
#define TESTS_UNIT_STATS_WORLD_H

#include "base/buf.h"
#include "base/map.h"
#include "collector/trace/tables.h"
#include "mapping/stats.h"

/* String ids of the tables below. */
enum { S_NETWORK = 1, S_SYNC, S_MAIN, S_FILE, S_TASK, S_REGION, S_STW, S_LATE, N_TEXTS };

/* One generation's tables: the texts above and any stacks. */
struct world {
	struct buf bytes;
	struct tables tables;
	struct stats *stats;
	struct err err;
	int64_t now;
	int64_t m;		   /* of the events to come */
	const struct slice *texts; /* N_TEXTS of them; used by world_tables() */
	struct map notes;	   /* what a reader would keep, by goroutine */
};

void world_init(struct world *w);
void world_release(struct world *w);
const struct stats_report *world_finish(struct world *w);
/* Stacks first_id, first_id + 1, ... at lines 1, 2, ...; their pcs are their ids. */
void world_tables(struct world *w, uint64_t first_id, uint64_t n_stacks);

/* Feed an event at w->now, on thread w->m. */
void world_feed(struct world *w, struct event ev);
void world_sync(struct world *w);

void world_go_wire(struct world *w, int64_t at, int64_t id, unsigned int wire, unsigned int from,
		   unsigned int to, uint64_t reason, uint64_t stack);
void world_go(struct world *w, int64_t at, int64_t id, unsigned int from, unsigned int to);
void world_block(struct world *w, int64_t at, int64_t id, uint64_t reason, uint64_t stack);
void world_wake(struct world *w, int64_t at, int64_t id);
void world_run(struct world *w, int64_t at, int64_t id);
void world_user(struct world *w, int64_t at, int64_t g, unsigned int kind, unsigned int wire,
		uint64_t a0, uint64_t a1, uint64_t a2);
void world_task(struct world *w, int64_t at, uint64_t id, bool begin, uint64_t name);
void world_region(struct world *w, int64_t at, int64_t g, bool begin, uint64_t name);
void world_range(struct world *w, int64_t at, unsigned int kind, unsigned int wire, int64_t id,
		 uint64_t a0);

#endif /* TESTS_UNIT_STATS_WORLD_H */
