/*
 * watch: the rules that are about events, over the events of one stream.
 *
 * Remembers since when tasks and regions are open and goroutines wait, up to
 * MAX_WATCHED of each; what is over is not watched, and counted. Feed it every event.
 */
#ifndef COLLECTOR_TRIGGER_WATCH_H
#define COLLECTOR_TRIGGER_WATCH_H

#include "collector/trace/event.h"
#include "collector/trigger/trigger.h"

struct watch;

MUST_CHECK enum status watch_open(struct watch **out, struct trigger_set *triggers,
				  struct err *err);
/* NULL is fine. */
void watch_close(struct watch *w);

/* Use the rules of now; at each generation. */
void watch_rules(struct watch *w);
void watch_event(struct watch *w, const struct event *ev);

uint64_t watch_open_tasks(const struct watch *w);
uint64_t watch_left_out(const struct watch *w);

#endif /* COLLECTOR_TRIGGER_WATCH_H */
