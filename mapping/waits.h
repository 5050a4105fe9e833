/* waits: what a transition of a goroutine's state means to it; waits.c. */
#ifndef MAPPING_WAITS_H
#define MAPPING_WAITS_H

#include "mapping/mapper_state.h"

MUST_CHECK enum status map_transition(struct mapper *m, const struct event *ev, struct err *err);
/* The same for a type of event that alone tells what it is to the goroutine. */
enum turn { TURN_OTHER, TURN_CALLS, TURN_RETURNS, TURN_STARTS, TURN_BLOCKS };
MUST_CHECK enum status map_turn(struct mapper *m, enum turn turn, const struct event *ev,
				struct err *err);

static inline enum turn turn_of(unsigned int type)
{
	switch (type) {
	case EV_GO_BLOCK:
		return TURN_BLOCKS;
	case EV_GO_SYSCALL_BEGIN:
		return TURN_CALLS;
	case EV_GO_START:
		return TURN_STARTS;
	case EV_GO_SYSCALL_END:
		return TURN_RETURNS;
	default:
		return TURN_OTHER;
	}
}

/*
 * The goroutine is in a system call, and until now that was remembered alone: now its state,
 * its time and its wait say so. Before anything else looks at those of one that is `calling`.
 */
MUST_CHECK enum status call_settle(struct mapper *m, struct goroutine *g, struct err *err);
/* A wait that the end of the capture cuts. */
MUST_CHECK enum status wait_cut(struct mapper *m, struct goroutine *g, struct err *err);

#endif /* MAPPING_WAITS_H */
