/* From a node whose ids are final to a span: names, times, attributes, events. */
#include <inttypes.h>

#include "base/log.h"
#include "base/utf8.h"
#include "mapping/explain.h"
#include "mapping/mapper_state.h"

uint64_t wall_time(const struct node *n, int64_t time)
{
	int64_t wall;

	/* Nonsense clocks give the first or last instant there is: order survives. */
	if (__builtin_add_overflow(clock_of(n)->offset, time, &wall))
		return time < 0 ? 0 : INT64_MAX;
	return wall < 0 ? 0 : (uint64_t)wall;
}

static void add_cut(struct attrs *a, const struct node *n)
{
	bool end = n->cut_end || n->abandoned;

	if (n->cut_start || end)
		attrs_str(a, KEY_TRUNCATED,
			  n->cut_start && end ? SLICE("both")
			  : n->cut_start      ? SLICE("start")
					      : SLICE("end"));
	if (n->salvaged)
		attrs_true(a, KEY_SALVAGED);
}

static const struct reason *reason_of(const struct mapper *m, uint8_t reason)
{
	return &m->reasons.list[reason];
}

static void add_stack(struct attrs *a, const struct mapper *m, enum attribute_key key,
		      const struct pooled *stack)
{
	if (!stack || !m->opt.stacks)
		return;
	attrs_str(a, key, pooled_slice(stack));
	a->n_cut += stack->cut;
}

/* What is told of a wait, as a span or as an event. */
static void add_wait(struct attrs *a, const struct mapper *m, const struct short_wait *w, int64_t g)
{
	const struct reason *reason = reason_of(m, w->reason);

	attrs_str(a, KEY_WAIT_REASON, reason->word);
	if (reason->detail)
		attrs_str(a, KEY_WAIT_ON, wait_detail_name(reason->detail));
	attrs_int(a, KEY_GOROUTINE_ID, g);
	if (w->ready)
		attrs_int(a, KEY_WAIT_BLOCKED, w->ready - w->stopped);
	if (w->ready && w->resumed)
		attrs_int(a, KEY_WAIT_RUNNABLE, w->resumed - w->ready);
	add_stack(a, m, KEY_STACK, w->stack);
	if (w->waker != NO_GOROUTINE)
		attrs_int(a, KEY_WAKER_GOROUTINE, w->waker);
	add_stack(a, m, KEY_WAKER_STACK, w->waker_stack);
}

static struct slice hex_of(uint8_t *to, const uint8_t *id, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		to[2 * i] = (uint8_t)digits[id[i] >> 4];
		to[2 * i + 1] = (uint8_t)digits[id[i] & 0xf];
	}
	return (struct slice){ to, 2 * n };
}

/* The span that the waker worked for; `hex` is scratch that lasts as long as the span. */
static void add_waker_span(struct attrs *a, const struct node *n, const struct wait *w,
			   uint8_t *hex)
{
	if (w->waker_name)
		attrs_str(a, KEY_WAKER_SPAN, pooled_slice(w->waker_name));
	if (memcmp(w->waker_trace, trace_id_of(n), TRACE_ID_BYTES) != 0)
		attrs_str(a, KEY_WAKER_TRACE_ID, hex_of(hex, w->waker_trace, TRACE_ID_BYTES));
	attrs_str(a, KEY_WAKER_SPAN_ID,
		  hex_of(hex + 2 * (size_t)TRACE_ID_BYTES, w->waker_span, SPAN_ID_BYTES));
}

/* A wait that is a span. */
static void add_span_wait(struct attrs *a, const struct mapper *m, const struct node *n)
{
	const struct short_wait w = short_wait(n->wait);

	add_wait(a, m, &w, n->goroutine);
	if (n->wait->has_waker_span)
		add_waker_span(a, n, n->wait, m->hex[m->opt.events_per_span]);
}

static void add_node(struct attrs *a, const struct node *n)
{
	if (n->kind == NODE_TASK || (n->kind == NODE_REGION && n->task != BACKGROUND_TASK))
		attrs_int(a, KEY_TASK_ID, (int64_t)n->task);
	if (n->goroutine != NO_GOROUTINE)
		attrs_int(a, KEY_GOROUTINE_ID, n->goroutine);
	if (n->lost_parent != NO_TASK)
		attrs_int(a, KEY_PARENT_TASK_ID, (int64_t)n->lost_parent);
}

static bool is_ready(struct slice key)
{
	return key.len <= READY_KEY_TEXT;
}

/* A chain of sums by reason; those with a detail are in their word's sum too. */
static uint64_t spread(struct mapper *m, const struct reason_sum *sums)
{
	uint64_t seen = 0;

	for (const struct reason_sum *s = sums; s; s = s->next) {
		uint8_t raw = m->reasons.list[s->reason].raw;
		uint8_t both[2] = { s->reason, raw };

		for (int i = 0; i < (raw == s->reason ? 1 : 2); i++) {
			struct sum *to = &m->reason_sums[both[i]];

			if (!(seen >> both[i] & 1))
				*to = (struct sum){ 0 };
			seen |= (uint64_t)1 << both[i];
			to->ns += s->ns;
			to->count += s->count;
		}
	}
	return seen;
}

/* In the order of the names: retries and other captures say the same bytes. */
static void add_reasons(struct attrs *a, struct mapper *m, const struct reason_sum *sums,
			enum reason_key family)
{
	uint64_t left = sums ? spread(m, sums) : 0;

	for (size_t k = 0; left; k++) {
		uint8_t i = m->reasons.order[k];
		const struct reason *r = &m->reasons.list[i];
		const struct sum *sum = &m->reason_sums[i];

		if (!(left >> i & 1))
			continue;
		left &= ~((uint64_t)1 << i);
		/* What a goroutine of another trace worked for decides on its details. */
		if (family == REASON_KEY_CRITICAL && r->detail && r->detail != DETAIL_COND)
			continue;
		if (sum->ns)
			attrs_named(a, r->keys[family], is_ready(r->keys[family]),
				    (int64_t)sum->ns);
		if (sum->count)
			attrs_named(a, r->keys[REASON_KEY_COUNT],
				    is_ready(r->keys[REASON_KEY_COUNT]), (int64_t)sum->count);
	}
}

/* Of a task: its critical path; of a wait: what the waker did meanwhile. */
static void add_path(struct attrs *a, struct mapper *m, const struct node *n)
{
	static const enum attribute_key keys[2][N_BUDGET_PARTS] = {
		{ [PART_RUNNING] = KEY_CRITICAL_RUNNING,
		  [PART_RUNNABLE] = KEY_CRITICAL_RUNNABLE,
		  [PART_SYSCALL] = KEY_CRITICAL_SYSCALL,
		  [PART_BLOCKED] = KEY_CRITICAL_BLOCKED },
		{ [PART_RUNNING] = KEY_WAKER_RUNNING,
		  [PART_RUNNABLE] = KEY_WAKER_RUNNABLE,
		  [PART_SYSCALL] = KEY_WAKER_SYSCALL,
		  [PART_BLOCKED] = KEY_WAKER_BLOCKED },
	};
	bool waker = n->kind == NODE_WAIT;

	for (int i = 0; i < N_BUDGET_PARTS; i++)
		attrs_sum(a, keys[waker][i], n->path->sums.ns[i]);
	add_reasons(a, m, n->path->sums.reasons, waker ? REASON_KEY_WAKER : REASON_KEY_CRITICAL);
	attrs_sum(a, waker ? KEY_WAKER_UNKNOWN : KEY_CRITICAL_UNKNOWN, n->path->unknown_ns);
	if (!waker)
		attrs_sum(a, KEY_CRITICAL_OTHERS, n->path->others_ns);
}

static void add_budget(struct attrs *a, struct mapper *m, const struct budget *b)
{
	static const struct {
		enum attribute_key ns, count;
	} keys[PART_ABSENT] = {
		[PART_RUNNING] = { KEY_TIME_RUNNING, KEY_COUNT_RUNNING },
		[PART_RUNNABLE] = { KEY_TIME_RUNNABLE, KEY_COUNT_RUNNABLE },
		[PART_SYSCALL] = { KEY_TIME_SYSCALL, KEY_COUNT_SYSCALL },
		[PART_ASSIST] = { KEY_TIME_ASSIST, KEY_COUNT_ASSIST },
		[PART_BLOCKED] = { KEY_TIME_BLOCKED, KEY_COUNT_BLOCKED },
	};

	for (int i = 0; i < PART_ABSENT; i++) {
		/* That it did not run at all is worth telling. */
		if (b->ns[i] || i == PART_RUNNING)
			attrs_int(a, keys[i].ns, (int64_t)b->ns[i]);
		attrs_sum(a, keys[i].count, b->count[i]);
	}
	attrs_sum(a, KEY_TIME_ABSENT, b->ns[PART_ABSENT]);
	add_reasons(a, m, b->reasons, REASON_KEY_TIME);
}

/* The time of those who worked for a task or region; of a capture, of those who did for none. */
static void add_times(struct attrs *a, struct mapper *m, const struct node *n)
{
	if (n->kind == NODE_CAPTURE)
		add_budget(a, m, &m->outside);
	if (!n->budget)
		return;
	attrs_int(a, KEY_GOROUTINES, n->n_goroutines);
	add_budget(a, m, n->budget);
	attrs_sum(a, KEY_TIME_STW, n->stw_ns);
}

static void add_capture(struct attrs *a, const struct mapper *m)
{
	attrs_int(a, KEY_CAPTURE_EVENTS, (int64_t)m->sum.events);
	attrs_int(a, KEY_CAPTURE_GENERATIONS, (int64_t)m->sum.generations);
	if (m->opt.source.len)
		attrs_str(a, KEY_CAPTURE_SOURCE, m->opt.source);
	if (m->opt.trigger.len)
		attrs_str(a, KEY_CAPTURE_TRIGGER, m->opt.trigger);
	if (m->opt.cause.len)
		attrs_str(a, KEY_CAPTURE_CAUSE, m->opt.cause);
	if (m->opt.request.len)
		attrs_str(a, KEY_CAPTURE_REQUEST, m->opt.request);
	if (m->damage[0])
		attrs_str(a, KEY_CAPTURE_DAMAGE, slice_str(m->damage));
}

/* Good until the next call. */
static struct slice name_of(struct mapper *m, const struct node *n)
{
	if (n->kind == NODE_WAIT)
		return reason_of(m, n->wait->reason)->name;
	if (!n->adopted)
		return pooled_slice(n->name);
	/* The application's own span has the plain name. */
	buf_clear(&m->name);
	buf_str(&m->name, "runtime: ");
	buf_slice(&m->name, pooled_slice(n->name));
	return m->name.failed ? pooled_slice(n->name) : buf_view(&m->name);
}

static struct slice event_name_of(const struct mapper *m, const struct pending *p)
{
	if (!p->message)
		return reason_of(m, p->wait.reason)->name;
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
	bool sorted = true;

	for (size_t i = 0; i < n->n_events; i++) {
		const struct pending *p = &n->events[i];
		struct attrs a = { .list = &m->attr_scratch[i * MAX_EVENT_ATTRS],
				   .max = MAX_EVENT_ATTRS,
				   .text_max = m->opt.attribute_length };

		if (p->message)
			attrs_str(&a, KEY_MESSAGE, pooled_slice(p->message));
		else
			add_wait(&a, m, &p->wait, p->goroutine);
		if (!p->message && p->wait.told)
			add_waker_span(&a, n, p->wait.told, m->hex[i]);
		attrs_sum(&a, KEY_CUT_ATTRIBUTES, a.n_cut);
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
	if (n->wait && n->wait->has_waker_span && !n->wait->unlinked) {
		memcpy(link->trace_id, n->wait->waker_trace, TRACE_ID_BYTES);
		memcpy(link->span_id, n->wait->waker_span, SPAN_ID_BYTES);
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

/* The span that the node is; it and *link borrow the mapper's scratch memory. */
static void make_span(struct mapper *m, const struct node *n, struct span_link *link,
		      struct span *s)
{
	static const char *const kinds[] = { [NODE_TASK] = "task",
					     [NODE_REGION] = "region",
					     [NODE_WAIT] = "wait",
					     [NODE_RANGE] = "runtime",
					     [NODE_CAPTURE] = "capture" };
	struct attrs a = { .list = m->span_attrs,
			   .max = MAX_SPAN_ATTRS,
			   .text_max = m->opt.attribute_length };

	*s = (struct span){ .scope = scope_of(n) };
	attrs_str(&a, KEY_KIND, slice_str(kinds[n->kind]));
	if (n->wait)
		add_span_wait(&a, m, n);
	else
		add_node(&a, n);
	add_times(&a, m, n);
	if (n->path)
		add_path(&a, m, n);
	if (n->kind == NODE_WAIT && n->path)
		explain(m, n, &a);
	if (n->critical)
		attrs_true(&a, KEY_CRITICAL);
	if (n->kind == NODE_CAPTURE)
		add_capture(&a, m);
	add_cut(&a, n);
	if (!clock_of(n)->recorded)
		attrs_str(&a, KEY_CLOCK, SLICE("file time"));
	if (n->trace->nodes && n == n->trace->nodes[0])
		attrs_sum(&a, KEY_DROPPED_SPANS, n->trace->left_out);
	attrs_sum(&a, KEY_DROPPED_EVENTS, n->dropped_events);
	attrs_sum(&a, KEY_CUT_ATTRIBUTES, a.n_cut);
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

enum status node_emit(struct mapper *m, const struct node *n, struct err *err)
{
	struct span_link link;
	struct span s;

	make_span(m, n, &link, &s);
	count(m, n);
	note_slowest(m, n);
	return m->sink.emit(m->sink.arg, &s, err);
}
