/* Goroutines: states, blocks, system calls, scheduling latency. */
#include "mapping/stats_go.h"

/* The first of a coroutine switch's three events keeps its type. */
static bool is_switch(const struct event *ev)
{
	return ev->wire == EV_GO_SWITCH || ev->wire == EV_GO_SWITCH_DESTROY;
}

APART void stats_add_go(struct stats *s, const struct event *ev, struct stats_go *g)
{
	g->cut = ev->from != GO_NOT_EXIST;
	g->since = g->cut ? s->report.first_ns : ev->time;
	g->state = ev->from == GO_UNDETERMINED ? ev->to : ev->from;
	s->report.goroutines_seen++;
}

APART void stats_add_cut(struct stats *s, const struct stats_go *g, uint64_t ns)
{
	struct stats_report *r = &s->report;

	if (g->state == GO_WAITING)
		dist_add_cut(&r->blocked_before, ns);
	else if (g->state == GO_SYSCALL)
		dist_add_cut(&r->syscalls, ns);
	else if (g->state == GO_RUNNABLE)
		dist_add_cut(&r->latency, ns);
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
		return ev->from == GO_RUNNING ? stats_block(s, g, ev, ev->wire, err) : ST_OK;
	case GO_SYSCALL:
		if (ev->from == GO_RUNNING)
			g->dist = &s->report.syscalls;
		return ST_OK;
	default:
		return ST_OK;
	}
}

APART void stats_end_go(struct stats *s, struct stats_go *g, int64_t now)
{
	stats_regions_cut(s, g, now);
	stats_ranges_cut(s, g, now);
	g->state = GO_UNDETERMINED;
}

APART enum status stats_transition(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_go *g = ev->notes;
	enum status st;

	/* Its states are such of a goroutine: event_heads and the ordering give no others. */
	if (ev->resource != RESOURCE_GOROUTINE)
		return ST_OK;
	if (UNLIKELY(g->state == GO_UNDETERMINED))
		stats_add_go(s, ev, g);
	if (ev->to == g->state)
		return ST_OK;
	st = stats_leave(s, g, g->state, ev->time, err);
	if (st)
		return st;
	if (ev->to == GO_NOT_EXIST) {
		stats_end_go(s, g, ev->time);
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
	if (g->state == GO_RUNNING)
		return;
	if (g->dist)
		dist_add_cut(g->dist, ns);
	else if (g->cut)
		stats_add_cut(s, g, ns);
	if (g->state == GO_WAITING && g->stack) {
		g->stack->cut++;
		g->stack->cut_ns = dist_sum(g->stack->cut_ns, ns);
	}
}

void stats_cut(struct stats *s, void *notes)
{
	struct stats_go *g = notes;

	if (g->state == GO_UNDETERMINED)
		return;
	s->report.goroutines_alive++;
	cut_stay(s, g);
	stats_regions_cut(s, g, s->report.last_ns);
	stats_ranges_cut(s, g, s->report.last_ns);
}
