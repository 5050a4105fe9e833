/* Rules for goroutines: trace format sections 5.4 to 5.7. */
#include <inttypes.h>

#include "collector/trace/order_state.h"

static const uint8_t g_states[N_G_STATUS] = {
	[G_RUNNABLE] = GO_RUNNABLE,
	[G_RUNNING] = GO_RUNNING,
	[G_SYSCALL] = GO_SYSCALL,
	[G_WAITING] = GO_WAITING,
};

COLD static enum advance not_in(struct order *o, const struct stream *s, enum g_status status,
				struct err *err)
{
	if (!current_g(o, s->state))
		return broken(s, err, "goroutine %" PRId64 " does not exist", s->state->g);
	return broken(s, err, "goroutine %" PRId64 " is not %s", s->state->g,
		      go_state_name(g_states[status]));
}

COLD static enum advance exists_already(const struct stream *s, int64_t id, struct err *err)
{
	return broken(s, err, "goroutine %" PRId64 " exists already", id);
}

HOT enum advance create(struct order *o, struct stream *s, enum g_status status, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	const struct order_g *creator;
	struct order_g *g;

	if (!has_context(s, MUST, MUST, MAY))
		return lacks_context(s, err, MUST, MUST, MAY);
	creator = current_g(o, s->state);
	if (creator && creator->status != G_RUNNING)
		return broken(s, err, "goroutine %" PRId64 " is not running", s->state->g);
	if (find_g(o, id))
		return exists_already(s, id, err);
	g = add_g(o, id, status, err);
	return g ? emit_go(o, s, g) : BROKEN;
}

enum advance on_go_create(struct order *o, struct stream *s, struct err *err)
{
	return create(o, s, G_RUNNABLE, err);
}

enum advance on_go_create_blocked(struct order *o, struct stream *s, struct err *err)
{
	return create(o, s, G_WAITING, err);
}

/* A C thread enters Go. */
enum advance on_go_create_syscall(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	struct order_g *g;

	if (!has_context(s, MUST, MAY, NONE))
		return lacks_context(s, err, MUST, MAY, NONE);
	if (find_g(o, id))
		return exists_already(s, id, err);
	g = add_g(o, id, G_SYSCALL, err);
	if (!g)
		return BROKEN;
	emit_go(o, s, g);
	bind_g(s->state, g);
	return ADVANCED;
}

enum advance on_go_start(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	struct order_g *g = find_in(o, id, G_RUNNABLE);

	if (!g || !succeeds(o, o->ev.args[1], g->seq))
		return MUST_WAIT;
	if (!has_context(s, MUST, MUST, NONE))
		return lacks_context(s, err, MUST, MUST, NONE);
	g->status = G_RUNNING;
	g->seq.n = o->ev.args[1];
	emit_go(o, s, g);
	bind_g(s->state, g);
	return ADVANCED;
}

/* The running goroutine leaves its thread; status 0: for good. */
HOT enum advance leave(struct order *o, struct stream *s, uint8_t status, struct err *err)
{
	struct order_g *g;

	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	g = current_in(o, s->state, G_RUNNING);
	if (!g)
		return not_in(o, s, G_RUNNING, err);
	emit_go(o, s, g);
	s->state->g = NO_GOROUTINE;
	if (status)
		g->status = status;
	else
		remove_g(o, g);
	return ADVANCED;
}

enum advance on_go_destroy(struct order *o, struct stream *s, struct err *err)
{
	return leave(o, s, 0, err);
}

enum advance on_go_stop(struct order *o, struct stream *s, struct err *err)
{
	return leave(o, s, G_RUNNABLE, err);
}

enum advance on_go_block(struct order *o, struct stream *s, struct err *err)
{
	return leave(o, s, G_WAITING, err);
}

/* Anyone may unblock: sysmon has no proc, a timer no goroutine. */
enum advance on_go_unblock(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	struct order_g *g = find_in(o, id, G_WAITING);

	(void)err;
	if (!g || !succeeds(o, o->ev.args[1], g->seq))
		return MUST_WAIT;
	g->status = G_RUNNABLE;
	g->seq.n = o->ev.args[1];
	return emit_go(o, s, g);
}

/* One recorded event, three public ones: unblock next, stop current, start next. */
enum advance on_go_switch(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	bool destroy = stream_type(s) == EV_GO_SWITCH_DESTROY;
	struct order_m *m = s->state;
	struct order_g *current, *next;
	struct event *e;

	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	current = current_in(o, m, G_RUNNING);
	if (!current)
		return not_in(o, s, G_RUNNING, err);
	next = find_in(o, id, G_WAITING);
	if (!next || !succeeds(o, o->ev.args[1], next->seq))
		return MUST_WAIT;
	e = emit_extra_go(o, s, stream_type(s), next);
	memcpy(e->args, o->ev.args, sizeof(e->args));
	(void)emit_extra_go(o, s, destroy ? EV_GO_DESTROY : EV_GO_BLOCK, current);
	if (destroy)
		remove_g(o, current);
	else
		current->status = G_WAITING;
	m->g = NO_GOROUTINE;
	e = emit_extra_go(o, s, EV_GO_START, next);
	e->args[0] = o->ev.args[0];
	e->args[1] = o->ev.args[1];
	next->status = G_RUNNING;
	next->seq.n = o->ev.args[1];
	bind_g(m, next);
	return EXPANDED;
}

enum advance on_syscall_begin(struct order *o, struct stream *s, struct err *err)
{
	struct order_g *g;
	struct order_p *p;

	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	g = current_in(o, s->state, G_RUNNING);
	if (!g)
		return not_in(o, s, G_RUNNING, err);
	p = current_p(o, s->state);
	if (!p)
		return broken(s, err, "proc %" PRId64 " does not exist", s->state->p);
	/* It tells which syscall a ProcSteal means; a running P has it in order. */
	if (!succeeds(o, o->ev.args[0], p->seq))
		return broken(s, err,
			      "proc %" PRId64 " is at seq %" PRIu64 " of generation %" PRIu64
			      ", the event at %" PRIu64,
			      p->id, p->seq.n, p->seq.gen, o->ev.args[0]);
	g->status = G_SYSCALL;
	p->status = P_SYSCALL;
	p->seq.n = o->ev.args[0];
	return emit_go(o, s, g);
}

enum advance on_syscall_end(struct order *o, struct stream *s, struct err *err)
{
	struct order_g *g;
	struct order_p *p;

	if (!has_context(s, USER_CONTEXT))
		return lacks_context(s, err, USER_CONTEXT);
	g = current_in(o, s->state, G_SYSCALL);
	if (!g)
		return not_in(o, s, G_SYSCALL, err);
	p = current_p(o, s->state);
	if (!p || p->status != P_SYSCALL)
		return broken(s, err, "proc %" PRId64 " is not in a syscall", s->state->p);
	g->status = G_RUNNING;
	p->status = P_RUNNING;
	return emit_go(o, s, g);
}

/* Held back as long as the thread has a P that it must lose first (section 5.5). */
enum advance on_syscall_end_blocked(struct order *o, struct stream *s, struct err *err)
{
	struct order_m *m = s->state;
	struct order_g *g;

	if (m->p != NO_PROC) {
		const struct order_p *p = current_p(o, m);

		if (!p)
			return broken(s, err, "proc %" PRId64 " does not exist", m->p);
		if (p->status == P_SYSCALL)
			return MUST_WAIT;
	}
	if (!has_context(s, MUST, MAY, MUST))
		return lacks_context(s, err, MUST, MAY, MUST);
	g = current_in(o, m, G_SYSCALL);
	if (!g)
		return not_in(o, s, G_SYSCALL, err);
	g->status = G_RUNNABLE;
	emit_go(o, s, g);
	m->g = NO_GOROUTINE;
	return ADVANCED;
}

/*
 * A C thread leaves Go for good. Its P goes with it, since the thread's id may
 * be used again: publicly that is a theft from itself, told first.
 */
enum advance on_go_destroy_syscall(struct order *o, struct stream *s, struct err *err)
{
	struct order_m *m = s->state;
	struct order_g *g;

	if (!has_context(s, MUST, MAY, MUST))
		return lacks_context(s, err, MUST, MAY, MUST);
	g = current_in(o, m, G_SYSCALL);
	if (!g)
		return not_in(o, s, G_SYSCALL, err);
	if (m->p != NO_PROC) {
		struct order_p *p = current_p(o, m);

		if (!p || p->status != P_SYSCALL)
			return broken(s, err, "proc %" PRId64 " is not in a syscall", m->p);
		p->status = P_SYSCALL_ABANDONED;
		emit_extra(o, s, EV_PROC_STEAL, m->p)->args[0] = (uint64_t)m->p;
	}
	emit_extra_go(o, s, EV_GO_DESTROY_SYSCALL, g);
	m->p = NO_PROC;
	m->g = NO_GOROUTINE;
	remove_g(o, g);
	return EXPANDED;
}

/* Where a goroutine in a syscall is told to be: the event's context is there. */
static enum advance place_syscall(struct order *o, struct stream *s, struct order_g *g,
				  struct err *err)
{
	int64_t mid = (int64_t)o->ev.args[1];
	struct order_m *m;

	if (mid == NO_THREAD)
		return broken(s, err, "goroutine %" PRId64 " is in a syscall without a thread",
			      g->id);
	if (mid == s->m) {
		/* After the first generation the binding must be known. */
		if (o->gen != o->initial_gen && s->state->g != g->id)
			return broken(s, err,
				      "goroutine %" PRId64 " is in a syscall on a thread that has"
				      " goroutine %" PRId64,
				      g->id, s->state->g);
		bind_g(s->state, g);
		return ADVANCED;
	}
	/* Another thread sat in this syscall all generation, so it has no P. */
	m = find_m(o, mid);
	if (m && m->g != g->id)
		return broken(s, err,
			      "goroutine %" PRId64 " is in a syscall on thread %" PRId64
			      ", which has goroutine %" PRId64,
			      g->id, mid, m->g);
	o->ev.m = mid;
	if (m) {
		o->ev.g = m->g;
		return ADVANCED;
	}
	m = add_m(o, mid, err);
	if (!m)
		return BROKEN;
	bind_g(m, g);
	return ADVANCED;
}

enum advance on_go_status(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	uint64_t status = o->ev.args[2];
	struct order_g *g = find_g(o, id);
	struct event *e;

	if (!status || status >= N_G_STATUS)
		return broken(s, err, "goroutine %" PRId64 " has status %" PRIu64, id, status);
	if (g && g->status != status)
		return broken(s, err, "goroutine %" PRId64 " is %s, now %s", id,
			      go_state_name(g_states[g->status]), go_state_name(g_states[status]));
	if (!g && o->gen != o->initial_gen)
		return broken(s, err, "goroutine %" PRId64 " is new after the first generation",
			      id);
	e = emit(o, s);
	e->id = id;
	e->from = g ? g_states[status] : GO_UNDETERMINED;
	e->to = g_states[status];
	if (!g)
		g = add_g(o, id, (enum g_status)status, err);
	if (!g)
		return BROKEN;
	e->notes = notes_of(g);
	g->seq = (struct seq){ o->gen, 0 };
	if (status == G_RUNNING)
		bind_g(s->state, g);
	else if (status == G_SYSCALL)
		return place_syscall(o, s, g, err);
	return ADVANCED;
}
