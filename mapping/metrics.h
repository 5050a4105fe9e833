/*
 * metrics: what the events say of the Go runtime, for mapper_metrics().
 *
 * Counted by generation: captures overlap in whole generations, and one that an
 * earlier capture has counted is not counted again (struct sent_set). Costs nothing
 * while mapper_options.metrics is off.
 */
#ifndef MAPPING_METRICS_H
#define MAPPING_METRICS_H

#include "base/err.h"
#include "collector/trace/event.h"
#include "mapping/metric.h"

struct mapper;
struct goroutine;
struct open_range;

/* Is the goroutine the runtime's own? Known once a stack of it was seen. */
enum goroutine_owner { OWNER_UNKNOWN, OWNER_PROGRAM, OWNER_RUNTIME };

struct metrics_state {
	bool counting; /* the current generation was not counted before */
	bool any;
	uint64_t start_unix_ns, end_unix_ns;
	struct histogram schedule, pause;
	bool has_goal, has_limit;
	uint64_t goal, limit; /* the last ones told */
};

/* One function per event kind; the caller has asked whether metrics are wanted. */
MUST_CHECK enum status metrics_sync(struct mapper *m, const struct event *ev, struct err *err);
void metrics_event(struct mapper *m, const struct event *ev);
/* Before the mapper changes the goroutine. */
APART void metrics_transition(struct mapper *m, struct goroutine *g, const struct event *ev);
/* The world goes on. */
void metrics_stop_over(struct mapper *m, const struct open_range *stop, int64_t now);

#endif /* MAPPING_METRICS_H */
