/*
 * order_state: the scheduler state behind order.h; for collector/trace/order*.c only.
 *
 * Each rule is one function over the state and the acting context (section 5.4).
 * It checks first and changes last, in the reference's order of checks, so that
 * MUST_WAIT leaves nothing behind.
 */
#ifndef COLLECTOR_TRACE_ORDER_STATE_H
#define COLLECTOR_TRACE_ORDER_STATE_H

#include "base/map.h"
#include "base/pool.h"
#include "collector/trace/order.h"

/* Status codes as recorded: section 3.4. */
enum g_status { G_RUNNABLE = 1, G_RUNNING, G_SYSCALL, G_WAITING, N_G_STATUS };
enum p_status { P_RUNNING = 1, P_IDLE, P_SYSCALL, P_SYSCALL_ABANDONED, N_P_STATUS };
enum gc_state { GC_UNDETERMINED, GC_NOT_RUNNING, GC_RUNNING };

/* A sequence number counts within its generation. */
struct seq {
	uint64_t gen, n;
};

/* A name that is borrowed from the generation, or owned once it outlived one. */
struct name {
	struct slice text;
	bool owned;
};

struct open_region {
	uint64_t task;
	uint64_t name_id; /* of this generation, NO_NAME_ID once it was kept */
	struct name name;
};

#define NO_NAME_ID UINT64_MAX

/* A special range in flight: its begin event, and the kind of a stop-the-world. */
struct open_range {
	uint8_t begin;
	uint64_t desc;
};

struct ranges {
	struct open_range *list;
	size_t n, cap;
};

struct order_g {
	int64_t id;
	struct seq seq;
	uint8_t status; /* 0: a free slot */
	struct open_region *regions;
	size_t n_regions, cap_regions;
	struct ranges ranges;
};

struct order_p {
	int64_t id;
	struct seq seq;
	uint8_t status;
	struct ranges ranges;
};

struct order_m {
	int64_t id;
	int64_t g, p;		/* bound to the thread, or -1 */
	struct order_g *g_hint; /* probably the state of g: check the id */
	struct order_p *p_hint; /* the state of p, if its id matches */
};

struct order_task {
	uint64_t id, parent;
	struct name type;
};

/* Goroutines found last, by the low bits of their id: most lookups end here. */
#define NEAR_GS 1024u

struct order {
	const struct tables *tables;
	uint64_t gen, initial_gen;
	struct map gs, ps, ms, tasks;
	struct pool g_pool, p_pool, m_pool, task_pool;
	struct order_task *ended; /* its type is on loan to the last event */
	uint64_t gc_seq;
	enum gc_state gc_state;
	struct event out[3];
	unsigned int n_out;
	struct order_g *near_gs[NEAR_GS];
};

struct ctx {
	int64_t m, p, g;
};

/* One offer: what a rule sees and changes. */
struct offer {
	struct order *o;
	const struct wire_event *ev;
	struct order_m *ms; /* NULL: no thread */
	struct ctx ctx;	    /* before; what comes after a rule writes into ms */
	struct ctx ctx;	    /* before */
	struct ctx next;    /* after: starts as ctx */
	struct err *err;
};

typedef enum advance rule(struct offer *f);

COLD enum advance broken(struct offer *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
COLD enum advance no_memory(struct offer *f);

/* What a rule demands of the context: section 5.3. */
enum need { NONE, MAY, MUST };
#define USER_CONTEXT MUST, MUST, MUST

/* Says which demand is not met; always false. */
COLD bool lacks_context(struct offer *f, enum need m, enum need p, enum need g);

static inline bool meets(enum need need, bool has)
{
	return need == MAY || (need == MUST) == has;
}

static inline bool has_context(struct offer *f, enum need m, enum need p, enum need g)
{
	if (meets(m, f->ctx.m != NO_THREAD) && meets(p, f->ctx.p != NO_PROC) &&
	    meets(g, f->ctx.g != NO_GOROUTINE))
		return true;
	return lacks_context(f, m, p, g);
}
enum advance broken(struct offer *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Queue the public event of the offer, in the given context; callers patch it. */
static inline struct event *emit(struct offer *f, const struct ctx *ctx)
{
	struct order *o = f->o;
	struct event *e = &o->out[o->n_out++];

	e->kind = wire_kinds[f->ev->type];
	e->wire = f->ev->type;
	e->resource = RESOURCE_NONE;
	e->time = e->wire_time = f->ev->time;
	e->m = ctx->m;
	e->p = ctx->p;
	e->g = ctx->g;
	memcpy(e->args, f->ev->args, sizeof(e->args));
	e->tables = o->tables;
	return e;
}

/* The usual end of a rule without a transition. */
static inline enum advance emit_plain(struct offer *f)
{
	emit(f, &f->ctx);
	return ADVANCED;
}

static inline enum advance emit_transition(struct offer *f, enum resource_kind kind, int64_t id,
					   unsigned int from, unsigned int to)
{
	struct event *e = emit(f, &f->ctx);

	e->resource = (uint8_t)kind;
	e->id = id;
	e->from = (uint8_t)from;
	e->to = (uint8_t)to;
	return ADVANCED;
}

COLD struct order_g *find_far_g(struct order *o, int64_t id);

/* The goroutine of that id, or NULL. */
static inline struct order_g *find_g(struct order *o, int64_t id)
{
	struct order_g **near = &o->near_gs[(uint64_t)id % NEAR_GS];

	/* Slots are recycled, never freed: status and id tell whether it still holds. */
	if (*near && (*near)->id == id && (*near)->status)
		return *near;
	return find_far_g(o, id);
}

/* The goroutine bound to the thread, or NULL. */
static inline struct order_g *current_g(struct offer *f)
{
	const struct order_m *m = f->ms;

	if (m && m->g_hint && m->g_hint->id == f->ctx.g && m->g_hint->status)
		return m->g_hint;
	return find_g(f->o, f->ctx.g);
}


struct order_g *find_g(const struct order *o, int64_t id);
struct order_g *current_g(struct offer *f);				  /* of f->ctx.g */
struct order_g *add_g(struct offer *f, int64_t id, enum g_status status); /* NULL: err set */
void remove_g(struct order *o, struct order_g *g);
struct order_p *find_p(const struct order *o, int64_t id);

/* The proc bound to the thread, or NULL. Procs are never removed. */
static inline struct order_p *current_p(struct offer *f)
{
	const struct order_m *m = f->ms;

	return m && m->p_hint && m->p_hint->id == f->ctx.p ? m->p_hint : find_p(f->o, f->ctx.p);
}

struct order_p *add_p(struct offer *f, int64_t id, enum p_status status);
struct order_m *find_m(const struct order *o, int64_t id);
struct order_m *add_m(struct order *o, int64_t id, struct err *err);

/* Is `n` of this generation the immediate successor of `before`? */
static inline bool succeeds(const struct order *o, uint64_t n, struct seq before)
{
	return before.gen == o->gen && n == before.n + 1;
}

void name_release(struct name *n);
void ranges_release(struct ranges *r);

rule on_proc_start, on_proc_stop, on_proc_steal, on_proc_status;
rule on_go_create, on_go_create_syscall, on_go_start, on_go_stop_exec, on_go_unblock, on_go_switch;
rule on_syscall_begin, on_syscall_end, on_syscall_end_blocked, on_go_destroy_syscall, on_go_status;
rule on_go_range_begin, on_go_range_end, on_go_range_active;
rule on_sweep_begin, on_sweep_end, on_sweep_active, on_gc_active, on_gc_begin, on_gc_end;
rule on_task_begin, on_task_end, on_region_begin, on_region_end;

#endif /* COLLECTOR_TRACE_ORDER_STATE_H */
