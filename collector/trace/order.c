#include "collector/trace/order.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/order_state.h"

void name_release(struct name *n)
{
	if (n->owned)
		mem_free((void *)(uintptr_t)n->text.ptr); // NOLINT(performance-no-int-to-ptr)
	*n = (struct name){ .owned = false };
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

static enum status name_keep(struct name *n, struct err *err)
{
	uint8_t *copy;

	if (n->owned)
		return ST_OK;
	copy = mem_alloc(n->text.len);
	if (!copy)
		return err_nomem(err, "the name of an open task or region");
	if (n->text.len)
		memcpy(copy, n->text.ptr, n->text.len);
	n->text.ptr = copy;
	n->owned = true;
	return ST_OK;
}

enum status order_keep_names(struct order *o, struct err *err)
{
	enum status st = ST_OK;
	struct map_slot *s;

	for (size_t at = 0; !st && (s = map_next(&o->gs, &at));) {
		struct order_g *g = s->val;

		for (size_t i = 0; !st && i < g->n_regions; i++) {
			st = name_keep(&g->regions[i].name, err);
			g->regions[i].name_id = NO_NAME_ID;
		}
	}
	for (size_t at = 0; !st && (s = map_next(&o->tasks, &at));)
		st = name_keep(&((struct order_task *)s->val)->type, err);
	return st;
}

struct order_g *find_far_g(struct order *o, int64_t id)
{
	struct order_g *g = map_get(&o->gs, (uint64_t)id);

	if (g)
		o->near_gs[(uint64_t)id % NEAR_GS] = g;
	return g;
struct order_g *current_g(struct offer *f)
{
	/* Pooled, so never gone: status and id tell whether the hint still holds. */
	if (f->ms && f->ms->g_hint && f->ms->g_hint->status && f->ms->g_hint->id == f->ctx.g)
		return f->ms->g_hint;
	return find_g(f->o, f->ctx.g);
}

static void free_g(struct order *o, struct order_g *g)
{
	g->status = 0;
	pool_put(&o->g_pool, g);
}

struct order_g *add_g(struct offer *f, int64_t id, enum g_status status)
{
	struct order *o = f->o;
	struct order_g *g = pool_get(&o->g_pool, f->err);

	if (!g)
		return NULL;
	g->id = id;
	g->status = (uint8_t)status;
	g->seq.gen = o->gen;
	if (map_put(&o->gs, (uint64_t)id, g, f->err)) {
		free_g(o, g);
		return NULL;
	}
	return g;
}

void remove_g(struct order *o, struct order_g *g)
{
	map_del(&o->gs, (uint64_t)g->id);
	release_regions(g);
	ranges_release(&g->ranges);
	free_g(o, g);
}

struct order_p *find_p(const struct order *o, int64_t id)
{
	return map_get(&o->ps, (uint64_t)id);
}

struct order_p *add_p(struct offer *f, int64_t id, enum p_status status)
{
	struct order *o = f->o;
	struct order_p *p = pool_get(&o->p_pool, f->err);

	if (!p)
		return NULL;
	*p = (struct order_p){ .id = id, .status = (uint8_t)status, .seq = { o->gen, 0 } };
	return map_put(&o->ps, (uint64_t)id, p, f->err) ? NULL : p;
}

struct order_m *find_m(const struct order *o, int64_t id)
{
	return map_get(&o->ms, (uint64_t)id);
}

struct order_m *add_m(struct order *o, int64_t id, struct err *err)
{
	struct order_m *m = pool_get(&o->m_pool, err);

	if (!m)
		return NULL;
	*m = (struct order_m){ .id = id, .g = NO_GOROUTINE, .p = NO_PROC };
	return map_put(&o->ms, (uint64_t)id, m, err) ? NULL : m;
}

enum advance broken(struct offer *f, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	err_set(f->err, ST_FORMAT, ERR_NO_OFFSET, "%s event: %s", wire_specs[f->ev->type].name,
		why);
	return BROKEN;
}

enum advance no_memory(struct offer *f)
{
	err_nomem(f->err, "the scheduler's state");
	return BROKEN;
}

bool lacks_context(struct offer *f, enum need m, enum need p, enum need g)
static bool has_one(struct offer *f, enum need need, bool has, const char *what)
{
	const struct {
		enum need need;
		bool has;
		const char *what;
	} demands[] = { { m, f->ctx.m != NO_THREAD, "thread" },
			{ p, f->ctx.p != NO_PROC, "proc" },
			{ g, f->ctx.g != NO_GOROUTINE, "goroutine" } };

	for (size_t i = 0; i < sizeof(demands) / sizeof(demands[0]); i++) {
		if (meets(demands[i].need, demands[i].has))
			continue;
		if (demands[i].need == MUST)
			broken(f, "expected a %s but there is none", demands[i].what);
		else
			broken(f, "expected no %s but there is one", demands[i].what);
		break;
	}
	return false;
}

/* ProcsChange, labels, logs: they need someone running and change nothing. */
static enum advance on_annotation(struct offer *f)
{
	return has_context(f, USER_CONTEXT) ? emit_plain(f) : BROKEN;
}

static enum advance on_heap_metric(struct offer *f)
{
	return has_context(f, MUST, MUST, MAY) ? emit_plain(f) : BROKEN;
}

static enum advance on_experimental(struct offer *f)
{
	return has_context(f, MUST, MAY, MAY) ? emit_plain(f) : BROKEN;
}

static rule *const rules[N_WIRE_TYPES] = {
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
COLD static struct order_m *thread_state(struct order *o, struct stream *s, struct err *err)
{
	if (!s->state)
		s->state = find_m(o, s->m);
	if (!s->state)
		s->state = add_m(o, s->m, err);
	return s->state;
}

enum advance order_advance(struct order *o, struct stream *s, struct event **events,
			   unsigned int *n, struct err *err)
{
	struct offer f;
	rule *apply = rules[s->ev.type];
	enum advance a;

	f.o = o;
	f.ev = &s->ev;
	f.err = err;
	f.ms = NULL;
	f.ctx = (struct ctx){ s->m, NO_PROC, NO_GOROUTINE };
	if (s->m != NO_THREAD) {
		f.ms = s->state ? s->state : thread_state(o, s, err);
		if (!f.ms)
			return BROKEN;
		f.ctx.p = f.ms->p;
		f.ctx.g = f.ms->g;
	}
	o->n_out = 0;
	if (!o->initial_gen)
		o->initial_gen = o->gen;
	if (!apply)
		return broken(&f, "not legal in a thread's events");
	a = apply(&f);
	*events = o->out;
	*n = o->n_out;
	return a;
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
	switch (s->ev.type) {
	case EV_GO_START:
	case EV_GO_UNBLOCK:
	case EV_GO_SWITCH:
	case EV_GO_SWITCH_DESTROY:
		explain_g(o, s->ev.args[0], text, size);
		break;
	case EV_PROC_START:
	case EV_PROC_STEAL:
		explain_p(o, s->ev.args[0], text, size);
		break;
	case EV_GO_SYSCALL_END_BLOCKED:
		snprintf(text, size, "its proc was not taken yet");
		break;
	default:
		snprintf(text, size, "GC is at seq %" PRIu64, o->gc_seq);
	}
}
