/* Rules for procs: trace format sections 5.4 to 5.6. */
#include <inttypes.h>

#include "collector/trace/order_state.h"

/* The public state of a recorded status. */
static const uint8_t p_states[N_P_STATUS] = {
	[P_RUNNING] = PROC_RUNNING,
	[P_IDLE] = PROC_IDLE,
	[P_SYSCALL] = PROC_RUNNING,
	[P_SYSCALL_ABANDONED] = PROC_IDLE,
};

enum advance on_proc_start(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	struct order_p *p = find_p(f->o, id);

	/* With a proc still bound we are in a syscall whose theft was not seen yet. */
	if (!p || p->status != P_IDLE || !succeeds(f->o, f->ev->args[1], p->seq) ||
	    f->ctx.p != NO_PROC)
		return MUST_WAIT;
	if (!has_context(f, MUST, NONE, MAY))
		return BROKEN;
	p->status = P_RUNNING;
	p->seq.n = f->ev->args[1];
	f->ms->p = id;
	f->ms->p_hint = p;
	return emit_transition(f, RESOURCE_PROC, id, PROC_IDLE, PROC_RUNNING);
}

enum advance on_proc_stop(struct offer *f)
{
	struct order_p *p = current_p(f);

	if (!p)
		return broken(f, "proc %" PRId64 " does not exist", f->ctx.p);
	if (p->status != P_RUNNING && p->status != P_SYSCALL)
		return broken(f, "proc %" PRId64 " is not running", p->id);
	if (!has_context(f, MUST, MUST, MAY))
		return BROKEN;
	p->status = P_IDLE;
	f->ms->p = NO_PROC;
	return emit_transition(f, RESOURCE_PROC, p->id, PROC_RUNNING, PROC_IDLE);
}

/* The M that loses its proc: section 5.5. False: err is set. */
static bool rob(struct offer *f, const struct order_p *p)
{
	int64_t mid = (int64_t)f->ev->args[2];
	struct order_m *victim;

	if (mid == f->ctx.m) {
		if (f->ctx.p != p->id) {
			broken(f,
			       "thread %" PRId64 " steals proc %" PRId64
			       " from itself but has proc %" PRId64,
			       mid, p->id, f->ctx.p);
			return false;
		}
		f->ms->p = NO_PROC;
		return true;
	}
	victim = find_m(f->o, mid);
	if (!victim) {
		broken(f, "proc stolen from thread %" PRId64 ", which does not exist", mid);
		return false;
	}
	if (victim->p != p->id) {
		broken(f,
		       "proc %" PRId64 " stolen from thread %" PRId64 ", which has proc %" PRId64,
		       p->id, mid, victim->p);
		return false;
	}
	/* Now its GoSyscallEndBlocked may go on. */
	victim->p = NO_PROC;
	return true;
}

enum advance on_proc_steal(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	struct order_p *p = find_p(f->o, id);
	uint8_t before;

	if (!p || (p->status != P_SYSCALL && p->status != P_SYSCALL_ABANDONED) ||
	    !succeeds(f->o, f->ev->args[1], p->seq))
		return MUST_WAIT;
	if (!has_context(f, MUST, MAY, MAY))
		return BROKEN;
	before = p->status;
	p->status = P_IDLE;
	p->seq.n = f->ev->args[1];
	/* Abandoned: who had it is lost, and publicly it was idle already. */
	if (before == P_SYSCALL_ABANDONED)
		return emit_transition(f, RESOURCE_PROC, id, PROC_IDLE, PROC_IDLE);
	if (!rob(f, p))
		return BROKEN;
	return emit_transition(f, RESOURCE_PROC, id, PROC_RUNNING, PROC_IDLE);
}

/* The thread that a proc is bound to. */
static const struct order_m *owner_of(const struct order *o, int64_t p)
{
	struct map_slot *s;

	for (size_t at = 0; (s = map_next(&o->ms, &at));)
		if (((const struct order_m *)s->val)->p == p)
			return s->val;
	return NULL;
}

enum advance on_proc_status(struct offer *f)
{
	int64_t id = (int64_t)f->ev->args[0];
	uint64_t status = f->ev->args[1];
	struct order_p *p = find_p(f->o, id);
	unsigned int from;
	struct event *e;
	struct ctx ctx = f->ctx;

	if (!status || status >= N_P_STATUS)
		return broken(f, "proc %" PRId64 " has status %" PRIu64, id, status);
	from = p_states[status];
	if (!p) {
		p = add_p(f, id, (enum p_status)status);
		if (!p)
			return BROKEN;
		from = f->o->gen == f->o->initial_gen ? PROC_UNDETERMINED : PROC_NOT_EXIST;
	} else if (status == P_SYSCALL_ABANDONED && p->status == P_SYSCALL) {
		/* We know what the writer had lost: promote, in its owner's context. */
		const struct order_m *owner = owner_of(f->o, id);

		if (!owner)
			return broken(f, "no thread has proc %" PRId64 ", about to be stolen", id);
		ctx = (struct ctx){ owner->id, id, owner->g };
		from = PROC_RUNNING;
		status = P_SYSCALL;
	} else if (p->status != status) {
		return broken(f, "proc %" PRId64 " has status %u, now %" PRIu64, id, p->status,
			      status);
	}
	p->seq = (struct seq){ f->o->gen, 0 };
	if (f->ms && (f->ev->args[1] == P_RUNNING || f->ev->args[1] == P_SYSCALL)) {
		f->ms->p = id;
		f->ms->p_hint = p;
	}
	e = emit(f, &ctx);
	e->resource = RESOURCE_PROC;
	e->id = id;
	e->from = (uint8_t)from;
	e->to = p_states[status];
	return ADVANCED;
}
