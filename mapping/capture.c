/* The capture's own trace: its root, GC and stop-the-world below it. */
#include "mapping/account.h"

enum status capture_begin(struct mapper *m, const struct event *ev, struct err *err)
{
	enum status st;

	m->started = true;
	m->first_time = ev->time;
	m->first_id_time = ev->wire_time;
	st = trace_new(m, m->clock, m->opt.spans_per_capture, &m->capture, err);
	if (!st)
		st = node_new(m, m->capture, NODE_CAPTURE, NULL, ev->time, ev->wire_time,
			      &m->capture_root, err);
	if (!st)
		st = node_set_name(m, m->capture_root, SLICE("capture"), NO_STRING, err);
	if (st)
		return st;
	node_identify(m, m->capture_root);
	/* The last one to be sent: capture_send(). */
	m->capture->n_open++;
	return ST_OK;
}

/* Wall minus trace time; false: the clock's numbers are nonsense. */
static bool clock_offset(const struct clock_snapshot *s, int64_t *out)
{
	int64_t wall;

	return s->wall_nsec < 1000000000u &&
	       !__builtin_mul_overflow(s->wall_sec, (int64_t)1000000000, &wall) &&
	       !__builtin_add_overflow(wall, (int64_t)s->wall_nsec, &wall) &&
	       !__builtin_sub_overflow(wall, s->trace_ns, out);
}

enum status map_sync(struct mapper *m, const struct event *ev, struct err *err)
{
	enum status st = ST_OK;

	stackpool_new_generation(&m->stacks);
	stackpool_new_generation(&m->names);
	reasons_new_generation(&m->reasons);
	/* The one that ends the trace begins no generation. */
	if (!ev->tables && m->started)
		return m->opt.metrics ? metrics_sync(m, ev, err) : ST_OK;
	m->sum.generations += ev->tables != NULL;
	m->cut_at = event_sync_cut(ev);
	/* One that was cut may have lost its clock; it is the one of the generation before. */
	if (m->cut_at && !ev->snapshot && m->clock.recorded)
		return m->started ? ST_OK : capture_begin(m, ev, err);
	m->clock.recorded = ev->snapshot && clock_offset(ev->snapshot, &m->clock.offset);
	if (!m->clock.recorded) {
		m->clock.offset = m->opt.fallback_offset_ns;
		m->lacks_clock = true;
	}
	if (m->opt.metrics)
		st = metrics_sync(m, ev, err);
	return st || m->started ? st : capture_begin(m, ev, err);
}

static enum status range_leaf(struct mapper *m, struct open_range *r, int64_t end, bool cut,
			      struct err *err)
{
	struct node *leaf;
	enum status st = leaf_new(m, m->capture_root, NODE_RANGE, r->start, end, &leaf, err);

	r->on = false;
	if (st || !leaf)
		return st;
	leaf->id_time = r->id_time;
	leaf->goroutine = r->goroutine;
	leaf->cut_start = r->cut_start;
	leaf->cut_end = cut;
	return node_set_name(m, leaf, r->name ? pooled_slice(r->name) : SLICE("stop-the-world"),
			     NO_STRING, err);
}

/* `name` as in the reader's generation: it is kept. */
static enum status range_open(struct mapper *m, struct open_range *r, const struct event *ev,
			      struct slice name, struct err *err)
{
	bool cut = ev->kind == EVENT_RANGE_ACTIVE;

	/* An active mark phase of a later generation is the one already known. */
	if (cut && r->on)
		return ST_OK;
	*r = (struct open_range){ .on = true,
				  .start = cut ? m->first_time : ev->time,
				  .id_time = ev->wire_time,
				  .goroutine = ev->g,
				  .cut_start = cut };
	return stackpool_text(&m->names, name, &r->name, err);
}

static enum status stw_open(struct mapper *m, const struct event *ev, struct err *err)
{
	struct buf name;
	enum status st;

	buf_init(&name, 2048);
	buf_str(&name, "stop-the-world (");
	buf_slice(&name, event_stw_kind(ev));
	buf_u8(&name, ')');
	st = buf_status(&name, "a name", err);
	if (!st)
		st = range_open(m, &m->stw, ev, buf_view(&name), err);
	buf_release(&name);
	return st;
}

static enum status map_assist(struct mapper *m, const struct event *ev, struct err *err)
{
	struct goroutine *g;
	enum status st = goroutine_get(m, ev->id, &g, err);

	if (!st && g->calling)
		st = call_settle(m, g, err);
	if (st)
		return st;
	/* Told again, or for the first time: then it has been so since it was first seen. */
	if (ev->kind == EVENT_RANGE_ACTIVE) {
		g->special |= SPECIAL_ASSIST;
		settle_part(g);
		return ST_OK;
	}
	return account_assist(m, g, ev->kind == EVENT_RANGE_BEGIN, ev->time, err);
}

enum status map_range(struct mapper *m, const struct event *ev, struct err *err)
{
	switch (ev->wire) {
	case EV_GC_MARK_ASSIST_BEGIN:
	case EV_GC_MARK_ASSIST_ACTIVE:
	case EV_GC_MARK_ASSIST_END:
		return map_assist(m, ev, err);
	case EV_GC_BEGIN:
	case EV_GC_ACTIVE:
		return range_open(m, &m->gc, ev, event_name(ev), err);
	case EV_GC_END:
		return m->gc.on && m->opt.gc ? range_leaf(m, &m->gc, ev->time, false, err) : ST_OK;
	case EV_STW_BEGIN:
		return stw_open(m, ev, err);
	case EV_STW_END:
		if (!m->stw.on)
			return ST_OK;
		if (m->opt.metrics)
			metrics_stop_over(m, &m->stw, ev->time);
		m->stopped_ns += (uint64_t)(ev->time - m->stw.start);
		if (m->opt.stop_the_world)
			return range_leaf(m, &m->stw, ev->time, false, err);
		m->stw.on = false;
		return ST_OK;
	default:
		return ST_OK;
	}
}

enum status capture_cut(struct mapper *m, struct err *err)
{
	enum status st = ST_OK;

	if (m->gc.on && m->opt.gc)
		st = range_leaf(m, &m->gc, m->last_time, true, err);
	if (st || !m->stw.on || !m->opt.stop_the_world)
		return st;
	m->stopped_ns += (uint64_t)(m->last_time - m->stw.start);
	return range_leaf(m, &m->stw, m->last_time, true, err);
}
