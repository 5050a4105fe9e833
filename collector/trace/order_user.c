/* Rules for ranges, tasks and regions: trace format section 5.4. */
#include <inttypes.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/order_state.h"
#include "collector/trace/tables.h"

/* The begin event of a range's begin, active and end events. */
static const uint8_t range_begin[N_WIRE_TYPES] = {
	[EV_STW_BEGIN] = EV_STW_BEGIN,
	[EV_STW_END] = EV_STW_BEGIN,
	[EV_GC_SWEEP_BEGIN] = EV_GC_SWEEP_BEGIN,
	[EV_GC_SWEEP_ACTIVE] = EV_GC_SWEEP_BEGIN,
	[EV_GC_SWEEP_END] = EV_GC_SWEEP_BEGIN,
	[EV_GC_MARK_ASSIST_BEGIN] = EV_GC_MARK_ASSIST_BEGIN,
	[EV_GC_MARK_ASSIST_ACTIVE] = EV_GC_MARK_ASSIST_BEGIN,
	[EV_GC_MARK_ASSIST_END] = EV_GC_MARK_ASSIST_BEGIN,
};

static struct open_range *range_at(struct ranges *r, size_t i)
{
	return i ? &r->more[i - 1] : &r->first;
}

static bool in_flight(struct ranges *r, uint8_t begin, uint64_t desc)
{
	for (size_t i = 0; i < r->n; i++)
		if (range_at(r, i)->begin == begin && range_at(r, i)->desc == desc)
			return true;
	return false;
}

static enum advance push_range(struct stream *s, struct ranges *r, uint64_t desc, struct err *err)
{
	uint8_t begin = range_begin[stream_type(s)];

	if (r->n > r->cap && mem_grow((void **)&r->more, &r->cap, r->n, sizeof(*r->more),
				      MAX_RANGES, "ranges in flight", err))
		return BROKEN;
	*range_at(r, r->n++) = (struct open_range){ begin, desc };
	return ADVANCED;
}

static enum advance begin_range(struct stream *s, struct ranges *r, uint64_t desc, struct err *err)
{
	if (in_flight(r, range_begin[stream_type(s)], desc))
		return broken(s, err, "the range is in flight already");
	return push_range(s, r, desc, err);
}

/* In the first generation the range becomes known, later it must be. */
static enum advance confirm_range(const struct order *o, struct stream *s, struct ranges *r,
				  struct err *err)
{
	bool known = in_flight(r, range_begin[stream_type(s)], 0);
	bool first = o->gen == o->initial_gen;

	if (known == first)
		return broken(s, err,
			      first ? "the range is in flight already"
				    : "the range is not in flight");
	return first ? push_range(s, r, 0, err) : ADVANCED;
}

/* Take the first range of the kind out, as the reference does: swap with the last. */
static enum advance end_range(struct stream *s, struct ranges *r, uint64_t *desc, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		if (range_at(r, i)->begin != range_begin[stream_type(s)])
			continue;
		*desc = range_at(r, i)->desc;
		*range_at(r, i) = *range_at(r, --r->n);
		return ADVANCED;
	}
	return broken(s, err, "no such range is in flight");
}

COLD static enum advance no_goroutine(const struct stream *s, int64_t id, struct err *err)
{
	return broken(s, err, "goroutine %" PRId64 " does not exist", id);
}

COLD static enum advance no_proc(const struct stream *s, int64_t id, struct err *err)
{
	return broken(s, err, "proc %" PRId64 " does not exist", id);
}

enum advance on_go_range_begin(struct order *o, struct stream *s, struct err *err)
{
	struct order_g *g;

	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	g = current_g(o, s->state);
	if (!g)
		return no_goroutine(s, s->state->g, err);
	emit_go(o, s, g);
	return begin_range(s, &g->ranges, stream_type(s) == EV_STW_BEGIN ? o->ev.args[0] : 0, err);
}

enum advance on_go_range_end(struct order *o, struct stream *s, struct err *err)
{
	struct order_g *g;
	uint64_t desc = 0;

	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	g = current_g(o, s->state);
	if (!g)
		return no_goroutine(s, s->state->g, err);
	if (end_range(s, &g->ranges, &desc, err) != ADVANCED)
		return BROKEN;
	emit_go(o, s, g);
	if (stream_type(s) != EV_STW_END)
		return ADVANCED;
	if (!tables_may_name(o->tables, desc))
		return broken(s, err, "its kind, string %" PRIu64 ", is of an earlier generation",
			      desc);
	o->ev.args[0] = desc;
	return ADVANCED;
}

enum advance on_go_range_active(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	struct order_g *g = find_g(o, id);

	if (!g)
		return no_goroutine(s, id, err);
	emit_go(o, s, g);
	return confirm_range(o, s, &g->ranges, err);
}

enum advance on_sweep_begin(struct order *o, struct stream *s, struct err *err)
{
	struct order_p *p;

	if (!has_context(s, MUST, MUST, MAY))
		return lacks_context(s, err, MUST, MUST, MAY);
	p = current_p(o, s->state);
	if (!p)
		return no_proc(s, s->state->p, err);
	emit(o, s)->id = s->state->p;
	return begin_range(s, &p->ranges, 0, err);
}

enum advance on_sweep_end(struct order *o, struct stream *s, struct err *err)
{
	struct order_p *p;
	uint64_t desc;

	if (!has_context(s, MUST, MUST, MAY))
		return lacks_context(s, err, MUST, MUST, MAY);
	p = current_p(o, s->state);
	if (!p)
		return no_proc(s, s->state->p, err);
	emit(o, s)->id = s->state->p;
	return end_range(s, &p->ranges, &desc, err);
}

enum advance on_sweep_active(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	struct order_p *p = find_p(o, id);

	if (!p)
		return no_proc(s, id, err);
	emit(o, s)->id = id;
	return confirm_range(o, s, &p->ranges, err);
}

/* The GC's state after an event of it. */
static enum advance set_gc(struct order *o, const struct stream *s, enum gc_state state)
{
	o->gc_seq = o->ev.args[0];
	o->gc_state = state;
	emit(o, s);
	return ADVANCED;
}

enum advance on_gc_active(struct order *o, struct stream *s, struct err *err)
{
	if (o->gen == o->initial_gen) {
		if (o->gc_state != GC_UNDETERMINED)
			return broken(s, err, "not the first GC event of the first generation");
		return set_gc(o, s, GC_RUNNING);
	}
	if (o->ev.args[0] != o->gc_seq + 1)
		return MUST_WAIT;
	if (o->gc_state != GC_RUNNING)
		return broken(s, err, "no GC is in progress");
	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	return set_gc(o, s, GC_RUNNING);
}

enum advance on_gc_begin(struct order *o, struct stream *s, struct err *err)
{
	if (o->gc_state == GC_UNDETERMINED)
		return set_gc(o, s, GC_RUNNING);
	if (o->ev.args[0] != o->gc_seq + 1)
		return MUST_WAIT;
	if (o->gc_state == GC_RUNNING)
		return broken(s, err, "a GC is in progress already");
	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	return set_gc(o, s, GC_RUNNING);
}

enum advance on_gc_end(struct order *o, struct stream *s, struct err *err)
{
	if (o->ev.args[0] != o->gc_seq + 1)
		return MUST_WAIT;
	if (o->gc_state != GC_RUNNING)
		return broken(s, err, "no GC is in progress");
	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	return set_gc(o, s, GC_NOT_RUNNING);
}

static struct order_task *new_task(struct order *o, uint64_t id, struct err *err)
{
	struct order_task *t = pool_take(&o->task_pool, err);

	if (!t)
		return NULL;
	*t = (struct order_task){ .id = id };
	if (map_put(&o->tasks, id, t, err)) {
		pool_put(&o->task_pool, t);
		return NULL;
	}
	return t;
}

enum advance on_task_begin(struct order *o, struct stream *s, struct err *err)
{
	uint64_t id = o->ev.args[0];
	struct order_task *t;

	if (map_get(&o->tasks, id))
		return broken(s, err, "task %" PRIu64 " is active already", id);
	if (!tables_may_name(o->tables, o->ev.args[2]))
		return broken(s, err, "its name, string %" PRIu64 ", does not exist",
			      o->ev.args[2]);
	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	t = new_task(o, id, err);
	if (!t)
		return BROKEN;
	/* Parent 0 means none here; task 0 is the background task of regions only. */
	t->parent = o->ev.args[1] ? o->ev.args[1] : NO_TASK;
	t->type.id = o->ev.args[2];
	emit(o, s)->args[1] = t->parent;
	return ADVANCED;
}

/* A task may end several times, and without having begun. */
enum advance on_task_end(struct order *o, struct stream *s, struct err *err)
{
	struct order_task *t;
	struct event *e;

	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	if (o->ended) {
		name_release(&o->ended->type);
		pool_put(&o->task_pool, o->ended);
	}
	t = map_del(&o->tasks, o->ev.args[0]);
	o->ended = t;
	e = emit(o, s);
	e->args[2] = t ? t->parent : NO_TASK;
	e->task_type = t ? name_text(o, &t->type) : (struct slice){ NULL, 0 };
	return ADVANCED;
}

/* Checks that a region's begin and end share; NULL: err is set. */
static struct order_g *region_g(struct order *o, const struct stream *s, struct err *err)
{
	struct order_g *g;

	if (!has_context(s, USER_CONTEXT)) {
		lacks_context(s, err, USER_CONTEXT);
		return NULL;
	}
	if (!tables_may_name(o->tables, o->ev.args[1])) {
		broken(s, err, "its name, string %" PRIu64 ", does not exist", o->ev.args[1]);
		return NULL;
	}
	g = current_g(o, s->state);
	if (!g)
		no_goroutine(s, s->state->g, err);
	return g;
}

enum advance on_region_begin(struct order *o, struct stream *s, struct err *err)
{
	struct order_g *g = region_g(o, s, err);

	if (!g)
		return BROKEN;
	if (g->n_regions == g->cap_regions &&
	    mem_grow((void **)&g->regions, &g->cap_regions, g->n_regions + 1, sizeof(*g->regions),
		     MAX_REGION_DEPTH, "nested regions", err))
		return BROKEN;
	emit(o, s)->notes = notes_of(g);
	g->regions[g->n_regions++] = (struct open_region){
		.task = o->ev.args[0],
		.name.id = o->ev.args[1],
	};
	return ADVANCED;
}

/* Of a generation that was cut: a name that it lost may be any. */
COLD static bool a_name_is_lost(const struct tables *t, const struct name *begin, uint64_t end)
{
	return t->partial &&
	       ((!begin->kept && !tables_has_string(t, begin->id)) || !tables_has_string(t, end));
}

enum advance on_region_end(struct order *o, struct stream *s, struct err *err)
{
	struct order_g *g = region_g(o, s, err);
	struct open_region *top;

	if (!g)
		return BROKEN;
	emit(o, s)->notes = notes_of(g);
	/* An empty stack is fine: the region began before the trace. */
	if (!g->n_regions)
		return ADVANCED;
	top = &g->regions[g->n_regions - 1];
	/* Equal texts may have several ids; within a generation equal ids are enough. */
	if (top->task != o->ev.args[0] ||
	    ((top->name.kept || top->name.id != o->ev.args[1]) &&
	     !slice_eq(name_text(o, &top->name), tables_string(o->tables, o->ev.args[1])) &&
	     !a_name_is_lost(o->tables, &top->name, o->ev.args[1])))
		return broken(s, err,
			      "misuse of region: it is not the innermost one of goroutine"
			      " %" PRId64,
			      s->state->g);
	name_release(&top->name);
	g->n_regions--;
	return ADVANCED;
}
