/* State transitions of goroutines, and the waits they make: design section 6. */
#include "mapping/account.h"

#include "base/mem.h"

static bool in_flight(const struct goroutine *g)
{
	return g->waiting_for != NULL;
}

/* The goroutine stops: remember when, and for which span it was working. */
HOT void wait_begin(struct goroutine *g, int64_t now, int64_t id_time, enum go_state to)
{
	struct node *n = kept(g->resident);
	struct wait *w = &g->wait;

	w->stopped = now;
	w->ready = 0;
	w->id_time = id_time;
	w->syscall = to == GO_SYSCALL;
	w->inherited = !g->n_entries;
	/* What these go with is written with them. */
	w->has_waker_span = w->unlinked = w->told = w->woken = false;
	g->waiting_for = n;
	/* A trace waits for its waits: as long as the node is open, that holds it. */
	g->holds = n != g->resident;
	if (UNLIKELY(g->holds))
		n->trace->n_open++;
}

/* Most waits are told to nobody: only of others what nobody has written is. */
static void wait_complete(struct wait *w)
{
	if (w->woken)
		return;
	w->woken = true;
	w->waker = NO_GOROUTINE;
	w->waker_stack = w->waker_name = NULL;
	w->waker_node = (struct handle){ NULL, 0 };
}

/* The word is spelled only if its id is new in the generation. */
COLD static enum status reason_spell(struct mapper *m, struct wait *w, const struct event *ev,
				     struct err *err)
{
	return reasons_find(&m->reasons, ev->args[0], event_reason(ev), &w->reason, err);
}

/* Where it stopped may tell more of why. */
HOT enum status refine(struct mapper *m, struct wait *w, struct err *err)
{
	unsigned int detail = w->stack ? w->stack->detail : DETAIL_NONE;

	if (!detail || reasons_refined(&m->reasons, w->reason, detail, &w->reason))
		return ST_OK;
	return reasons_refine(&m->reasons, w->reason, detail, &w->reason, err);
}

/*
 * It does not run any more: why, and where if somebody wants to know. The history that
 * paths lead back through is written before it is known who waits for whom.
 */
HOT enum status stops(struct mapper *m, struct goroutine *g, const struct event *ev,
		      enum go_state to, bool told, struct err *err)
{
	struct wait *w = &g->wait;
	enum status st = ST_OK;

	w->reason = to == GO_WAITING ? REASON_COROUTINE : REASON_SYSCALL;
	if (told && UNLIKELY(!reasons_known(&m->reasons, ev->args[0], &w->reason)))
		st = reason_spell(m, w, ev, err);
	if (!st && g->resident) {
		st = stackpool_stack(&m->stacks, ev, &w->stack, err);
		if (!st)
			st = refine(m, w, err);
		wait_begin(g, ev->time, ev->wire_time, to);
	}
	if (UNLIKELY(st))
		return st;
	track_stop(&g->track, to == GO_WAITING ? STOP_WAIT : STOP_SYSCALL, w->reason, ev->time);
	account_charge(g, ev->time);
	return account_enter(m, g, to, w->reason, err);
}

/*
 * It calls the system. Nearly all calls return before anybody asks for the goroutine, after a
 * time that is told to nobody: so only what would be lost is remembered, until one of both.
 */
HOT enum status calls(struct mapper *m, struct goroutine *g, const struct event *ev,
		      struct err *err)
{
	struct wait *w = &g->wait;
	uint64_t wanted = -(uint64_t)(g->resident != NULL);

	w->stopped = ev->time;
	w->id_time = ev->wire_time;
	g->calling = true;
	return stackpool_of(&m->stacks, ev, event_stack_of(ev, EV_GO_SYSCALL_BEGIN) & wanted,
			    &w->stack, err);
}

APART enum status call_settle(struct mapper *m, struct goroutine *g, struct err *err)
{
	struct wait *w = &g->wait;
	int64_t began = w->stopped;
	enum status st = ST_OK;

	g->calling = false;
	w->reason = REASON_SYSCALL;
	if (g->resident) {
		st = refine(m, w, err);
		wait_begin(g, began, w->id_time, GO_SYSCALL);
	}
	track_stop(&g->track, STOP_SYSCALL, w->reason, began);
	account_charge(g, began);
	return st ? st : account_enter(m, g, GO_SYSCALL, w->reason, err);
}

/*
 * Does every capture that has the whole trace of the one know the span of the other,
 * under the same id? Not if that began earlier: a capture may begin in between.
 */
static bool is_known_with(const struct node *other, const struct node *one)
{
	const struct node *a = top_of(other), *b = top_of(one);

	return a == b || (a->start >= b->start && !a->cut_start && !other->trace->continued);
}

/* Somebody made it runnable: who, from where, and for which span that one works. */
APART static enum status wait_ready(struct mapper *m, struct goroutine *g, const struct event *ev,
				    struct err *err)
{
	struct wait *w = &g->wait;
	struct goroutine *waker;
	struct node *n;
	enum status st = ST_OK;

	w->ready = ev->time;
	if (w->syscall)
		return ST_OK;
	wait_complete(w);
	w->waker = ev->g;
	st = stackpool_stack(&m->stacks, ev, &w->waker_stack, err);
	waker = st || ev->g == NO_GOROUTINE ? NULL : goroutine_find(m, ev->g);
	n = waker ? kept(waker->resident) : NULL;
	if (n) {
		w->has_waker_span = true;
		w->told = is_known_with(n, g->waiting_for);
		w->waker_node = handle_to(n);
		w->waker_name = n->owns_name ? NULL : n->name;
		memcpy(w->waker_trace, trace_id_of(n), TRACE_ID_BYTES);
		memcpy(w->waker_span, n->span_id, SPAN_ID_BYTES);
	}
	return st;
}

/*
 * What a person is told first. Helpers that merely inherited the task wait all
 * the time (net/http reads ahead during every request): they explain nothing.
 */
APART static void note_longest(struct node *n, struct wait *w)
{
	if (w->ready - w->stopped <= n->longest.ready - n->longest.stopped)
		return;
	wait_complete(w);
	n->longest = short_wait(w);
}

/* A wait of the goroutine is over at `end`: a child span, an event, or nothing. */
APART static enum status wait_report(struct mapper *m, struct goroutine *g, struct node *n,
				     int64_t end, bool cut, struct err *err)
{
	struct wait *w = &g->wait;
	uint64_t length = (uint64_t)(end - w->stopped);
	enum status st = ST_OK;

	/* One that is cut may have lasted however long: it has an id of its own that says so. */
	if (length >= m->opt.spans_over_ns || (cut && length >= m->opt.events_over_ns)) {
		struct node *leaf;

		st = leaf_new(m, n, NODE_WAIT, w->stopped, end, &leaf, err);
		if (!st && leaf) {
			leaf->goroutine = g->id;
			leaf->id_time = w->id_time;
			leaf->task = n->task;
			leaf->cut_end = cut;
			leaf->wait = pool_take(&m->waits, err);
			if (!leaf->wait)
				return err->code;
			*leaf->wait = *w;
			if (g->track.stop.kind & STOP_WOKEN && m->reasons.list[w->reason].held)
				st = waker_path(m, &g->track.stop, &leaf->path, err);
			if (!st)
				st = link_expect(leaf, err);
		}
	} else if (length >= m->opt.events_over_ns && !n->ended) {
		/* Of a span that is over, only what is a span of its own: a capture that ends
		 * before the wait does must say the same of it. */
		struct pending p = { .time = w->stopped, .goroutine = g->id };

		if (node_refuses(m, n, w->ready - w->stopped))
			return ST_OK;
		p.wait = short_wait(w);
		if (w->told) {
			p.wait.told = pool_take(&m->waits, err);
			if (!p.wait.told)
				return err->code;
			*p.wait.told = *w;
		}
		st = node_add_event(m, n, &p, err);
	}
	return st;
}

/* It runs again, or the capture ends. */
HOT enum status wait_end(struct mapper *m, struct goroutine *g, int64_t end, bool cut,
			 struct err *err)
{
	struct node *n = g->waiting_for;
	struct wait *w = &g->wait;
	enum status st = ST_OK;

	w->resumed = cut ? 0 : end;
	if ((uint64_t)(end - w->stopped) >= m->report_over_ns) {
		wait_complete(w);
		st = wait_report(m, g, n, end, cut, err);
	}
	if (!w->ready)
		w->ready = end;
	if (!(w->syscall | w->inherited))
		note_longest(n, w);
	g->waiting_for = NULL;
	return st || !g->holds ? st : trace_unhold(m, n->trace, err);
}

enum status wait_cut(struct mapper *m, struct goroutine *g, struct err *err)
{
	return in_flight(g) ? wait_end(m, g, m->last_time, true, err) : ST_OK;
}

/* First seen in a state, it has been in it since the capture began. */
APART static void first_seen(const struct mapper *m, struct goroutine *g, unsigned int state)
{
	static const uint8_t kinds[] = { [GO_RUNNABLE] = STOP_PREEMPTED,
					 [GO_WAITING] = STOP_WAIT,
					 [GO_SYSCALL] = STOP_SYSCALL };

	g->state = (uint8_t)state;
	g->reason = REASON_UNKNOWN;
	settle_part(g);
	if (state == GO_RUNNABLE || state == GO_WAITING || state == GO_SYSCALL)
		track_stop(&g->track, kinds[state], REASON_UNKNOWN, m->first_time);
}

/* A new goroutine works for the task that its creator works for. */
APART static enum status born(struct mapper *m, const struct event *ev, struct goroutine *g,
			      struct err *err)
{
	struct goroutine *creator = ev->g == NO_GOROUTINE ? NULL : goroutine_find(m, ev->g);
	struct node *n = creator ? task_of_node(m, creator->resident) : NULL;

	return account_born(m, g, n, ev->to, ev->time, err);
}

/* It ended: so do its regions. Nobody will end them any more. */
APART static enum status gone(struct mapper *m, const struct event *ev, struct goroutine *g,
			      struct err *err)
{
	enum status st = ST_OK;

	if (in_flight(g))
		st = wait_end(m, g, ev->time, false, err);
	if (!st)
		st = context_settle(m, g, err);
	if (!st)
		st = account_gone(m, g, ev->time, err);
	for (size_t i = g->n_entries; !st && i > 0; i--) {
		struct node *n = handle_get(g->entries[i - 1]);

		if (!n || n->ended || n->kind != NODE_REGION)
			continue;
		n->abandoned = true;
		st = node_end(m, n, ev->time, err);
	}
	goroutine_forget(m, g);
	if (!st)
		return account_bury(m, g, ev->time, err);
	goroutine_free(m, g);
	return st;
}

/* It runs again. */
HOT enum status runs(struct mapper *m, struct goroutine *g, const struct event *ev,
		     enum go_state from, struct err *err)
{
	enum status st = ST_OK;

	track_run(&m->history, &g->track, ev->time, from == GO_SYSCALL);
	if (from == GO_RUNNABLE || from == GO_SYSCALL)
		account_charge(g, ev->time);
	else
		st = account_settle(m, g, ev->time, err);
	if (!st)
		st = account_enter(m, g, GO_RUNNING, REASON_UNKNOWN, err);
	if (UNLIKELY(st) || !in_flight(g))
		return st;
	/* Back from a system call without having lost the proc: ready and running at once. */
	if (from == GO_SYSCALL)
		g->wait.ready = ev->time;
	return wait_end(m, g, ev->time, false, err);
}

/* Back from a system call without having lost the proc. */
HOT enum status returns(struct mapper *m, struct goroutine *g, const struct event *ev,
			struct err *err)
{
	const struct stop call = { .began = g->wait.stopped,
				   .kind = STOP_SYSCALL,
				   .reason = REASON_SYSCALL };
	enum status st;

	if (LIKELY(g->calling && (uint64_t)(ev->time - call.began) < m->report_over_ns)) {
		g->calling = false;
		account_call(g, call.began, ev->time);
		track_over(&m->history, &g->track, &call, ev->time, ev->time);
		return ST_OK;
	}
	st = g->calling ? call_settle(m, g, err) : ST_OK;
	return st ? st : runs(m, g, ev, GO_SYSCALL, err);
}

/* It is not running yet: preempted, woken, begun, or back from a system call. */
HOT enum status other(struct mapper *m, struct goroutine *g, const struct event *ev,
		      struct err *err)
{
	const struct goroutine *by = NULL;
	struct track *t = &g->track;
	enum status st;

	if (ev->from == GO_NOT_EXIST)
		track_stop(t, STOP_BIRTH, REASON_COROUTINE, ev->time);
	else if (ev->to == GO_WAITING)
		track_stop(t, STOP_WAIT, REASON_UNKNOWN, ev->time);
	else if (ev->to == GO_SYSCALL)
		track_stop(t, STOP_SYSCALL, REASON_SYSCALL, ev->time);
	else if (ev->from == GO_RUNNING)
		track_stop(t, STOP_PREEMPTED, REASON_OTHER, ev->time);
	if (ev->from == GO_NOT_EXIST || ev->from == GO_WAITING) {
		by = ev->g == NO_GOROUTINE ? NULL : goroutine_find(m, ev->g);
		track_ready(t, ev->g, by ? &by->track : NULL, ev->time);
	} else if (ev->from == GO_SYSCALL) {
		track_ready(t, ev->g, NULL, ev->time);
	}
	if (ev->from == GO_NOT_EXIST)
		return born(m, ev, g, err);
	st = account_state(m, g, ev->to, REASON_UNKNOWN, ev->time, err);
	if (st || !in_flight(g))
		return st;
	if (ev->to == GO_RUNNABLE)
		return wait_ready(m, g, ev, err);
	if (ev->from == GO_SYSCALL)
		g->wait.ready = ev->time;
	return wait_end(m, g, ev->time, false, err);
}

/* It has no note yet: it may be known from something else that it did. NULL: err is set. */
COLD static struct goroutine *note_goroutine(struct mapper *m, int64_t id, struct goroutine **note,
					     struct err *err)
{
	struct goroutine *g;

	if (goroutine_get(m, id, &g, err))
		return NULL;
	*note = g;
	return g;
}

/* Whose transition it is; NULL: err is set. */
HOT struct goroutine *goroutine_of(struct mapper *m, const struct event *ev, struct err *err)
{
	struct goroutine **note = ev->notes, *g = *note;

	if (UNLIKELY(!g))
		g = note_goroutine(m, ev->id, note, err);
	return g;
}

enum status map_turn(struct mapper *m, enum turn turn, const struct event *ev, struct err *err)
{
	struct goroutine *g = goroutine_of(m, ev, err);

	if (UNLIKELY(!g))
		return err->code;
	/* The most frequent first, as a switch would not have it. */
	if (turn == TURN_CALLS)
		return calls(m, g, ev, err);
	if (turn == TURN_RETURNS)
		return returns(m, g, ev, err);
	if (turn == TURN_STARTS)
		return runs(m, g, ev, GO_RUNNABLE, err);
	if (turn == TURN_BLOCKS)
		return stops(m, g, ev, GO_WAITING, true, err);
	__builtin_unreachable();
}

enum status map_transition(struct mapper *m, const struct event *ev, struct err *err)
{
	struct goroutine **note = ev->notes, *g;

	if (ev->resource != RESOURCE_GOROUTINE)
		return ST_OK;
	g = goroutine_of(m, ev, err);
	if (UNLIKELY(!g))
		return err->code;
	if (UNLIKELY(g->calling) && call_settle(m, g, err))
		return err->code;
	if (UNLIKELY(m->opt.metrics))
		metrics_transition(m, g, ev);
	if (ev->to == GO_NOT_EXIST) {
		*note = NULL;
		return gone(m, ev, g, err);
	}
	if (ev->from == GO_UNDETERMINED) {
		first_seen(m, g, ev->to);
		return ST_OK;
	}
	/* A status event repeats what is known: no change. */
	if (ev->from == ev->to)
		return ST_OK;
	if (ev->to == GO_RUNNING)
		return runs(m, g, ev, ev->from, err);
	if (ev->from == GO_RUNNING && (ev->to == GO_WAITING || ev->to == GO_SYSCALL))
		return stops(m, g, ev, ev->to, ev->wire == EV_GO_BLOCK, err);
	return other(m, g, ev, err);
}
