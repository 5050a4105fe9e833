/* From a node whose ids are final to a span: names, times, attributes, events. */
#include <inttypes.h>

#include "base/log.h"
#include "base/utf8.h"
#include "mapping/mapper_state.h"

uint64_t wall_time(const struct node *n, int64_t time)
{
	int64_t wall;

	/* Nonsense clocks give the first or last instant there is: order survives. */
	if (__builtin_add_overflow(clock_of(n)->offset, time, &wall))
		return time < 0 ? 0 : INT64_MAX;
	return wall < 0 ? 0 : (uint64_t)wall;
}

static void add_int(struct attrs *a, struct slice key, int64_t v)
{
	a->list[a->n++] = (struct attr){ .key = key, .type = ATTR_INT, .i = v };
}

static void add_str(struct attrs *a, const struct mapper *m, struct slice key, struct slice v)
{
	a->list[a->n++] = (struct attr){ .key = key,
					 .type = ATTR_STRING,
					 .str = utf8_cut(v, m->opt.attribute_length) };
}

static void add_cut(struct attrs *a, const struct mapper *m, const struct node *n)
{
	bool end = n->cut_end || n->abandoned;

	if (n->cut_start || end)
		add_str(a, m, SLICE("flightspan.truncated"),
			n->cut_start && end ? SLICE("both")
			: n->cut_start	    ? SLICE("start")
					    : SLICE("end"));
	if (n->salvaged)
		a->list[a->n++] = (struct attr){ .key = SLICE("flightspan.salvaged"),
						 .type = ATTR_BOOL,
						 .b = true };
}

/* Why it waited; a coroutine switch has no reason, "wait": the pool was full. */
static struct slice reason_of(const struct wait *w)
{
	if (!w->reason)
		return SLICE("wait");
	return w->reason->len ? pooled_slice(w->reason) : SLICE("coroutine switch");
}

/* What is told of a wait, as a span or as an event. */
static void add_wait(struct attrs *a, const struct mapper *m, const struct wait *w, int64_t g)
{
	add_str(a, m, SLICE("flightspan.wait.reason"), reason_of(w));
	add_int(a, SLICE("flightspan.goroutine.id"), g);
	if (w->ready)
		add_int(a, SLICE("flightspan.wait.blocked_ns"), w->ready - w->stopped);
	if (w->ready && w->resumed)
		add_int(a, SLICE("flightspan.wait.runnable_ns"), w->resumed - w->ready);
	if (w->stack)
		add_str(a, m, SLICE("code.stacktrace"), pooled_slice(w->stack));
	if (w->waker != NO_GOROUTINE)
		add_int(a, SLICE("flightspan.waker.goroutine.id"), w->waker);
	if (w->waker_stack)
		add_str(a, m, SLICE("flightspan.waker.stacktrace"), pooled_slice(w->waker_stack));
}

static void add_node(struct attrs *a, const struct node *n)
{
	if (n->kind == NODE_TASK || (n->kind == NODE_REGION && n->task != BACKGROUND_TASK))
		add_int(a, SLICE("flightspan.task.id"), (int64_t)n->task);
	if (n->goroutine != NO_GOROUTINE)
		add_int(a, SLICE("flightspan.goroutine.id"), n->goroutine);
	if (n->lost_parent != NO_TASK)
		add_int(a, SLICE("flightspan.parent_task.id"), (int64_t)n->lost_parent);
}

static void add_capture(struct attrs *a, const struct mapper *m)
{
	add_int(a, SLICE("flightspan.capture.events"), (int64_t)m->sum.events);
	add_int(a, SLICE("flightspan.capture.generations"), (int64_t)m->sum.generations);
	if (m->opt.source.len)
		add_str(a, m, SLICE("flightspan.capture.source"), m->opt.source);
	if (m->damage[0])
		add_str(a, m, SLICE("flightspan.capture.damage"), slice_str(m->damage));
}

/* Good until the next call. */
static struct slice name_of(struct mapper *m, const struct node *n)
{
	if (n->kind == NODE_WAIT)
		return reason_of(&n->wait);
	if (!n->adopted)
		return pooled_slice(n->name);
	/* The application's own span has the plain name. */
	buf_clear(&m->name);
	buf_str(&m->name, "runtime: ");
	buf_slice(&m->name, pooled_slice(n->name));
	return m->name.failed ? pooled_slice(n->name) : buf_view(&m->name);
}

static struct slice event_name_of(const struct pending *p)
{
	if (!p->message)
		return reason_of(&p->wait);
	return p->category ? pooled_slice(p->category) : SLICE("log");
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

	for (size_t i = 0; i < n->n_events; i++) {
		const struct pending *p = &n->events[i];
		struct attrs *a = &m->attr_scratch[i];

		a->n = 0;
		if (p->message)
			add_str(a, m, SLICE("message"), pooled_slice(p->message));
		else
			add_wait(a, m, &p->wait, p->goroutine);
		out[i] = (struct span_event){
			.time_unix_ns = wall_time(n, p->time),
			.name = event_name_of(p),
			.attrs = a->list,
			.n_attrs = a->n,
		};
	}
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

/*
 * Is a function of the standard library? Its import paths begin with one of these;
 * others begin with a domain, a module's name or "main".
 */
static bool is_standard(struct slice func)
{
	static const char *const roots[] = {
		"runtime", "sync",    "internal", "net",      "io",    "os",	  "bufio",
		"time",	   "syscall", "context",  "crypto",   "fmt",   "log",	  "database",
		"iter",	   "reflect", "encoding", "compress", "bytes", "strings", "vendor",
	};
	size_t n = 0;

	while (n < func.len && func.ptr[n] != '/' && func.ptr[n] != '.')
		n++;
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		if (slice_is((struct slice){ func.ptr, n }, roots[i]))
			return true;
	return false;
}

/*
 * The function that tells a person most: the innermost one of the program itself,
 * or in a stack of the standard library alone the outermost one.
 */
static void own_frame(const struct pooled *stack, char *out, size_t size)
{
	struct slice rest = pooled_slice(stack), best = { NULL, 0 };
	bool own = false;

	while (rest.len && !own) {
		const uint8_t *nl = memchr(rest.ptr, '\n', rest.len);
		struct slice line = { rest.ptr, nl ? (size_t)(nl - rest.ptr) : rest.len };

		if (line.len && line.ptr[0] != '\t') {
			own = !is_standard(line);
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
	const struct wait *w = &n->longest;

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
	log_escape(reason_of(w), m->sum.slowest.reason, sizeof(m->sum.slowest.reason));
	own_frame(w->stack, m->sum.slowest.where, sizeof(m->sum.slowest.where));
	own_frame(w->waker_stack, m->sum.slowest.waker, sizeof(m->sum.slowest.waker));
}

static enum span_scope scope_of(const struct node *n)
{
	if (n->kind == NODE_WAIT)
		return SCOPE_SCHED;
	return n->kind == NODE_RANGE ? SCOPE_RUNTIME : SCOPE_TASK;
}

/* To the waker's span, or to the application's; true: there is one. */
static bool add_link(const struct node *n, struct span_link *link)
{
	link->flags = SPAN_FLAG_SAMPLED | SPAN_FLAG_HAS_IS_REMOTE;
	if (n->kind == NODE_WAIT && n->wait.has_waker_span) {
		memcpy(link->trace_id, n->wait.waker_trace, TRACE_ID_BYTES);
		memcpy(link->span_id, n->wait.waker_span, SPAN_ID_BYTES);
		return true;
	}
	if (!n->context || n->adopted)
		return false;
	memcpy(link->trace_id, n->context->trace_id, TRACE_ID_BYTES);
	memcpy(link->span_id, n->context->span_id, SPAN_ID_BYTES);
	link->flags = n->context->flags | SPAN_FLAG_HAS_IS_REMOTE;
	return true;
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

enum status node_emit(struct mapper *m, const struct node *n, struct err *err)
{
	static const char *const kinds[] = { [NODE_TASK] = "task",
					     [NODE_REGION] = "region",
					     [NODE_WAIT] = "wait",
					     [NODE_RANGE] = "runtime",
					     [NODE_CAPTURE] = "capture" };
	struct span_link link = { .flags = 0 };
	struct attrs a = { .n = 0 };
	struct span s = { .scope = scope_of(n) };

	add_str(&a, m, SLICE("flightspan.kind"), slice_str(kinds[n->kind]));
	if (n->kind == NODE_WAIT)
		add_wait(&a, m, &n->wait, n->goroutine);
	else
		add_node(&a, n);
	if (n->kind == NODE_CAPTURE)
		add_capture(&a, m);
	add_cut(&a, m, n);
	if (!clock_of(n)->recorded)
		add_str(&a, m, SLICE("flightspan.clock"), SLICE("file time"));
	if (n->trace->nodes && n == n->trace->nodes[0] && n->trace->left_out)
		add_int(&a, SLICE("flightspan.dropped_spans"), (int64_t)n->trace->left_out);
	make_events(m, n);
	if (add_link(n, &link)) {
		s.links = &link;
		s.n_links = 1;
	}
	if (n->kind == NODE_CAPTURE)
		add_capture_links(m, &s);
	memcpy(s.trace_id, trace_id_of(n), TRACE_ID_BYTES);
	memcpy(s.span_id, n->span_id, SPAN_ID_BYTES);
	memcpy(s.parent_id, n->parent_id, SPAN_ID_BYTES);
	s.name = name_of(m, n);
	s.start_unix_ns = wall_time(n, n->start);
	s.end_unix_ns = wall_time(n, n->end);
	s.flags = SPAN_FLAG_SAMPLED | SPAN_FLAG_HAS_IS_REMOTE;
	s.attrs = a.list;
	s.n_attrs = a.n;
	s.events = m->event_scratch;
	s.n_events = n->n_events;
	s.dropped_events = n->dropped_events;
	count(m, n);
	note_slowest(m, n);
	return m->sink.emit(m->sink.arg, &s, err);
}
