#include "collector/trigger/watch.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/glob.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/pool.h"

#define MAX_DEPTH 32u /* regions of one goroutine; what is deeper is not watched */

struct open_task {
	void *place;
	int64_t began;
};

struct watched {
	void *place;
	uint8_t state;
	bool timed; /* `since` is known: it was not so from the start */
	int64_t since;
	char reason[48];
	uint32_t depth;
	int64_t regions[MAX_DEPTH];
};

struct watch {
	struct trigger_set *triggers;
	struct trigger_rules *rules;
	struct map tasks, goroutines;
	struct pool task_pool, goroutine_pool;
	int64_t stopped_at; /* INT64_MIN: the world runs */
	uint64_t left_out;
};

enum status watch_open(struct watch **out, struct trigger_set *triggers, struct err *err)
{
	struct watch *w = mem_zalloc(sizeof(*w));

	if (!w)
		return err_nomem(err, "triggers");
	w->triggers = triggers;
	w->stopped_at = INT64_MIN;
	map_init(&w->tasks, MAX_WATCHED, "watched tasks");
	map_init(&w->goroutines, MAX_WATCHED, "watched goroutines");
	pool_init(&w->task_pool, sizeof(struct open_task), MAX_WATCHED, "watched tasks");
	pool_init(&w->goroutine_pool, sizeof(struct watched), MAX_WATCHED, "watched goroutines");
	watch_rules(w);
	*out = w;
	return ST_OK;
}

void watch_close(struct watch *w)
{
	if (!w)
		return;
	map_release(&w->tasks);
	map_release(&w->goroutines);
	pool_release(&w->task_pool);
	pool_release(&w->goroutine_pool);
	trigger_unref(w->rules);
	mem_free(w);
}

void watch_rules(struct watch *w)
{
	trigger_unref(w->rules);
	w->rules = trigger_rules(w->triggers);
}

uint64_t watch_open_tasks(const struct watch *w)
{
	return w->tasks.n;
}

uint64_t watch_left_out(const struct watch *w)
{
	return w->left_out;
}

static void __attribute__((format(printf, 3, 4)))
met(struct watch *w, const struct trigger_settings *s, const char *fmt, ...)
{
	char cause[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cause, sizeof(cause), fmt, ap);
	va_end(ap);
	trigger_fire(w->triggers, s->name, cause);
}

static bool matches(const char *pattern, struct slice text)
{
	return glob_match(slice_str(pattern), text);
}

static bool longer(int64_t since, int64_t now, uint64_t than)
{
	return now >= since && (uint64_t)(now - since) >= than;
}

static double ms(int64_t since, int64_t now)
{
	return (double)(now - since) / 1e6;
}

/* The rules, as `s`, that are about this. `s` is a name that is declared here. */
// NOLINTBEGIN(bugprone-macro-parentheses)
#define EACH_RULE(w, s, which)                                                                     \
	for (const struct trigger_settings *s = (w)->rules ? (w)->rules->ptr : NULL;               \
	     s && s < (w)->rules->ptr + (w)->rules->n; s++)                                        \
		if (s->which)
// NOLINTEND(bugprone-macro-parentheses)

static void task_event(struct watch *w, const struct event *ev)
{
	struct err ignored = ERR_INIT;
	struct open_task *t;

	if (ev->kind == EVENT_TASK_BEGIN) {
		t = pool_get(&w->task_pool, &ignored);
		if (!t || map_get(&w->tasks, event_task(ev)) ||
		    map_put(&w->tasks, event_task(ev), t, &ignored)) {
			w->left_out++;
			if (t)
				pool_put(&w->task_pool, t);
			return;
		}
		t->began = ev->time;
		return;
	}
	t = map_del(&w->tasks, event_task(ev));
	if (!t)
		return;
	EACH_RULE(w, s, by_task)
	{
		struct slice name = event_name(ev);
		char shown[100];

		if (!longer(t->began, ev->time, s->task.longer_than_ns) ||
		    !matches(s->task.name, name))
			continue;
		log_escape(name, shown, sizeof(shown));
		met(w, s, "task %s took %.3f ms", shown, ms(t->began, ev->time));
	}
	pool_put(&w->task_pool, t);
}

static struct watched *goroutine(struct watch *w, int64_t id)
{
	struct watched *g = map_get(&w->goroutines, (uint64_t)id);
	struct err ignored = ERR_INIT;

	if (g || id < 0)
		return g;
	g = pool_get(&w->goroutine_pool, &ignored);
	if (g && !map_put(&w->goroutines, (uint64_t)id, g, &ignored))
		return g;
	if (g)
		pool_put(&w->goroutine_pool, g);
	w->left_out++;
	return NULL;
}

static void region_event(struct watch *w, const struct event *ev)
{
	struct watched *g = goroutine(w, ev->g);
	int64_t began;

	if (!g)
		return;
	if (ev->kind == EVENT_REGION_BEGIN) {
		if (g->depth < MAX_DEPTH)
			g->regions[g->depth] = ev->time;
		g->depth++;
		return;
	}
	/* It began before we looked, or too deep. */
	if (!g->depth || g->depth-- > MAX_DEPTH)
		return;
	began = g->regions[g->depth];
	EACH_RULE(w, s, by_region)
	{
		struct slice name = event_name(ev);
		char shown[100];

		if (!longer(began, ev->time, s->region.longer_than_ns) ||
		    !matches(s->region.name, name))
			continue;
		log_escape(name, shown, sizeof(shown));
		met(w, s, "region %s took %.3f ms", shown, ms(began, ev->time));
	}
}

static void log_event(struct watch *w, const struct event *ev)
{
	EACH_RULE(w, s, by_log)
	{
		struct slice category = event_log_category(ev), message = event_log_message(ev);
		char one[64], two[128];

		if (!matches(s->log.category, category) || !matches(s->log.message, message))
			continue;
		log_escape(category, one, sizeof(one));
		log_escape(message, two, sizeof(two));
		met(w, s, "log %s: %s", one, two);
	}
}

static void value(struct watch *w, struct slice name, uint64_t v)
{
	EACH_RULE(w, s, by_metric)
	{
		if (!slice_is(name, s->metric.name) || (double)v <= s->metric.above)
			continue;
		met(w, s, "%.*s is %llu, above %.0f", SLICE_ARG(name), (unsigned long long)v,
		    s->metric.above);
	}
}

/* What it has been until now is over. */
static void left_state(struct watch *w, const struct event *ev, const struct watched *g)
{
	if (!g->timed)
		return;
	if (g->state == GO_WAITING) {
		EACH_RULE(w, s, by_block)
		{
			if (longer(g->since, ev->time, s->block.longer_than_ns) &&
			    matches(s->block.name, slice_str(g->reason)))
				met(w, s, "goroutine %lld was blocked for %.3f ms: %s",
				    (long long)ev->id, ms(g->since, ev->time), g->reason);
		}
	} else if (g->state == GO_RUNNABLE && ev->to == GO_RUNNING) {
		EACH_RULE(w, s, by_runnable)
		{
			if (longer(g->since, ev->time, s->runnable.longer_than_ns))
				met(w, s, "goroutine %lld waited %.3f ms for a processor",
				    (long long)ev->id, ms(g->since, ev->time));
		}
	}
}

static void transition(struct watch *w, const struct event *ev)
{
	struct watched *g;

	if (ev->resource != RESOURCE_GOROUTINE)
		return;
	g = goroutine(w, ev->id);
	if (!g)
		return;
	/* Told again at the begin of a generation: nothing has changed. */
	if (ev->from == ev->to || (ev->from == GO_UNDETERMINED && g->state == ev->to))
		return;
	left_state(w, ev, g);
	if (ev->to == GO_NOT_EXIST) {
		map_del(&w->goroutines, (uint64_t)ev->id);
		pool_put(&w->goroutine_pool, g);
		return;
	}
	if (ev->from == GO_NOT_EXIST)
		value(w, SLICE("/sched/goroutines:goroutines"), w->goroutines.n);
	g->state = ev->to;
	g->timed = ev->from != GO_UNDETERMINED;
	g->since = ev->time;
	g->reason[0] = '\0';
	if (ev->to == GO_WAITING)
		log_escape(event_reason(ev), g->reason, sizeof(g->reason));
}

static void range(struct watch *w, const struct event *ev)
{
	if (ev->wire == EV_STW_BEGIN)
		w->stopped_at = ev->time;
	if (ev->wire != EV_STW_END || w->stopped_at == INT64_MIN)
		return;
	EACH_RULE(w, s, by_stop)
	{
		if (longer(w->stopped_at, ev->time, s->stop.longer_than_ns))
			met(w, s, "the world was stopped for %.3f ms", ms(w->stopped_at, ev->time));
	}
	w->stopped_at = INT64_MIN;
}

void watch_event(struct watch *w, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_TASK_BEGIN:
	case EVENT_TASK_END:
		task_event(w, ev);
		break;
	case EVENT_REGION_BEGIN:
	case EVENT_REGION_END:
		region_event(w, ev);
		break;
	case EVENT_LOG:
		log_event(w, ev);
		break;
	case EVENT_METRIC:
		value(w, event_name(ev), ev->args[0]);
		break;
	case EVENT_STATE_TRANSITION:
		transition(w, ev);
		break;
	case EVENT_RANGE_BEGIN:
	case EVENT_RANGE_END:
		range(w, ev);
		break;
	default:
		break;
	}
}
