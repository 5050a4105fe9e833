/*
 * Random captures that obey the scheduler's rules, and what must hold for any.
 *
 * The seed is printed; RANDOM_SEED=N takes another, RANDOM_RUNS=N more of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

#define SEED 20261124u
#define RUNS 2000u
#define GOROUTINES 7
#define TASKS 40
#define DEPTH 6

/* What the traced program knows: nothing that could not happen is made. */
struct program {
	struct map_world *w;
	uint64_t random;
	uint64_t next_task;
	uint64_t open[TASKS]; /* tasks begun and not ended; 0: free */
	struct {
		unsigned int state;
		uint64_t regions[DEPTH]; /* the tasks of its open regions */
		size_t n_regions;
		size_t unseen; /* regions begun before the capture */
		int64_t since; /* in this state */
		bool assist;   /* in a mark assist */
	} g[GOROUTINES];
	/* Of all goroutines: running, runnable, in system calls, assisting, waiting. */
	uint64_t total_ns[5];
	bool stopped; /* the world */
};

static uint64_t below(struct program *p, uint64_t n)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return p->random % n;
}

static uint64_t text(struct program *p)
{
	static const char *const words[] = { "alpha", "beta", "sync", "\xff\x00", "" };

	return map_world_text(p->w, slice_str(words[below(p, 5)]));
}

static enum status feed(struct program *p, unsigned int kind, unsigned int wire, size_t g,
			uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct event ev = { .kind = (uint8_t)kind,
			    .wire = (uint8_t)wire,
			    .g = (int64_t)g + 1,
			    .args = { a0, a1, a2 } };

	return map_world_feed(p->w, ev);
}

/* The time in the state that a goroutine leaves, by the parts of a budget. */
static void leave(struct program *p, size_t id)
{
	static const int parts[] = {
		[GO_RUNNABLE] = 1, [GO_RUNNING] = 0, [GO_WAITING] = 4, [GO_SYSCALL] = 2
	};
	unsigned int state = p->g[id].state;
	int64_t since = p->g[id].since;

	p->g[id].since = p->w->now;
	if (state > GO_NOT_EXIST)
		p->total_ns[state == GO_RUNNING && p->g[id].assist ? 3 : parts[state]] +=
			(uint64_t)(p->w->now - since);
}

static enum status go(struct program *p, size_t id, int64_t by, unsigned int wire, unsigned int to)
{
	struct event ev = { .kind = EVENT_STATE_TRANSITION,
			    .wire = (uint8_t)wire,
			    .resource = RESOURCE_GOROUTINE,
			    .id = (int64_t)id + 1,
			    .g = by,
			    .from = (uint8_t)p->g[id].state,
			    .to = (uint8_t)to };

	ev.args[0] = wire == EV_GO_BLOCK ? text(p) : 0;
	if (wire_ids[wire].stack)
		ev.args[wire_ids[wire].stack - 1] = below(p, 10);
	if (p->g[id].state == GO_UNDETERMINED)
		p->g[id].since = WORLD_BASE;
	else
		leave(p, id);
	p->g[id].state = to;
	if (to == GO_NOT_EXIST) {
		p->g[id].n_regions = p->g[id].unseen = 0;
		p->g[id].assist = false;
	}
	return map_world_feed(p->w, ev);
}

/* A task to speak of: open, ended, never seen, or none. */
static uint64_t some_task(struct program *p)
{
	uint64_t open = p->open[below(p, TASKS)];

	switch (below(p, 6)) {
	case 0:
		return BACKGROUND_TASK;
	case 1:
		return 1 + below(p, p->next_task);
	case 2:
		return 900 + below(p, 5); /* begun before the capture */
	default:
		return open ? open : 1;
	}
}

static enum status begin_task(struct program *p, size_t g)
{
	size_t i = below(p, TASKS);
	uint64_t parent = below(p, 3) ? some_task(p) : NO_TASK;

	if (p->open[i])
		return ST_OK;
	p->open[i] = p->next_task++;
	return feed(p, EVENT_TASK_BEGIN, EV_USER_TASK_BEGIN, g, p->open[i],
		    parent ? parent : NO_TASK, text(p));
}

static enum status end_task(struct program *p, size_t g)
{
	size_t i = below(p, TASKS);
	uint64_t id = p->open[i];

	p->open[i] = 0;
	if (id)
		return feed(p, EVENT_TASK_END, EV_USER_TASK_END, g, id, 0, 0);
	/* Twice, or begun before the capture. */
	if (below(p, 8))
		return ST_OK;
	id = below(p, 2) ? 900 + below(p, 5) : 1 + below(p, p->next_task);
	for (i = 0; i < TASKS; i++)
		if (p->open[i] == id)
			return ST_OK;
	return id < p->next_task || id >= 900
		       ? feed(p, EVENT_TASK_END, EV_USER_TASK_END, g, id, 0, 0)
		       : ST_OK;
}

static enum status region(struct program *p, size_t g)
{
	uint64_t task;

	if (below(p, 2)) {
		if (p->g[g].n_regions == DEPTH)
			return ST_OK;
		task = some_task(p);
		p->g[g].regions[p->g[g].n_regions++] = task;
		return feed(p, EVENT_REGION_BEGIN, EV_USER_REGION_BEGIN, g, task, text(p), 0);
	}
	if (p->g[g].n_regions) {
		task = p->g[g].regions[--p->g[g].n_regions];
	} else {
		if (!p->g[g].unseen)
			return ST_OK;
		p->g[g].unseen--;
		task = 900 + below(p, 5);
	}
	return feed(p, EVENT_REGION_END, EV_USER_REGION_END, g, task, text(p), 0);
}

/* Help for the GC begins or ends, or the world stops or goes on. */
static enum status ranges(struct program *p, size_t g)
{
	struct event ev = { .kind = EVENT_RANGE_BEGIN,
			    .wire = EV_GC_MARK_ASSIST_BEGIN,
			    .resource = RESOURCE_GOROUTINE,
			    .id = (int64_t)g + 1,
			    .g = (int64_t)g + 1 };

	if (below(p, 2)) {
		p->stopped = !p->stopped;
		return feed(p, p->stopped ? EVENT_RANGE_BEGIN : EVENT_RANGE_END,
			    p->stopped ? EV_STW_BEGIN : EV_STW_END, g, text(p), 0, 0);
	}
	leave(p, g);
	if (p->g[g].assist) {
		ev.kind = EVENT_RANGE_END;
		ev.wire = EV_GC_MARK_ASSIST_END;
	}
	p->g[g].assist = !p->g[g].assist;
	return map_world_feed(p->w, ev);
}

/* Told of one in a system call: it is not charged to the GC before it runs again. */
static enum status still_assists(struct program *p, size_t g)
{
	p->g[g].assist = true;
	return map_world_feed(p->w, (struct event){ .kind = EVENT_RANGE_ACTIVE,
						    .wire = EV_GC_MARK_ASSIST_ACTIVE,
						    .resource = RESOURCE_GOROUTINE,
						    .id = (int64_t)g + 1,
						    .g = (int64_t)g + 1 });
}

/* Something that a running goroutine does. */
static enum status act(struct program *p, size_t g)
{
	size_t other = below(p, GOROUTINES);
	int64_t self = (int64_t)g + 1;

	switch (below(p, 13)) {
	case 12:
		return ranges(p, g);
	case 0:
	case 1:
		return begin_task(p, g);
	case 2:
	case 3:
		return end_task(p, g);
	case 4:
	case 5:
		return region(p, g);
	case 6:
		return feed(p, EVENT_LOG, EV_USER_LOG, g, some_task(p), text(p), text(p));
	case 7:
		return go(p, g, self, EV_GO_SYSCALL_BEGIN, GO_SYSCALL);
	case 8:
		if (!below(p, 8))
			return go(p, g, self, EV_GO_DESTROY, GO_NOT_EXIST);
		return go(p, g, self, EV_GO_STOP, GO_RUNNABLE);
	case 9:
		if (p->g[other].state == GO_NOT_EXIST)
			return go(p, other, self, EV_GO_CREATE, GO_RUNNABLE);
		if (p->g[other].state == GO_WAITING)
			return go(p, other, self, EV_GO_UNBLOCK, GO_RUNNABLE);
		return ST_OK;
	default:
		return go(p, g, self, EV_GO_BLOCK, GO_WAITING);
	}
}

static enum status first_seen(struct program *p, size_t g)
{
	static const unsigned int states[] = { GO_RUNNABLE, GO_RUNNING, GO_WAITING, GO_SYSCALL };

	p->g[g].unseen = below(p, 3);
	return go(p, g, NO_GOROUTINE, EV_GO_STATUS, states[below(p, 4)]);
}

static enum status step(struct program *p)
{
	size_t g = below(p, GOROUTINES);

	p->w->now += 1 + (int64_t)(below(p, 4) ? below(p, 8) : below(p, 150));
	switch (p->g[g].state) {
	case GO_UNDETERMINED:
		return first_seen(p, g);
	case GO_NOT_EXIST:
		return below(p, 10) ? ST_OK : go(p, g, NO_GOROUTINE, EV_GO_CREATE, GO_RUNNABLE);
	case GO_RUNNABLE:
		return go(p, g, NO_GOROUTINE, EV_GO_START, GO_RUNNING);
	case GO_WAITING:
		return below(p, 6) ? ST_OK : go(p, g, NO_GOROUTINE, EV_GO_UNBLOCK, GO_RUNNABLE);
	case GO_SYSCALL:
		if (!below(p, 20))
			return still_assists(p, g);
		if (!below(p, 12))
			return go(p, g, (int64_t)g + 1, EV_GO_DESTROY_SYSCALL, GO_NOT_EXIST);
		return below(p, 2)
			       ? go(p, g, (int64_t)g + 1, EV_GO_SYSCALL_END, GO_RUNNING)
			       : go(p, g, (int64_t)g + 1, EV_GO_SYSCALL_END_BLOCKED, GO_RUNNABLE);
	default:
		return act(p, g);
	}
}

/* A new generation states every goroutine once more. */
static enum status next_generation(struct program *p)
{
	enum status st = map_world_sync(p->w, below(p, 4) != 0);

	for (size_t g = 0; !st && g < GOROUTINES; g++)
		if (p->g[g].state > GO_NOT_EXIST) {
			p->w->now++;
			st = go(p, g, NO_GOROUTINE, EV_GO_STATUS, p->g[g].state);
		}
	return st;
}

/* One capture, of the seed alone; the time of its goroutines in total_ns. */
static void play(struct map_world *w, uint64_t seed, uint64_t *total_ns)
{
	struct program p = { .w = w, .random = seed * 0x9e3779b97f4a7c15u + 1, .next_task = 1 };
	uint64_t steps;

	map_world_init(w);
	w->opt.spans_per_trace = below(&p, 3) ? 2000 : 1 + (uint32_t)below(&p, 8);
	w->opt.spans_per_capture = w->opt.spans_per_trace;
	if (!below(&p, 4))
		w->opt.bytes_per_trace = 1000 + below(&p, 20000);
	w->opt.events_per_span = below(&p, 3) ? 128 : (uint32_t)below(&p, 4);
	map_world_load(w, "0 g1 log 0 alpha beta; 0 g1 log 0 sync \xff");
	ck_assert_int_eq(map_world_start(w), ST_OK);
	steps = below(&p, 800);
	for (uint64_t i = 0; i < steps; i++) {
		enum status st = ST_OK;

		if (w->gen < WORLD_GENERATIONS && !below(&p, 200))
			st = next_generation(&p);
		if (!st)
			st = step(&p);
		if (st)
			ck_abort_msg("seed %llu: %s", (unsigned long long)seed, w->err.msg);
	}
	for (size_t g = 0; g < GOROUTINES; g++)
		leave(&p, g);
	memcpy(total_ns, p.total_ns, sizeof(p.total_ns));
	ck_assert_int_eq(map_world_finish(w), ST_OK);
}

static bool is_cut(const struct span *s)
{
	return span_attr(s, "flightspan.truncated");
}

static bool is(const struct span *s, const char *kind)
{
	return slice_is(span_attr(s, "flightspan.kind")->str, kind);
}

/* Check writes to a pipe for each assertion that holds: these are millions. */
#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg("seed %llu: not %s", (unsigned long long)seed, #condition);   \
	} while (0)

static void check_span(const struct records *r, const struct span *s, uint64_t seed)
{
	static const uint8_t none[TRACE_ID_BYTES];
	const struct span *parent = records_parent(r, s);

	HOLDS(memcmp(s->trace_id, none, TRACE_ID_BYTES) != 0);
	HOLDS(memcmp(s->span_id, none, SPAN_ID_BYTES) != 0);
	HOLDS(s->start_unix_ns <= s->end_unix_ns);
	HOLDS(records_by_id(r, s->trace_id, s->span_id) == s); /* no other before it */
	if (!memcmp(s->parent_id, none, SPAN_ID_BYTES)) {
		HOLDS(is(s, "task") || is(s, "capture") ||
		      span_attr(s, "flightspan.parent_task.id"));
	} else {
		HOLDS(parent);
		HOLDS(is_cut(s) || s->start_unix_ns >= parent->start_unix_ns);
		HOLDS(!is(parent, "wait") && !is(parent, "runtime"));
	}
	for (size_t i = 0; i < s->n_events; i++) {
		HOLDS(s->events[i].time_unix_ns >= s->start_unix_ns);
		HOLDS(!i || s->events[i].time_unix_ns >= s->events[i - 1].time_unix_ns);
	}
	HOLDS(!s->n_links || is(s, "wait"));
}

static void check_counts(const struct map_world *w, uint64_t seed)
{
	struct mapper_summary sum;
	uint64_t dropped = 0, lost = 0, events = 0, waits = 0;

	mapper_summarize(w->mapper, &sum);
	for (size_t i = 0; i < w->records.n; i++) {
		const struct span *s = &w->records.list[i];
		const struct attr *a = span_attr(s, "flightspan.dropped_spans");

		dropped += a ? (uint64_t)a->i : 0;
		lost += s->dropped_events;
		events += s->n_events;
		waits += is(s, "wait");
		HOLDS(s->n_events <= w->opt.events_per_span);
	}
	HOLDS(sum.spans == w->records.n);
	HOLDS(sum.dropped_spans == dropped);
	HOLDS(sum.dropped_events >= lost);
	HOLDS(sum.logs + sum.waits == events + waits);
}

static const char *const parts[] = { "running",	  "runnable", "syscall",
				     "gc_assist", "blocked",  "absent" };

static uint64_t part_ns(const struct span *s, size_t part)
{
	char key[64];
	const struct attr *a;

	snprintf(key, sizeof(key), "flightspan.time.%s_ns", parts[part]);
	a = span_attr(s, key);
	return a ? (uint64_t)a->i : 0;
}

/* All goroutines' time is in the spans without a parent, the capture's among them. */
static void check_totals(const struct map_world *w, const uint64_t *total_ns, uint64_t seed)
{
	static const uint8_t none[SPAN_ID_BYTES];
	uint64_t sum[5] = { 0 };

	for (size_t i = 0; i < w->records.n; i++) {
		const struct span *s = &w->records.list[i];

		for (size_t k = 0; !memcmp(s->parent_id, none, SPAN_ID_BYTES) && k < 5; k++)
			sum[k] += part_ns(s, k);
	}
	for (size_t k = 0; k < 5; k++)
		if (sum[k] != total_ns[k])
			ck_abort_msg("seed %llu: %s: %llu ns in spans, %llu in goroutines",
				     (unsigned long long)seed, parts[k], (unsigned long long)sum[k],
				     (unsigned long long)total_ns[k]);
}

static bool is_below(const struct records *r, const struct span *s, const struct span *above)
{
	while (s && s != above)
		s = records_parent(r, s);
	return s == above;
}

/* Did its goroutine begin something meanwhile that is not below it? */
static bool was_interrupted(const struct map_world *w, const struct span *s)
{
	int64_t g = span_attr(s, "flightspan.goroutine.id")->i;

	for (size_t i = 0; i < w->records.n; i++) {
		const struct span *x = &w->records.list[i];
		const struct attr *a = span_attr(x, "flightspan.goroutine.id");

		if (x != s && a && a->i == g && span_attr(x, "flightspan.task.id") &&
		    x->start_unix_ns > s->start_unix_ns && x->start_unix_ns < s->end_unix_ns &&
		    !is_below(&w->records, x, s))
			return true;
	}
	return false;
}

/*
 * What one goroutine did for a span adds up to the span; `all`: whether it did
 * something else meanwhile can be told, as all spans are there and of one clock.
 */
static uint64_t check_budgets(const struct map_world *w, bool all, uint64_t seed)
{
	uint64_t exact = 0;

	for (size_t i = 0; i < w->records.n; i++) {
		const struct span *s = &w->records.list[i];
		const struct attr *n = span_attr(s, "flightspan.goroutines");
		const struct attr *stw = span_attr(s, "flightspan.time.stop_the_world_ns");
		uint64_t sum = 0, length = s->end_unix_ns - s->start_unix_ns;

		HOLDS(!stw || (uint64_t)stw->i <= length);
		for (size_t k = 0; k < 6; k++)
			sum += part_ns(s, k);
		if (!n || n->i != 1 || is_cut(s))
			continue;
		HOLDS(sum <= length);
		if (!all || was_interrupted(w, s))
			continue;
		HOLDS(sum == length);
		exact++;
	}
	return exact;
}

static uint64_t sum_of(const struct span *s, const char *family)
{
	static const char *const kinds[] = { "running_ns", "runnable_ns", "syscall_ns",
					     "blocked_ns", "unknown_ns" };
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char key[64];
		const struct attr *a;

		snprintf(key, sizeof(key), "flightspan.%s.%s", family, kinds[i]);
		a = span_attr(s, key);
		sum += a ? (uint64_t)a->i : 0;
	}
	return sum;
}

/* A critical path is as long as its task, what a waker did as the wait for it. */
static uint64_t check_paths(const struct map_world *w, uint64_t seed)
{
	uint64_t paths = 0;

	for (size_t i = 0; i < w->records.n; i++) {
		const struct span *s = &w->records.list[i];
		const struct attr *blocked = span_attr(s, "flightspan.wait.blocked_ns");
		uint64_t path = sum_of(s, "critical"), waker = sum_of(s, "waker.time");

		HOLDS(!path || is(s, "task"));
		HOLDS(!path || path == s->end_unix_ns - s->start_unix_ns);
		HOLDS(!waker || (blocked && waker == (uint64_t)blocked->i));
		HOLDS(!waker == !span_attr(s, "flightspan.wait.explanation"));
		if (span_attr(s, "flightspan.critical"))
			HOLDS(records_parent(&w->records, s));
		paths += path && !is_cut(s);
	}
	return paths;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);
	uint64_t v;

	return s && num_u64(slice_str(s), UINT64_MAX, &v) ? v : otherwise;
}

START_TEST(what_holds_for_any_capture)
{
	uint64_t first_seed = setting("RANDOM_SEED", SEED), runs = setting("RANDOM_RUNS", RUNS);
	uint64_t spans = 0, packed = 0, exact = 0, paths = 0, first_ns[5], second_ns[5];

	printf("mapper_random: seed %llu\n", (unsigned long long)first_seed);
	for (uint64_t seed = first_seed; seed < first_seed + runs; seed++) {
		struct mapper_summary sum;
		struct map_world first, second;
		struct buf x, y;

		play(&first, seed, first_ns);
		for (size_t k = 0; k < first.records.n; k++)
			check_span(&first.records, &first.records.list[k], seed);
		check_counts(&first, seed);
		check_totals(&first, first_ns, seed);
		mapper_summarize(first.mapper, &sum);
		exact += check_budgets(&first, !sum.dropped_spans && sum.has_clock, seed);
		paths += check_paths(&first, seed);
		spans += first.records.n;
		packed += first.records.n_packed;
		play(&second, seed, second_ns);
		first.records.budgets = second.records.budgets = true;
		buf_init(&x, (size_t)1 << 24);
		buf_init(&y, (size_t)1 << 24);
		records_bytes(&first.records, &x);
		records_bytes(&second.records, &y);
		HOLDS(slice_eq(buf_view(&x), buf_view(&y)));
		buf_release(&x);
		buf_release(&y);
		map_world_release(&first);
		map_world_release(&second);
	}
	ck_assert_uint_gt(spans, 20 * runs);
	ck_assert_uint_gt(packed, spans * 3 / 4);
	ck_assert_uint_gt(exact, runs);
	ck_assert_uint_gt(paths, runs);
}
END_TEST

Suite *mapper_random_suite(void)
{
	Suite *s = suite_create("mapper_random");
	TCase *c = tcase_create("mapper_random");

	tcase_set_timeout(c, 300);
	tcase_add_test(c, what_holds_for_any_capture);
	suite_add_tcase(s, c);
	return s;
}
