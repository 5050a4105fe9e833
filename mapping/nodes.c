/* Nodes and traces: their memory, their limits, and sending them. */
#include "base/limits.h"
#include "base/mem.h"
#include "mapping/mapper_state.h"

/* The capture's edges that cut a node, as part of its id. */
enum { EDGE_START = 1, EDGE_END = 2, EDGE_SALVAGE = 4 };

enum status trace_new(struct mapper *m, struct wall_clock clock, size_t max_spans,
		      struct trace **out, struct err *err)
{
	enum status st = mem_grow((void **)&m->traces, &m->cap_traces, m->n_traces + 1,
				  sizeof(struct trace *), MAX_OPEN_TRACES, "open traces", err);
	struct trace *t;

	if (st)
		return st;
	t = mem_zalloc(sizeof(*t));
	if (!t)
		return err_nomem(err, "a trace");
	t->clock = clock;
	t->max_spans = max_spans;
	t->index = m->n_traces;
	m->traces[m->n_traces++] = t;
	*out = t;
	return ST_OK;
}

static struct node *slot_new(struct mapper *m, struct err *err)
{
	struct node *n = pool_get(&m->nodes, err);

	if (n) {
		n->serial = ++m->last_serial;
		n->lost_parent = NO_TASK;
		n->goroutine = NO_GOROUTINE;
		n->context_on = NO_GOROUTINE;
		n->clock = m->clock;
		n->moved = m->moved;
	}
	return n;
}

static void slot_free(struct mapper *m, struct node *n)
{
	for (size_t i = 0; i < n->n_events; i++)
		mem_free(n->events[i].message);
	mem_free(n->events);
	if (n->context)
		pool_put(&m->contexts, n->context);
	if (n->owns_name)
		mem_free((void *)(uintptr_t)n->name); // NOLINT(performance-no-int-to-ptr)
	n->serial = 0;
	pool_put(&m->nodes, n);
}

void leaf_free(struct mapper *m, struct node *leaf)
{
	slot_free(m, leaf);
}

void nodes_release(struct mapper *m)
{
	while (m->n_traces)
		trace_free(m, m->traces[m->n_traces - 1]);
	mem_free(m->traces);
	/* What was left out and never ended is in no trace's list, and owns nothing. */
	pool_release(&m->nodes);
}

void trace_free(struct mapper *m, struct trace *t)
{
	for (size_t i = 0; i < t->n_nodes; i++)
		slot_free(m, t->nodes[i]);
	for (size_t i = 0; i < t->n_leaves; i++)
		slot_free(m, t->leaves[i]);
	referrers_release(m, t);
	mem_free(t->nodes);
	mem_free(t->leaves);
	if (t->adopted_key)
		map_del(&m->adopted, t->adopted_key);
	m->traces[t->index] = m->traces[--m->n_traces];
	m->traces[t->index]->index = t->index;
	mem_free(t);
}

static int64_t length_of(const struct node *n)
{
	return n->end - n->start;
}

static bool is_full(const struct trace *t)
{
	return t->n_nodes + t->n_leaves >= t->max_spans;
}

bool trace_has_room(const struct trace *t)
{
	return !is_full(t);
}

/* Leave out the shortest leaf if it is shorter than `length`; true: there is room. */
static bool make_room(struct mapper *m, struct trace *t, int64_t length)
{
	size_t least = 0;

	if (!is_full(t))
		return true;
	if (!t->n_leaves || (t->shortest && length <= t->shortest))
		return false;
	for (size_t i = 1; i < t->n_leaves; i++)
		if (length_of(t->leaves[i]) < length_of(t->leaves[least]))
			least = i;
	t->shortest = length_of(t->leaves[least]);
	if (length <= t->shortest)
		return false;
	slot_free(m, t->leaves[least]);
	t->leaves[least] = t->leaves[--t->n_leaves];
	t->left_out++;
	return true;
}

enum status node_new(struct mapper *m, struct trace *t, enum node_kind kind, struct node *parent,
		     int64_t start, int64_t id_time, struct node **out, struct err *err)
{
	struct node *n = slot_new(m, err);

	if (!n)
		return err->code;
	n->kind = kind;
	n->trace = t;
	n->parent = kept(parent);
	n->start = start;
	n->id_time = id_time;
	n->left_out = t->n_nodes && !make_room(m, t, INT64_MAX);
	if (!n->left_out) {
		enum status st = mem_grow((void **)&t->nodes, &t->cap_nodes, t->n_nodes + 1,
					  sizeof(struct node *), MAX_SPANS_PER_TRACE,
					  "spans of a trace", err);

		if (st) {
			slot_free(m, n);
			return st;
		}
		t->nodes[t->n_nodes++] = n;
	}
	t->n_open++;
	*out = n;
	return ST_OK;
}

enum status leaf_new(struct mapper *m, struct node *parent, enum node_kind kind, int64_t start,
		     int64_t end, struct node **out, struct err *err)
{
	struct trace *t = parent->trace;
	struct node *n;
	enum status st;

	*out = NULL;
	if (!make_room(m, t, end - start)) {
		t->left_out++;
		return ST_OK;
	}
	st = mem_grow((void **)&t->leaves, &t->cap_leaves, t->n_leaves + 1, sizeof(struct node *),
		      MAX_SPANS_PER_TRACE, "spans of a trace", err);
	if (st)
		return st;
	n = slot_new(m, err);
	if (!n)
		return err->code;
	n->kind = kind;
	n->trace = t;
	n->parent = kept(parent);
	n->start = start;
	n->end = end;
	n->ended = true;
	n->salvaged = m->cut_at;
	t->leaves[t->n_leaves++] = n;
	*out = n;
	return ST_OK;
}

enum status node_set_name(struct mapper *m, struct node *n, struct slice name, struct err *err)
{
	struct pooled *own;
	enum status st;

	/* Nobody will see it; and what it owned would be forgotten with it. */
	if (n->left_out)
		return ST_OK;
	st = stackpool_text(&m->names, name, &n->name, err);
	if (st || n->name)
		return st;
	/* More distinct names than the pool takes: this one has its own copy. */
	own = mem_alloc(sizeof(*own) + name.len);
	if (!own)
		return err_nomem(err, "a span's name");
	own->len = name.len;
	if (name.len)
		memcpy(own->text, name.ptr, name.len);
	n->name = own;
	n->owns_name = true;
	return ST_OK;
}

static struct id_key key_of(const struct mapper *m, const struct node *n)
{
	static const enum id_kind kinds[] = { [NODE_TASK] = ID_TASK,
					      [NODE_REGION] = ID_REGION,
					      [NODE_WAIT] = ID_BLOCK,
					      [NODE_RANGE] = ID_RANGE,
					      [NODE_CAPTURE] = ID_CAPTURE };
	uint64_t edges = (n->cut_start ? EDGE_START : 0) | (n->cut_end ? EDGE_END : 0);
	struct id_key key = { .kind = kinds[n->kind], .time = n->id_time };

	key.number = n->kind == NODE_TASK ? n->task : (uint64_t)n->goroutine;
	if (n->kind == NODE_REGION)
		key.number2 = n->task;
	/* Snapshots that begin with the same generation end where they were taken. */
	if (n->kind == NODE_CAPTURE)
		key.number2 = (uint64_t)n->end;
	/* Cut elsewhere, the trace may show more of it, or less. */
	if (n->salvaged)
		edges |= EDGE_SALVAGE | m->cut_at << 3;
	/* Who is known to have been waking it depends on what the capture has of them. */
	if (n->kind == NODE_WAIT && n->wait.has_waker_span)
		key.number2 = id_pair(n->wait.waker_trace, n->wait.waker_span);
	/* What the id has to tell apart is which part of the span the capture shows. */
	if (edges)
		key.cut =
			id_cut(n->cut_start ? m->first_id_time : 0, n->cut_end ? n->end : 0, edges);
	else if (n->moved && n->kind != NODE_WAIT)
		key.cut = id_cut(n->moved, 0, 0);
	return key;
}

/*
 * A root gives its trace the id. A span's id also depends on its parent's, so
 * that all below a cut span differs from the same below the whole one.
 */
void node_identify(const struct mapper *m, struct node *n)
{
	struct trace *t = n->trace;
	struct id_key key = key_of(m, n);

	if (t->n_nodes && n == t->nodes[0] && !t->id_fixed)
		id_trace(&m->seed, &key, t->id);
	n->island = n->adopted ? n : n->parent ? n->parent->island : NULL;
	if (n->adopted)
		memcpy(n->parent_id, n->context->span_id, SPAN_ID_BYTES);
	else if (n->parent)
		memcpy(n->parent_id, n->parent->span_id, SPAN_ID_BYTES);
	id_span(trace_id_of(n), n->parent_id, &key, n->span_id);
}

enum status trace_unhold(struct mapper *m, struct trace *t, struct err *err)
{
	return --t->n_open ? ST_OK : trace_send(m, t, err);
}

enum status node_end(struct mapper *m, struct node *n, int64_t end, struct err *err)
{
	struct trace *t = n->trace;

	n->ended = true;
	n->end = end;
	n->salvaged = m->cut_at;
	if (n->left_out) {
		t->left_out++;
		slot_free(m, n);
	}
	return trace_unhold(m, t, err);
}

/* In a full span the shortest wait makes room; logs come first, first come. */
static struct pending *event_slot(struct node *n, const struct pending *p)
{
	struct pending *least = NULL;

	for (size_t i = 0; i < n->n_events; i++) {
		struct pending *e = &n->events[i];

		if (!e->message && (!least || e->wait.ready - e->wait.stopped <
						      least->wait.ready - least->wait.stopped))
			least = e;
	}
	if (!least || (!p->message &&
		       p->wait.ready - p->wait.stopped <= least->wait.ready - least->wait.stopped))
		return NULL;
	return least;
}

enum status node_add_event(struct mapper *m, struct node *n, const struct pending *p,
			   struct err *err)
{
	struct pending *slot;
	enum status st;

	n = kept(n);
	if (n->n_events >= m->opt.events_per_span) {
		n->dropped_events++;
		m->sum.dropped_events++;
		slot = event_slot(n, p);
		if (!slot) {
			mem_free(p->message);
			return ST_OK;
		}
		/* Events stay in the order in which they came: close the gap. */
		memmove(slot, slot + 1,
			(size_t)(n->events + n->n_events - slot - 1) * sizeof(*slot));
		n->events[n->n_events - 1] = *p;
		return ST_OK;
	}
	st = mem_grow((void **)&n->events, &n->cap_events, n->n_events + 1, sizeof(*n->events),
		      m->opt.events_per_span, "events of a span", err);
	if (st) {
		mem_free(p->message);
		return st;
	}
	n->events[n->n_events++] = *p;
	return ST_OK;
}
