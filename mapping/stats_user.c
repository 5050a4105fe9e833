/* Tasks and regions. */
#include "mapping/stats_state.h"

enum status stats_task_begin(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_task *t = map_get(&s->tasks, event_task(ev));
	struct stats_row *row;
	enum status st = stats_row_of(&s->report.tasks, ev, ev->args[2], event_name, &row, err);

	if (st)
		return st;
	if (t) {
		/* No reader hands out a second begin; if one does, the first has no end. */
		dist_add_cut(&t->row->dist, stats_ns(t->since, ev->time));
	} else {
		t = pool_take(&s->task_pool, err);
		if (!t)
			return err->code;
		st = map_put(&s->tasks, event_task(ev), t, err);
		if (st) {
			pool_put(&s->task_pool, t);
			return st;
		}
	}
	*t = (struct stats_task){ row, ev->time };
	return ST_OK;
}

enum status stats_task_end(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_task *t = map_del(&s->tasks, event_task(ev));
	enum status st;

	if (!t) {
		s->report.unmatched_task_ends++;
		return ST_OK;
	}
	st = dist_add(&t->row->dist, stats_ns(t->since, ev->time), err);
	pool_put(&s->task_pool, t);
	return st;
}

void stats_tasks_finish(struct stats *s)
{
	struct map_slot *slot;
	size_t at = 0;

	while ((slot = map_next(&s->tasks, &at))) {
		const struct stats_task *t = slot->val;

		dist_add_cut(&t->row->dist, stats_ns(t->since, s->report.last_ns));
	}
}

enum status stats_region_begin(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_go *g = stats_go_of(ev);
	struct stats_region *region;
	struct stats_row *row;
	enum status st;

	if (!g)
		return ST_OK;
	st = stats_row_of(&s->report.regions, ev, ev->args[1], event_name, &row, err);
	if (st)
		return st;
	region = pool_take(&s->region_pool, err);
	if (!region)
		return err->code;
	*region = (struct stats_region){ g->regions, row, ev->time };
	g->regions = region;
	return ST_OK;
}

enum status stats_region_end(struct stats *s, const struct event *ev, struct err *err)
{
	struct stats_go *g = stats_go_of(ev);
	struct stats_region *region = g ? g->regions : NULL;
	struct stats_row *row;
	enum status st;

	if (!region) {
		/* Begun before the trace: the end tells the type. */
		st = stats_row_of(&s->report.regions, ev, ev->args[1], event_name, &row, err);
		if (!st)
			dist_add_cut(&row->dist, stats_ns(s->report.first_ns, ev->time));
		return st;
	}
	g->regions = region->outer;
	st = dist_add(&region->row->dist, stats_ns(region->since, ev->time), err);
	pool_put(&s->region_pool, region);
	return st;
}

void stats_regions_cut(struct stats *s, struct stats_go *g, int64_t now)
{
	while (g->regions) {
		struct stats_region *region = g->regions;

		g->regions = region->outer;
		dist_add_cut(&region->row->dist, stats_ns(region->since, now));
		pool_put(&s->region_pool, region);
	}
}
