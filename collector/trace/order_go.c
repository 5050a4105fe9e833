/* Rules for goroutines: trace format sections 5.4 to 5.7. */
#include <inttypes.h>

#include "collector/trace/order_state.h"

static const uint8_t g_states[N_G_STATUS] = {
	[G_RUNNABLE] = GO_RUNNABLE,
	[G_RUNNING] = GO_RUNNING,
	[G_SYSCALL] = GO_SYSCALL,
	[G_WAITING] = GO_WAITING,
};

/* The current goroutine, which has to be in `status`; NULL: err is set. */
static struct order_g *demand_g(struct offer *f, enum g_status status)
{
	struct order_g *g = current_g(f);

	if (!g)
		broken(f, "goroutine %" PRId64 " does not exist", f->ctx.g);
	else if (g->status != status)
		broken(f, "goroutine %" PRId64 " is not %s", f->ctx.g,
		       go_state_name(g_states[status]));
	else
		return g;
	return NULL;
}

enum advance on_go_create(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	bool blocked = f->ev->type == EV_GO_CREATE_BLOCKED;
	const struct order_g *creator;

	if (!has_context(f, MUST, MUST, MAY))
		return BROKEN;
	creator = current_g(f);
	if (creator && creator->status != G_RUNNING)
		return broken(f, "goroutine %" PRId64 " is not running", f->ctx.g);
	if (find_g(f->o, id))
		return broken(f, "goroutine %" PRId64 " exists already", id);
	if (!add_g(f, id, blocked ? G_WAITING : G_RUNNABLE))
		return BROKEN;
	return emit_transition(f, RESOURCE_GOROUTINE, id, GO_NOT_EXIST,
			       blocked ? GO_WAITING : GO_RUNNABLE);
}

/* A C thread enters Go. */
enum advance on_go_create_syscall(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	struct order_g *g;

	if (!has_context(f, MUST, MAY, NONE))
		return BROKEN;
	if (find_g(f->o, id))
		return broken(f, "goroutine %" PRId64 " exists already", id);
	g = add_g(f, id, G_SYSCALL);
	if (!g)
		return BROKEN;
	f->ms->g = id;
	f->ms->g_hint = g;
	return emit_transition(f, RESOURCE_GOROUTINE, id, GO_NOT_EXIST, GO_SYSCALL);
}

enum advance on_go_start(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	struct order_g *g = find_g(f->o, id);

	if (!g || g->status != G_RUNNABLE || !succeeds(f->o, f->ev->args[1], g->seq))
		return MUST_WAIT;
	if (!has_context(f, MUST, MUST, NONE))
		return BROKEN;
	g->status = G_RUNNING;
	g->seq.n = f->ev->args[1];
	f->ms->g = id;
	f->ms->g_hint = g;
	return emit_transition(f, RESOURCE_GOROUTINE, id, GO_RUNNABLE, GO_RUNNING);
}

/* GoDestroy, GoStop and GoBlock: the running goroutine leaves its thread. */
enum advance on_go_stop_exec(struct offer *f)
{
	struct order_g *g;
	unsigned int to = GO_NOT_EXIST;

	if (!has_context(f, USER_CONTEXT))
		return BROKEN;
	g = demand_g(f, G_RUNNING);
	if (!g)
		return BROKEN;
	f->ms->g = NO_GOROUTINE;
	if (f->ev->type == EV_GO_STOP) {
		g->status = G_RUNNABLE;
		to = GO_RUNNABLE;
	} else if (f->ev->type == EV_GO_BLOCK) {
		g->status = G_WAITING;
		to = GO_WAITING;
	} else {
		remove_g(f->o, g);
	}
	return emit_transition(f, RESOURCE_GOROUTINE, f->ctx.g, GO_RUNNING, to);
}

/* Anyone may unblock: sysmon has no proc, a timer no goroutine. */
enum advance on_go_unblock(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	struct order_g *g = find_g(f->o, id);

	if (!g || g->status != G_WAITING || !succeeds(f->o, f->ev->args[1], g->seq))
		return MUST_WAIT;
	g->status = G_RUNNABLE;
	g->seq.n = f->ev->args[1];
	return emit_transition(f, RESOURCE_GOROUTINE, id, GO_WAITING, GO_RUNNABLE);
}

/* One recorded event, three public ones: unblock next, stop current, start next. */
enum advance on_go_switch(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	bool destroy = f->ev->type == EV_GO_SWITCH_DESTROY;
	struct wire_event stop, start;
	struct offer part = *f;
	struct order_g *current, *next;

	if (!has_context(f, USER_CONTEXT))
		return BROKEN;
	current = demand_g(f, G_RUNNING);
	if (!current)
		return BROKEN;
	next = find_g(f->o, id);
	if (!next || next->status != G_WAITING || !succeeds(f->o, f->ev->args[1], next->seq))
		return MUST_WAIT;
	emit_transition(f, RESOURCE_GOROUTINE, id, GO_WAITING, GO_RUNNABLE);

	stop = (struct wire_event){ .type = destroy ? EV_GO_DESTROY : EV_GO_BLOCK,
				    .time = f->ev->time };
	part.ev = &stop;
	emit_transition(&part, RESOURCE_GOROUTINE, f->ctx.g, GO_RUNNING,
			destroy ? GO_NOT_EXIST : GO_WAITING);
	if (destroy)
		remove_g(f->o, current);
	else
		current->status = G_WAITING;

	start = (struct wire_event){ .type = EV_GO_START,
				     .time = f->ev->time,
				     .args = { f->ev->args[0], f->ev->args[1] } };
	part.ev = &start;
	part.ctx.g = NO_GOROUTINE;
	next->status = G_RUNNING;
	next->seq.n = f->ev->args[1];
	f->ms->g = id;
	f->ms->g_hint = next;
	return emit_transition(&part, RESOURCE_GOROUTINE, id, GO_RUNNABLE, GO_RUNNING);
}

enum advance on_syscall_begin(struct offer *f)
{
	struct order_g *g;
	struct order_p *p;

	if (!has_context(f, USER_CONTEXT))
		return BROKEN;
	g = demand_g(f, G_RUNNING);
	if (!g)
		return BROKEN;
	p = current_p(f);
	if (!p)
		return broken(f, "proc %" PRId64 " does not exist", f->ctx.p);
	/* It tells which syscall a ProcSteal means; a running P has it in order. */
	if (!succeeds(f->o, f->ev->args[0], p->seq))
		return broken(f,
			      "proc %" PRId64 " is at seq %" PRIu64 " of generation %" PRIu64
			      ", the event at %" PRIu64,
			      p->id, p->seq.n, p->seq.gen, f->ev->args[0]);
	g->status = G_SYSCALL;
	p->status = P_SYSCALL;
	p->seq.n = f->ev->args[0];
	return emit_transition(f, RESOURCE_GOROUTINE, f->ctx.g, GO_RUNNING, GO_SYSCALL);
}

enum advance on_syscall_end(struct offer *f)
{
	struct order_g *g;
	struct order_p *p;

	if (!has_context(f, USER_CONTEXT))
		return BROKEN;
	g = demand_g(f, G_SYSCALL);
	if (!g)
		return BROKEN;
	p = current_p(f);
	if (!p || p->status != P_SYSCALL)
		return broken(f, "proc %" PRId64 " is not in a syscall", f->ctx.p);
	g->status = G_RUNNING;
	p->status = P_RUNNING;
	return emit_transition(f, RESOURCE_GOROUTINE, f->ctx.g, GO_SYSCALL, GO_RUNNING);
}

/* Held back as long as the thread has a P that it must lose first (section 5.5). */
enum advance on_syscall_end_blocked(struct offer *f)
{
	struct order_g *g;

	if (f->ctx.p != NO_PROC) {
		const struct order_p *p = current_p(f);

		if (!p)
			return broken(f, "proc %" PRId64 " does not exist", f->ctx.p);
		if (p->status == P_SYSCALL)
			return MUST_WAIT;
	}
	if (!has_context(f, MUST, MAY, MUST))
		return BROKEN;
	g = demand_g(f, G_SYSCALL);
	if (!g)
		return BROKEN;
	g->status = G_RUNNABLE;
	f->ms->g = NO_GOROUTINE;
	return emit_transition(f, RESOURCE_GOROUTINE, f->ctx.g, GO_SYSCALL, GO_RUNNABLE);
}

/*
 * A C thread leaves Go for good. Its P goes with it, since the thread's id may
 * be used again: publicly that is a theft from itself, told first.
 */
enum advance on_go_destroy_syscall(struct offer *f)
{
	struct order_g *g;

	if (!has_context(f, MUST, MAY, MUST))
		return BROKEN;
	g = demand_g(f, G_SYSCALL);
	if (!g)
		return BROKEN;
	if (f->ctx.p != NO_PROC) {
		struct order_p *p = current_p(f);
		struct wire_event steal = { .type = EV_PROC_STEAL,
					    .time = f->ev->time,
					    .args = { (uint64_t)f->ctx.p } };
		struct offer part = *f;

		if (!p || p->status != P_SYSCALL)
			return broken(f, "proc %" PRId64 " is not in a syscall", f->ctx.p);
		p->status = P_SYSCALL_ABANDONED;
		f->ms->p = NO_PROC;
		part.ev = &steal;
		emit_transition(&part, RESOURCE_PROC, p->id, PROC_RUNNING, PROC_IDLE);
	}
	remove_g(f->o, g);
	f->ms->g = NO_GOROUTINE;
	return emit_transition(f, RESOURCE_GOROUTINE, f->ctx.g, GO_SYSCALL, GO_NOT_EXIST);
}

/* Where a goroutine in a syscall is told to be; *ctx becomes the event's. */
static bool place_syscall(struct offer *f, struct order_g *g, struct ctx *ctx)
{
	int64_t mid = (int64_t)f->ev->args[1];
	struct order_m *m;

	if (mid == NO_THREAD) {
		broken(f, "goroutine %" PRId64 " is in a syscall without a thread", g->id);
		return false;
	}
	if (mid == f->ctx.m) {
		/* After the first generation the binding must be known. */
		if (f->o->gen != f->o->initial_gen && f->ctx.g != g->id) {
			broken(f,
			       "goroutine %" PRId64 " is in a syscall on a thread that has"
			       " goroutine %" PRId64,
			       g->id, f->ctx.g);
			return false;
		}
		f->ms->g = g->id;
		f->ms->g_hint = g;
		return true;
	}
	/* Another thread sat in this syscall all generation, so it has no P. */
	m = find_m(f->o, mid);
	if (m && m->g != g->id) {
		broken(f,
		       "goroutine %" PRId64 " is in a syscall on thread %" PRId64
		       ", which has goroutine %" PRId64,
		       g->id, mid, m->g);
		return false;
	}
	if (m) {
		ctx->g = m->g;
	} else {
		m = add_m(f->o, mid, f->err);
		if (!m)
			return false;
		m->g = g->id;
		m->g_hint = g;
	}
	ctx->m = mid;
	return true;
}

enum advance on_go_status(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	uint64_t status = f->ev->args[2];
	struct order_g *g = find_g(f->o, id);
	struct ctx ctx = f->ctx;
	struct event *e;
	unsigned int from;

	if (!status || status >= N_G_STATUS)
		return broken(f, "goroutine %" PRId64 " has status %" PRIu64, id, status);
	from = g_states[status];
	if (!g) {
		if (f->o->gen != f->o->initial_gen)
			return broken(f, "goroutine %" PRId64 " is new after the first generation",
				      id);
		g = add_g(f, id, (enum g_status)status);
		if (!g)
			return BROKEN;
		from = GO_UNDETERMINED;
	} else if (g->status != status) {
		return broken(f, "goroutine %" PRId64 " is %s, now %s", id,
			      go_state_name(g_states[g->status]), go_state_name(g_states[status]));
	}
	g->seq = (struct seq){ f->o->gen, 0 };
	if (status == G_RUNNING) {
		if (f->ms) {
			f->ms->g = id;
			f->ms->g_hint = g;
		}
	} else if (status == G_SYSCALL && !place_syscall(f, g, &ctx)) {
		return BROKEN;
	}
	e = emit(f, &ctx);
	e->resource = RESOURCE_GOROUTINE;
	e->id = id;
	e->from = (uint8_t)from;
	e->to = g_states[status];
	return ADVANCED;
}
