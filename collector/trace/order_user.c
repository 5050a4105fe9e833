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

static bool in_flight(const struct ranges *r, uint8_t begin, uint64_t desc)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->list[i].begin == begin && r->list[i].desc == desc)
			return true;
	return false;
}

static enum advance push_range(struct offer *f, struct ranges *r, uint64_t desc)
{
	uint8_t begin = range_begin[f->ev->type];

	if (mem_grow((void **)&r->list, &r->cap, r->n + 1, sizeof(*r->list), MAX_RANGES,
		     "ranges in flight", f->err))
		return BROKEN;
	r->list[r->n++] = (struct open_range){ begin, desc };
	return emit_plain(f);
}

static enum advance begin_range(struct offer *f, struct ranges *r, uint64_t desc)
{
	if (in_flight(r, range_begin[f->ev->type], desc))
		return broken(f, "the range is in flight already");
	return push_range(f, r, desc);
}

/* In the first generation the range becomes known, later it must be. */
static enum advance confirm_range(struct offer *f, struct ranges *r)
{
	bool known = in_flight(r, range_begin[f->ev->type], 0);
	bool first = f->o->gen == f->o->initial_gen;

	if (known == first)
		return broken(f, first ? "the range is in flight already"
				       : "the range is not in flight");
	return first ? push_range(f, r, 0) : emit_plain(f);
}

/* Take the first range of the kind out, as the reference does: swap with the last. */
static enum advance end_range(struct offer *f, struct ranges *r, uint64_t *desc)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->list[i].begin != range_begin[f->ev->type])
			continue;
		*desc = r->list[i].desc;
		r->list[i] = r->list[--r->n];
		return ADVANCED;
	}
	return broken(f, "no such range is in flight");
}

/* The last emitted event is a range of this resource. */
static enum advance scoped(struct offer *f, enum advance a, enum resource_kind kind, int64_t id)
{
	if (a == ADVANCED) {
		f->o->out[f->o->n_out - 1].resource = (uint8_t)kind;
		f->o->out[f->o->n_out - 1].id = id;
	}
	return a;
}

enum advance on_go_range_begin(struct offer *f)
{
	struct order_g *g;

	if (!has_context(f, USER_CONTEXT))
		return BROKEN;
	g = current_g(f);
	if (!g)
		return broken(f, "goroutine %" PRId64 " does not exist", f->ctx.g);
	return scoped(f,
		      begin_range(f, &g->ranges, f->ev->type == EV_STW_BEGIN ? f->ev->args[0] : 0),
		      RESOURCE_GOROUTINE, f->ctx.g);
}

enum advance on_go_range_end(struct offer *f)
{
	struct order_g *g;
	struct event *e;
	uint64_t desc;

	if (!has_context(f, USER_CONTEXT))
		return BROKEN;
	g = current_g(f);
	if (!g)
		return broken(f, "goroutine %" PRId64 " does not exist", f->ctx.g);
	if (end_range(f, &g->ranges, &desc) != ADVANCED)
		return BROKEN;
	if (f->ev->type == EV_STW_END && !tables_may_name(f->o->tables, desc))
		return broken(f, "its kind, string %" PRIu64 ", is of an earlier generation", desc);
	e = emit(f, &f->ctx);
	if (f->ev->type == EV_STW_END)
		e->args[0] = desc;
	return scoped(f, ADVANCED, RESOURCE_GOROUTINE, f->ctx.g);
}

enum advance on_go_range_active(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	struct order_g *g = find_g(f->o, id);

	if (!g)
		return broken(f, "goroutine %" PRId64 " does not exist", id);
	return scoped(f, confirm_range(f, &g->ranges), RESOURCE_GOROUTINE, id);
}

enum advance on_sweep_begin(struct offer *f)
{
	struct order_p *p;

	if (!has_context(f, MUST, MUST, MAY))
		return BROKEN;
	p = current_p(f);
	if (!p)
		return broken(f, "proc %" PRId64 " does not exist", f->ctx.p);
	return scoped(f, begin_range(f, &p->ranges, 0), RESOURCE_PROC, f->ctx.p);
}

enum advance on_sweep_end(struct offer *f)
{
	struct order_p *p;
	uint64_t desc;

	if (!has_context(f, MUST, MUST, MAY))
		return BROKEN;
	p = current_p(f);
	if (!p)
		return broken(f, "proc %" PRId64 " does not exist", f->ctx.p);
	if (end_range(f, &p->ranges, &desc) != ADVANCED)
		return BROKEN;
	return scoped(f, emit_plain(f), RESOURCE_PROC, f->ctx.p);
}

enum advance on_sweep_active(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	struct order_p *p = find_p(f->o, id);

	if (!p)
		return broken(f, "proc %" PRId64 " does not exist", id);
	return scoped(f, confirm_range(f, &p->ranges), RESOURCE_PROC, id);
}

enum advance on_gc_active(struct offer *f)
{
	struct order *o = f->o;
	uint64_t seq = f->ev->args[0];

	if (o->gen == o->initial_gen) {
		if (o->gc_state != GC_UNDETERMINED)
			return broken(f, "not the first GC event of the first generation");
	} else {
		if (seq != o->gc_seq + 1)
			return MUST_WAIT;
		if (o->gc_state != GC_RUNNING)
			return broken(f, "no GC is in progress");
		if (!has_context(f, USER_CONTEXT))
			return BROKEN;
	}
	o->gc_seq = seq;
	o->gc_state = GC_RUNNING;
	return emit_plain(f);
}

enum advance on_gc_begin(struct offer *f)
{
	struct order *o = f->o;
	uint64_t seq = f->ev->args[0];

	if (o->gc_state != GC_UNDETERMINED) {
		if (seq != o->gc_seq + 1)
			return MUST_WAIT;
		if (o->gc_state == GC_RUNNING)
			return broken(f, "a GC is in progress already");
		if (!has_context(f, USER_CONTEXT))
			return BROKEN;
	}
	o->gc_seq = seq;
	o->gc_state = GC_RUNNING;
	return emit_plain(f);
}

enum advance on_gc_end(struct offer *f)
{
	struct order *o = f->o;

	if (f->ev->args[0] != o->gc_seq + 1)
		return MUST_WAIT;
	if (o->gc_state != GC_RUNNING)
		return broken(f, "no GC is in progress");
	if (!has_context(f, USER_CONTEXT))
		return BROKEN;
	o->gc_seq = f->ev->args[0];
	o->gc_state = GC_NOT_RUNNING;
	return emit_plain(f);
}

static struct order_task *new_task(struct offer *f, uint64_t id)
{
	struct order *o = f->o;
	struct order_task *t = pool_get(&o->task_pool, f->err);

	if (!t)
		return NULL;
	t->id = id;
	if (map_put(&o->tasks, id, t, f->err)) {
		pool_put(&o->task_pool, t);
		return NULL;
	}
	return t;
}

enum advance on_task_begin(struct offer *f)
{
	uint64_t id = f->ev->args[0];
	struct order_task *t;
	struct event *e;

	if (map_get(&f->o->tasks, id))
		return broken(f, "task %" PRIu64 " is active already", id);
	if (!tables_may_name(f->o->tables, f->ev->args[2]))
		return broken(f, "its name, string %" PRIu64 ", does not exist", f->ev->args[2]);
	if (!has_context(f, USER_CONTEXT))
		return BROKEN;
	t = new_task(f, id);
	if (!t)
		return BROKEN;
	/* Parent 0 means none here; task 0 is the background task of regions only. */
	t->parent = f->ev->args[1] ? f->ev->args[1] : NO_TASK;
	t->type.text = tables_string(f->o->tables, f->ev->args[2]);
	e = emit(f, &f->ctx);
	e->args[1] = t->parent;
	return ADVANCED;
}

/* A task may end several times, and without having begun. */
enum advance on_task_end(struct offer *f)
{
	struct order *o = f->o;
	struct order_task *t;
	struct event *e;

	if (!has_context(f, USER_CONTEXT))
		return BROKEN;
	if (o->ended) {
		name_release(&o->ended->type);
		pool_put(&o->task_pool, o->ended);
	}
	t = map_del(&o->tasks, f->ev->args[0]);
	o->ended = t;
	e = emit(f, &f->ctx);
	e->args[2] = t ? t->parent : NO_TASK;
	e->task_type = t ? t->type.text : (struct slice){ NULL, 0 };
	return ADVANCED;
}

/* Checks that a region's begin and end share. */
static struct order_g *region_g(struct offer *f)
{
	struct order_g *g;

	if (!has_context(f, USER_CONTEXT))
		return NULL;
	if (!tables_may_name(f->o->tables, f->ev->args[1])) {
		broken(f, "its name, string %" PRIu64 ", does not exist", f->ev->args[1]);
		return NULL;
	}
	g = current_g(f);
	if (!g)
		broken(f, "goroutine %" PRId64 " does not exist", f->ctx.g);
	return g;
}

enum advance on_region_begin(struct offer *f)
{
	struct order_g *g = region_g(f);

	if (!g)
		return BROKEN;
	if (mem_grow((void **)&g->regions, &g->cap_regions, g->n_regions + 1, sizeof(*g->regions),
		     MAX_REGION_DEPTH, "nested regions", f->err))
		return BROKEN;
	g->regions[g->n_regions++] = (struct open_region){
		.task = f->ev->args[0],
		.name_id = f->ev->args[1],
		.name.text = tables_string(f->o->tables, f->ev->args[1]),
	};
	return emit_plain(f);
}

static bool is_lost(const struct tables *t, uint64_t id)
{
	return t->partial && id != NO_NAME_ID && !tables_has_string(t, id);
}

/*
 * Equal texts may have several ids; within a generation equal ids are enough. A
 * name that a cut generation lost may be any.
 */
static bool same_name(const struct tables *t, const struct open_region *region, uint64_t name)
{
	return region->name_id == name || slice_eq(region->name.text, tables_string(t, name)) ||
	       is_lost(t, name) || is_lost(t, region->name_id);
}

enum advance on_region_end(struct offer *f)
{
	struct order_g *g = region_g(f);
	struct open_region *top;

	if (!g)
		return BROKEN;
	/* An empty stack is fine: the region began before the trace. */
	if (!g->n_regions)
		return emit_plain(f);
	top = &g->regions[g->n_regions - 1];
	if (top->task != f->ev->args[0] || !same_name(f->o->tables, top, f->ev->args[1]))
		return broken(f,
			      "misuse of region: it is not the innermost one of goroutine"
			      " %" PRId64,
			      f->ctx.g);
	name_release(&top->name);
	g->n_regions--;
	return emit_plain(f);
}
