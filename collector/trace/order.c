#include "collector/trace/order.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "collector/trace/order_state.h"

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
enum advance on_annotation(struct order *o, struct stream *s, struct err *err)
{
	(void)o;
	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	emit(o, s);
	return ADVANCED;
}

enum advance on_heap_metric(struct order *o, struct stream *s, struct err *err)
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
/* clang-format off */
#define RULE(type, rule) [EV_##type] = (rule),
static rule *const rules[N_WIRE_TYPES] = {
	FREQUENT_TYPES(RULE)
	[EV_CLOCK_SNAPSHOT] = on_illegal,
	[EV_PROCS_CHANGE] = on_annotation,
	[EV_PROC_START] = on_proc_start,
	[EV_PROC_STOP] = on_proc_stop,
	[EV_PROC_STEAL] = on_proc_steal,
	[EV_PROC_STATUS] = on_proc_status,
	[EV_GO_CREATE_SYSCALL] = on_go_create_syscall,
	[EV_GO_DESTROY_SYSCALL] = on_go_destroy_syscall,
	[EV_GO_SYSCALL_END_BLOCKED] = on_syscall_end_blocked,
	[EV_GO_STATUS] = on_go_status,
	[EV_STW_BEGIN] = on_go_range_begin,
	[EV_STW_END] = on_go_range_end,
	[EV_GC_ACTIVE] = on_gc_active,
	[EV_GC_BEGIN] = on_gc_begin,
	[EV_GC_END] = on_gc_end,
	[EV_GC_SWEEP_ACTIVE] = on_sweep_active,
	[EV_GC_MARK_ASSIST_ACTIVE] = on_go_range_active,
	[EV_HEAP_GOAL] = on_heap_metric,
	[EV_GO_LABEL] = on_annotation,
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
#undef RULE
/* clang-format on */

/* A thread's state begins empty at the first event it is offered with. */
static struct order_m *thread_state(struct order *o, int64_t m, struct err *err)
{
	struct order_m *state = find_m(o, m);

	return state ? state : add_m(o, m, err);
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
	a = advance_by(stream_type(s), rules[stream_type(s)], o, s, err);
	if (s->m == NO_THREAD) {
		o->nobody.g = NO_GOROUTINE;
		o->nobody.p = NO_PROC;
		s->state = NULL;
	}
	return a;
}

enum advance order_advance(struct order *o, struct stream *s, struct err *err)
{
	if (!s->start)
		return NO_EVENT;
	if (!s->state)
		return advance_stranger(o, s, err);
	return advance_by(stream_type(s), rules[stream_type(s)], o, s, err);
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
