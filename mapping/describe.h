/*
 * describe: what is told of a node, as attributes, names and links.
 *
 * Inline, since it becomes two things: a span of the model (spans.c), and the same as
 * bytes (packed.c). In each, `packed` of struct attrs is a constant, and the attributes
 * stay in registers until they are written: so none of them is handed to a function that
 * is not inlined.
 */
#ifndef MAPPING_DESCRIBE_H
#define MAPPING_DESCRIBE_H

#include "mapping/attrs.h"
#include "mapping/explain.h"
#include "mapping/mapper_state.h"

HOT void add_cut(struct attrs *a, const struct node *n)
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

HOT const struct reason *reason_of(const struct mapper *m, uint8_t reason)
{
	return &m->reasons.list[reason];
}

HOT void add_stack(struct attrs *a, const struct mapper *m, enum attribute_key key,
		   const struct pooled *stack)
{
	if (!stack || !m->opt.stacks)
		return;
	attrs_pooled(a, key, stack);
	a->n_cut += stack->cut;
}

/* What is told of a wait, as a span or as an event. */
HOT void add_wait(struct attrs *a, const struct mapper *m, const struct short_wait *w, int64_t g)
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

HOT struct slice hex_of(uint8_t *to, const uint8_t *id, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		to[2 * i] = (uint8_t)digits[id[i] >> 4];
		to[2 * i + 1] = (uint8_t)digits[id[i] & 0xf];
	}
	return (struct slice){ to, 2 * n };
}

/* The span that the waker worked for; `hex` is scratch that lasts as long as the span. */
HOT void add_waker_span(struct attrs *a, const struct node *n, const struct wait *w, uint8_t *hex)
{
	if (w->waker_name)
		attrs_pooled(a, KEY_WAKER_SPAN, w->waker_name);
	if (memcmp(w->waker_trace, trace_id_of(n), TRACE_ID_BYTES) != 0)
		attrs_str(a, KEY_WAKER_TRACE_ID, hex_of(hex, w->waker_trace, TRACE_ID_BYTES));
	attrs_str(a, KEY_WAKER_SPAN_ID,
		  hex_of(hex + 2 * (size_t)TRACE_ID_BYTES, w->waker_span, SPAN_ID_BYTES));
}

/* A wait that is a span. */
HOT void add_span_wait(struct attrs *a, const struct mapper *m, const struct node *n)
{
	const struct short_wait w = short_wait(n->wait);

	add_wait(a, m, &w, n->goroutine);
	if (n->wait->has_waker_span)
		add_waker_span(a, n, n->wait, m->hex[m->opt.events_per_span]);
}

HOT void add_node(struct attrs *a, const struct node *n)
{
	if (n->kind == NODE_TASK || (n->kind == NODE_REGION && n->task != BACKGROUND_TASK))
		attrs_int(a, KEY_TASK_ID, (int64_t)n->task);
	if (n->goroutine != NO_GOROUTINE)
		attrs_int(a, KEY_GOROUTINE_ID, n->goroutine);
	if (n->lost_parent != NO_TASK)
		attrs_int(a, KEY_PARENT_TASK_ID, (int64_t)n->lost_parent);
}

HOT bool is_ready(struct slice key)
{
	return key.len <= READY_KEY_TEXT;
}

/*
 * A chain of sums by reason; those with a detail are in their word's sum too. Which of
 * m->reason_sums are of use, by the rank of their names.
 */
HOT uint64_t spread(struct mapper *m, const struct reason_sum *sums)
{
	uint64_t seen = 0;

	for (const struct reason_sum *s = sums; s; s = s->next) {
		uint8_t raw = m->reasons.list[s->reason].raw;
		uint8_t both[2] = { m->reasons.rank[s->reason], m->reasons.rank[raw] };

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
HOT void add_reasons(struct attrs *a, struct mapper *m, const struct reason_sum *sums,
		     enum reason_key family)
{
	for (uint64_t left = spread(m, sums); left; left &= left - 1) {
		int rank = __builtin_ctzll(left);
		const struct reason *r = &m->reasons.list[m->reasons.order[rank]];
		const struct sum *sum = &m->reason_sums[rank];

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
HOT void add_path(struct attrs *a, struct mapper *m, const struct node *n)
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

HOT void add_budget(struct attrs *a, struct mapper *m, const struct budget *b)
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
HOT void add_times(struct attrs *a, struct mapper *m, const struct node *n)
{
	if (n->kind == NODE_CAPTURE)
		add_budget(a, m, &m->outside);
	if (!n->budget)
		return;
	attrs_int(a, KEY_GOROUTINES, n->n_goroutines);
	add_budget(a, m, n->budget);
	attrs_sum(a, KEY_TIME_STW, n->stw_ns);
}

HOT void add_capture(struct attrs *a, const struct mapper *m)
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

HOT enum span_scope scope_of(const struct node *n)
{
	if (n->kind == NODE_WAIT)
		return SCOPE_SCHED;
	return n->kind == NODE_RANGE ? SCOPE_RUNTIME : SCOPE_TASK;
}

/* Good until the next call. */
HOT struct slice name_of(struct mapper *m, const struct node *n)
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

HOT struct slice event_name_of(const struct mapper *m, const struct pending *p)
{
	if (!p->message)
		return reason_of(m, p->wait.reason)->name;
	return p->category ? pooled_slice(p->category) : SLICE("log");
}

/* To the waker's span, or to the application's; true: there is one. */
HOT bool add_link(const struct node *n, struct span_link *link)
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

/* All attributes of a span; the last events slot of m->hex is scratch. */
HOT void describe_node(struct attrs *a, struct mapper *m, const struct node *n)
{
	static const struct slice kinds[] = { [NODE_TASK] = { (const uint8_t *)"task", 4 },
					      [NODE_REGION] = { (const uint8_t *)"region", 6 },
					      [NODE_WAIT] = { (const uint8_t *)"wait", 4 },
					      [NODE_RANGE] = { (const uint8_t *)"runtime", 7 },
					      [NODE_CAPTURE] = { (const uint8_t *)"capture", 7 } };
	struct slice why = { NULL, 0 };

	attrs_text(a, KEY_KIND, kinds[n->kind], true);
	if (n->wait)
		add_span_wait(a, m, n);
	else
		add_node(a, n);
	add_times(a, m, n);
	if (n->path)
		add_path(a, m, n);
	if (n->kind == NODE_WAIT && n->path)
		why = explain(m, n);
	if (why.len)
		attrs_str(a, KEY_WAIT_EXPLANATION, why);
	if (n->critical)
		attrs_true(a, KEY_CRITICAL);
	if (n->kind == NODE_CAPTURE)
		add_capture(a, m);
	add_cut(a, n);
	if (!clock_of(n)->recorded)
		attrs_str(a, KEY_CLOCK, SLICE("file time"));
	if (n->trace->nodes && n == n->trace->nodes[0])
		attrs_sum(a, KEY_DROPPED_SPANS, n->trace->left_out);
	attrs_sum(a, KEY_DROPPED_EVENTS, n->dropped_events);
	attrs_sum(a, KEY_CUT_ATTRIBUTES, a->n_cut);
}

/* All attributes of an event of the node; `hex` is scratch that lasts as long as they do. */
HOT void describe_event(struct attrs *a, const struct mapper *m, const struct node *n,
			const struct pending *p, uint8_t *hex)
{
	if (p->message)
		attrs_pooled(a, KEY_MESSAGE, p->message);
	else
		add_wait(a, m, &p->wait, p->goroutine);
	if (!p->message && p->wait.told)
		add_waker_span(a, n, p->wait.told, hex);
	attrs_sum(a, KEY_CUT_ATTRIBUTES, a->n_cut);
}

/* packed.c: the span as bytes, until the next call; false: it has to become one of the model. */
bool node_pack(struct mapper *m, const struct node *n, struct packed_span *out);

#endif /* MAPPING_DESCRIBE_H */
