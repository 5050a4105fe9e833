/* Tasks, regions and logs: design section 6. */
#include "base/limits.h"
#include "base/mem.h"
#include "mapping/mapper_state.h"

/* What is known of a task that a child, region or log names. */
struct task_ref {
	struct node *node;		/* in a trace that is held, open or ended; or NULL */
	const struct recent_task *sent; /* in a trace that was sent, or NULL */
};

static struct task_ref find_task(const struct mapper *m, uint64_t id)
{
	const struct recent_task *r = &m->recent[id % RECENT_TASKS];
	struct task_ref ref = { .node = map_get(&m->open_tasks, id) };

	if (ref.node || r->id != id)
		return ref;
	ref.node = handle_get(r->node);
	if (!ref.node && r->node.node)
		ref.sent = r;
	return ref;
}

/* A root: its trace takes the wall clock of the generation in which it begins. */
static enum status new_root(struct mapper *m, int64_t start, int64_t id_time, struct node **out,
			    struct err *err)
{
	struct trace *t;
	enum status st = trace_new(m, m->clock, m->opt.spans_per_trace, &t, err);

	if (st)
		return st;
	st = node_new(m, t, NODE_TASK, NULL, start, id_time, out, err);
	if (st)
		trace_free(m, t);
	return st;
}

/* A node below a span that was sent already: its trace goes on. */
static enum status new_continued(struct mapper *m, const struct recent_task *sent,
				 enum node_kind kind, int64_t start, int64_t id_time,
				 struct node **out, struct err *err)
{
	struct trace *t;
	enum status st = trace_new(m, sent->clock, m->opt.spans_per_trace, &t, err);

	if (st)
		return st;
	t->id_fixed = true;
	t->continued = true;
	t->unsampled = sent->unsampled;
	memcpy(t->id, sent->trace_id, TRACE_ID_BYTES);
	st = node_new(m, t, kind, NULL, start, id_time, out, err);
	if (st) {
		trace_free(m, t);
		return st;
	}
	memcpy((*out)->parent_id, sent->span_id, SPAN_ID_BYTES);
	return ST_OK;
}

/* The node takes the name of the event, which is the string `id`: spelled once a generation. */
static enum status name_after(struct mapper *m, struct node *n, const struct event *ev, uint64_t id,
			      struct err *err)
{
	const struct pooled *known = stackpool_known(&m->names, id);

	if (!known)
		return node_set_name(m, n, event_name(ev), id, err);
	n->name = known;
	return ST_OK;
}

static enum status open_task(struct mapper *m, struct node *n, uint64_t id, struct err *err)
{
	n->task = id;
	node_identify(m, n);
	return map_put(&m->open_tasks, id, n, err);
}

/* A task that began before the capture: all that is known is its id. */
static enum status cut_task(struct mapper *m, uint64_t id, struct node **out, struct err *err)
{
	enum status st = new_root(m, m->first_time, m->first_id_time, out, err);

	if (st)
		return st;
	(*out)->cut_start = true;
	st = node_set_name(m, *out, SLICE("unknown task"), NO_STRING, err);
	return st ? st : open_task(m, *out, id, err);
}

/*
 * A task below its parent, whether that is held, sent, or not in the capture; or
 * with the application's span for a parent, in whatever trace that is.
 */
static enum status new_task(struct mapper *m, const struct event *ev, const struct context *c,
			    struct node **out, struct err *err)
{
	uint64_t parent = event_parent_task(ev);
	struct task_ref ref = { NULL, NULL };
	enum status st;

	if (parent != NO_TASK)
		ref = find_task(m, parent);
	if (c && m->opt.context == CONTEXT_ADOPT) {
		struct trace *t = context_trace(m, c);

		if (ref.node && !memcmp(trace_id_of(ref.node), c->trace_id, TRACE_ID_BYTES))
			t = ref.node->trace;
		else
			ref.node = NULL;
		if (t && trace_has_room(t))
			return node_new(m, t, NODE_TASK, ref.node, ev->time, ev->wire_time, out,
					err);
		return new_root(m, ev->time, ev->wire_time, out, err);
	}
	if (ref.node)
		return node_new(m, ref.node->trace, NODE_TASK, ref.node, ev->time, ev->wire_time,
				out, err);
	if (ref.sent)
		return new_continued(m, ref.sent, NODE_TASK, ev->time, ev->wire_time, out, err);
	st = new_root(m, ev->time, ev->wire_time, out, err);
	if (!st)
		(*out)->lost_parent = parent;
	return st;
}

enum status task_open(struct mapper *m, uint64_t id, struct node **out, struct err *err)
{
	*out = map_get(&m->open_tasks, id);
	if (*out || id == BACKGROUND_TASK || idset_has(&m->ended, id))
		return ST_OK;
	return cut_task(m, id, out, err);
}

enum status map_task_begin(struct mapper *m, const struct event *ev, struct err *err)
{
	uint64_t id = event_task(ev);
	struct context context;
	struct goroutine *g;
	struct node *n;
	enum status st = goroutine_get(m, ev->g, &g, err);
	bool known = !st && context_take(m, g, &context);

	/* A log or region may have named it before, if its id was used again. */
	n = map_get(&m->open_tasks, id);
	if (!st && n) {
		map_del(&m->open_tasks, id);
		st = node_end(m, n, ev->time, err);
	}
	if (!st)
		st = new_task(m, ev, known ? &context : NULL, &n, err);
	if (st)
		return st;
	n->goroutine = ev->g;
	st = name_after(m, n, ev, ev->args[2], err);
	if (!st)
		st = open_task(m, n, id, err);
	if (!st && known)
		st = context_apply(m, n, &context, err);
	if (!st)
		st = goroutine_push(g, n, err);
	return st ? st : account_move(m, g, ev->time, err);
}

enum status map_task_end(struct mapper *m, const struct event *ev, struct err *err)
{
	uint64_t id = event_task(ev);
	struct recent_task *r = &m->recent[id % RECENT_TASKS];
	struct goroutine *g = goroutine_find(m, ev->g);
	enum status st = g ? context_settle(m, g, err) : ST_OK;
	struct node *n = map_get(&m->open_tasks, id);

	if (!st && n)
		st = context_settle_task(m, n, err);
	if (st)
		return st;
	if (!n) {
		/* Ended twice, or begun before the capture and never named until now. */
		if (idset_has(&m->ended, id)) {
			m->sum.late_ends++;
			return ST_OK;
		}
		st = cut_task(m, id, &n, err);
		if (st)
			return st;
	}
	map_del(&m->open_tasks, id);
	*r = (struct recent_task){ .id = id, .node = handle_to(n) };
	if (n->left_out)
		r->node = (struct handle){ NULL, 0 };
	n->id_end = ev->wire_time;
	st = idset_add(&m->ended, id, err);
	if (!st && g)
		st = critical_path(m, n, g, ev->time, err);
	return st ? st : node_end(m, n, ev->time, err);
}

/*
 * Where a region or log of a task hangs: the innermost region of that task on
 * the goroutine, else the task. NULL and no *sent: the task is gone for good.
 */
static enum status find_place(struct mapper *m, struct goroutine *g, uint64_t task,
			      struct node **place, const struct recent_task **sent, struct err *err)
{
	struct task_ref ref;

	*sent = NULL;
	*place = goroutine_region_of(g, task);
	if (*place)
		return ST_OK;
	if (task == BACKGROUND_TASK) {
		*place = m->capture_root;
		return ST_OK;
	}
	ref = find_task(m, task);
	*place = ref.node;
	*sent = ref.sent;
	if (!ref.node && !ref.sent && !idset_has(&m->ended, task))
		return cut_task(m, task, place, err);
	return ST_OK;
}

/* A region that begins at `start`; *out has no name yet. */
static enum status new_region(struct mapper *m, struct goroutine *g, uint64_t task, int64_t start,
			      int64_t id_time, struct node **out, struct err *err)
{
	const struct recent_task *sent;
	struct node *place;
	enum status st = find_place(m, g, task, &place, &sent, err);

	if (st)
		return st;
	if (place) {
		st = node_new(m, place->trace, NODE_REGION, place, start, id_time, out, err);
	} else if (sent) {
		st = new_continued(m, sent, NODE_REGION, start, id_time, out, err);
	} else {
		/* Its task ended too long ago to be remembered: a root that says so. */
		st = new_root(m, start, id_time, out, err);
		if (!st) {
			(*out)->kind = NODE_REGION;
			(*out)->lost_parent = task;
		}
	}
	if (st)
		return st;
	(*out)->task = task;
	(*out)->goroutine = g->id;
	return ST_OK;
}

enum status map_region_begin(struct mapper *m, const struct event *ev, struct err *err)
{
	struct goroutine *g;
	struct node *n;
	enum status st = goroutine_get(m, ev->g, &g, err);

	if (!st)
		st = context_settle(m, g, err);
	if (!st)
		st = new_region(m, g, event_task(ev), ev->time, ev->wire_time, &n, err);
	if (!st)
		st = name_after(m, n, ev, ev->args[1], err);
	if (st)
		return st;
	node_identify(m, n);
	st = goroutine_push(g, n, err);
	/* A region outside every task is no one's work. */
	if (st || n->task == BACKGROUND_TASK)
		return st;
	return account_move(m, g, ev->time, err);
}

enum status map_region_end(struct mapper *m, const struct event *ev, struct err *err)
{
	struct goroutine *g;
	struct node *n;
	enum status st = goroutine_get(m, ev->g, &g, err);

	if (!st)
		st = context_settle(m, g, err);
	if (st)
		return st;
	n = goroutine_region(g);
	if (n) {
		g->n_regions--;
	} else {
		/* Begun before the capture: it shows from the capture's start. */
		st = new_region(m, g, event_task(ev), m->first_time, ev->wire_time, &n, err);
		if (!st)
			st = name_after(m, n, ev, ev->args[1], err);
		if (st)
			return st;
		n->cut_start = true;
		node_identify(m, n);
	}
	return node_end(m, n, ev->time, err);
}

enum status log_event(struct mapper *m, struct goroutine *g, uint64_t task, int64_t time,
		      const struct pooled *category, struct slice message, struct err *err)
{
	struct pending p = { .time = time, .goroutine = g->id, .category = category };
	const struct recent_task *sent;
	struct node *place;
	enum status st = find_place(m, g, task, &place, &sent, err);

	if (st)
		return st;
	if (!place) {
		/* The span it belongs to was sent: count it, an id is never sent twice. */
		m->sum.dropped_events++;
		return ST_OK;
	}
	if (m->opt.n_sampling)
		place->trace->log_bits |= sampler_log(m->opt.sampling, m->opt.n_sampling,
						      pooled_slice(category), message);
	p.message = message_new(m, message, err);
	return p.message ? node_add_event(m, place, &p, err) : err->code;
}

enum status map_log(struct mapper *m, const struct event *ev, struct err *err)
{
	const struct pooled *name;
	struct goroutine *g;
	bool taken = false;
	enum status st = goroutine_get(m, ev->g, &g, err);

	if (!st)
		st = context_settle(m, g, err);
	if (!st)
		st = context_log(m, g, ev, &taken, err);
	if (st || taken || !m->opt.logs)
		return st;
	name = stackpool_known(&m->names, ev->args[1]);
	if (!name)
		st = stackpool_string(&m->names, ev->args[1], event_log_category(ev), &name, err);
	if (!st && name && !name->len)
		st = stackpool_text(&m->names, SLICE("log"), &name, err);
	return st ? st
		  : log_event(m, g, event_task(ev), ev->time, name, event_log_message(ev), err);
}
