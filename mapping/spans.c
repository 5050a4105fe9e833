/* From a node whose ids are final to a span: names, times, attributes, events. */
#include <inttypes.h>

#include "base/log.h"
#include "base/utf8.h"
#include "mapping/describe.h"

uint64_t wall_time(const struct node *n, int64_t time)
{
	int64_t wall;

	/* Nonsense clocks give the first or last instant there is: order survives. */
	if (__builtin_add_overflow(clock_of(n)->offset, time, &wall))
		return time < 0 ? 0 : INT64_MAX;
	return wall < 0 ? 0 : (uint64_t)wall;
}

static int by_time(const void *a, const void *b)
{
	const struct span_event *x = a, *y = b;

	return x->time_unix_ns < y->time_unix_ns ? -1 : x->time_unix_ns > y->time_unix_ns;
}

/* The pending events as span events, in m->event_scratch. */
static void make_events(const struct mapper *m, const struct node *n)
{
	struct span_event *out = m->event_scratch;
	bool sorted = true;

	for (size_t i = 0; i < n->n_events; i++) {
		const struct pending *p = &n->events[i];
		struct attrs a = { .list = &m->attr_scratch[i * MAX_EVENT_ATTRS],
				   .max = MAX_EVENT_ATTRS,
				   .text_max = m->opt.attribute_length };

		describe_event(&a, m, n, p, m->hex[i]);
		out[i] = (struct span_event){
			.time_unix_ns = wall_time(n, p->time),
			.name = event_name_of(m, p),
			.attrs = a.list,
			.n_attrs = a.n,
		};
		sorted = sorted && (!i || by_time(&out[i - 1], &out[i]) <= 0);
	}
	/* They came in that order, but for a full span's. */
	if (!sorted)
		qsort(out, n->n_events, sizeof(*out), by_time);
}

static void count(struct mapper *m, const struct node *n)
{
	m->sum.spans++;
	m->sum.tasks += n->kind == NODE_TASK;
	m->sum.in_context += n->kind == NODE_TASK && n->context;
	m->sum.regions += n->kind == NODE_REGION;
	m->sum.waits += n->kind == NODE_WAIT;
	for (size_t i = 0; i < n->n_events; i++)
		*(n->events[i].message ? &m->sum.logs : &m->sum.waits) += 1;
	m->sum.cut_tasks += n->kind == NODE_TASK && n->cut_start && !n->cut_end;
	m->sum.traces += n->kind == NODE_TASK && n == n->trace->nodes[0] && !n->trace->id_fixed;
}

/* The function that tells a person most: a stack begins with it, or ends with it. */
static void own_frame(const struct pooled *stack, char *out, size_t size)
{
	struct slice rest = pooled_slice(stack), best = { NULL, 0 };
	bool own = false;

	while (rest.len && !own) {
		const uint8_t *nl = memchr(rest.ptr, '\n', rest.len);
		struct slice line = { rest.ptr, nl ? (size_t)(nl - rest.ptr) : rest.len };

		if (line.len && line.ptr[0] != '\t') {
			own = stack->own;
			best = line;
		}
		if (!nl)
			break;
		rest.ptr += line.len + 1;
		rest.len -= line.len + 1;
	}
	log_escape(best, out, size);
}

static void note_slowest(struct mapper *m, const struct node *n)
{
	uint64_t length = (uint64_t)(n->end - n->start);
	const struct short_wait *w = &n->longest;

	if (n->kind != NODE_TASK || (m->sum.slowest.any && length <= m->sum.slowest.duration_ns))
		return;
	memset(&m->sum.slowest, 0, sizeof(m->sum.slowest));
	m->sum.slowest.any = true;
	m->sum.slowest.duration_ns = length;
	m->sum.slowest.cut = n->cut_start || n->cut_end;
	memcpy(m->sum.slowest.trace_id, trace_id_of(n), TRACE_ID_BYTES);
	log_escape(pooled_slice(n->name), m->sum.slowest.name, sizeof(m->sum.slowest.name));
	if (!w->stopped)
		return;
	m->sum.slowest.wait_ns = (uint64_t)(w->ready - w->stopped);
	log_escape(reason_of(m, w->reason)->name, m->sum.slowest.reason,
		   sizeof(m->sum.slowest.reason));
	own_frame(w->stack, m->sum.slowest.where, sizeof(m->sum.slowest.where));
	own_frame(w->waker_stack, m->sum.slowest.waker, sizeof(m->sum.slowest.waker));
}

static void add_capture_links(const struct mapper *m, struct span *s)
{
	for (size_t i = 0; i < m->n_linked; i++) {
		struct span_link *l = &m->link_scratch[i];

		memcpy(l->trace_id, m->linked[i].trace_id, TRACE_ID_BYTES);
		memcpy(l->span_id, m->linked[i].span_id, SPAN_ID_BYTES);
		l->flags = SPAN_FLAG_SAMPLED | SPAN_FLAG_HAS_IS_REMOTE;
	}
	s->links = m->link_scratch;
	s->n_links = m->n_linked;
	s->dropped_links = (uint32_t)m->n_unlinked;
}

/* The span that the node is; it and *link borrow the mapper's scratch memory. */
static void make_span(struct mapper *m, const struct node *n, struct span_link *link,
		      struct span *s)
{
	struct attrs a = { .list = m->span_attrs,
			   .max = MAX_SPAN_ATTRS,
			   .text_max = m->opt.attribute_length };

	*s = (struct span){ .scope = scope_of(n) };
	describe_node(&a, m, n);
	make_events(m, n);
	*link = (struct span_link){ .flags = 0 };
	if (add_link(n, link)) {
		s->links = link;
		s->n_links = 1;
	}
	if (n->kind == NODE_CAPTURE)
		add_capture_links(m, s);
	memcpy(s->trace_id, trace_id_of(n), TRACE_ID_BYTES);
	memcpy(s->span_id, n->span_id, SPAN_ID_BYTES);
	memcpy(s->parent_id, n->parent_id, SPAN_ID_BYTES);
	s->name = name_of(m, n);
	s->start_unix_ns = wall_time(n, n->start);
	s->end_unix_ns = wall_time(n, n->end);
	s->flags = SPAN_FLAG_SAMPLED | SPAN_FLAG_HAS_IS_REMOTE;
	s->attrs = a.list;
	s->n_attrs = a.n;
	s->events = m->event_scratch;
	s->n_events = n->n_events;
	s->dropped_events = n->dropped_events;
}

size_t node_bytes(struct mapper *m, const struct node *n)
{
	struct span_link link;
	struct span s;

	make_span(m, n, &link, &s);
	return span_bytes(&s);
}

/* What cannot be said in bytes at once, or is not wanted in them, becomes a span. */
enum status node_emit(struct mapper *m, const struct node *n, struct err *err)
{
	struct packed_span packed;
	struct span_link link;
	struct span s;

	count(m, n);
	note_slowest(m, n);
	if (m->sink.emit_packed && node_pack(m, n, &packed)) {
		bool taken = false;
		enum status st = m->sink.emit_packed(m->sink.arg, &packed, &taken, err);

		if (st || taken)
			return st;
	}
	make_span(m, n, &link, &s);
	return m->sink.emit(m->sink.arg, &s, err);
}
