/* State transitions of goroutines, and the waits they make: design section 6. */
#include "mapping/mapper_state.h"

#include "base/mem.h"

static bool in_flight(const struct goroutine *g)
{
	return g->waiting_for != NULL;
}

/* The goroutine stops: remember why, where, and for which span it was working. */
static enum status wait_begin(struct mapper *m, struct goroutine *g, const struct event *ev,
			      struct err *err)
{
	struct node *n = kept(goroutine_resident(g));
	struct wait *w = &g->wait;
	enum status st;

	if (!n)
		return ST_OK;
	*w = (struct wait){ .stopped = ev->time,
			    .id_time = ev->wire_time,
			    .waker = NO_GOROUTINE,
			    .syscall = ev->to == GO_SYSCALL,
			    .inherited = !g->n_entries };
	st = stackpool_text(&m->names, w->syscall ? SLICE("syscall") : event_reason(ev), &w->reason,
			    err);
	if (!st && m->opt.stacks)
		st = stackpool_stack(&m->stacks, ev, &w->stack, err);
	if (st)
		return st;
	g->waiting_for = n;
	/* A trace waits for its waits. */
	n->trace->n_open++;
	return ST_OK;
}

/* Somebody made it runnable: who, from where, and for which span that one works. */
static enum status wait_ready(struct mapper *m, struct goroutine *g, const struct event *ev,
			      struct err *err)
{
	struct wait *w = &g->wait;
	struct goroutine *waker;
	struct node *n;
	enum status st = ST_OK;

	w->ready = ev->time;
	if (w->syscall)
		return ST_OK;
	w->waker = ev->g;
	if (m->opt.stacks)
		st = stackpool_stack(&m->stacks, ev, &w->waker_stack, err);
	waker = st || ev->g == NO_GOROUTINE ? NULL : goroutine_find(m, ev->g);
	n = waker ? kept(goroutine_resident(waker)) : NULL;
	if (n) {
		w->has_waker_span = true;
		w->waker_node = handle_to(n);
		memcpy(w->waker_trace, trace_id_of(n), TRACE_ID_BYTES);
		memcpy(w->waker_span, n->span_id, SPAN_ID_BYTES);
	}
	return st;
}

/*
 * What a person is told first. Helpers that merely inherited the task wait all
 * the time (net/http reads ahead during every request): they explain nothing.
 */
static void note_longest(struct node *n, const struct wait *w)
{
	if (!w->syscall && !w->inherited &&
	    w->ready - w->stopped > n->longest.ready - n->longest.stopped)
		n->longest = *w;
}

/* A wait of the goroutine is over at `end`: a child span, an event, or nothing. */
static enum status wait_report(struct mapper *m, struct goroutine *g, struct node *n, int64_t end,
			       bool cut, struct err *err)
{
	struct wait *w = &g->wait;
	uint64_t length = (uint64_t)(end - w->stopped);
	enum status st = ST_OK;

	if (length >= m->opt.spans_over_ns) {
		struct node *leaf;

		st = leaf_new(m, n, NODE_WAIT, w->stopped, end, &leaf, err);
		if (!st && leaf) {
			leaf->goroutine = g->id;
			leaf->id_time = w->id_time;
			leaf->task = n->task;
			leaf->cut_end = cut;
			leaf->wait = *w;
			st = link_expect(leaf, err);
		}
	} else if (length >= m->opt.events_over_ns && !cut && !n->ended) {
		/* Of a span that is over, only what is a span of its own: a capture that ends
		 * before the wait does must say the same of it. */
		struct pending p = { .time = w->stopped, .wait = *w, .goroutine = g->id };

		st = node_add_event(m, n, &p, err);
	}
	return st;
}

/* It runs again, or the capture ends. */
static enum status wait_end(struct mapper *m, struct goroutine *g, int64_t end, bool cut,
			    struct err *err)
{
	struct node *n = g->waiting_for;
	struct wait *w = &g->wait;
	struct trace *t = n->trace;
	enum status st;

	if (!cut)
		w->resumed = end;
	st = wait_report(m, g, n, end, cut, err);
	if (!w->ready)
		w->ready = end;
	note_longest(n, w);
	g->waiting_for = NULL;
	return st ? st : trace_unhold(m, t, err);
}

enum status wait_cut(struct mapper *m, struct goroutine *g, struct err *err)
{
	return in_flight(g) ? wait_end(m, g, m->last_time, true, err) : ST_OK;
}

/* A new goroutine works for the task that its creator works for. */
static void born(struct mapper *m, const struct event *ev, struct goroutine *g)
{
	struct goroutine *creator = ev->g == NO_GOROUTINE ? NULL : goroutine_find(m, ev->g);
	struct node *n = creator ? task_of_node(m, goroutine_resident(creator)) : NULL;

	g->inherited = handle_to(n);
}

/* It ended: so do its regions. Nobody will end them any more. */
static enum status gone(struct mapper *m, const struct event *ev, struct goroutine *g,
			struct err *err)
{
	enum status st = ST_OK;

	if (in_flight(g))
		st = wait_end(m, g, ev->time, false, err);
	if (!st)
		st = context_settle(m, g, err);
	for (size_t i = g->n_entries; !st && i > 0; i--) {
		struct node *n = handle_get(g->entries[i - 1]);

		if (!n || n->ended || n->kind != NODE_REGION)
			continue;
		n->abandoned = true;
		st = node_end(m, n, ev->time, err);
	}
	map_del(&m->goroutines, (uint64_t)g->id);
	goroutine_free(g);
	return st;
}

enum status map_transition(struct mapper *m, const struct event *ev, struct err *err)
{
	struct goroutine *g;
	enum status st;

	if (ev->resource != RESOURCE_GOROUTINE)
		return ST_OK;
	st = goroutine_get(m, ev->id, &g, err);
	if (st)
		return st;
	if (m->opt.metrics)
		metrics_transition(m, g, ev);
	if (ev->to == GO_NOT_EXIST)
		return gone(m, ev, g, err);
	/* A status event repeats what is known; the first one is no change either. */
	if (ev->from == ev->to || ev->from == GO_UNDETERMINED)
		return ST_OK;
	if (ev->from == GO_NOT_EXIST) {
		born(m, ev, g);
		return ST_OK;
	}
	if (ev->from == GO_RUNNING && (ev->to == GO_WAITING || ev->to == GO_SYSCALL))
		return wait_begin(m, g, ev, err);
	if (!in_flight(g))
		return ST_OK;
	if (ev->to == GO_RUNNABLE)
		return wait_ready(m, g, ev, err);
	/* Back from a system call without having lost the proc: ready and running at once. */
	if (ev->from == GO_SYSCALL)
		g->wait.ready = ev->time;
	return wait_end(m, g, ev->time, false, err);
}
