/*
 * follow: the promises of the event model, checked event by event.
 *
 * Times rise strictly; sync events are numbered from 1; a transition starts from
 * the state where the last one of its resource ended; stacks and names are whole.
 * It holds for every input, so the fuzzer and the damage tests use it too.
 */
#ifndef TESTS_SUPPORT_FOLLOW_H
#define TESTS_SUPPORT_FOLLOW_H

#include "base/map.h"
#include "collector/trace/event.h"

struct follow {
	int64_t last_time;
	uint64_t n_syncs;
	uint64_t first;	   /* the sync event in front of the first recorded event */
	/*
	 * Transitions from "undetermined" behind that generation: none in a trace
	 * whose generations have numbers of their own.
	 */
	uint64_t n_late;
	struct map gs, ps; /* id -> state, one of: */
	uint8_t states[8];
};

void follow_init(struct follow *f);
void follow_release(struct follow *f);

/* NULL, or what is wrong with this event. */
const char *follow_event(struct follow *f, const struct event *ev);

#endif /* TESTS_SUPPORT_FOLLOW_H */
