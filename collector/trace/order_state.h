/*
 * order_state: the scheduler state behind order.h; for collector/trace/order*.c only.
 *
 * Each rule is one function over the state and the acting context (section 5.4),
 * which is the thread's state in s->state. It checks first and changes last, in
 * the reference's order of checks, so that MUST_WAIT leaves nothing behind. Rules
 * are called for every event: they take what they need as arguments, and what
 * only a broken trace needs is COLD.
 */
#ifndef COLLECTOR_TRACE_ORDER_STATE_H
#define COLLECTOR_TRACE_ORDER_STATE_H

#include "base/map.h"
#include "base/pool.h"
#include "collector/trace/order.h"
#include "collector/trace/tables.h"

/* Status codes as recorded: section 3.4. */
enum g_status { G_RUNNABLE = 1, G_RUNNING, G_SYSCALL, G_WAITING, N_G_STATUS };
enum p_status { P_RUNNING = 1, P_IDLE, P_SYSCALL, P_SYSCALL_ABANDONED, N_P_STATUS };
enum gc_state { GC_UNDETERMINED, GC_NOT_RUNNING, GC_RUNNING };

/* A sequence number counts within its generation. */
struct seq {
	uint64_t gen, n;
};

/* A name of the current generation by its id, or a copy once it outlived its own. */
struct name {
	uint64_t id;
	bool kept;	   /* the id means nothing now, `text` is owned */
	struct slice text; /* only if kept */
};

struct open_region {
	uint64_t task;
	struct name name;
};

/* A special range in flight: its begin event, and the kind of a stop-the-world. */
struct open_range {
	uint8_t begin;
	uint64_t desc;
};

/* Seldom more than one: that one takes no memory of its own. */
struct ranges {
	struct open_range first, *more;
	size_t n, cap; /* n: all; cap: of `more` */
};

struct order_g {
	int64_t id;
	struct seq seq;
	uint8_t status; /* 0: a free slot */
	bool far;	/* in order.far_gs */
	struct open_region *regions;
	size_t n_regions, cap_regions;
	struct ranges ranges;
	/* Behind it: what the reader's caller wants to know of it, notes_of(). */
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
	struct order_g *g_hint; /* probably the state of g: check id and status */
	struct order_p *p_hint; /* the state of p, if its id matches */
};

struct order_task {
	uint64_t id, parent;
	struct name type;
};

/*
 * Goroutines found or made last, by the low bits of their id: most lookups end here. Each
 * that is alive is in its place here, in the map of far ones, or in both: a goroutine of a
 * few events never gets into the map.
 */
#define NEAR_GS 4096u

struct order {
	const struct tables *tables;
	uint64_t gen, initial_gen;
	struct map far_gs, ps, ms, tasks;
	struct pool g_pool, p_pool, m_pool, task_pool;
	struct order_task *ended; /* its type is on loan to the last event */
	uint64_t gc_seq;
	enum gc_state gc_state;
	struct order_m nobody; /* the state of "no thread", empty before each event */
	struct order_g no_g;   /* where hints lead that lead nowhere: never a match */
	struct order_p no_p;
	struct event ev;       /* the one that is offered */
	struct event extra[3]; /* of a recorded event that means several */
	unsigned int n_extra;
	uint64_t last_far; /* the highest id that ever was far: new goroutines have higher ones */
	struct order_g *near_gs[NEAR_GS];
};

/*
 * A rule: may the stream's next event happen now? It completes o->ev and changes
 * s->state, or it fills o->extra; it fills err only if the trace is broken.
 */
typedef enum advance rule(struct order *o, struct stream *s, struct err *err);

COLD enum advance broken(const struct stream *s, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What a rule demands of the context: section 5.3. */
enum need { NONE, MAY, MUST };
#define USER_CONTEXT MUST, MUST, MUST

/* Says which demand is not met; always BROKEN. */
COLD enum advance lacks_context(const struct stream *s, struct err *err, enum need m, enum need p,
				enum need g);

static inline bool meets(enum need need, bool has)
{
	return need == MAY || (need == MUST) == has;
}

static inline bool has_context(const struct stream *s, enum need m, enum need p, enum need g)
{
	/* What belongs to no thread has neither a proc nor a goroutine. */
	bool thread = p == MUST || g == MUST || meets(m, s->m != NO_THREAD);

	/* Both at once: what is not there is -1, and no id that Go gives is below 0. */
	if (p == MUST && g == MUST && LIKELY((s->state->p | s->state->g) >= 0))
		return true;
	return thread && meets(p, s->state->p != NO_PROC) && meets(g, s->state->g != NO_GOROUTINE);
}

/* The context is that of the thread as it is now: before the rule changes it. */
static inline struct event *emit(struct order *o, const struct stream *s)
{
	struct event *e = &o->ev;

	e->m = s->m;
	e->p = s->state->p;
	e->g = s->state->g;
	return e;
}

/* The bytes for reader_take_notes(), if they were asked for. */
static inline void *notes_of(struct order_g *g)
{
	return g + 1;
}

/* Transitions whose states are those that their type implies. */
static inline enum advance emit_proc(struct order *o, const struct stream *s, int64_t id)
{
	emit(o, s)->id = id;
	return ADVANCED;
}

static inline enum advance emit_go(struct order *o, const struct stream *s, struct order_g *g)
{
	struct event *e = emit(o, s);

	e->id = g->id;
	e->notes = notes_of(g);
	return ADVANCED;
}

/* One of several events that a recorded one means; in the context of that one. */
struct event *emit_extra(struct order *o, const struct stream *s, enum wire_type type, int64_t id);
struct event *emit_extra_go(struct order *o, const struct stream *s, enum wire_type type,
			    struct order_g *g);

APART struct order_g *find_far_g(struct order *o, int64_t id);

/* Visit all that are alive: start with *at = 0; NULL at the end. */
struct order_g *next_g(const struct order *o, size_t *at);

static inline struct order_g **near_place(struct order *o, int64_t id)
{
	return &o->near_gs[(uint64_t)id % NEAR_GS];
}

/* The goroutine of that id, or NULL. */
static inline struct order_g *find_g(struct order *o, int64_t id)
{
	struct order_g *near = *near_place(o, id);

	if (near->id == id && near->status)
		return near;
	return (uint64_t)id <= o->last_far ? find_far_g(o, id) : NULL;
}

/* The goroutine of that id if it has that status, or NULL. */
static inline struct order_g *find_in(struct order *o, int64_t id, enum g_status status)
{
	struct order_g *g = *near_place(o, id);

	if (LIKELY(g->id == id && g->status == status))
		return g;
	g = find_g(o, id);
	return g && g->status == status ? g : NULL;
}

/* The goroutine bound to the thread, or NULL. */
static inline struct order_g *current_g(struct order *o, const struct order_m *m)
{
	if (m->g_hint->id == m->g && m->g_hint->status)
		return m->g_hint;
	return find_g(o, m->g);
}

/* The goroutine bound to the thread if it has that status, or NULL. */
static inline struct order_g *current_in(struct order *o, const struct order_m *m,
					 enum g_status status)
{
	struct order_g *g = m->g_hint;

	if (LIKELY(g->id == m->g && g->status == status))
		return g;
	g = find_g(o, m->g);
	return g && g->status == status ? g : NULL;
}

/* The new one, or NULL: err is set. */
struct order_g *add_g(struct order *o, int64_t id, enum g_status status, struct err *err);
struct order_p *add_p(struct order *o, int64_t id, enum p_status status, struct err *err);
struct order_m *add_m(struct order *o, int64_t id, struct err *err);
void remove_g(struct order *o, struct order_g *g);
struct order_p *find_p(const struct order *o, int64_t id);
struct order_m *find_m(const struct order *o, int64_t id);

/* The proc bound to the thread, or NULL. Procs are never removed. */
static inline struct order_p *current_p(const struct order *o, const struct order_m *m)
{
	return m->p_hint->id == m->p ? m->p_hint : find_p(o, m->p);
}

static inline void bind_g(struct order_m *m, struct order_g *g)
{
	m->g = g->id;
	m->g_hint = g;
}

static inline void bind_p(struct order_m *m, struct order_p *p)
{
	m->p = p->id;
	m->p_hint = p;
}

/* Is `n` of this generation the immediate successor of `before`? */
static inline bool succeeds(const struct order *o, uint64_t n, struct seq before)
{
	return before.gen == o->gen && n == before.n + 1;
}

/* Borrowed until the name or the generation goes. */
static inline struct slice name_text(const struct order *o, const struct name *n)
{
	return n->kept ? n->text : tables_string(o->tables, n->id);
}

void name_release(struct name *n);
void ranges_release(struct ranges *r);

rule on_annotation, on_heap_metric;
rule on_proc_start, on_proc_stop, on_proc_steal, on_proc_status;
rule on_go_create, on_go_create_blocked, on_go_create_syscall, on_go_start;
rule on_go_destroy, on_go_stop, on_go_block, on_go_unblock, on_go_switch;
rule on_syscall_begin, on_syscall_end, on_syscall_end_blocked, on_go_destroy_syscall, on_go_status;
rule on_go_range_begin, on_go_range_end, on_go_range_active;
rule on_sweep_begin, on_sweep_end, on_sweep_active, on_gc_active, on_gc_begin, on_gc_end;
rule on_task_begin, on_task_end, on_region_begin, on_region_end;

/* Take the event apart, and go by the rule of its type: both are constants in the hot loop. */
HOT enum advance advance_by(unsigned int type, rule *apply, struct order *o, struct stream *s,
			    struct err *err)
{
	enum advance a;

	stream_take(s, type, &o->ev);
	a = apply(o, s, err);
	return a == ADVANCED && UNLIKELY(!tables_resolve(o->tables, &o->ev, event_heads[type].ids))
		       ? NAMELESS
		       : a;
}

#endif /* COLLECTOR_TRACE_ORDER_STATE_H */
