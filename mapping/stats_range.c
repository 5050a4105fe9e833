/* Garbage collection and stop-the-world. */
#include "mapping/stats_state.h"

/* An interval that nobody will close. */
static void cut_range(struct stats_range *range, struct dist *d, int64_t now)
{
	if (range->edge != EDGE_CLOSED)
		dist_add_cut(d, stats_ns(range->since, now));
	range->edge = EDGE_CLOSED;
}

static void begin(struct stats_range *range, struct dist *d, int64_t now)
{
	cut_range(range, d, now); /* no reader begins one twice */
	*range = (struct stats_range){ now, EDGE_WHOLE };
}

static enum status end(struct stats_range *range, struct dist *d, int64_t now, struct err *err)
{
	enum status st = ST_OK;

	if (range->edge == EDGE_WHOLE) {
		st = dist_add(d, stats_ns(range->since, now), err);
		range->edge = EDGE_CLOSED;
	}
	cut_range(range, d, now);
	return st;
}

/* One step of a range whose intervals go to `d`. */
static enum status step(struct stats *s, struct stats_range *range, struct dist *d,
			const struct event *ev, struct err *err)
{
	switch (ev->kind) {
	case EVENT_RANGE_BEGIN:
		begin(range, d, ev->time);
		return ST_OK;
	case EVENT_RANGE_ACTIVE:
		/* In later generations it repeats what is known. */
		if (range->edge == EDGE_CLOSED)
			*range = (struct stats_range){ s->report.first_ns, EDGE_CUT };
		return ST_OK;
	default:
		return end(range, d, ev->time, err);
	}
}

/* One that is not near, or new; NULL: err is set. */
APART static struct stats_proc *find_proc(struct stats *s, int64_t id, struct err *err)
{
	struct stats_proc *p = map_get(&s->procs, (uint64_t)id);

	if (!p) {
		p = pool_get(&s->proc_pool, err);
		if (!p)
			return NULL;
		p->id = id;
		if (map_put(&s->procs, (uint64_t)id, p, err))
			return NULL;
	}
	s->near_procs[(uint64_t)id % STATS_NEAR_PROCS] = p;
	return p;
}

static struct stats_proc *sweeper(struct stats *s, int64_t id, struct err *err)
{
	struct stats_proc *p = s->near_procs[(uint64_t)id % STATS_NEAR_PROCS];

	return LIKELY(p && p->id == id) ? p : find_proc(s, id, err);
}

enum status stats_sweep_begin(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_proc *p = sweeper(s, ev->id, err);

	if (!p)
		return err->code;
	begin(&p->sweep, &s->report.sweep, ev->time);
	return ST_OK;
}

enum status stats_sweep_end(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_proc *p = sweeper(s, ev->id, err);

	return p ? end(&p->sweep, &s->report.sweep, ev->time, err) : err->code;
}

static enum status sweep_active(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_proc *p = sweeper(s, ev->id, err);

	return p ? step(s, &p->sweep, &s->report.sweep, ev, err) : err->code;
}

static enum status stop_the_world(struct stats *s, struct stats_go *g, const struct event *ev,
				  struct err *err)
{
	enum status st;

	if (ev->kind == EVENT_RANGE_BEGIN) {
		if (g->stw_kind)
			cut_range(&g->stw, &g->stw_kind->dist, ev->time);
		st = stats_row_of(&s->report.stw, ev, ev->args[0], event_stw_kind, &g->stw_kind,
				  err);
		if (st)
			return st;
	}
	return g->stw_kind ? step(s, &g->stw, &g->stw_kind->dist, ev, err) : ST_OK;
}

APART enum status stats_range(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_go *g;

	switch (ev->wire) {
	case EV_GC_ACTIVE:
	case EV_GC_BEGIN:
	case EV_GC_END:
		return step(s, &s->gc, &s->report.gc_mark, ev, err);
	case EV_GC_SWEEP_ACTIVE:
		return sweep_active(s, ev, err);
	case EV_GC_MARK_ASSIST_ACTIVE:
	case EV_GC_MARK_ASSIST_BEGIN:
	case EV_GC_MARK_ASSIST_END:
		g = stats_go_of(ev);
		return g ? step(s, &g->assist, &s->report.mark_assist, ev, err) : ST_OK;
	case EV_STW_BEGIN:
	case EV_STW_END:
		g = stats_go_of(ev);
		return g ? stop_the_world(s, g, ev, err) : ST_OK;
	default:
		return ST_OK;
	}
}

void stats_ranges_cut(struct stats *s, struct stats_go *g, int64_t now)
{
	cut_range(&g->assist, &s->report.mark_assist, now);
	if (g->stw_kind)
		cut_range(&g->stw, &g->stw_kind->dist, now);
}

void stats_ranges_finish(struct stats *s)
{
	struct map_slot *slot;
	size_t at = 0;

	cut_range(&s->gc, &s->report.gc_mark, s->report.last_ns);
	while ((slot = map_next(&s->procs, &at))) {
		struct stats_proc *p = slot->val;

		cut_range(&p->sweep, &s->report.sweep, s->report.last_ns);
	}
}
