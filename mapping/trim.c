/*
 * What a trace keeps when it has more than its limits allow: spans_per_trace and
 * bytes_per_trace. Tasks and regions come first, as others hang below them; then
 * waits on the critical path, then the longest. What is critical is known only in
 * the end: until then twice as many leaves are held as may be sent, the longest.
 * They are a heap then, so that a task with a million waits costs no more for each.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "mapping/keys.h"
#include "mapping/mapper_state.h"

/* Everything in a span but its texts, lists and name, encoded; and in an attribute. */
#define SPAN_BYTES 160u
#define ATTR_BYTES 24u
#define EVENT_BYTES 40u
#define LINK_BYTES 48u

static int64_t length_of(const struct node *n)
{
	return n->end - n->start;
}

/*
 * What a trace may hold, by its own limit; if all open traces together hold more than
 * OPEN_TRACES_SHARE full ones would, by its share of that, and then it says so.
 */
size_t trace_max_spans(const struct mapper *m, const struct trace *t)
{
	size_t all = OPEN_TRACES_SHARE * m->opt.spans_per_trace, share;

	if (LIKELY(m->n_held < all) || t == m->capture)
		return t->max_spans;
	share = all / m->n_traces;
	if (share < LEAST_SHARE)
		share = LEAST_SHARE;
	return share < t->max_spans ? share : t->max_spans;
}

/* Twice as many as may be sent, if nothing else comes. */
static size_t max_leaves(const struct mapper *m, const struct trace *t)
{
	size_t max = trace_max_spans(m, t), left = max > t->n_nodes ? max - t->n_nodes : 0;

	return left < MAX_SPANS_PER_TRACE / 2 ? 2 * left : MAX_SPANS_PER_TRACE;
}

/* The one that goes first is on top: the shortest, of those the latest. */
static bool goes_before(const struct node *a, const struct node *b)
{
	return length_of(a) != length_of(b) ? length_of(a) < length_of(b) : a->serial > b->serial;
}

static void sift_down(struct trace *t, size_t i)
{
	struct node **heap = t->leaves;

	for (;;) {
		size_t least = i;

		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < t->n_leaves; k++)
			if (goes_before(heap[k], heap[least]))
				least = k;
		if (least == i)
			return;
		struct node *swap = heap[i];
		heap[i] = heap[least];
		heap[least] = swap;
		i = least;
	}
}

void trace_leaf_added(struct trace *t)
{
	struct node **heap = t->leaves;

	for (size_t i = t->n_leaves - 1; t->is_heap && i && goes_before(heap[i], heap[(i - 1) / 2]);
	     i = (i - 1) / 2) {
		struct node *swap = heap[i];

		heap[i] = heap[(i - 1) / 2];
		heap[(i - 1) / 2] = swap;
	}
}

static void drop_shortest(struct mapper *m, struct trace *t)
{
	for (size_t i = t->n_leaves / 2; !t->is_heap && i > 0; i--)
		sift_down(t, i - 1);
	t->is_heap = true;
	leaf_free(m, t->leaves[0]);
	t->leaves[0] = t->leaves[--t->n_leaves];
	sift_down(t, 0);
	t->left_out++;
	t->n_held--;
	m->n_held--;
}

void trace_left_out(const struct mapper *m, struct trace *t)
{
	if (trace_max_spans(m, t) < t->max_spans)
		t->shed = t->stale = true;
}

bool trace_make_room(struct mapper *m, struct trace *t, int64_t length)
{
	size_t max = max_leaves(m, t);

	if (LIKELY(t->n_leaves < max))
		return true;
	trace_left_out(m, t);
	while (t->n_leaves > max)
		drop_shortest(m, t);
	for (size_t i = t->n_leaves / 2; !t->is_heap && i > 0; i--)
		sift_down(t, i - 1);
	t->is_heap = true;
	if (!max || length <= length_of(t->leaves[0]))
		return false;
	drop_shortest(m, t);
	return true;
}

/* Most telling first. */
static int by_worth(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;

	if (x->critical != y->critical)
		return x->critical ? -1 : 1;
	return goes_before(x, y) ? 1 : -1;
}

static int by_serial(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;

	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static void drop_leaves(struct mapper *m, struct trace *t, size_t keep)
{
	while (t->n_leaves > keep) {
		leaf_free(m, t->leaves[--t->n_leaves]);
		t->left_out++;
	}
}

static size_t attrs_bytes(const struct attr *attrs, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += ATTR_BYTES + attrs[i].key.len +
			 (attrs[i].type == ATTR_STRING ? utf8_repaired_len(attrs[i].str) : 0);
	return bytes;
}

size_t span_bytes(const struct span *s)
{
	size_t bytes = SPAN_BYTES + utf8_repaired_len(s->name) + attrs_bytes(s->attrs, s->n_attrs) +
		       s->n_links * LINK_BYTES;

	for (size_t i = 0; i < s->n_events; i++)
		bytes += EVENT_BYTES + utf8_repaired_len(s->events[i].name) +
			 attrs_bytes(s->events[i].attrs, s->events[i].n_attrs);
	return bytes;
}

/*
 * Attributes at most, but for texts from the trace and sums by reason: of an event, of a task
 * or region, of a path; and what the name and the value of one take.
 */
#define EVENT_ATTRS ((uint64_t)12)
#define NODE_ATTRS ((uint64_t)24)
#define PATH_ATTRS ((uint64_t)6)
#define KEY_BYTES 44u
/* Of a leaf, or a fourth of the capture's: all that is not a text from the trace. */
#define REST_BYTES (SPAN_BYTES + 24 * (ATTR_BYTES + 48))

/* A text may triple when it is repaired. */
static uint64_t text_bound(const struct pooled *text)
{
	size_t len = pooled_slice(text).len;

	return text && text->valid ? len : (uint64_t)3 * len;
}

/* The reason is the name, and an attribute. */
static uint64_t wait_bound(const struct mapper *m, const struct short_wait *w,
			   const struct pooled *waker)
{
	return 6 * m->reasons.list[w->reason].name.len + text_bound(w->stack) +
	       text_bound(w->waker_stack) + text_bound(waker);
}

/* Time and how often, of each reason with its detail and without. */
static uint64_t sums_bound(const struct mapper *m, const struct reason_sum *sums)
{
	uint64_t bytes = 0;

	for (; sums; sums = sums->next)
		bytes += 4 * (ATTR_BYTES + KEY_BYTES + m->reasons.list[sums->reason].key.len);
	return bytes;
}

static uint64_t leaf_bound(const struct mapper *m, const struct node *leaf)
{
	uint64_t bytes = REST_BYTES + text_bound(leaf->name);
	size_t words = m->opt.attribute_length < MAX_EXPLANATION ? m->opt.attribute_length
								 : MAX_EXPLANATION;

	if (leaf->wait) {
		const struct short_wait w = short_wait(leaf->wait);

		bytes += wait_bound(m, &w, leaf->wait->waker_name);
	}
	if (leaf->path)
		bytes += 3 * words + sums_bound(m, leaf->path->sums.reasons);
	return bytes;
}

static uint64_t event_bound(const struct mapper *m, const struct pending *p)
{
	uint64_t bytes = EVENT_BYTES + EVENT_ATTRS * (ATTR_BYTES + KEY_BYTES);

	if (p->message)
		return bytes + text_bound(p->message) + text_bound(p->category);
	return bytes + wait_bound(m, &p->wait, p->wait.told ? p->wait.told->waker_name : NULL);
}

static uint64_t node_bound(const struct mapper *m, const struct node *n)
{
	uint64_t bytes = SPAN_BYTES + LINK_BYTES + NODE_ATTRS * (ATTR_BYTES + KEY_BYTES) +
			 text_bound(n->name);

	if (n->kind == NODE_CAPTURE)
		bytes += (size_t)4 * REST_BYTES;
	if (n->budget)
		bytes += sums_bound(m, n->budget->reasons);
	if (n->path)
		bytes += PATH_ATTRS * (ATTR_BYTES + KEY_BYTES) +
			 sums_bound(m, n->path->sums.reasons);
	for (size_t i = 0; i < n->n_events; i++)
		bytes += event_bound(m, &n->events[i]);
	return bytes;
}

/* At least what the trace takes, told without putting its spans together. */
static uint64_t bound(const struct mapper *m, const struct trace *t)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < t->n_leaves; i++)
		bytes += leaf_bound(m, t->leaves[i]);
	for (size_t i = 0; i < t->n_nodes; i++)
		bytes += node_bound(m, t->nodes[i]);
	return bytes;
}

static void drop_events(struct mapper *m, struct node *n)
{
	n->dropped_events += (uint32_t)n->n_events;
	m->sum.dropped_events += n->n_events;
	for (size_t i = 0; i < n->n_events; i++)
		pending_release(m, &n->events[i]);
	n->n_events = 0;
}

static size_t bytes_without_events(struct mapper *m, struct node *n)
{
	size_t n_events = n->n_events, bytes;

	n->n_events = 0;
	bytes = node_bytes(m, n);
	n->n_events = n_events;
	return bytes;
}

/* What it takes to say that something was dropped, if it does not say so already. */
static size_t dropped_bytes(enum attribute_key key, uint64_t dropped)
{
	return dropped ? 0 : ATTR_BYTES + key_names[key].len;
}

/* Room for that of a node with events is taken in fit_nodes(), and given back if they fit. */
static size_t reserve(const struct node *n)
{
	return n->n_events ? dropped_bytes(KEY_DROPPED_EVENTS, n->dropped_events) : 0;
}

static void take_bytes(uint64_t *left, size_t bytes)
{
	*left -= bytes < *left ? bytes : *left;
}

/* Tasks and regions from the first on, as parents precede their children. */
static void fit_nodes(struct mapper *m, struct trace *t, uint64_t *left)
{
	for (size_t i = 0; i < t->n_nodes; i++) {
		struct node *n = t->nodes[i];
		size_t bytes = bytes_without_events(m, n) + reserve(n);

		/* The first says what was dropped: it is sent whatever the limit. */
		n->unsent = i && (bytes > *left || (n->parent && n->parent->unsent));
		if (!n->unsent)
			take_bytes(left, bytes);
		t->left_out += n->unsent;
	}
}

static void fit_leaves(struct mapper *m, struct trace *t, uint64_t *left)
{
	size_t kept_leaves = 0;

	if (t->n_leaves)
		qsort(t->leaves, t->n_leaves, sizeof(struct node *), by_worth);
	for (size_t i = 0; i < t->n_leaves; i++) {
		struct node *n = t->leaves[i];
		size_t bytes = node_bytes(m, n);

		if (bytes > *left || n->parent->unsent) {
			leaf_free(m, n);
			t->left_out++;
			continue;
		}
		*left -= bytes;
		t->leaves[kept_leaves++] = n;
	}
	t->n_leaves = kept_leaves;
}

static void fit_events(struct mapper *m, struct trace *t, uint64_t *left)
{
	for (size_t i = 0; i < t->n_nodes; i++) {
		struct node *n = t->nodes[i];
		size_t bytes;

		if (!n->n_events)
			continue;
		bytes = n->unsent ? SIZE_MAX : node_bytes(m, n) - bytes_without_events(m, n);
		if (bytes > *left + reserve(n))
			drop_events(m, n);
		else
			*left = *left + reserve(n) - bytes;
	}
}

void trace_trim(struct mapper *m, struct trace *t)
{
	size_t keep = t->max_spans > t->n_nodes ? t->max_spans - t->n_nodes : 0;
	uint64_t left = m->opt.bytes_per_trace;
	bool sorted = false;

	if (t->n_leaves > keep) {
		sorted = true;
		qsort(t->leaves, t->n_leaves, sizeof(struct node *), by_worth);
		drop_leaves(m, t, keep);
	}
	if (bound(m, t) > left) {
		sorted = true;
		take_bytes(&left, dropped_bytes(KEY_DROPPED_SPANS, t->left_out));
		fit_nodes(m, t, &left);
		fit_leaves(m, t, &left);
		fit_events(m, t, &left);
	}
	/* As they came, if they were sorted otherwise meanwhile. */
	if (t->n_leaves && (t->is_heap || sorted))
		qsort(t->leaves, t->n_leaves, sizeof(struct node *), by_serial);
}
