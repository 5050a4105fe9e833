/* Nodes and traces: their memory, their limits, and sending them. */
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "mapping/mapper_state.h"

/* The capture's edges that cut a node, as part of its id. */
enum { EDGE_START = 1, EDGE_END = 2, EDGE_SALVAGE = 4 };

/* Far from the offset that goes with EDGE_SALVAGE. */
#define EDGE_SHED ((uint64_t)1 << 62)

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

/* `bytes` of it are zeroed. */
HOT struct node *slot_new(struct mapper *m, struct pool *pool, size_t bytes, struct err *err)
{
	struct node *n = pool_take(pool, err);

	if (n) {
		memset(n, 0, bytes);
		n->serial = ++m->last_serial;
		n->lost_parent = NO_TASK;
		n->goroutine = NO_GOROUTINE;
		n->clock = m->clock;
		n->moved = time_moved(m);
	}
	return n;
}

/* Most messages are short, and all are in the way of the C library's allocator. */
#define SHORT_MESSAGE ((size_t)64)

void events_init(struct mapper *m)
{
	pool_init(&m->few_events, FEW_EVENTS * sizeof(struct pending), MAX_HELD_SPANS, "spans");
	pool_init(&m->messages, SHORT_MESSAGE, MAX_HELD_SUMS, "log messages");
}

struct pooled *message_new(struct mapper *m, struct slice text, struct err *err)
{
	size_t size = sizeof(struct pooled) + text.len;
	struct pooled *p = size <= SHORT_MESSAGE ? pool_take(&m->messages, err) : mem_alloc(size);

	if (!p) {
		if (size > SHORT_MESSAGE)
			err_nomem(err, "a log message");
		return NULL;
	}
	*p = (struct pooled){ .len = text.len };
	if (text.len)
		memcpy(p->text, text.ptr, text.len);
	return p;
}

static void message_free(struct mapper *m, struct pooled *p)
{
	if (sizeof(*p) + p->len <= SHORT_MESSAGE)
		pool_put(&m->messages, p);
	else
		mem_free(p);
}

static void events_free(struct mapper *m, struct node *n)
{
	if (n->events && n->cap_events <= FEW_EVENTS)
		pool_put(&m->few_events, n->events);
	else
		mem_free(n->events);
}

void pending_release(struct mapper *m, struct pending *p)
{
	if (p->message)
		message_free(m, p->message);
	else if (p->wait.told)
		pool_put(&m->waits, p->wait.told);
}

static void slot_free(struct mapper *m, struct node *n)
{
	for (size_t i = 0; i < n->n_events; i++)
		pending_release(m, &n->events[i]);
	events_free(m, n);
	if (n->wait)
		pool_put(&m->waits, n->wait);
	if (n->budget) {
		budget_clear(&m->budgets, n->budget);
		budget_free(&m->budgets, n->passed);
	}
	path_free(m, n->path);
	if (n->context)
		pool_put(&m->contexts, n->context);
	if (n->owns_name)
		mem_free((void *)(uintptr_t)n->name); // NOLINT(performance-no-int-to-ptr)
	n->serial = 0;
	pool_put(is_leaf(n) ? &m->leaves : &m->nodes, n);
}

/* Forget one that is left out. */
static void out_free(struct mapper *m, struct node *n)
{
	*n->out_link = n->out_next;
	if (n->out_next)
		n->out_next->out_link = n->out_link;
	slot_free(m, n);
}

static void out_add(struct trace *t, struct node *n)
{
	n->out_next = t->out;
	if (n->out_next)
		n->out_next->out_link = &n->out_next;
	n->out_link = &t->out;
	t->out = n;
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
	pool_release(&m->nodes);
	pool_release(&m->leaves);
	pool_release(&m->waits);
	pool_release(&m->few_events);
	pool_release(&m->messages);
}

void trace_free(struct mapper *m, struct trace *t)
{
	for (size_t i = 0; i < t->n_nodes; i++)
		slot_free(m, t->nodes[i]);
	for (size_t i = 0; i < t->n_leaves; i++)
		slot_free(m, t->leaves[i]);
	while (t->out)
		out_free(m, t->out);
	referrers_release(m, t);
	m->n_held -= t->n_held;
	mem_free(t->nodes);
	mem_free(t->leaves);
	if (t->adopted_key)
		map_del(&m->adopted, t->adopted_key);
	m->traces[t->index] = m->traces[--m->n_traces];
	m->traces[t->index]->index = t->index;
	mem_free(t);
}

static void hold(struct mapper *m, struct trace *t)
{
	t->n_held++;
	m->n_held++;
}

bool trace_has_room(const struct trace *t)
{
	return t->n_nodes + t->n_leaves < t->max_spans;
}

enum status node_new(struct mapper *m, struct trace *t, enum node_kind kind, struct node *parent,
		     int64_t start, int64_t id_time, struct node **out, struct err *err)
{
	struct node *n = slot_new(m, &m->nodes, offsetof(struct node, own_budget), err);

	if (!n)
		return err->code;
	n->kind = kind;
	n->trace = t;
	n->parent = kept(parent);
	n->start = start;
	n->id_time = id_time;
	n->context_on = NO_GOROUTINE;
	n->left_out = t->n_nodes && t->n_nodes >= trace_max_spans(m, t);
	if (!n->left_out) {
		enum status st = mem_grow((void **)&t->nodes, &t->cap_nodes, t->n_nodes + 1,
					  sizeof(struct node *), MAX_SPANS_PER_TRACE,
					  "spans of a trace", err);

		if (st) {
			slot_free(m, n);
			return st;
		}
		t->nodes[t->n_nodes++] = n;
		hold(m, t);
	} else {
		trace_left_out(m, t);
		out_add(t, n);
	}
	t->n_open++;
	n->stw_ns = start == m->first_time ? 0 : account_stw(m, start);
	for (n->open_parent = n->parent; n->open_parent && n->open_parent->accounted;)
		n->open_parent = n->open_parent->parent;
	if (n->open_parent)
		n->open_parent->n_open_below++;
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
	if (!trace_make_room(m, t, end - start)) {
		t->left_out++;
		return ST_OK;
	}
	st = mem_grow((void **)&t->leaves, &t->cap_leaves, t->n_leaves + 1, sizeof(struct node *),
		      MAX_SPANS_PER_TRACE, "spans of a trace", err);
	if (st)
		return st;
	n = slot_new(m, &m->leaves, LEAF_BYTES, err);
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
	hold(m, t);
	trace_leaf_added(t);
	*out = n;
	return ST_OK;
}

enum status node_set_name(struct mapper *m, struct node *n, struct slice name, uint64_t id,
			  struct err *err)
{
	struct pooled *own;
	enum status st;

	/* Nobody will see it; and what it owned would be forgotten with it. */
	if (n->left_out)
		return ST_OK;
	st = stackpool_string(&m->names, id, name, &n->name, err);
	if (st || n->name)
		return st;
	/* More distinct names than the pool takes: this one has its own copy. */
	own = mem_alloc(sizeof(*own) + name.len);
	if (!own)
		return err_nomem(err, "a span's name");
	*own = (struct pooled){ .len = name.len };
	if (name.len)
		memcpy(own->text, name.ptr, name.len);
	n->name = own;
	n->owns_name = true;
	return ST_OK;
}

/* Of sums in whatever order, by their reasons' names: numbers differ between captures. */
static uint64_t reasons_digest(const struct mapper *m, const struct reason_sum *sums)
{
	uint64_t all = 0;

	for (; sums; sums = sums->next) {
		struct slice key = m->reasons.list[sums->reason].key;

		all += XXH3_64bits_withSeed(key.ptr, key.len, sums->ns);
	}
	return all;
}

/* A number for all that is told of a wait's waker but does not happen in its trace; or 0. */
static uint64_t waker_digest(const struct mapper *m, const struct node *n)
{
	const struct wait *w = n->wait;
	uint64_t all = 0;

	if (w->has_waker_span) {
		all = id_pair(w->waker_trace, w->waker_span) + w->unlinked;
		if (w->waker_name)
			all += XXH3_64bits(w->waker_name->text, w->waker_name->len);
	}
	if (n->path) {
		for (unsigned int i = 0; i < N_BUDGET_PARTS; i++)
			all = XXH3_64bits_withSeed("part", 4, all + n->path->sums.ns[i]);
		all += n->path->unknown_ns + reasons_digest(m, n->path->sums.reasons);
	}
	return all;
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
	/* What one capture knows of the waker, another that begins later may not. */
	if (n->kind == NODE_WAIT)
		key.number2 = waker_digest(m, n);
	/* Snapshots that begin with the same generation end where they were taken. */
	if (n->kind == NODE_CAPTURE)
		key.number2 = (uint64_t)n->end;
	/* Cut elsewhere, the trace may show more of it, or less. */
	if (n->salvaged)
		edges |= EDGE_SALVAGE | m->cut_at << 3;
	/* What room there was depends on all traces that the capture has had until then. */
	if (n->trace->shed && n == n->trace->nodes[0])
		edges |= EDGE_SHED;
	/* What the id has to tell apart is which part of the span the capture shows. */
	if (edges || (n->moved && n->kind != NODE_WAIT))
		key.cut = id_cut(n->cut_start || (edges & EDGE_SHED) ? m->first_id_time : n->moved,
				 n->cut_end ? n->end : 0, edges);
	return key;
}

/*
 * A root gives its trace the id. A span's id also depends on its parent's, so
 * that all below a cut span differs from the same below the whole one.
 */
void node_identify(const struct mapper *m, struct node *n)
{
	struct trace *t = n->trace;
	struct id_key key;

	n->island = n->adopted ? n : n->parent ? n->parent->island : NULL;
	key = key_of(m, n);
	if (t->n_nodes && n == t->nodes[0] && !t->id_fixed)
		id_trace(&m->seed, &key, t->id);
	if (n->adopted)
		memcpy(n->parent_id, n->context->span_id, SPAN_ID_BYTES);
	else if (n->parent)
		memcpy(n->parent_id, n->parent->span_id, SPAN_ID_BYTES);
	id_span(trace_id_of(n), n->parent_id, &key, n->span_id);
}

enum status node_end(struct mapper *m, struct node *n, int64_t end, struct err *err)
{
	struct trace *t = n->trace;
	enum status st;

	n->ended = true;
	n->end = end;
	n->salvaged = m->cut_at;
	t->stale |= n->salvaged;
	st = account_end(m, n, end, err);
	if (st)
		return st;
	if (n->left_out) {
		t->left_out++;
		out_free(m, n);
	}
	return trace_unhold(m, t, err);
}

static int64_t block_of(const struct pending *p)
{
	return p->wait.ready - p->wait.stopped;
}

/* Does it tell less? Of equal waits the first ones stay. */
static bool tells_less(const struct pending *a, const struct pending *b)
{
	return block_of(a) != block_of(b) ? block_of(a) < block_of(b) : a->time > b->time;
}

/* Down from i until none below tells less. */
static void sift_event(struct node *n, size_t i)
{
	struct pending moved = n->events[i];

	for (size_t least = 2 * i + 1; least < n->n_waits; least = 2 * i + 1) {
		if (least + 1 < n->n_waits && tells_less(&n->events[least + 1], &n->events[least]))
			least++;
		if (!tells_less(&n->events[least], &moved))
			break;
		n->events[i] = n->events[least];
		i = least;
	}
	n->events[i] = moved;
}

/* The span is full: its waits become a heap, the shortest on top, with the logs behind it. */
COLD static void heap_events(struct node *n)
{
	n->heaped = true;
	n->n_waits = 0;
	for (size_t i = 0; i < n->n_events; i++) {
		struct pending e = n->events[i];

		if (e.message)
			continue;
		n->events[i] = n->events[n->n_waits];
		n->events[n->n_waits++] = e;
	}
	for (size_t i = n->n_waits / 2; i > 0; i--)
		sift_event(n, i - 1);
}

/*
 * In a full span the shortest wait makes room; logs come first, first come. They are
 * sorted by time when they are sent. False: all there are tell more.
 */
static bool replace_event(struct mapper *m, struct node *n, const struct pending *p)
{
	size_t at = 0;

	if (!p->message && block_of(p) <= n->shortest_event)
		return false;
	if (!n->heaped)
		heap_events(n);
	if (!n->n_waits || (!p->message && block_of(p) <= block_of(&n->events[0]))) {
		n->shortest_event = n->n_waits ? block_of(&n->events[0]) : INT64_MAX;
		return false;
	}
	pending_release(m, &n->events[0]);
	if (p->message) {
		at = --n->n_waits;
		n->events[0] = n->events[at];
	}
	n->events[at] = *p;
	if (n->n_waits)
		sift_event(n, 0);
	n->shortest_event = n->n_waits ? block_of(&n->events[0]) : INT64_MAX;
	return true;
}

/* Most spans have one or two, from a pool; then twice as many as there were. */
static enum status more_events(struct mapper *m, struct node *n, struct err *err)
{
	size_t cap = n->cap_events ? 2 * n->cap_events : FEW_EVENTS;
	struct pending *few = n->cap_events <= FEW_EVENTS ? n->events : NULL, *grown;

	if (cap > m->opt.events_per_span)
		cap = m->opt.events_per_span;
	if (cap <= FEW_EVENTS)
		grown = pool_take(&m->few_events, err);
	else
		grown = mem_realloc(few ? NULL : n->events, cap * sizeof(*grown));
	if (!grown)
		return cap <= FEW_EVENTS ? err->code : err_nomem(err, "events of a span");
	if (few) {
		memcpy(grown, few, n->n_events * sizeof(*grown));
		pool_put(&m->few_events, few);
	}
	n->events = grown;
	n->cap_events = cap;
	return ST_OK;
}

enum status node_add_event(struct mapper *m, struct node *n, struct pending *p, struct err *err)
{
	enum status st;

	n = kept(n);
	if (n->n_events >= m->opt.events_per_span) {
		n->dropped_events++;
		m->sum.dropped_events++;
		if (!replace_event(m, n, p))
			pending_release(m, p);
		return ST_OK;
	}
	st = n->n_events < n->cap_events ? ST_OK : more_events(m, n, err);
	if (st) {
		pending_release(m, p);
		return st;
	}
	n->events[n->n_events++] = *p;
	return ST_OK;
}
