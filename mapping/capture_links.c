/*
 * Links between the capture's trace and the traces of tasks, both ways.
 *
 * The capture's root links to the request that it is about, if a sender says so, and to the longest
 * tasks. Nothing is added to their spans, which
 * are the same in every capture: the way back is a span of no length below each, whose
 * id depends on the capture. Both are made when all else is sent, so that the number
 * is limited and the capture's id is final.
 */
#include "base/mem.h"
#include "mapping/keys.h"
#include "mapping/mapper_state.h"

/* Below the first one that is shorter: the list stays in order, the longest first. */
static void insert(struct mapper *m, const struct capture_link *link)
{
	size_t at = m->n_linked;

	if (at == m->opt.links_per_span)
		at--;
	else
		m->n_linked++;
	for (; at > 0 && m->linked[at - 1].length < link->length; at--)
		m->linked[at] = m->linked[at - 1];
	m->linked[at] = *link;
}

static void keep_longest(struct mapper *m, const struct capture_link *link)
{
	if (m->n_linked == m->opt.links_per_span) {
		m->n_unlinked++;
		if (!m->n_linked || link->length <= m->linked[m->n_linked - 1].length)
			return;
	}
	insert(m, link);
}

void capture_note(struct mapper *m, const struct trace *t)
{
	const struct node *n = t->n_nodes ? t->nodes[0] : NULL;
	struct capture_link link;

	if (!n || n->kind != NODE_TASK || n->unsampled || n->sent)
		return;
	link = (struct capture_link){ .length = n->end - n->start,
				      .start_unix_ns = wall_time(n, n->start),
				      .recorded = clock_of(n)->recorded };
	memcpy(link.trace_id, trace_id_of(n), TRACE_ID_BYTES);
	memcpy(link.span_id, n->span_id, SPAN_ID_BYTES);
	keep_longest(m, &link);
}

/* The request that a sender says the capture is about comes before every task. */
static void note_request(struct mapper *m)
{
	struct capture_link link = { .length = INT64_MAX, .foreign = true };
	struct context c;

	if (!context_parse(m->opt.request, &c))
		return;
	memcpy(link.trace_id, c.trace_id, TRACE_ID_BYTES);
	memcpy(link.span_id, c.span_id, SPAN_ID_BYTES);
	keep_longest(m, &link);
}

static int by_start(const void *a, const void *b)
{
	const struct capture_link *x = a, *y = b;

	if (x->start_unix_ns != y->start_unix_ns)
		return x->start_unix_ns < y->start_unix_ns ? -1 : 1;
	return memcmp(x->span_id, y->span_id, SPAN_ID_BYTES);
}

/* The span below a task that links to the capture. */
static enum status emit_back(struct mapper *m, const struct capture_link *to,
			     const struct span_link *capture, const struct id_key *key,
			     struct err *err)
{
	const struct attr attrs[] = {
		{ .key = key_names[KEY_KIND], .str = SLICE("capture link") },
		{ .key = key_names[KEY_CLOCK], .str = SLICE("file time") },
	};
	struct span s = { .scope = SCOPE_RUNTIME,
			  .name = SLICE("capture"),
			  .start_unix_ns = to->start_unix_ns,
			  .end_unix_ns = to->start_unix_ns,
			  .flags = SPAN_FLAG_SAMPLED | SPAN_FLAG_HAS_IS_REMOTE,
			  .attrs = attrs,
			  .n_attrs = to->recorded ? 1 : 2,
			  .links = capture,
			  .n_links = 1 };

	memcpy(s.trace_id, to->trace_id, TRACE_ID_BYTES);
	memcpy(s.parent_id, to->span_id, SPAN_ID_BYTES);
	id_span(s.trace_id, s.parent_id, key, s.span_id);
	m->sum.spans++;
	return m->sink.emit(m->sink.arg, &s, err);
}

enum status capture_send(struct mapper *m, struct err *err)
{
	struct trace *t = m->capture;
	struct node *root = m->capture_root;
	struct id_key key = { .kind = ID_LINK,
			      .number = (uint64_t)root->end,
			      .time = root->id_time };
	struct span_link link = { .flags = SPAN_FLAG_SAMPLED | SPAN_FLAG_HAS_IS_REMOTE };
	bool sent;
	enum status st;

	note_request(m);
	if (m->n_linked)
		qsort(m->linked, m->n_linked, sizeof(*m->linked), by_start);
	node_identify(m, root);
	memcpy(link.trace_id, trace_id_of(root), TRACE_ID_BYTES);
	memcpy(link.span_id, root->span_id, SPAN_ID_BYTES);
	sent = m->opt.sent && sent_has(m->opt.sent, span_key(root));
	/* What was left out and is open, and the hold of capture_begin(). */
	t->left_out += t->n_open - 1;
	t->n_open = 1;
	st = trace_unhold(m, t, err);
	m->capture = NULL;
	m->capture_root = NULL;
	for (size_t i = 0; !st && !sent && i < m->n_linked; i++) {
		/* Nothing is added to a trace of which nothing is in here. */
		if (!m->linked[i].foreign)
			st = emit_back(m, &m->linked[i], &link, &key, err);
	}
	return st;
}
