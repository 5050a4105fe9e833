#include "collector/trace/order.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/order_state.h"

#define LINE 64u /* of the cache */

void name_release(struct name *n)
{
	if (n->kept)
		mem_free((void *)(uintptr_t)n->text.ptr); // NOLINT(performance-no-int-to-ptr)
	n->kept = false;
}

void ranges_release(struct ranges *r)
{
	if (r->more)
		mem_free(r->more);
	*r = (struct ranges){ .more = NULL };
}

struct order *order_new(void)
{
	struct order *o = mem_zalloc(sizeof(*o));

	if (!o)
		return NULL;
	o->no_p.id = INT64_MIN;
	o->nobody = (struct order_m){ NO_THREAD, NO_GOROUTINE, NO_PROC, &o->no_g, &o->no_p };
	for (size_t i = 0; i < NEAR_GS; i++)
		o->near_gs[i] = &o->no_g;
	map_init(&o->far_gs, MAX_GOROUTINES, "goroutines");
	map_init(&o->ps, MAX_PROCS, "procs");
	map_init(&o->ms, MAX_THREADS, "threads");
	map_init(&o->tasks, MAX_OPEN_TASKS, "open tasks");
	order_take_notes(o, 0);
	pool_init(&o->p_pool, sizeof(struct order_p), MAX_PROCS, "procs");
	pool_init(&o->m_pool, sizeof(struct order_m), MAX_THREADS, "threads");
	/* One more than open: the type of the last one ended is on loan. */
	pool_init(&o->task_pool, sizeof(struct order_task), MAX_OPEN_TASKS + 1, "open tasks");
	return o;
}

void order_take_notes(struct order *o, size_t bytes)
{
	/* Whole lines of the cache. */
	size_t size = (sizeof(struct order_g) + bytes + LINE - 1) / LINE * LINE;

	pool_init(&o->g_pool, size, MAX_GOROUTINES, "goroutines");
}

static void release_regions(struct order_g *g)
{
	if (!g->regions)
		return;
	for (size_t i = 0; i < g->n_regions; i++)
		name_release(&g->regions[i].name);
	mem_free(g->regions);
	g->regions = NULL;
	g->n_regions = g->cap_regions = 0;
}

struct order_g *next_g(const struct order *o, size_t *at)
{
	struct map_slot *s;
	size_t far;

	for (; *at < NEAR_GS; ++*at)
		if (o->near_gs[*at]->status && !o->near_gs[*at]->far)
			return o->near_gs[(*at)++];
	far = *at - NEAR_GS;
	s = map_next(&o->far_gs, &far);
	*at = far + NEAR_GS;
	return s ? s->val : NULL;
}

void order_free(struct order *o)
{
	struct map_slot *s;
	struct order_g *g;

	if (!o)
		return;
	for (size_t at = 0; (g = next_g(o, &at));) {
		release_regions(g);
		ranges_release(&g->ranges);
	}
	for (size_t at = 0; (s = map_next(&o->ps, &at));)
		ranges_release(&((struct order_p *)s->val)->ranges);
	for (size_t at = 0; (s = map_next(&o->tasks, &at));)
		name_release(&((struct order_task *)s->val)->type);
	if (o->ended)
		name_release(&o->ended->type);
	pool_release(&o->g_pool);
	pool_release(&o->p_pool);
	pool_release(&o->m_pool);
	pool_release(&o->task_pool);
	map_release(&o->far_gs);
	map_release(&o->ps);
	map_release(&o->ms);
	map_release(&o->tasks);
	mem_free(o);
}

void order_begin_generation(struct order *o, uint64_t gen, const struct tables *tables)
{
	o->gen = gen;
	o->tables = o->ev.tables = tables;
}

static enum status name_keep(const struct order *o, struct name *n, struct err *err)
{
	struct slice text;
	uint8_t *copy;

	if (n->kept)
		return ST_OK;
	text = name_text(o, n);
	copy = mem_alloc(text.len);
	if (!copy)
		return err_nomem(err, "the name of an open task or region");
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	n->text = (struct slice){ copy, text.len };
	n->kept = true;
	return ST_OK;
}

enum status order_keep_names(struct order *o, struct err *err)
{
	enum status st = ST_OK;
	struct map_slot *s;
	struct order_g *g;

	for (size_t at = 0; !st && (g = next_g(o, &at));) {
		for (size_t i = 0; !st && i < g->n_regions; i++)
			st = name_keep(o, &g->regions[i].name, err);
	}
	for (size_t at = 0; !st && (s = map_next(&o->tasks, &at));)
		st = name_keep(o, &((struct order_task *)s->val)->type, err);
	return st;
}

/* Take the near place of its id; who has it becomes far, if it is not. */
static enum status come_near(struct order *o, struct order_g *g, struct err *err)
{
	struct order_g **place = &o->near_gs[(uint64_t)g->id % NEAR_GS];
	struct order_g *former = *place;

	if (former->status && !former->far) {
		enum status st = map_put(&o->far_gs, (uint64_t)former->id, former, err);

		if (st)
			return st;
		former->far = true;
		if ((uint64_t)former->id > o->last_far)
			o->last_far = (uint64_t)former->id;
	}
	*place = g;
	return ST_OK;
}

APART struct order_g *find_far_g(struct order *o, int64_t id)
{
	struct order_g *g = map_get(&o->far_gs, (uint64_t)id);

	/* Without memory for it the place stays as it is. */
	if (g)
		(void)!come_near(o, g, NULL);
	return g;
}

static void free_g(struct order *o, struct order_g *g)
{
	g->status = 0;
	pool_put(&o->g_pool, g);
}

APART struct order_g *add_g(struct order *o, int64_t id, enum g_status status, struct err *err)
{
	struct order_g *g = pool_take(&o->g_pool, err);

	if (!g)
		return NULL;
	for (size_t at = 0; at < o->g_pool.size; at += LINE)
		memset((uint8_t *)g + at, 0, LINE);
	g->id = id;
	g->status = (uint8_t)status;
	g->seq.gen = o->gen;
	if (come_near(o, g, err)) {
		free_g(o, g);
		return NULL;
	}
	return g;
}

APART void remove_g(struct order *o, struct order_g *g)
{
	struct order_g **place = &o->near_gs[(uint64_t)g->id % NEAR_GS];

	if (g->far)
		map_del(&o->far_gs, (uint64_t)g->id);
	if (*place == g)
		*place = &o->no_g;
	release_regions(g);
	ranges_release(&g->ranges);
	free_g(o, g);
}

APART struct order_p *find_p(const struct order *o, int64_t id)
{
	return map_get(&o->ps, (uint64_t)id);
}

APART struct order_p *add_p(struct order *o, int64_t id, enum p_status status, struct err *err)
{
	struct order_p *p = pool_get(&o->p_pool, err);

	if (!p)
		return NULL;
	*p = (struct order_p){ .id = id, .status = (uint8_t)status, .seq = { o->gen, 0 } };
	return map_put(&o->ps, (uint64_t)id, p, err) ? NULL : p;
}

APART struct order_m *find_m(const struct order *o, int64_t id)
{
	return map_get(&o->ms, (uint64_t)id);
}

struct order_m *add_m(struct order *o, int64_t id, struct err *err)
{
	struct order_m *m = pool_get(&o->m_pool, err);

	if (!m)
		return NULL;
	*m = (struct order_m){ id, NO_GOROUTINE, NO_PROC, &o->no_g, &o->no_p };
	return map_put(&o->ms, (uint64_t)id, m, err) ? NULL : m;
}

enum advance broken(const struct stream *s, struct err *err, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	err_set(err, ST_FORMAT, ERR_NO_OFFSET, "%s event: %s", wire_specs[stream_type(s)].name,
		why);
	return BROKEN;
}

enum advance lacks_context(const struct stream *s, struct err *err, enum need m, enum need p,
			   enum need g)
{
	const struct {
		enum need need;
		bool has;
		const char *what;
	} demands[] = { { m, s->m != NO_THREAD, "thread" },
			{ p, s->state->p != NO_PROC, "proc" },
			{ g, s->state->g != NO_GOROUTINE, "goroutine" } };

	for (size_t i = 0; i < sizeof(demands) / sizeof(demands[0]); i++) {
		if (meets(demands[i].need, demands[i].has))
			continue;
		if (demands[i].need == MUST)
			return broken(s, err, "expected a %s but there is none", demands[i].what);
		return broken(s, err, "expected no %s but there is one", demands[i].what);
	}
	return BROKEN;
}

struct event *emit_extra(struct order *o, const struct stream *s, enum wire_type type, int64_t id)
{
	struct event *e = &o->extra[o->n_extra++];

	event_begin(e, &event_heads[type]);
	e->wire_time = s->time;
	e->m = s->m;
	e->p = s->state->p;
	e->g = s->state->g;
	e->id = id;
	memset(e->args, 0, sizeof(e->args));
	e->tables = o->ev.tables;
	return e;
}

struct event *emit_extra_go(struct order *o, const struct stream *s, enum wire_type type,
			    struct order_g *g)
{
	struct event *e = emit_extra(o, s, type, g->id);

	e->notes = notes_of(g);
	return e;
}

/* ProcsChange, labels, logs: they need someone running and change nothing. */
static enum advance on_annotation(struct order *o, struct stream *s, struct err *err)
{
	(void)o;
	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	emit(o, s);
	return ADVANCED;
}

static enum advance on_heap_metric(struct order *o, struct stream *s, struct err *err)
{
	(void)o;
	if (!has_context(s, MUST, MUST, MAY))
		return lacks_context(s, err, MUST, MUST, MAY);
	emit(o, s);
	return ADVANCED;
}

static enum advance on_experimental(struct order *o, struct stream *s, struct err *err)
{
	(void)o;
	if (!has_context(s, MUST, MAY, MAY))
		return lacks_context(s, err, MUST, MAY, MAY);
	emit(o, s);
	return ADVANCED;
}

static enum advance on_illegal(struct order *o, struct stream *s, struct err *err)
{
	(void)o;
	return broken(s, err, "not legal in a thread's events");
}

/* For every type that a stream decodes: event_heads[].n_numbers > 0. */
static rule *const rules[N_WIRE_TYPES] = {
	[EV_CLOCK_SNAPSHOT] = on_illegal,
	[EV_PROCS_CHANGE] = on_annotation,
	[EV_PROC_START] = on_proc_start,
	[EV_PROC_STOP] = on_proc_stop,
	[EV_PROC_STEAL] = on_proc_steal,
	[EV_PROC_STATUS] = on_proc_status,
	[EV_GO_CREATE] = on_go_create,
	[EV_GO_CREATE_SYSCALL] = on_go_create_syscall,
	[EV_GO_START] = on_go_start,
	[EV_GO_DESTROY] = on_go_destroy,
	[EV_GO_DESTROY_SYSCALL] = on_go_destroy_syscall,
	[EV_GO_STOP] = on_go_stop,
	[EV_GO_BLOCK] = on_go_block,
	[EV_GO_UNBLOCK] = on_go_unblock,
	[EV_GO_SYSCALL_BEGIN] = on_syscall_begin,
	[EV_GO_SYSCALL_END] = on_syscall_end,
	[EV_GO_SYSCALL_END_BLOCKED] = on_syscall_end_blocked,
	[EV_GO_STATUS] = on_go_status,
	[EV_STW_BEGIN] = on_go_range_begin,
	[EV_STW_END] = on_go_range_end,
	[EV_GC_ACTIVE] = on_gc_active,
	[EV_GC_BEGIN] = on_gc_begin,
	[EV_GC_END] = on_gc_end,
	[EV_GC_SWEEP_ACTIVE] = on_sweep_active,
	[EV_GC_SWEEP_BEGIN] = on_sweep_begin,
	[EV_GC_SWEEP_END] = on_sweep_end,
	[EV_GC_MARK_ASSIST_ACTIVE] = on_go_range_active,
	[EV_GC_MARK_ASSIST_BEGIN] = on_go_range_begin,
	[EV_GC_MARK_ASSIST_END] = on_go_range_end,
	[EV_HEAP_ALLOC] = on_heap_metric,
	[EV_HEAP_GOAL] = on_heap_metric,
	[EV_GO_LABEL] = on_annotation,
	[EV_USER_TASK_BEGIN] = on_task_begin,
	[EV_USER_TASK_END] = on_task_end,
	[EV_USER_REGION_BEGIN] = on_region_begin,
	[EV_USER_REGION_END] = on_region_end,
	[EV_USER_LOG] = on_annotation,
	[EV_GO_SWITCH] = on_go_switch,
	[EV_GO_SWITCH_DESTROY] = on_go_switch,
	[EV_GO_CREATE_BLOCKED] = on_go_create_blocked,
	[EV_GO_STATUS_STACK] = on_go_status,
	[EV_SPAN] = on_experimental,
	[EV_SPAN_ALLOC] = on_experimental,
	[EV_SPAN_FREE] = on_experimental,
	[EV_HEAP_OBJECT] = on_experimental,
	[EV_HEAP_OBJECT_ALLOC] = on_experimental,
	[EV_HEAP_OBJECT_FREE] = on_experimental,
	[EV_GOROUTINE_STACK] = on_experimental,
	[EV_GOROUTINE_STACK_ALLOC] = on_experimental,
	[EV_GOROUTINE_STACK_FREE] = on_experimental,
};

/* A thread's state begins empty at the first event it is offered with. */
static struct order_m *thread_state(struct order *o, int64_t m, struct err *err)
{
	struct order_m *state = find_m(o, m);

	return state ? state : add_m(o, m, err);
}

/* Take the event apart, and go by the rule of its type. */
HOT enum advance advance_by(unsigned int type, struct order *o, struct stream *s, struct err *err)
{
	enum advance a;

	stream_take(s, type, &o->ev);
	a = rules[type](o, s, err);
	return a == ADVANCED && UNLIKELY(!tables_resolve(o->tables, &o->ev, event_heads[type].ids))
		       ? NAMELESS
		       : a;
}

/* The first event of a thread, and each of none: nothing is kept of them. */
COLD static enum advance advance_stranger(struct order *o, struct stream *s, struct err *err)
{
	enum advance a;

	if (!o->initial_gen)
		o->initial_gen = o->gen;
	s->state = s->m == NO_THREAD ? &o->nobody : thread_state(o, s->m, err);
	if (!s->state)
		return BROKEN;
	a = advance_by(stream_type(s), o, s, err);
	if (s->m == NO_THREAD) {
		o->nobody.g = NO_GOROUTINE;
		o->nobody.p = NO_PROC;
		s->state = NULL;
	}
	return a;
}

enum advance order_advance(struct order *o, struct stream *s, struct err *err)
{
	/*
	 * Nearly all events are of these types: their rules become a part of the loop, without
	 * a call, and each of their ids is a comparison.
	 */
	switch ((enum way)s->way) {
#define WAY(type)                                                                                  \
	case WAY_##type:                                                                           \
		return advance_by(EV_##type, o, s, err);
		FREQUENT_TYPES(WAY)
#undef WAY
	case WAY_OTHER:
		return advance_by(stream_type(s), o, s, err);
	case WAY_STRANGER:
		return advance_stranger(o, s, err);
	case WAY_NONE:
		return NO_EVENT;
	}
	__builtin_unreachable();
}

struct event *order_event(struct order *o)
{
	return &o->ev;
}

struct event *order_extra(struct order *o, unsigned int *n)
{
	*n = o->n_extra;
	o->n_extra = 0;
	return o->extra;
}

static void explain_g(struct order *o, uint64_t id, char *text, size_t size)
{
	static const char *const names[N_G_STATUS] = { "?", "Runnable", "Running", "Syscall",
						       "Waiting" };
	const struct order_g *g = find_g(o, (int64_t)id);

	if (!g)
		snprintf(text, size, "G %" PRIu64 " is not known yet", id);
	else
		snprintf(text, size,
			 "G %" PRIu64 " is %s at seq %" PRIu64 " of generation %" PRIu64, id,
			 names[g->status], g->seq.n, g->seq.gen);
}

static void explain_p(const struct order *o, uint64_t id, char *text, size_t size)
{
	static const char *const names[N_P_STATUS] = { "?", "Running", "Idle", "Syscall",
						       "SyscallAbandoned" };
	const struct order_p *p = find_p(o, (int64_t)id);

	if (!p)
		snprintf(text, size, "P %" PRIu64 " is not known yet", id);
	else
		snprintf(text, size,
			 "P %" PRIu64 " is %s at seq %" PRIu64 " of generation %" PRIu64, id,
			 names[p->status], p->seq.n, p->seq.gen);
}

void order_explain(struct order *o, struct stream *s, char *text, size_t size)
{
	stream_take(s, stream_type(s), &o->ev);
	switch (stream_type(s)) {
	case EV_GO_START:
	case EV_GO_UNBLOCK:
	case EV_GO_SWITCH:
	case EV_GO_SWITCH_DESTROY:
		explain_g(o, o->ev.args[0], text, size);
		break;
	case EV_PROC_START:
	case EV_PROC_STEAL:
		explain_p(o, o->ev.args[0], text, size);
		break;
	case EV_GO_SYSCALL_END_BLOCKED:
		snprintf(text, size, "its proc was not taken yet");
		break;
	default:
		snprintf(text, size, "GC is at seq %" PRIu64, o->gc_seq);
	}
}
