#include "mapping/mapper.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "mapping/account.h"

void mapper_options_default(struct mapper_options *o)
{
	static const char *const categories[] = { "otel.traceparent", "traceparent" };

	*o = (struct mapper_options){
		.spans_over_ns = 1000000,
		.events_over_ns = 10000,
		.stacks = true,
		.regions = true,
		.logs = true,
		.gc = true,
		.stop_the_world = true,
		.events_per_span = 128,
		.spans_per_trace = 2000,
		.bytes_per_trace = (uint64_t)4 << 20,
		.spans_per_capture = 2000,
		.attribute_length = 2048,
		.links_per_span = 128,
		.context_categories = categories,
		.n_context_categories = sizeof(categories) / sizeof(categories[0]),
	};
}

struct mapper *mapper_new(const struct mapper_options *options, struct span_sink sink,
			  struct err *err)
{
	struct mapper *m = mem_zalloc(sizeof(*m));

	if (!m) {
		err_nomem(err, "the mapper");
		return NULL;
	}
	m->opt = *options;
	m->sink = sink;
	m->report_over_ns = options->spans_over_ns < options->events_over_ns
				    ? options->spans_over_ns
				    : options->events_over_ns;
	id_seed_init(&m->seed, options->service_name, options->service_namespace,
		     options->service_instance);
	stackpool_init(&m->stacks, options->attribute_length);
	stackpool_init(&m->names, options->attribute_length);
	buf_init(&m->name, MAX_SPAN_BYTES);
	buf_init(&m->packed, MAX_SPAN_BYTES);
	map_init(&m->goroutines, MAX_GOROUTINES, "goroutines");
	pool_init(&m->goroutine_pool, sizeof(struct goroutine), MAX_GOROUTINES, "goroutines");
	map_init(&m->open_tasks, MAX_OPEN_TASKS, "open tasks");
	idset_init(&m->ended);
	budget_pools_init(&m->budgets);
	pool_init(&m->paths, sizeof(struct path), MAX_HELD_SPANS, "critical paths");
	/* All of it now: where it is used, having no memory could not be told. */
	buf_init(&m->words, MAX_EXPLANATION);
	pool_init(&m->waits, sizeof(struct wait), 2 * MAX_HELD_SPANS, "waits");
	pool_init(&m->nodes, sizeof(struct node), MAX_HELD_SPANS, "spans");
	pool_init(&m->leaves, LEAF_BYTES, MAX_HELD_SPANS, "spans");
	events_init(m);
	pool_init(&m->contexts, sizeof(struct context), MAX_HELD_SPANS, "spans");
	pool_init(&m->context_logs, sizeof(struct context_log), MAX_GOROUTINES, "goroutines");
	map_init(&m->adopted, MAX_OPEN_TRACES, "open traces");
	m->near = mem_zalloc(NEAR_GOROUTINES * sizeof(struct goroutine *));
	m->recent = mem_zalloc(RECENT_TASKS * sizeof(*m->recent));
	m->event_scratch = mem_alloc(options->events_per_span * sizeof(*m->event_scratch));
	m->attr_scratch = mem_alloc((size_t)options->events_per_span * MAX_EVENT_ATTRS *
				    sizeof(*m->attr_scratch));
	m->span_attrs = mem_alloc(MAX_SPAN_ATTRS * sizeof(*m->span_attrs));
	m->hex = mem_alloc((options->events_per_span + (size_t)1) * sizeof(*m->hex));
	m->linked = mem_alloc((options->links_per_span + 1) * sizeof(*m->linked));
	m->link_scratch = mem_zalloc((options->links_per_span + 1) * sizeof(*m->link_scratch));
	if (!m->near || !m->recent || !m->event_scratch || !m->attr_scratch || !m->span_attrs ||
	    !m->hex || !m->linked || !m->link_scratch) {
		mapper_free(m);
		err_nomem(err, "the mapper");
		return NULL;
	}
	if (!buf_reserve(&m->words, MAX_EXPLANATION) ||
	    !buf_reserve(&m->name, WIRE_STRING_BYTES + 16 /* runtime: */)) {
		mapper_free(m);
		err_nomem(err, "the mapper");
		return NULL;
	}
	if (history_init(&m->history, err) || reasons_init(&m->reasons, err)) {
		mapper_free(m);
		return NULL;
	}
	return m;
}

void mapper_free(struct mapper *m)
{
	struct map_slot *s;

	if (!m)
		return;
	for (size_t at = 0; (s = map_next(&m->goroutines, &at));)
		goroutine_free(m, s->val);
	while (m->ghosts) {
		struct goroutine *g = m->ghosts;

		m->ghosts = g->ghost_next;
		goroutine_free(m, g);
	}
	nodes_release(m);
	budget_clear(&m->budgets, &m->outside);
	budget_pools_release(&m->budgets);
	reasons_release(&m->reasons);
	history_release(&m->history);
	pool_release(&m->paths);
	mem_free(m->segments);
	mem_free(m->hex);
	buf_release(&m->words);
	buf_release(&m->packed);
	mem_free(m->event_scratch);
	mem_free(m->linked);
	mem_free(m->link_scratch);
	mem_free(m->attr_scratch);
	mem_free(m->span_attrs);
	map_release(&m->goroutines);
	pool_release(&m->goroutine_pool);
	mem_free((void *)m->near);
	map_release(&m->open_tasks);
	map_release(&m->adopted);
	pool_release(&m->contexts);
	pool_release(&m->context_logs);
	idset_release(&m->ended);
	stackpool_release(&m->stacks);
	stackpool_release(&m->names);
	mem_free(m->recent);
	buf_release(&m->name);
	mem_free(m);
}

size_t mapper_note_bytes(void)
{
	return sizeof(struct goroutine *);
}

HOT_CALL static enum status feed_other(struct mapper *m, const struct event *ev, struct err *err)
{
	switch (ev->kind) {
	case EVENT_SYNC:
		m->generation_time = ev->wire_time;
		m->aside = m->opt.metrics || ev->time != ev->wire_time;
		return map_sync(m, ev, err);
	case EVENT_TASK_BEGIN:
		return map_task_begin(m, ev, err);
	case EVENT_TASK_END:
		return map_task_end(m, ev, err);
	case EVENT_REGION_BEGIN:
		return m->opt.regions ? map_region_begin(m, ev, err) : ST_OK;
	case EVENT_REGION_END:
		return m->opt.regions ? map_region_end(m, ev, err) : ST_OK;
	case EVENT_LOG:
		return map_log(m, ev, err);
	case EVENT_RANGE_BEGIN:
	case EVENT_RANGE_ACTIVE:
	case EVENT_RANGE_END:
		return map_range(m, ev, err);
	case EVENT_METRIC:
		if (m->opt.metrics)
			metrics_event(m, ev);
		return ST_OK;
	default:
		return ST_OK;
	}
}

/* The reader's correction, as it were if the generation was the first one. */
APART static void follow_generation(struct mapper *m, const struct event *ev)
{
	m->generation_time =
		ev->wire_time > m->generation_time ? ev->wire_time : m->generation_time + 1;
	m->aside = m->opt.metrics || ev->time != m->generation_time;
}

/* Not by its turn, if it is of a type that has one. */
APART static enum status feed_aside(struct mapper *m, const struct event *ev, struct err *err)
{
	follow_generation(m, ev);
	return ev->kind == EVENT_STATE_TRANSITION ? map_transition(m, ev, err)
						  : feed_other(m, ev, err);
}

enum status mapper_feed_type(struct mapper *m, const struct event *ev, unsigned int type,
			     struct err *err)
{
	enum turn turn = turn_of(type);

	m->sum.events++;
	m->last_time = ev->time;
	if (UNLIKELY(m->aside))
		return feed_aside(m, ev, err);
	if (turn != TURN_OTHER)
		return map_turn(m, turn, ev, err);
	if (event_heads[type].kind == EVENT_STATE_TRANSITION)
		return map_transition(m, ev, err);
	return feed_other(m, ev, err);
}

APART enum status mapper_feed(struct mapper *m, const struct event *ev, struct err *err)
{
	return mapper_feed_type(m, ev, ev->wire, err);
}

uint64_t mapper_events(const struct mapper *m)
{
	return m->sum.events;
}

static int by_id(const void *a, const void *b)
{
	const struct goroutine *x = *(struct goroutine *const *)a;
	const struct goroutine *y = *(struct goroutine *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* The traceparents and waits that the end cuts, in the order of goroutine ids: output is
 * repeatable. */
static enum status cut_waits(struct mapper *m, struct err *err)
{
	struct goroutine **list = mem_alloc((m->goroutines.n + 1) * sizeof(struct goroutine *));
	struct map_slot *s;
	enum status st = ST_OK;
	size_t n = 0;

	if (!list)
		return err_nomem(err, "goroutines");
	for (size_t at = 0; (s = map_next(&m->goroutines, &at));)
		list[n++] = s->val;
	qsort(list, n, sizeof(struct goroutine *), by_id);
	for (size_t i = 0; !st && i < n; i++)
		st = context_settle(m, list[i], err);
	for (size_t i = 0; !st && i < n; i++) {
		st = account_settle(m, list[i], m->last_time, err);
		if (!st)
			st = wait_cut(m, list[i], err);
	}
	mem_free(list);
	return st;
}

static int by_serial(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a;
	const struct node *y = *(struct node *const *)b;

	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

/* What is open in the traces, oldest first; *list is the caller's to free. */
static enum status open_nodes(const struct mapper *m, struct node ***list, size_t *n,
			      struct err *err)
{
	enum status st = ST_OK;
	size_t cap = 0;

	for (size_t i = 0; i < m->n_traces; i++) {
		const struct trace *t = m->traces[i];

		for (size_t k = 0; k < t->n_nodes; k++) {
			if (t->nodes[k]->ended)
				continue;
			st = mem_grow((void **)list, &cap, *n + 1, sizeof(struct node *),
				      SIZE_MAX / sizeof(struct node *), "open spans", err);
			if (st)
				return st;
			(*list)[(*n)++] = t->nodes[k];
		}
	}
	if (*n)
		qsort(*list, *n, sizeof(struct node *), by_serial);
	return st;
}

/* What a task that the capture's end cuts has been doing, on the goroutine that began it. */
static enum status cut_path(struct mapper *m, struct node *n, struct err *err)
{
	struct goroutine *g = n->kind == NODE_TASK ? goroutine_find(m, n->goroutine) : NULL;

	return g ? critical_path(m, n, g, m->last_time, err) : ST_OK;
}

/*
 * Ends what is open in every trace; the last one ended sends the trace. All are
 * marked first: the first trace sent may link to the last.
 */
static enum status cut_nodes(struct mapper *m, struct err *err)
{
	struct node **open = NULL;
	size_t n = 0;
	enum status st = open_nodes(m, &open, &n, err);

	for (size_t i = 0; !st && i < n; i++) {
		/* The capture itself is not cut by its end. */
		open[i]->cut_end = open[i]->kind != NODE_CAPTURE;
		open[i]->end = m->last_time;
		open[i]->trace->stale = true;
		m->sum.cut_tasks += open[i]->kind == NODE_TASK;
	}
	for (size_t i = 0; !st && i < n; i++)
		st = cut_path(m, open[i], err);
	/* The inner ones first: none ends above an open one then. */
	for (size_t i = 0; !st && i < m->n_traces; i++)
		for (struct node *x = m->traces[i]->out; !st && x; x = x->out_next)
			st = account_end(m, x, m->last_time, err);
	for (size_t i = n; !st && i > 0; i--)
		st = account_end(m, open[i - 1], m->last_time, err);
	for (size_t i = 0; !st && i < n; i++)
		st = node_end(m, open[i], m->last_time, err);
	mem_free(open);
	return st;
}

/* Open nodes that were left out keep their trace from being sent: let go of them. */
static enum status send_rest(struct mapper *m, struct err *err)
{
	enum status st = ST_OK;
	size_t kept_back = m->capture ? 1 : 0;

	while (!st && m->n_traces > kept_back) {
		struct trace *t = m->traces[m->traces[0] == m->capture];

		t->left_out += t->n_open;
		t->n_open = 1;
		st = trace_unhold(m, t, err);
	}
	return st;
}

void mapper_tell_damage(struct mapper *m, const char *why)
{
	log_escape(slice_str(why), m->damage, sizeof(m->damage));
}

enum status mapper_finish(struct mapper *m, struct err *err)
{
	enum status st;

	m->finishing = true;
	st = cut_waits(m, err);
	if (!st)
		st = capture_cut(m, err);
	if (!st)
		st = cut_nodes(m, err);
	if (!st)
		st = send_rest(m, err);
	if (!st && m->capture)
		st = capture_send(m, err);
	m->sum.stacks_left_out = m->stacks.left_out;
	return st;
}

void mapper_summarize(const struct mapper *m, struct mapper_summary *out)
{
	*out = m->sum;
	out->has_clock = m->started && !m->lacks_clock;
}
