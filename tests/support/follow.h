/*
 * follow: the promises of the event model, checked event by event.
 *
 * Times rise strictly; sync events are numbered from 1; a transition starts from
 * the state where the last one of its resource ended, from "undetermined" only in
 * the first generation that has events; stacks and names are whole. It holds for
 * every input, so the fuzzer and the damage tests use it too.
 */
#ifndef TESTS_SUPPORT_FOLLOW_H
#define TESTS_SUPPORT_FOLLOW_H

#include "base/map.h"
#include "collector/trace/event.h"

struct follow {
	int64_t last_time;
	uint64_t n_syncs;
	uint64_t first;	   /* the sync event in front of the first recorded event */
	struct map gs, ps; /* id -> state + 1 */
	uint8_t states[8]; /* what the maps point at */
};

void follow_init(struct follow *f);
void follow_release(struct follow *f);

/* NULL, or what is wrong with this event. */
const char *follow_event(struct follow *f, const struct event *ev);

#endif /* TESTS_SUPPORT_FOLLOW_H */
