#include "mapping/context.h"

#include "base/mem.h"
#include "mapping/mapper_state.h"

/* version "-" trace id "-" span id "-" flags */
#define TRACEPARENT_CHARS 55u

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	/* The W3C allows lower case alone. */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `n` bytes from twice as many digits; false: a character is no digit. */
static bool hex_bytes(const uint8_t *text, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool any_bit(const uint8_t *id, size_t n)
{
	uint8_t bits = 0;

	for (size_t i = 0; i < n; i++)
		bits |= id[i];
	return bits;
}

bool context_parse(struct slice text, struct context *out)
{
	uint8_t version;

	if (text.len < TRACEPARENT_CHARS || text.ptr[2] != '-' || text.ptr[35] != '-' ||
	    text.ptr[52] != '-')
		return false;
	if (!hex_bytes(text.ptr, &version, 1) || version == 0xff)
		return false;
	/* A later version may say more, after another dash. */
	if (text.len > TRACEPARENT_CHARS && (!version || text.ptr[TRACEPARENT_CHARS] != '-'))
		return false;
	return hex_bytes(text.ptr + 3, out->trace_id, TRACE_ID_BYTES) &&
	       hex_bytes(text.ptr + 36, out->span_id, SPAN_ID_BYTES) &&
	       hex_bytes(text.ptr + 53, &out->flags, 1) && any_bit(out->trace_id, TRACE_ID_BYTES) &&
	       any_bit(out->span_id, SPAN_ID_BYTES);
}

static bool is_category(const struct mapper *m, struct slice category)
{
	for (size_t i = 0; i < m->opt.n_context_categories; i++)
		if (slice_is(category, m->opt.context_categories[i]))
			return true;
	return false;
}

enum status context_log(struct mapper *m, struct goroutine *g, const struct event *ev, bool *taken,
			struct err *err)
{
	struct slice text = event_log_message(ev), category = event_log_category(ev);
	struct context_log *log;
	const struct pooled *name;
	struct context c;
	struct node *task;
	enum status st;

	*taken = false;
	if (m->opt.context == CONTEXT_OFF || !is_category(m, category) ||
	    text.len > MAX_TRACEPARENT || !context_parse(text, &c))
		return ST_OK;
	st = stackpool_text(&m->names, category, &name, err);
	if (st)
		return st;
	log = pool_get(&m->context_logs, err);
	if (!log)
		return err->code;
	log->context = c;
	log->task = event_task(ev);
	log->time = ev->time;
	log->category = name;
	log->len = text.len;
	memcpy(log->message, text.ptr, text.len);
	task = map_get(&m->open_tasks, log->task);
	if (task)
		task->context_on = g->id;
	g->context = log;
	*taken = true;
	return ST_OK;
}

bool context_take(struct mapper *m, struct goroutine *g, struct context *out)
{
	if (!g->context)
		return false;
	*out = g->context->context;
	pool_put(&m->context_logs, g->context);
	g->context = NULL;
	return true;
}

/* Later tasks of the same application's trace join this one while it is held. */
static enum status register_trace(struct mapper *m, struct trace *t, const struct context *c,
				  struct err *err)
{
	uint64_t key;
	enum status st;

	memcpy(&key, c->trace_id, sizeof(key));
	if (!key || t->adopted_key || map_get(&m->adopted, key))
		return ST_OK;
	st = map_put(&m->adopted, key, t, err);
	if (st)
		return st;
	t->adopted_key = key;
	memcpy(t->adopted_id, c->trace_id, TRACE_ID_BYTES);
	return ST_OK;
}

struct trace *context_trace(const struct mapper *m, const struct context *c)
{
	struct trace *t;
	uint64_t key;

	memcpy(&key, c->trace_id, sizeof(key));
	t = map_get(&m->adopted, key);
	return t && !memcmp(t->adopted_id, c->trace_id, TRACE_ID_BYTES) ? t : NULL;
}

enum status context_apply(struct mapper *m, struct node *task, const struct context *c,
			  struct err *err)
{
	/* Nobody will see it. */
	if (task->left_out)
		return ST_OK;
	task->context = pool_get(&m->contexts, err);
	if (!task->context)
		return err->code;
	*task->context = *c;
	task->adopted = m->opt.context == CONTEXT_ADOPT;
	task->trace->stale = true;
	node_identify(m, task);
	return task->adopted ? register_trace(m, task->trace, c, err) : ST_OK;
}

/* It was a log like others after all. */
static enum status as_event(struct mapper *m, struct goroutine *g, const struct context_log *log,
			    struct err *err)
{
	if (!m->opt.logs)
		return ST_OK;
	return log_event(m, g, log->task, log->time, log->category,
			 (struct slice){ log->message, log->len }, err);
}

enum status context_settle_log(struct mapper *m, struct goroutine *g, struct err *err)
{
	struct context_log *log = g->context;
	struct node *task;
	enum status st;

	g->context = NULL;
	st = task_open(m, log->task, &task, err);
	if (!st && task && !task->context)
		st = context_apply(m, task, &log->context, err);
	else if (!st)
		st = as_event(m, g, log, err);
	pool_put(&m->context_logs, log);
	return st;
}

enum status context_settle_task(struct mapper *m, struct node *task, struct err *err)
{
	struct goroutine *g =
		task->context_on == NO_GOROUTINE ? NULL : goroutine_find(m, task->context_on);

	/* It may have died, or have logged something newer on another task. */
	return g && g->context && g->context->task == task->task ? context_settle_log(m, g, err)
								 : ST_OK;
}
