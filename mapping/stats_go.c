/* Goroutines: states, blocks, system calls, scheduling latency. */
#include "mapping/stats_state.h"

static size_t few(int64_t id)
{
	return (size_t)id & (STATS_FEW - 1);
}

struct stats_go *stats_go_find(struct stats *s, int64_t id)
{
	struct stats_go *g = s->few[few(id)];

	if (g && g->id == id)
		return g;
	g = map_get(&s->goroutines, (uint64_t)id);
	if (g)
		s->few[few(id)] = g;
	return g;
}

/* The first of a coroutine switch's three events keeps its type. */
static bool is_switch(const struct event *ev)
{
	return ev->wire == EV_GO_SWITCH || ev->wire == EV_GO_SWITCH_DESTROY;
}

/* How a goroutine's time in a state begins to count, when it enters it. */
static enum stats_edge edge_of(const struct event *ev)
{
	switch (ev->to) {
	case GO_RUNNABLE:
		/* A coroutine switch runs it at once. */
		return is_switch(ev) ? EDGE_UNCOUNTED : EDGE_WHOLE;
	case GO_WAITING:
	case GO_SYSCALL:
		/* Those created in it neither blocked nor called. */
		return ev->from == GO_RUNNING ? EDGE_WHOLE : EDGE_UNCOUNTED;
	default:
		return EDGE_UNCOUNTED;
	}
}

static enum status add_go(struct stats *s, const struct event *ev, struct stats_go **out,
			  struct err *err)
{
	struct stats_go *g = pool_get(&s->go_pool, err);
	enum status st;

	if (!g)
		return err->code;
	st = map_put(&s->goroutines, (uint64_t)ev->id, g, err);
	if (st) {
		pool_put(&s->go_pool, g);
		return st;
	}
	g->id = ev->id;
	g->since = s->report.first_ns;
	g->edge = EDGE_CUT;
	g->state = ev->from == GO_UNDETERMINED ? ev->to : ev->from;
	if (ev->from == GO_NOT_EXIST) {
		g->since = ev->time;
		g->edge = EDGE_UNCOUNTED;
	}
	s->report.goroutines_seen++;
	*out = g;
	return ST_OK;
}

static enum status end_block(struct stats *s, struct stats_go *g, int64_t now, struct err *err)
{
	struct stats_stack *at = g->stack;
	uint64_t ns = stats_ns(g->since, now);

	if (g->edge == EDGE_CUT)
		dist_add_cut(&s->report.blocked_before, ns);
	if (g->edge != EDGE_WHOLE)
		return ST_OK;
	at->count++;
	at->total_ns = dist_sum(at->total_ns, ns);
	if (ns > at->max_ns)
		at->max_ns = ns;
	return dist_add(&g->reason->dist, ns, err);
}

/* Account the time in the state that a goroutine leaves. */
static enum status leave(struct stats *s, struct stats_go *g, const struct event *ev,
			 struct err *err)
{
	struct stats_report *r = &s->report;

	r->state_ns[g->state] = dist_sum(r->state_ns[g->state], stats_ns(g->since, ev->time));
	switch (g->state) {
	case GO_WAITING:
		return end_block(s, g, ev->time, err);
	case GO_SYSCALL:
		return stats_interval(&r->syscalls, g->since, g->edge, ev->time, err);
	case GO_RUNNABLE:
		if (ev->to != GO_RUNNING)
			return ST_OK;
		return stats_interval(&r->latency, g->since, g->edge, ev->time, err);
	default:
		return ST_OK;
	}
}

static struct slice reason_of(const struct event *ev)
{
	struct slice reason = event_reason(ev);

	return reason.len ? reason : SLICE(STATS_COROUTINE);
}

static enum status enter(struct stats *s, struct stats_go *g, const struct event *ev,
			 struct err *err)
{
	enum status st;

	g->state = ev->to;
	g->since = ev->time;
	g->edge = (uint8_t)edge_of(ev);
	if (is_switch(ev))
		s->report.coroutine_switches++;
	if (g->state != GO_WAITING || g->edge != EDGE_WHOLE)
		return ST_OK;
	st = stats_row_of(&s->report.blocks, ev, ev->args[0], reason_of, &g->reason, err);
	return st ? st : stats_stacks_find(&s->stacks, ev, g->reason, &g->stack, err);
}

static void end_go(struct stats *s, struct stats_go *g, int64_t now)
{
	stats_regions_cut(s, g, now);
	stats_ranges_cut(s, g, now);
	map_del(&s->goroutines, (uint64_t)g->id);
	if (s->few[few(g->id)] == g)
		s->few[few(g->id)] = NULL;
	pool_put(&s->go_pool, g);
}

enum status stats_transition(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_go *g;
	enum status st;

	if (ev->resource != RESOURCE_GOROUTINE || ev->from >= N_GO_STATES || ev->to >= N_GO_STATES)
		return ST_OK;
	g = stats_go_find(s, ev->id);
	if (!g) {
		st = add_go(s, ev, &g, err);
		if (st)
			return st;
	}
	if (ev->to == g->state)
		return ST_OK;
	st = leave(s, g, ev, err);
	if (st)
		return st;
	if (ev->to == GO_NOT_EXIST) {
		end_go(s, g, ev->time);
		return ST_OK;
	}
	return enter(s, g, ev, err);
}

/* The state a goroutine is in when the trace ends is cut there. */
static void cut_state(struct stats *s, struct stats_go *g)
{
	struct stats_report *r = &s->report;
	uint64_t ns = stats_ns(g->since, r->last_ns);

	r->state_ns[g->state] = dist_sum(r->state_ns[g->state], ns);
	if (g->edge == EDGE_UNCOUNTED)
		return;
	if (g->state == GO_SYSCALL)
		dist_add_cut(&r->syscalls, ns);
	if (g->state == GO_RUNNABLE)
		dist_add_cut(&r->latency, ns);
	if (g->state != GO_WAITING)
		return;
	if (g->edge == EDGE_CUT) {
		dist_add_cut(&r->blocked_before, ns);
		return;
	}
	dist_add_cut(&g->reason->dist, ns);
	g->stack->cut++;
	g->stack->cut_ns = dist_sum(g->stack->cut_ns, ns);
}

void stats_go_finish(struct stats *s)
{
	struct map_slot *slot;
	size_t at = 0;

	s->report.goroutines_alive = s->goroutines.n;
	while ((slot = map_next(&s->goroutines, &at))) {
		struct stats_go *g = slot->val;

		cut_state(s, g);
		stats_regions_cut(s, g, s->report.last_ns);
		stats_ranges_cut(s, g, s->report.last_ns);
	}
}
