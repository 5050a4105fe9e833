#include "mapping/stats_go.h"

#include "base/limits.h"
#include "base/mem.h"

#define NS_PER_SEC 1000000000u

size_t stats_note_bytes(void)
{
	return sizeof(struct stats_go);
}

struct stats *stats_new(void)
{
	struct stats *s = mem_zalloc(sizeof(*s));

	if (!s)
		return NULL;
	stats_stacks_init(&s->stacks);
	stats_rows_init(&s->report.blocks, MAX_STATS_REASONS, "block reasons");
	stats_rows_init(&s->report.tasks, MAX_STATS_TYPES, "task types");
	stats_rows_init(&s->report.regions, MAX_STATS_TYPES, "region types");
	stats_rows_init(&s->report.stw, MAX_STATS_REASONS, "kinds of stop");
	map_init(&s->tasks, MAX_OPEN_TASKS, "open tasks");
	map_init(&s->procs, MAX_PROCS, "procs");
	map_init(&s->threads, MAX_THREADS, "threads");
	pool_init(&s->task_pool, sizeof(struct stats_task), MAX_OPEN_TASKS, "open tasks");
	pool_init(&s->region_pool, sizeof(struct stats_region), MAX_OPEN_REGIONS, "open regions");
	pool_init(&s->proc_pool, sizeof(struct stats_proc), MAX_PROCS, "procs");
	for (size_t i = 0; i < STATS_FEW_THREADS; i++)
		s->few_threads[i] = NO_THREAD;
	return s;
}

void stats_free(struct stats *s)
{
	struct stats_report *r;

	if (!s)
		return;
	r = &s->report;
	stats_stacks_release(&s->stacks);
	stats_rows_release(&r->blocks);
	stats_rows_release(&r->tasks);
	stats_rows_release(&r->regions);
	stats_rows_release(&r->stw);
	dist_release(&r->all_blocks);
	dist_release(&r->blocked_before);
	dist_release(&r->syscalls);
	dist_release(&r->latency);
	dist_release(&r->gc_mark);
	dist_release(&r->mark_assist);
	dist_release(&r->sweep);
	dist_release(&r->all_stw);
	map_release(&s->tasks);
	map_release(&s->procs);
	map_release(&s->threads);
	pool_release(&s->task_pool);
	pool_release(&s->region_pool);
	pool_release(&s->proc_pool);
	mem_free(s);
}

const struct stats_report *stats_report(const struct stats *s)
{
	return &s->report;
}

APART enum status stats_far_row(struct stats_rows *t, const struct event *ev, uint64_t id,
				struct slice (*text)(const struct event *), struct stats_row **out,
				struct err *err)
{
	*out = stats_rows_get(t, id);
	return *out ? ST_OK : stats_rows_put(t, id, text(ev), out, err);
}

/* The wall clock at the first event, by a reading at another instant of the trace. */
static void set_wall(struct stats_report *r, const struct clock_snapshot *c)
{
	uint64_t sec = (uint64_t)c->wall_sec + c->wall_nsec / NS_PER_SEC;
	uint64_t nsec = c->wall_nsec % NS_PER_SEC;

	if (c->trace_ns >= r->first_ns) {
		uint64_t back = stats_ns(r->first_ns, c->trace_ns);

		sec -= back / NS_PER_SEC;
		back %= NS_PER_SEC;
		sec -= back > nsec;
		nsec = back > nsec ? nsec + NS_PER_SEC - back : nsec - back;
	} else {
		uint64_t on = stats_ns(c->trace_ns, r->first_ns);

		nsec += on % NS_PER_SEC;
		sec += on / NS_PER_SEC + nsec / NS_PER_SEC;
		nsec %= NS_PER_SEC;
	}
	r->has_wall = true;
	r->wall_sec = (int64_t)sec;
	r->wall_nsec = (uint32_t)nsec;
}

APART static void new_generation(struct stats *s, const struct event *ev)
{
	struct stats_report *r = &s->report;

	/* Every trace begins with such an event. */
	if (s->by_wire[EV_NONE] == 1)
		r->first_ns = ev->time;
	stats_stacks_new_generation(&s->stacks);
	stats_rows_new_generation(&r->blocks);
	stats_rows_new_generation(&r->tasks);
	stats_rows_new_generation(&r->regions);
	stats_rows_new_generation(&r->stw);
	if (ev->snapshot && !r->has_wall)
		set_wall(r, ev->snapshot);
}

/* Samples are left aside: their context is what the profiler's signal saw. */
APART static enum status note_thread(struct stats *s, const struct event *ev, struct err *err)
{
	if (ev->m == NO_THREAD || ev->kind == EVENT_STACK_SAMPLE)
		return ST_OK;
	s->few_threads[(uint64_t)ev->m % STATS_FEW_THREADS] = ev->m;
	return map_put(&s->threads, (uint64_t)ev->m, s, err);
}

/* By the type: what it is about besides is asked where there may be several. */
HOT enum status feed(struct stats *s, const struct event *ev, unsigned int type, struct err *err)
{
	switch (type) {
	case EV_GO_START:
		return stats_goes(s, ev, GO_RUNNABLE, GO_RUNNING, err);
	case EV_GO_STOP:
		return stats_goes(s, ev, GO_RUNNING, GO_RUNNABLE, err);
	case EV_GO_BLOCK:
		return stats_goes(s, ev, GO_RUNNING, GO_WAITING, err);
	case EV_GO_UNBLOCK:
		return stats_goes(s, ev, GO_WAITING, GO_RUNNABLE, err);
	case EV_GO_SYSCALL_BEGIN:
		return stats_goes(s, ev, GO_RUNNING, GO_SYSCALL, err);
	case EV_GO_SYSCALL_END:
		return stats_goes(s, ev, GO_SYSCALL, GO_RUNNING, err);
	case EV_GO_SYSCALL_END_BLOCKED:
		return stats_goes(s, ev, GO_SYSCALL, GO_RUNNABLE, err);
	case EV_GO_CREATE:
		stats_begin(s, ev);
		return ST_OK;
	case EV_GO_DESTROY:
		return stats_end(s, ev, err);
	case EV_NONE:
		new_generation(s, ev);
		return ST_OK;
	case EV_PROCS_CHANGE:
		s->report.gomaxprocs = ev->args[0];
		return ST_OK;
	case EV_HEAP_ALLOC:
	case EV_USER_LOG:
		return ST_OK;
	case EV_GC_SWEEP_BEGIN:
		return stats_sweep_begin(s, ev, err);
	case EV_GC_SWEEP_END:
		return stats_sweep_end(s, ev, err);
	case EV_USER_TASK_BEGIN:
		return stats_task_begin(s, ev, err);
	case EV_USER_TASK_END:
		return stats_task_end(s, ev, err);
	case EV_USER_REGION_BEGIN:
		return stats_region_begin(s, ev, err);
	case EV_USER_REGION_END:
		return stats_region_end(s, ev, err);
	default:
		return ev->kind == EVENT_STATE_TRANSITION ? stats_transition(s, ev, err)
							  : stats_range(s, ev, err);
	}
}

enum status stats_feed_type(struct stats *s, const struct event *ev, unsigned int type,
			    struct err *err)
{
	s->report.last_ns = ev->time;
	s->by_wire[type]++;
	return feed(s, ev, type, err);
}

APART enum status stats_feed(struct stats *s, const struct event *ev, struct err *err)
{
	enum status st;

	if (UNLIKELY(s->few_threads[(uint64_t)ev->m % STATS_FEW_THREADS] != ev->m)) {
		st = note_thread(s, ev, err);
		if (st)
			return st;
	}
	return stats_feed_type(s, ev, ev->wire, err);
}

static enum status sum_rows(struct stats_rows *t, struct dist *all, struct err *err)
{
	enum status st = ST_OK;

	for (size_t i = 0; all && !st && i < t->n; i++)
		st = dist_merge(all, &t->list[i]->dist, err);
	stats_rows_sort(t);
	return st;
}

enum status stats_finish(struct stats *s, struct err *err)
{
	struct stats_report *r = &s->report;
	enum status st;

	for (size_t i = 0; i < sizeof(s->by_wire) / sizeof(*s->by_wire); i++) {
		r->by_kind[i == EV_NONE ? EVENT_SYNC : event_heads[i].kind] += s->by_wire[i];
		r->n_events += s->by_wire[i];
	}
	stats_tasks_finish(s);
	stats_ranges_finish(s);
	r->n_threads = s->threads.n;
	r->n_stacks = s->stacks.by_text.n;
	r->n_top = stats_stacks_top(&s->stacks, r->top, STATS_TOP_STACKS);
	r->other_stacks = &s->stacks.rest;
	st = sum_rows(&r->blocks, &r->all_blocks, err);
	if (!st)
		st = sum_rows(&r->stw, &r->all_stw, err);
	if (!st)
		st = sum_rows(&r->tasks, NULL, err);
	if (!st)
		st = sum_rows(&r->regions, NULL, err);
	for (size_t i = 0; i < r->blocks.n; i++)
		if (slice_is(r->blocks.list[i]->name, "network"))
			r->network = r->blocks.list[i];
	return st;
}
