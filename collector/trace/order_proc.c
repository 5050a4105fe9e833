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

enum advance on_proc_start(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	struct order_p *p = find_p(o, id);

	/* With a proc still bound we are in a syscall whose theft was not seen yet. */
	if (!p || p->status != P_IDLE || !succeeds(o, o->ev.args[1], p->seq) ||
	    s->state->p != NO_PROC)
		return MUST_WAIT;
	if (!has_context(s, MUST, NONE, MAY))
		return lacks_context(s, err, MUST, NONE, MAY);
	p->status = P_RUNNING;
	p->seq.n = o->ev.args[1];
	emit_proc(o, s, id);
	bind_p(s->state, p);
	return ADVANCED;
}

enum advance on_proc_stop(struct order *o, struct stream *s, struct err *err)
{
	struct order_p *p = current_p(o, s->state);

	if (!p)
		return broken(s, err, "proc %" PRId64 " does not exist", s->state->p);
	if (p->status != P_RUNNING && p->status != P_SYSCALL)
		return broken(s, err, "proc %" PRId64 " is not running", p->id);
	if (!has_context(s, MUST, MUST, MAY))
		return lacks_context(s, err, MUST, MUST, MAY);
	p->status = P_IDLE;
	emit_proc(o, s, p->id);
	s->state->p = NO_PROC;
	return ADVANCED;
}

/* The M that loses its proc: section 5.5; NULL: err is set. */
static struct order_m *victim_of(struct order *o, struct stream *s, const struct order_p *p,
				 struct err *err)
{
	int64_t mid = (int64_t)o->ev.args[2];
	struct order_m *victim;

	if (mid == s->m) {
		if (s->state->p == p->id)
			return s->state;
		broken(s, err,
		       "thread %" PRId64 " steals proc %" PRId64
		       " from itself but has proc %" PRId64,
		       mid, p->id, s->state->p);
		return NULL;
	}
	victim = find_m(o, mid);
	if (!victim)
		broken(s, err, "proc stolen from thread %" PRId64 ", which does not exist", mid);
	else if (victim->p != p->id)
		broken(s, err,
		       "proc %" PRId64 " stolen from thread %" PRId64 ", which has proc %" PRId64,
		       p->id, mid, victim->p);
	else
		return victim;
	return NULL;
}

enum advance on_proc_steal(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	struct order_p *p = find_p(o, id);
	struct order_m *victim;

	if (!p || (p->status != P_SYSCALL && p->status != P_SYSCALL_ABANDONED) ||
	    !succeeds(o, o->ev.args[1], p->seq))
		return MUST_WAIT;
	if (!has_context(s, MUST, MAY, MAY))
		return lacks_context(s, err, MUST, MAY, MAY);
	emit_proc(o, s, id);
	if (p->status == P_SYSCALL_ABANDONED) {
		/* Who had it is lost, and publicly it was idle already. */
		o->ev.from = PROC_IDLE;
	} else {
		victim = victim_of(o, s, p, err);
		if (!victim)
			return BROKEN;
		/* Now its GoSyscallEndBlocked may go on. */
		victim->p = NO_PROC;
	}
	p->status = P_IDLE;
	p->seq.n = o->ev.args[1];
	return ADVANCED;
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

/* We know what the writer had lost: it is in a syscall still, in its owner's context. */
static enum advance promote(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	const struct order_m *owner = owner_of(o, id);

	if (!owner)
		return broken(s, err, "no thread has proc %" PRId64 ", about to be stolen", id);
	o->ev.m = owner->id;
	o->ev.p = id;
	o->ev.g = owner->g;
	o->ev.from = o->ev.to = PROC_RUNNING;
	return ADVANCED;
}

enum advance on_proc_status(struct order *o, struct stream *s, struct err *err)
{
	int64_t id = (int64_t)o->ev.args[0];
	uint64_t status = o->ev.args[1];
	struct order_p *p = find_p(o, id);
	struct event *e;

	if (!status || status >= N_P_STATUS)
		return broken(s, err, "proc %" PRId64 " has status %" PRIu64, id, status);
	e = emit(o, s);
	e->id = id;
	e->from = e->to = p_states[status];
	if (!p) {
		p = add_p(o, id, (enum p_status)status, err);
		if (!p)
			return BROKEN;
		e->from = o->gen == o->initial_gen ? PROC_UNDETERMINED : PROC_NOT_EXIST;
	} else if (status == P_SYSCALL_ABANDONED && p->status == P_SYSCALL) {
		if (promote(o, s, err) != ADVANCED)
			return BROKEN;
	} else if (p->status != status) {
		return broken(s, err, "proc %" PRId64 " has status %u, now %" PRIu64, id, p->status,
			      status);
	}
	p->seq = (struct seq){ o->gen, 0 };
	if (status == P_RUNNING || status == P_SYSCALL)
		bind_p(s->state, p);
	return ADVANCED;
}
