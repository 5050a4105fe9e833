/* Sending a trace that nothing is open in: ids, sampling, what was sent before. */
#include "base/limits.h"
#include "base/mem.h"
#include "mapping/mapper_state.h"

/* Others may still refer to the tasks of a trace that is gone. */
static void remember(struct mapper *m, const struct node *n)
{
	struct recent_task *r = &m->recent[n->task % RECENT_TASKS];

	if (handle_get(r->node) != n)
		return;
	if (n->unsent) {
		r->node = (struct handle){ NULL, 0 };
		return;
	}
	memcpy(r->trace_id, trace_id_of(n), TRACE_ID_BYTES);
	memcpy(r->span_id, n->span_id, SPAN_ID_BYTES);
	r->clock = *clock_of(n);
	r->unsampled = n->unsampled;
}

/* The longest wait below a node is its own too. */
static void fold_longest(struct node *n)
{
	if (n->parent && n->longest.stopped &&
	    n->longest.ready - n->longest.stopped >
		    n->parent->longest.ready - n->parent->longest.stopped)
		n->parent->longest = n->longest;
}

#define NODES_AHEAD 4u

/* What is read next of something that was written long ago. */
static void fetch(const void *from, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += CACHE_LINE)
		__builtin_prefetch((const uint8_t *)from + at);
}

/* The first time that all nodes are visited: several others follow. */
static void fold_all(const struct trace *t)
{
	for (size_t i = t->n_nodes; i > 0; i--) {
		struct node *n = t->nodes[i - 1];

		if (i > NODES_AHEAD)
			fetch(t->nodes[i - 1 - NODES_AHEAD], sizeof(*n));
		if (n->events)
			fetch(n->events, FEW_EVENTS * sizeof(*n->events));
		fold_longest(n);
	}
}

/* Which share of such traces is sent: by the longest task and by what was logged. */
static double share_of(const struct mapper *m, const struct trace *t)
{
	int64_t longest = 0;

	for (size_t i = 0; i < t->n_nodes; i++) {
		const struct node *n = t->nodes[i];

		if (n->kind == NODE_TASK && n->end - n->start > longest)
			longest = n->end - n->start;
	}
	return sampler_share(m->opt.sampling, m->opt.n_sampling, (uint64_t)longest, t->log_bits);
}

/*
 * Decide for each node, by the id of the trace it is sent in. What goes on below a
 * span that was decided on follows it.
 */
static void sample(struct mapper *m, const struct trace *t)
{
	double share;

	if (!m->opt.n_sampling || t == m->capture)
		return;
	share = share_of(m, t);
	for (size_t i = 0; i < t->n_nodes; i++) {
		struct node *n = t->nodes[i];

		if (n->parent && n->island == n->parent->island)
			n->unsampled = n->parent->unsampled;
		else if (t->id_fixed && !n->island)
			n->unsampled = t->unsampled;
		else
			n->unsampled = !sampler_keeps(trace_id_of(n), share);
	}
	m->sum.unsampled_traces += t->n_nodes && t->nodes[0]->unsampled && !t->id_fixed;
}

/* A task by its begin or end as recorded, whatever is known of what is above it. */
static uint64_t task_key(const struct mapper *m, const struct node *n, enum id_kind kind)
{
	const struct id_key key = { .kind = kind,
				    .number = n->task,
				    .time = kind == ID_TASK ? n->id_time : n->id_end };

	return id_number(&m->seed, &key);
}

static bool task_was_sent(const struct mapper *m, const struct node *n)
{
	if (!n->cut_start)
		return sent_has(m->opt.sent, task_key(m, n, ID_TASK));
	/* Only its number and its end are known. */
	return !n->cut_end && sent_has(m->opt.sent, task_key(m, n, ID_TASK_END));
}

/* Sent before, or else noted unless it is part of a task that is noted. */
static enum status note_span(struct mapper *m, struct node *n, bool cut, struct err *err)
{
	n->sent = n->sent || sent_has(m->opt.sent, span_key(n));
	if (n->sent || n->unsampled || cut || (n->parent && n->parent->whole))
		return ST_OK;
	return sent_note(m->opt.sent, span_key(n), err);
}

static enum status note_node(struct mapper *m, struct node *n, struct err *err)
{
	enum status st;

	n->sent = (n->parent && n->parent->sent_below) ||
		  (n->kind == NODE_TASK && task_was_sent(m, n));
	n->sent_below = n->sent;
	n->whole = (n->parent && n->parent->whole) || (n->kind == NODE_TASK && !n->partial);
	if (n->kind != NODE_TASK || n->partial)
		return note_span(m, n, n->cut_start || n->cut_end, err);
	if (n->sent || n->unsampled)
		return ST_OK;
	/* It and all below it; a part may have been sent while it was not whole. */
	n->sent = sent_has(m->opt.sent, span_key(n));
	st = sent_note(m->opt.sent, task_key(m, n, ID_TASK), err);
	return st ? st : sent_note(m->opt.sent, task_key(m, n, ID_TASK_END), err);
}

/*
 * Find out what of the trace earlier captures have sent, and note what this one
 * sends. A task counts as sent if it was whole with all below it; of others, spans do.
 */
static enum status note_sent(struct mapper *m, const struct trace *t, struct err *err)
{
	enum status st = ST_OK;

	if (!m->opt.sent)
		return ST_OK;
	for (size_t i = 0; i < t->n_leaves; i++)
		if (t->leaves[i]->cut_start || t->leaves[i]->cut_end)
			t->leaves[i]->parent->partial = true;
	for (size_t i = t->n_nodes; i > 0; i--) {
		struct node *n = t->nodes[i - 1];

		n->partial = n->partial || n->cut_start || n->cut_end || n->salvaged;
		if (n->partial && n->parent)
			n->parent->partial = true;
	}
	for (size_t i = 0; !st && i < t->n_nodes; i++)
		st = note_node(m, t->nodes[i], err);
	return st;
}

/* ---- links to the spans of wakers */

enum status link_expect(struct node *leaf, struct err *err)
{
	struct wait *w = leaf->wait;
	struct node *waker = handle_get(w->waker_node);
	struct trace *t = waker ? waker->trace : NULL;
	enum status st;

	if (!w->has_waker_span || !t || t == leaf->trace)
		return ST_OK;
	/* Spans that wait for one trace are limited as those in it are. */
	if (t->n_referrers >= t->max_spans) {
		w->has_waker_span = false;
		return ST_OK;
	}
	st = mem_grow((void **)&t->referrers, &t->cap_referrers, t->n_referrers + 1,
		      sizeof(*t->referrers), MAX_SPANS_PER_TRACE, "links to a trace", err);

	if (!st)
		t->referrers[t->n_referrers++] = handle_to(leaf);
	return st;
}

/* The ids of the waker are final. */
static void link_settle(struct wait *w, const struct node *waker)
{
	memcpy(w->waker_trace, trace_id_of(waker), TRACE_ID_BYTES);
	memcpy(w->waker_span, waker->span_id, SPAN_ID_BYTES);
	w->unlinked = waker->unsampled || waker->unsent;
	w->waker_node = (struct handle){ NULL, 0 };
}

/*
 * The leaf's own trace is sent, the waker's is not: the leaf stays behind, in the
 * list of that trace, until it is known what the waker's span is called and whether
 * it is sent. It is then its own island: all it needs is ids and clock.
 */
static enum status link_wait(struct mapper *m, struct node *leaf, struct trace *waker,
			     struct err *err)
{
	struct context *c = pool_get(&m->contexts, err);

	if (!c)
		return err->code;
	memcpy(c->trace_id, trace_id_of(leaf->parent), TRACE_ID_BYTES);
	memcpy(c->span_id, leaf->parent->span_id, SPAN_ID_BYTES);
	leaf->clock = *clock_of(leaf->parent);
	leaf->context = c;
	leaf->adopted = true;
	/* What earlier captures have sent is asked once more when the id is known. */
	leaf->whole = leaf->parent->whole;
	leaf->parent = NULL;
	leaf->trace = waker;
	return ST_OK;
}

/* One leaf of a trace that is being sent; *waits: it is not any more. */
static enum status leaf_settle(struct mapper *m, struct node *leaf, bool *waits, struct err *err)
{
	struct node *waker = leaf->wait ? handle_get(leaf->wait->waker_node) : NULL;

	*waits = false;
	leaf->unsampled = leaf->parent->unsampled;
	leaf->sent = leaf->parent->sent_below;
	if (leaf->unsampled || leaf->sent)
		return ST_OK;
	if (waker && leaf->wait->has_waker_span) {
		if (waker->trace != leaf->trace) {
			*waits = true;
			return link_wait(m, leaf, waker->trace, err);
		}
		link_settle(leaf->wait, waker);
	}
	node_identify(m, leaf);
	return m->opt.sent ? note_span(m, leaf, leaf->cut_start || leaf->cut_end, err) : ST_OK;
}

static enum status leaves_settle(struct mapper *m, struct trace *t, struct err *err)
{
	enum status st = ST_OK;
	size_t n = 0;

	for (size_t i = 0; i < t->n_leaves; i++) {
		bool waits = false;

		if (!st)
			st = leaf_settle(m, t->leaves[i], &waits, err);
		if (!waits)
			t->leaves[n++] = t->leaves[i];
	}
	t->n_leaves = n;
	return st;
}

static enum status emit(struct mapper *m, const struct node *n, struct err *err)
{
	if (n->unsampled || n->sent) {
		*(n->unsampled ? &m->sum.unsampled_spans : &m->sum.repeated_spans) += 1;
		return ST_OK;
	}
	return node_emit(m, n, err);
}

/* Leaves of other traces that link into this one. */
static enum status referrers_settle(struct mapper *m, struct trace *t, struct err *err)
{
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < t->n_referrers; i++) {
		struct node *leaf = handle_get(t->referrers[i]);
		struct node *waker = leaf ? handle_get(leaf->wait->waker_node) : NULL;

		if (!waker)
			continue;
		link_settle(leaf->wait, waker);
		/* Else it is still in its own trace. */
		if (leaf->trace != t || leaf->parent)
			continue;
		node_identify(m, leaf);
		if (m->opt.sent && !leaf->whole)
			st = note_span(m, leaf, leaf->cut_start || leaf->cut_end, err);
		else if (m->opt.sent)
			leaf->sent = sent_has(m->opt.sent, span_key(leaf));
		if (!st)
			st = emit(m, leaf, err);
		leaf_free(m, leaf);
	}
	return st;
}

void referrers_release(struct mapper *m, struct trace *t)
{
	for (size_t i = 0; i < t->n_referrers; i++) {
		struct node *leaf = handle_get(t->referrers[i]);

		if (leaf && leaf->trace == t && !leaf->parent)
			leaf_free(m, leaf);
	}
	mem_free(t->referrers);
}

APART enum status trace_send(struct mapper *m, struct trace *t, struct err *err)
{
	enum status st;

	m->n_held -= t->n_held;
	t->n_held = 0;
	for (size_t i = 0; t->stale && i < t->n_nodes; i++)
		node_identify(m, t->nodes[i]);
	fold_all(t);
	sample(m, t);
	st = note_sent(m, t, err);
	trace_trim(m, t);
	if (!st)
		st = leaves_settle(m, t, err);
	for (size_t i = 0; !st && i < t->n_nodes; i++) {
		if (t->nodes[i]->kind == NODE_TASK)
			remember(m, t->nodes[i]);
		if (!t->nodes[i]->unsent)
			st = emit(m, t->nodes[i], err);
	}
	for (size_t i = 0; !st && i < t->n_leaves; i++)
		st = emit(m, t->leaves[i], err);
	if (!st)
		capture_note(m, t);
	if (!st)
		st = referrers_settle(m, t, err);
	m->sum.dropped_spans += t->left_out;
	if (!st)
		trace_free(m, t);
	return st;
}
