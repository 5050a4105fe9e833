#include "collector/trace/order.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/order_state.h"

void name_release(struct name *n)
{
	if (n->kept)
		mem_free((void *)(uintptr_t)n->text.ptr); // NOLINT(performance-no-int-to-ptr)
	n->kept = false;
}

void ranges_release(struct ranges *r)
{
	mem_free(r->list);
	*r = (struct ranges){ .list = NULL };
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
	map_init(&o->gs, MAX_GOROUTINES, "goroutines");
	map_init(&o->ps, MAX_PROCS, "procs");
	map_init(&o->ms, MAX_THREADS, "threads");
	map_init(&o->tasks, MAX_OPEN_TASKS, "open tasks");
	pool_init(&o->g_pool, sizeof(struct order_g), MAX_GOROUTINES, "goroutines");
	pool_init(&o->p_pool, sizeof(struct order_p), MAX_PROCS, "procs");
	pool_init(&o->m_pool, sizeof(struct order_m), MAX_THREADS, "threads");
	/* One more than open: the type of the last one ended is on loan. */
	pool_init(&o->task_pool, sizeof(struct order_task), MAX_OPEN_TASKS + 1, "open tasks");
	return o;
}

void order_take_notes(struct order *o, size_t bytes)
{
	/* Whole lines of the cache: two where both parts fit. */
	size_t size = (sizeof(struct order_g) + bytes + 63) / 64 * 64;

	pool_init(&o->g_pool, size, MAX_GOROUTINES, "goroutines");
}

static void release_regions(struct order_g *g)
{
	for (size_t i = 0; i < g->n_regions; i++)
		name_release(&g->regions[i].name);
	mem_free(g->regions);
	g->regions = NULL;
	g->n_regions = g->cap_regions = 0;
}

void order_free(struct order *o)
{
	struct map_slot *s;

	if (!o)
		return;
	for (size_t at = 0; (s = map_next(&o->gs, &at));) {
		release_regions(s->val);
		ranges_release(&((struct order_g *)s->val)->ranges);
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
	map_release(&o->gs);
	map_release(&o->ps);
	map_release(&o->ms);
	map_release(&o->tasks);
	mem_free(o);
}

void order_begin_generation(struct order *o, uint64_t gen, const struct tables *tables)
{
	o->gen = gen;
	o->tables = tables;
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

	for (size_t at = 0; !st && (s = map_next(&o->gs, &at));) {
		struct order_g *g = s->val;

		for (size_t i = 0; !st && i < g->n_regions; i++)
			st = name_keep(o, &g->regions[i].name, err);
	}
	for (size_t at = 0; !st && (s = map_next(&o->tasks, &at));)
		st = name_keep(o, &((struct order_task *)s->val)->type, err);
	return st;
}

struct order_g *find_far_g(struct order *o, int64_t id)
{
	struct order_g *g = map_get(&o->gs, (uint64_t)id);

	if (g)
		o->near_gs[(uint64_t)id % NEAR_GS] = g;
	return g;
}

static void free_g(struct order *o, struct order_g *g)
{
	g->status = 0;
	pool_put(&o->g_pool, g);
}

APART struct order_g *add_g(struct order *o, int64_t id, enum g_status status, struct err *err)
{
	struct order_g *g = pool_get(&o->g_pool, err);

	if (!g)
		return NULL;
	g->id = id;
	g->status = (uint8_t)status;
	g->seq.gen = o->gen;
	if (map_put(&o->gs, (uint64_t)id, g, err)) {
		free_g(o, g);
		return NULL;
	}
	o->near_gs[(uint64_t)id % NEAR_GS] = g;
	return g;
}

APART void remove_g(struct order *o, struct order_g *g)
{
	map_del(&o->gs, (uint64_t)g->id);
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
	err_set(err, ST_FORMAT, ERR_NO_OFFSET, "%s event: %s", wire_specs[s->ev->wire].name, why);
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
	e->wire_time = s->ev->wire_time;
	e->m = s->m;
	e->p = s->state->p;
	e->g = s->state->g;
	e->id = id;
	memset(e->args, 0, sizeof(e->args));
	e->tables = s->ev->tables;
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
	emit(s);
	return ADVANCED;
}

static enum advance on_heap_metric(struct order *o, struct stream *s, struct err *err)
{
	(void)o;
	if (!has_context(s, MUST, MUST, MAY))
		return lacks_context(s, err, MUST, MUST, MAY);
	emit(s);
	return ADVANCED;
}

static enum advance on_experimental(struct order *o, struct stream *s, struct err *err)
{
	(void)o;
	if (!has_context(s, MUST, MAY, MAY))
		return lacks_context(s, err, MUST, MAY, MAY);
	emit(s);
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
	[EV_GO_DESTROY] = on_go_stop_exec,
	[EV_GO_DESTROY_SYSCALL] = on_go_destroy_syscall,
	[EV_GO_STOP] = on_go_stop_exec,
	[EV_GO_BLOCK] = on_go_stop_exec,
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
	[EV_GO_CREATE_BLOCKED] = on_go_create,
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

/* By the rule of its type; `ids` are those of its head. */
HOT enum advance advance_by(rule *by, unsigned int ids, struct order *o, struct stream *s,
			    struct err *err)
{
	enum advance a = by(o, s, err);

	return a == ADVANCED && UNLIKELY(!tables_resolve(o->tables, s->ev, ids)) ? NAMELESS : a;
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
	a = advance_by(rules[s->ev->wire], s->ev->ids, o, s, err);
	if (s->m == NO_THREAD) {
		o->nobody.g = NO_GOROUTINE;
		o->nobody.p = NO_PROC;
		s->state = NULL;
	}
	return a;
}

enum advance order_advance(struct order *o, struct stream *s, struct err *err)
{
	if (UNLIKELY(!s->state))
		return advance_stranger(o, s, err);
	/*
	 * Nearly all events are of these types: their rules become a part of the loop, without
	 * a call, and each of their ids is a comparison.
	 */
	switch (s->ev->wire) {
#define TYPE(type)                                                                                 \
	case type:                                                                                 \
		return advance_by(rules[type], event_heads[type].ids, o, s, err)
		TYPE(EV_GO_CREATE);
		TYPE(EV_GO_START);
		TYPE(EV_GO_DESTROY);
		TYPE(EV_GO_STOP);
		TYPE(EV_GO_BLOCK);
		TYPE(EV_GO_UNBLOCK);
		TYPE(EV_GO_SYSCALL_BEGIN);
		TYPE(EV_GO_SYSCALL_END);
		TYPE(EV_GC_SWEEP_BEGIN);
		TYPE(EV_GC_SWEEP_END);
		TYPE(EV_HEAP_ALLOC);
		TYPE(EV_USER_TASK_BEGIN);
		TYPE(EV_USER_TASK_END);
		TYPE(EV_USER_REGION_BEGIN);
		TYPE(EV_USER_REGION_END);
		TYPE(EV_USER_LOG);
#undef TYPE
	default:
		return advance_by(rules[s->ev->wire], s->ev->ids, o, s, err);
	}
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

void order_explain(struct order *o, const struct stream *s, char *text, size_t size)
{
	switch (s->ev->wire) {
	case EV_GO_START:
	case EV_GO_UNBLOCK:
	case EV_GO_SWITCH:
	case EV_GO_SWITCH_DESTROY:
		explain_g(o, s->ev->args[0], text, size);
		break;
	case EV_PROC_START:
	case EV_PROC_STEAL:
		explain_p(o, s->ev->args[0], text, size);
		break;
	case EV_GO_SYSCALL_END_BLOCKED:
		snprintf(text, size, "its proc was not taken yet");
		break;
	default:
		snprintf(text, size, "GC is at seq %" PRIu64, o->gc_seq);
	}
}
