/* Goroutines: states, blocks, system calls, scheduling latency. */
#include "base/limits.h"
#include "base/mem.h"
#include "mapping/stats_state.h"

/* The first of a coroutine switch's three events keeps its type. */
static bool is_switch(const struct event *ev)
{
	return ev->wire == EV_GO_SWITCH || ev->wire == EV_GO_SWITCH_DESTROY;
}

APART static enum status add_go(struct stats *s, const struct event *ev, struct stats_go *g,
				struct err *err)
{
	enum status st = mem_grow((void **)&s->alive, &s->cap_alive, s->n_alive + 1,
				  sizeof(struct stats_go *), MAX_GOROUTINES, "goroutines", err);

	if (st)
		return st;
	g->slot = (uint32_t)s->n_alive;
	s->alive[s->n_alive++] = g;
	g->cut = ev->from != GO_NOT_EXIST;
	g->since = g->cut ? s->report.first_ns : ev->time;
	g->state = ev->from == GO_UNDETERMINED ? ev->to : ev->from;
	s->report.goroutines_seen++;
	return ST_OK;
}

/* The part inside the trace of a stay that began before it. */
APART static void add_cut(struct stats *s, const struct stats_go *g, uint64_t ns)
{
	struct stats_report *r = &s->report;

	if (g->state == GO_WAITING)
		dist_add_cut(&r->blocked_before, ns);
	else if (g->state == GO_SYSCALL)
		dist_add_cut(&r->syscalls, ns);
	else if (g->state == GO_RUNNABLE)
		dist_add_cut(&r->latency, ns);
}

/* Account the stay in the state that a goroutine leaves. */
static enum status leave(struct stats *s, struct stats_go *g, int64_t now, struct err *err)
{
	uint64_t *total = &s->report.state_ns[g->state];
	uint64_t ns = stats_ns(g->since, now);
	struct stats_stack *at = g->stack;

	*total = dist_sum(*total, ns);
	if (!g->dist) {
		if (g->cut)
			add_cut(s, g, ns);
		return ST_OK;
	}
	if (at) {
		at->count++;
		at->total_ns = dist_sum(at->total_ns, ns);
		if (ns > at->max_ns)
			at->max_ns = ns;
	}
	return dist_add(g->dist, ns, err);
}

static struct slice reason_of(const struct event *ev)
{
	struct slice reason = event_reason(ev);

	return reason.len ? reason : SLICE(STATS_COROUTINE);
}

static enum status begin_block(struct stats *s, struct stats_go *g, const struct event *ev,
			       struct err *err)
{
	struct stats_row *reason;
	enum status st;

	st = stats_row_of(&s->report.blocks, ev, ev->args[0], reason_of, &reason, err);
	if (!st)
		st = stats_stacks_find(&s->stacks, ev, reason, &g->stack, err);
	if (!st)
		g->dist = &reason->dist;
	return st;
}

static enum status enter(struct stats *s, struct stats_go *g, const struct event *ev,
			 struct err *err)
{
	g->state = ev->to;
	g->since = ev->time;
	g->cut = false;
	g->stack = NULL;
	g->dist = NULL;
	switch (ev->to) {
	case GO_RUNNABLE:
		if (is_switch(ev))
			s->report.coroutine_switches++;
		else
			g->dist = &s->report.latency;
		return ST_OK;
	case GO_WAITING:
		/* Those created in it did not block, nor call in the other. */
		return ev->from == GO_RUNNING ? begin_block(s, g, ev, err) : ST_OK;
	case GO_SYSCALL:
		if (ev->from == GO_RUNNING)
			g->dist = &s->report.syscalls;
		return ST_OK;
	default:
		return ST_OK;
	}
}

APART static void end_go(struct stats *s, struct stats_go *g, int64_t now)
{
	stats_regions_cut(s, g, now);
	stats_ranges_cut(s, g, now);
	s->alive[g->slot] = s->alive[--s->n_alive];
	s->alive[g->slot]->slot = g->slot;
	g->state = GO_UNDETERMINED;
}

/* Nearly all transitions are of a type that alone decides the states. */
enum move {
	MOVE_ANY, /* another transition, or none of a goroutine */
	MOVE_ON,
	MOVE_BLOCK,
	MOVE_BEGIN,
	MOVE_END,
};

static const uint8_t moves[256] = {
	[EV_GO_START] = MOVE_ON,       [EV_GO_STOP] = MOVE_ON,
	[EV_GO_UNBLOCK] = MOVE_ON,     [EV_GO_SYSCALL_BEGIN] = MOVE_ON,
	[EV_GO_SYSCALL_END] = MOVE_ON, [EV_GO_SYSCALL_END_BLOCKED] = MOVE_ON,
	[EV_GO_BLOCK] = MOVE_BLOCK,    [EV_GO_CREATE] = MOVE_BEGIN,
	[EV_GO_DESTROY] = MOVE_END,
};

/* enter() of a state that decides by itself where the stay counts. */
static void move_on(struct stats *s, struct stats_go *g, const struct event *ev)
{
	g->state = ev->to;
	g->since = ev->time;
	g->cut = false;
	g->stack = NULL;
	g->dist = s->stays[ev->to];
}

enum status stats_move(struct stats *s, const struct event *ev, bool *done, struct err *err)
{
	enum move move = moves[ev->wire];
	struct stats_go *g = ev->notes;
	enum status st;

	if (move == MOVE_ANY)
		return ST_OK;
	if (move == MOVE_BEGIN) {
		*done = true;
		st = add_go(s, ev, g, err);
		if (!st)
			move_on(s, g, ev);
		return st;
	}
	/* Else it was not seen yet. */
	if (UNLIKELY(g->state != ev->from))
		return ST_OK;
	*done = true;
	st = leave(s, g, ev->time, err);
	if (st)
		return st;
	if (move == MOVE_END) {
		end_go(s, g, ev->time);
		return ST_OK;
	}
	move_on(s, g, ev);
	return move == MOVE_BLOCK ? begin_block(s, g, ev, err) : ST_OK;
}

APART enum status stats_transition(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_go *g = ev->notes;
	enum status st;

	/* Its states are such of a goroutine: event_heads and the ordering give no others. */
	if (ev->resource != RESOURCE_GOROUTINE)
		return ST_OK;
	if (UNLIKELY(g->state == GO_UNDETERMINED)) {
		st = add_go(s, ev, g, err);
		if (st)
			return st;
	}
	if (ev->to == g->state)
		return ST_OK;
	st = leave(s, g, ev->time, err);
	if (st)
		return st;
	if (ev->to == GO_NOT_EXIST) {
		end_go(s, g, ev->time);
		return ST_OK;
	}
	return enter(s, g, ev, err);
}

/* The stay that the trace's end cuts. */
static void cut_stay(struct stats *s, struct stats_go *g)
{
	uint64_t *total = &s->report.state_ns[g->state];
	uint64_t ns = stats_ns(g->since, s->report.last_ns);

	*total = dist_sum(*total, ns);
	if (g->dist)
		dist_add_cut(g->dist, ns);
	else if (g->cut)
		add_cut(s, g, ns);
	if (g->stack) {
		g->stack->cut++;
		g->stack->cut_ns = dist_sum(g->stack->cut_ns, ns);
	}
}

void stats_go_finish(struct stats *s)
{
	s->report.goroutines_alive = s->n_alive;
	for (size_t i = 0; i < s->n_alive; i++) {
		struct stats_go *g = s->alive[i];

		cut_stay(s, g);
		stats_regions_cut(s, g, s->report.last_ns);
		stats_ranges_cut(s, g, s->report.last_ns);
	}
}
