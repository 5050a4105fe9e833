/*
 * stats_go: a goroutine goes from one state to another; stats_go.c has the rest.
 *
 * Inline, since nearly every event does that: of most, the type alone tells both states,
 * and each of those has a copy of what it takes.
 */
#ifndef MAPPING_STATS_GO_H
#define MAPPING_STATS_GO_H

#include "mapping/stats_state.h"

/* Account the stay in the state that a goroutine leaves, `from`. */
HOT MUST_CHECK enum status stats_leave(struct stats *s, struct stats_go *g, enum go_state from,
				       int64_t now, struct err *err)
{
	uint64_t *total = &s->report.state_ns[from];
	uint64_t ns = stats_ns(g->since, now);

	*total = dist_sum(*total, ns);
	if (from == GO_RUNNING)
		return ST_OK;
	if (!g->dist) {
		if (g->cut)
			stats_add_cut(s, g, ns);
		return ST_OK;
	}
	if (from == GO_WAITING && g->stack) {
		struct stats_stack *at = g->stack;

		at->count++;
		at->total_ns = dist_sum(at->total_ns, ns);
		if (ns > at->max_ns)
			at->max_ns = ns;
	}
	return dist_add(g->dist, ns, err);
}

static inline struct slice stats_reason_of(const struct event *ev)
{
	struct slice reason = event_reason(ev);

	return reason.len ? reason : SLICE(STATS_COROUTINE);
}

/* It blocks, in an event of that type: where that counts. */
HOT MUST_CHECK enum status stats_block(struct stats *s, struct stats_go *g, const struct event *ev,
				       unsigned int type, struct err *err)
{
	struct stats_row *reason;
	enum status st;

	st = stats_row_of(&s->report.blocks, ev, ev->args[0], stats_reason_of, &reason, err);
	if (!st)
		st = stats_stacks_find(&s->stacks, ev, type, reason, &g->stack, err);
	if (!st)
		g->dist = &reason->dist;
	return st;
}

/* Of a type that alone tells the states. */
HOT MUST_CHECK enum status stats_goes(struct stats *s, const struct event *ev, enum go_state from,
				      enum go_state to, struct err *err)
{
	struct stats_go *g = ev->notes;
	enum status st;

	/* Else it was not seen yet. */
	if (UNLIKELY(g->state != from))
		return stats_transition(s, ev, err);
	st = stats_leave(s, g, from, ev->time, err);
	if (UNLIKELY(st))
		return st;
	g->since = ev->time;
	g->state = (uint8_t)to;
	g->cut = false;
	if (to == GO_RUNNABLE)
		g->dist = &s->report.latency;
	if (to == GO_SYSCALL)
		g->dist = &s->report.syscalls;
	return to == GO_WAITING ? stats_block(s, g, ev, EV_GO_BLOCK, err) : ST_OK;
}

HOT void stats_begin(struct stats *s, const struct event *ev)
{
	struct stats_go *g = ev->notes;

	stats_add_go(s, ev, g);
	g->state = GO_RUNNABLE;
	g->dist = &s->report.latency;
}

HOT MUST_CHECK enum status stats_end(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_go *g = ev->notes;
	enum status st;

	if (UNLIKELY(g->state != GO_RUNNING))
		return stats_transition(s, ev, err);
	st = stats_leave(s, g, GO_RUNNING, ev->time, err);
	if (!st)
		stats_end_go(s, g, ev->time);
	return st;
}

#endif /* MAPPING_STATS_GO_H */
