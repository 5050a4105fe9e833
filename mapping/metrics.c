#include "mapping/metrics.h"

#include <math.h>

#include "mapping/mapper_state.h"

void histogram_add(struct histogram *h, uint64_t ns)
{
	/* 2^(-3/4), 2^(-1/2), 2^(-1/4) */
	static const double steps[] = { 0.59460355750136053, 0.70710678118654752,
					0.84089641525371454 };
	double mantissa;
	int power, i;

	if (!h->count || ns < h->min_ns)
		h->min_ns = ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
	h->count++;
	if (__builtin_add_overflow(h->sum_ns, ns, &h->sum_ns))
		h->sum_ns = UINT64_MAX;
	if (!ns) {
		h->zeros++;
		return;
	}
	/* Upper bounds are inside: a power of two is the last of the bucket below. */
	mantissa = frexp((double)ns / 1e9, &power);
	i = 4 * (power - 1) - (mantissa == 0.5);
	for (int k = 0; k < 3; k++)
		i += mantissa > steps[k];
	h->buckets[i - HISTOGRAM_LEAST]++;
}

static uint64_t wall_at(const struct mapper *m, int64_t time)
{
	int64_t wall;

	if (__builtin_add_overflow(m->clock.offset, time, &wall))
		return time < 0 ? 0 : INT64_MAX;
	return wall < 0 ? 0 : (uint64_t)wall;
}

enum status metrics_sync(struct mapper *m, const struct event *ev, struct err *err)
{
	struct metrics_state *s = &m->metrics;
	struct id_key key = { .kind = ID_GENERATION, .time = ev->wire_time };
	uint64_t number = id_number(&m->seed, &key);

	if (s->counting)
		s->end_unix_ns = wall_at(m, ev->time);
	if (!ev->tables)
		return ST_OK;
	s->counting = !m->opt.sent || !sent_has(m->opt.sent, number);
	if (!s->counting)
		return ST_OK;
	if (!s->any)
		s->start_unix_ns = wall_at(m, ev->time);
	s->any = true;
	return m->opt.sent ? sent_note(m->opt.sent, number, err) : ST_OK;
}

void metrics_event(struct mapper *m, const struct event *ev)
{
	if (ev->wire == EV_HEAP_GOAL) {
		m->metrics.goal = ev->args[0];
		m->metrics.has_goal = true;
	} else if (ev->wire == EV_PROCS_CHANGE) {
		m->metrics.limit = ev->args[0];
		m->metrics.has_limit = true;
	}
}

/*
 * By the function that it began with, as the runtime itself decides (isSystemGoroutine).
 * Goroutines that the runtime's own count leaves out are left out here.
 */
static enum goroutine_owner owner_of(const struct event *ev)
{
	static const char *const of_program[] = { "runtime.main", "runtime.corostart",
						  "runtime.handleAsyncEvent" };
	struct frame frame = { .func = { NULL, 0 } };
	struct stack stack;
	bool any = false;

	if (!event_transition_stack(ev, &stack))
		return OWNER_UNKNOWN;
	while (stack_next(&stack, &frame))
		any = true;
	if (!any)
		return OWNER_UNKNOWN;
	for (size_t i = 0; i < sizeof(of_program) / sizeof(of_program[0]); i++)
		if (slice_is(frame.func, of_program[i]))
			return OWNER_PROGRAM;
	return frame.func.len >= 8 && !memcmp(frame.func.ptr, "runtime.", 8) ? OWNER_RUNTIME
									     : OWNER_PROGRAM;
}

APART void metrics_transition(struct mapper *m, struct goroutine *g, const struct event *ev)
{
	if (!g->owner)
		g->owner = (uint8_t)owner_of(ev);
	if (ev->from == ev->to)
		return;
	if (ev->to == GO_RUNNABLE) {
		g->has_runnable = ev->from != GO_UNDETERMINED;
		g->runnable = ev->time;
		return;
	}
	if (ev->from == GO_RUNNABLE && ev->to == GO_RUNNING && g->has_runnable &&
	    m->metrics.counting)
		histogram_add(&m->metrics.schedule, (uint64_t)(ev->time - g->runnable));
	g->has_runnable = false;
}

void metrics_stop_over(struct mapper *m, const struct open_range *stop, int64_t now)
{
	if (!m->metrics.counting || stop->cut_start || !stop->name)
		return;
	if (slice_is(pooled_slice(stop->name), "stop-the-world (GC sweep termination)") ||
	    slice_is(pooled_slice(stop->name), "stop-the-world (GC mark termination)"))
		histogram_add(&m->metrics.pause, (uint64_t)(now - stop->start));
}

static void add(struct metrics *out, const struct metric *metric)
{
	out->list[out->n++] = *metric;
}

/* The program's goroutines that live; false: of some it is not known whose they are. */
static bool count_goroutines(const struct mapper *m, int64_t *count)
{
	const struct map_slot *s;

	*count = 0;
	for (size_t at = 0; (s = map_next(&m->goroutines, &at));) {
		const struct goroutine *g = s->val;

		if (!g->owner)
			return false;
		*count += g->owner == OWNER_PROGRAM;
	}
	return *count > 0;
}

void mapper_metrics(const struct mapper *m, struct metrics *out)
{
	const struct metrics_state *s = &m->metrics;
	int64_t count;

	*out = (struct metrics){ .start_unix_ns = s->start_unix_ns, .end_unix_ns = s->end_unix_ns };
	if (!m->opt.metrics || !s->any)
		return;
	if (s->schedule.count)
		add(out, &(struct metric){
				 "go.schedule.duration", "s",
				 "The time goroutines have spent in the scheduler in a runnable "
				 "state before actually running.",
				 &s->schedule, 0 });
	if (s->pause.count)
		add(out,
		    &(struct metric){ "go.memory.gc.pause.duration", "s",
				      "The time the world was stopped for a garbage collection.",
				      &s->pause, 0 });
	/* Values are those of the end, and an earlier capture has told that. */
	if (!s->counting)
		return;
	if (s->has_goal && s->goal <= INT64_MAX)
		add(out, &(struct metric){ "go.memory.gc.goal", "By",
					   "Heap size target for the end of the GC cycle.", NULL,
					   (int64_t)s->goal });
	if (s->has_limit && s->limit <= INT64_MAX)
		add(out, &(struct metric){ "go.processor.limit", "{thread}",
					   "The number of OS threads that can execute user-level "
					   "Go code simultaneously.",
					   NULL, (int64_t)s->limit });
	if (count_goroutines(m, &count))
		add(out, &(struct metric){ "go.goroutine.count", "{goroutine}",
					   "Count of live goroutines.", NULL, count });
}
