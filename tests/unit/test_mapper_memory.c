/* The mapper without memory, and with more texts than its pools take. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"

#include "mapping/mapper_state.h"
#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

#define CONTEXT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333"

/* Something of everything, over two generations and over every limit. */
static const char busy[] =
	"set spans_per_trace 4; set events_per_span 2;"
	"1 g1 is Running; 2 g2 is Running; 3 g1 task 1 a; 4 g1 task 2 b 1; 5 g1 region 2 r;"
	"6 g1 region 2 left_out; 7 g1 log 2 c m; 8 g1 log 1 c n; 9 g1 log 1 d o; 10 g1 go g3;"
	"11 g3 runs; 12 g3 block s s1; 13 g1 syscall s2; 25 g1 back; 26 g2 wakes g3 s3;"
	"27 g3 runs; 28 g3 block s s1; 200 g2 wakes g3; 201 g3 runs; 202 - gc; 203 g2 stw mark;"
	"204 g2 stwend mark; 205 - sync +5; 206 g3 again Running; 207 - gcactive; 210 - gcend;"
	"220 g3 block u s4; 400 g2 wakes g3 s5; 401 g3 runs; 402 g1 close 2 left_out;"
	"403 g1 close 2 r; 404 g1 end 2; 405 g1 end 1; 406 g1 end 1; 407 g1 task 3 e 1;"
	"408 g1 region 1 f; 409 g2 close 9 h; 410 g2 log 8 c m; 411 g2 region 0 i; 412 g2 log 0 c m;"
	"413 g3 dies; 414 g2 block s s6;"
	"420 g4 is Running; 420 g5 is Running; 421 g4 log 0 traceparent " CONTEXT "1-01;"
	"422 g4 task 20 j; 423 g5 log 20 traceparent " CONTEXT "2-01; 424 g5 task 21 k 20;"
	"425 g5 task 22 l; 426 g5 log 22 traceparent " CONTEXT "3-01; 427 g5 block s s1;"
	"600 g4 wakes g5 s2; 601 g5 runs; 602 g5 log 22 error m; 603 g5 end 22; 604 g5 end 21;"
	"605 g5 log 0 traceparent " CONTEXT
	"4-01; 606 g5 region 0 n; 607 g5 log 99 traceparent " CONTEXT
	"5-01; 608 g4 stw mark; 609 - gc";

/* Half of the traces, to have both kinds. */
static const struct sampling_rule policies[] = {
	{ .by_log = true, .category = "err*", .message = "*", .keep = 1 },
	{ .keep = 0.5 },
};

/* Of what earlier captures have sent: nothing. */
static struct sent_set sent;

/* The world up to its first event: all memory that is not the mapper's. */
static void prepare(struct map_world *w)
{
	map_world_init(w);
	w->opt.links_per_span = 2;
	w->opt.metrics = true;
	w->opt.sampling = policies;
	w->opt.n_sampling = 2;
	sent_init(&sent, 100);
	w->opt.sent = &sent;
	map_world_load(w, busy);
}

static void release(struct map_world *w)
{
	map_world_release(w);
	sent_release(&sent);
}

static enum status map_all(struct map_world *w)
{
	enum status st = map_world_start(w);

	if (!st)
		st = map_world_play(w, busy);
	if (!st)
		st = map_world_finish(w);
	return st ? st : sent_commit(&sent, &w->err);
}

START_TEST(each_allocation_fails_in_turn)
{
	uint64_t n = 0, failed = 0, seen;
	struct map_world w;
	enum status st;

	do {
		prepare(&w);
		mem_fail_at(++n);
		st = map_all(&w);
		seen = mem_count();
		mem_fail_at(0);
		ck_assert_msg(st == ST_OK || st == ST_NOMEM, "allocation %llu: %d %s",
			      (unsigned long long)n, st, w.err.msg);
		if (st) {
			ck_assert_int_eq(w.err.code, ST_NOMEM);
			ck_assert_str_ne(w.err.msg, "");
			failed++;
		}
		release(&w);
	} while (seen >= n);
	ck_assert_int_eq(st, ST_OK);
	ck_assert_uint_gt(failed, 50);
}
END_TEST

/* A sink's refusal after any span, or an end after any event, leaves nothing behind. */
START_TEST(given_up_anywhere)
{
	struct map_world w;

	for (size_t i = 0; i < sizeof(busy); i++) {
		char script[sizeof(busy)];

		if (busy[i] != ';')
			continue;
		memcpy(script, busy, i);
		script[i] = '\0';
		prepare(&w);
		ck_assert_int_eq(map_world_start(&w), ST_OK);
		ck_assert_int_eq(map_world_play(&w, script), ST_OK);
		release(&w);
	}
}
END_TEST

/* Fill the pool of names: the region's number i has the name "n<i>". */
static void fill_names(struct map_world *w, size_t n)
{
	char *names = malloc(n * 8);

	ck_assert_ptr_nonnull(names);
	map_world_text(w, SLICE("a"));
	map_world_text(w, SLICE("c"));
	map_world_text(w, SLICE("sync"));
	map_world_text(w, SLICE("m"));
	for (size_t i = 0; i < n; i++) {
		snprintf(names + 8 * i, 8, "n%zu", i);
		/* Known to be new: not map_world_text(), which looks through all. */
		w->texts[w->n_texts++] = slice_str(names + 8 * i);
	}
	map_world_tables(w);
	ck_assert_int_eq(map_world_start(w), ST_OK);
	for (size_t i = 0; i < n; i++) {
		struct event ev = { .kind = EVENT_REGION_BEGIN,
				    .wire = EV_USER_REGION_BEGIN,
				    .g = 9,
				    .args = { 0, 5 + i } };

		w->now = WORLD_BASE + 1 + (int64_t)(2 * i);
		ck_assert_int_eq(map_world_feed(w, ev), ST_OK);
		w->now++;
		ev.kind = EVENT_REGION_END;
		ev.wire = EV_USER_REGION_END;
		ck_assert_int_eq(map_world_feed(w, ev), ST_OK);
	}
	free(names);
}

START_TEST(more_names_than_the_pool_takes)
{
	const size_t n = MAX_POOLED_TEXTS + 3;
	const struct span *a, *last;
	struct map_world w;

	map_world_init(&w);
	w.opt.spans_per_capture = 100000;
	w.opt.bytes_per_trace = (uint64_t)1 << 30;
	fill_names(&w, n);
	ck_assert_int_eq(map_world_play(&w,
					"200000 g1 is Running; 200001 g1 task 1 a;"
					"200002 g1 log 1 c m; 200010 g1 block sync;"
					"200020 - wakes g1; 200021 g1 runs; 200030 g1 block sync;"
					"200150 - wakes g1; 200151 g1 runs; 200200 g1 end 1"),
			 ST_OK);
	ck_assert_int_eq(map_world_finish(&w), ST_OK);
	/* Spans keep their names, and waits their reasons; a category without room is plain. */
	last = records_find(&w.records, "n65538");
	ck_assert_ptr_nonnull(last);
	a = records_find(&w.records, "a");
	ck_assert_uint_eq(a->n_events, 2);
	ck_assert(slice_is(a->events[0].name, "log"));
	ck_assert_ptr_nonnull(records_find(&w.records, "sync"));
	ck_assert(slice_is(a->events[1].name, "sync"));
	map_world_release(&w);
}
END_TEST

/* One wait of g1, as `block` and `wake` say, in a task that has begun. */
static void wait_once(struct map_world *w, int64_t block_ns, uint64_t stack)
{
	struct event ev = { .kind = EVENT_STATE_TRANSITION,
			    .wire = EV_GO_BLOCK,
			    .resource = RESOURCE_GOROUTINE,
			    .id = 1,
			    .g = 1,
			    .from = GO_RUNNING,
			    .to = GO_WAITING,
			    .args = { 1, stack } };
	bool good;

	w->now++;
	good = !map_world_feed(w, ev);
	ev.wire = EV_GO_UNBLOCK;
	ev.g = NO_GOROUTINE;
	ev.from = GO_WAITING;
	ev.to = GO_RUNNABLE;
	w->now += block_ns;
	good = good && !map_world_feed(w, ev);
	ev.wire = EV_GO_START;
	ev.from = GO_RUNNABLE;
	ev.to = GO_RUNNING;
	w->now++;
	if (!good || map_world_feed(w, ev))
		ck_abort_msg("%s", w->err.msg);
}

static size_t bytes_of(const struct map_world *w)
{
	size_t bytes = 0;

	for (size_t i = 0; i < w->records.n; i++)
		if (!slice_is(span_attr(&w->records.list[i], "flightspan.kind")->str, "capture"))
			bytes += span_bytes(&w->records.list[i]);
	return bytes;
}

#define BLOCKS 1000000

static const struct {
	const char *name;
	uint64_t bytes;	  /* per trace */
	size_t min_waits; /* that are spans */
} tight[] = {
	{ "by number", (uint64_t)64 << 20, 1999 },
	{ "by bytes", 400000, 500 },
	{ "hardly any", 3000, 1 },
};

/* Bounded in memory and output, honest about the rest, and the longest are there. */
START_TEST(a_million_blocks)
{
	const struct span *task, *s;
	uint64_t waits = 0, shortest = UINT64_MAX;
	struct map_world w;

	map_world_init(&w);
	w.opt.bytes_per_trace = tight[_i].bytes;
	map_world_load(&w, "1 g1 task 1 s");
	ck_assert_int_eq(map_world_start(&w), ST_OK);
	ck_assert_int_eq(map_world_play(&w, "1 g1 is Running; 1 g1 task 1 s"), ST_OK);
	/* Half are events (6 to 93 ns), half spans, in an order that drives out again and again. */
	for (int i = 0; i < BLOCKS; i++)
		wait_once(&w, i % 2 ? 6 + i / 2 % 88 : 100 + i, 1 + (uint64_t)(i % 8));
	ck_assert_uint_le(w.mapper->nodes.n + w.mapper->leaves.n, 2 * w.opt.spans_per_trace + 2);
	w.late = w.now - WORLD_BASE;
	ck_assert_int_eq(map_world_play(&w, "1 g1 end 1"), ST_OK);
	ck_assert_int_eq(map_world_finish(&w), ST_OK);
	ck_assert_uint_le(w.records.n, w.opt.spans_per_trace + 1);
	ck_assert_uint_le(bytes_of(&w), tight[_i].bytes);
	task = NULL;
	for (size_t i = 0; i < w.records.n; i++) {
		s = &w.records.list[i];
		if (slice_is(span_attr(s, "flightspan.kind")->str, "task"))
			task = s;
		if (!slice_is(span_attr(s, "flightspan.kind")->str, "wait"))
			continue;
		waits++;
		if (s->end_unix_ns - s->start_unix_ns < shortest)
			shortest = s->end_unix_ns - s->start_unix_ns;
	}
	ck_assert_uint_ge(waits, tight[_i].min_waits);
	/* 100 + i + 1: the last ones are the longest. */
	ck_assert_uint_eq(shortest, 100 + BLOCKS - 1 - 2 * (waits - 1));
	ck_assert_int_eq(span_attr(task, "flightspan.dropped_spans")->i,
			 BLOCKS / 2 - (int64_t)waits);
	ck_assert_uint_eq(task->n_events + task->dropped_events, BLOCKS / 2);
	ck_assert_int_eq(span_attr(task, "flightspan.dropped_events")->i, task->dropped_events);
	ck_assert_int_eq(span_attr(task, "flightspan.time.blocked_count")->i, BLOCKS);
	ck_assert_int_gt(span_attr(task, "flightspan.critical.unknown_ns")->i, 0);
	map_world_release(&w);
}
END_TEST

#define HELD_WAITS 24

/* One wait of a task, the i-th: writes the commands for it. */
typedef int step(char *to, size_t size, int i);

/* For a lock, and a log of what is no UTF-8. */
static int lock_step(char *to, size_t size, int i)
{
	return snprintf(to, size,
			"%d g2 block sync s9; %d g1 wakes g2 s1; %d g2 runs;"
			"%d g2 log 2 c \xff\xff\xff\xff\xff\xff;",
			i * 3000, i * 3000 + 2000, i * 3000 + 2001, i * 3000 + 2002);
}

/* A short one, in a region of its own, for another reason than the one before. */
static int region_step(char *to, size_t size, int i)
{
	static const char *const reasons[] = { "sync", "network", "sleep", "select" };

	return snprintf(to, size,
			"%d g2 region 2 p; %d g2 block %s s9; %d g1 wakes g2 s1; %d g2 runs;"
			"%d g2 close 2 p;",
			i * 3000, i * 3000 + 1, reasons[i % 4], i * 3000 + 21, i * 3000 + 22,
			i * 3000 + 23);
}

static void run_waiter(struct map_world *w, step *one)
{
	char script[160 * (HELD_WAITS + 1)];
	size_t n =
		(size_t)snprintf(script, sizeof(script), "1 g1 task 1 holder; 2 g2 task 2 waiter;");

	for (int i = 1; i <= HELD_WAITS; i++)
		n += (size_t)one(script + n, sizeof(script) - n, i);
	snprintf(script + n, sizeof(script) - n, "90000 g2 end 2; 90001 g1 end 1");
	ck_assert_int_eq(map_world_run(w, script), ST_OK);
}

static size_t bytes_of_trace(const struct map_world *w, const struct span *one)
{
	size_t bytes = 0;

	for (size_t i = 0; i < w->records.n; i++)
		if (!memcmp(w->records.list[i].trace_id, one->trace_id, TRACE_ID_BYTES))
			bytes += span_bytes(&w->records.list[i]);
	return bytes;
}

static step *const steps[] = { lock_step, region_step };

static size_t bytes_under(uint64_t limit, step *one)
{
	struct map_world w;
	size_t bytes;

	map_world_init(&w);
	w.opt.events_over_ns = 10;
	w.opt.bytes_per_trace = limit;
	run_waiter(&w, one);
	bytes = bytes_of_trace(&w, records_find(&w.records, "waiter"));
	map_world_release(&w);
	ck_assert_msg(bytes <= limit, "%zu bytes, limit %zu", bytes, (size_t)limit);
	return bytes;
}

/* Whether a trace is surely small enough is told by a bound: none that is not may pass it. */
START_TEST(no_trace_is_over_its_bytes)
{
	size_t whole = bytes_under(1000000, steps[_i]);

	ck_assert_uint_lt(bytes_under(whole - 1, steps[_i]), whole);
	for (uint64_t limit = 200000; limit > 3000; limit -= limit / 40)
		ck_assert_uint_gt(bytes_under(limit, steps[_i]), limit < 8000 ? 1000 : 6000);
}
END_TEST

/* What the ring has no bits for is told as unknown, to the nanosecond. */
START_TEST(a_stop_of_many_minutes)
{
	const int64_t longest = (int64_t)RECORD_NS - 1;
	const struct span *task;
	struct map_world w;
	char script[256];

	for (int over = 0; over < 2; over++) {
		int64_t wakes = 100 + longest + over;

		snprintf(
			script, sizeof(script),
			"1 g1 task 1 long; 100 g1 block s; %lld - wakes g1; %lld g1 runs; %lld g1 end 1",
			(long long)wakes, (long long)wakes, (long long)wakes + 50);
		map_world_init(&w);
		ck_assert_int_eq(map_world_run(&w, script), ST_OK);
		task = records_find(&w.records, "long");
		ck_assert_int_eq(span_attr(task, "flightspan.time.blocked_ns")->i, longest + over);
		if (over)
			ck_assert_int_eq(span_attr(task, "flightspan.critical.unknown_ns")->i,
					 wakes - 1);
		else
			ck_assert_int_eq(span_attr(task, "flightspan.critical.blocked_ns")->i,
					 longest);
		map_world_release(&w);
	}
}
END_TEST

Suite *mapper_memory_suite(void)
{
	Suite *s = suite_create("mapper_memory");
	TCase *c = tcase_create("mapper_memory");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, each_allocation_fails_in_turn);
	tcase_add_test(c, given_up_anywhere);
	tcase_add_test(c, more_names_than_the_pool_takes);
	tcase_add_test(c, a_stop_of_many_minutes);
	tcase_add_loop_test(c, no_trace_is_over_its_bytes, 0, sizeof(steps) / sizeof(steps[0]));
	tcase_add_loop_test(c, a_million_blocks, 0, (int)(sizeof(tight) / sizeof(tight[0])));
	suite_add_tcase(s, c);
	return s;
}
