/* Limits of a trace and of a span, what is left out, and the summary's numbers. */
#include "base/limits.h"
#include "tests/support/support.h"
#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

/* A wait of g1 as long as its two times are apart. */
#define WAIT(from, why, to) from " g1 block " why ";" to " - wakes g1;" to " g1 runs;"

static const struct map_row spans[] = {
	{ "just full",
	  "set spans_per_trace 3; 1 g1 task 1 a;" WAIT("100", "s", "200")
		  WAIT("300", "u", "500") "900 g1 end 1",
	  "T a 1-900 t=1 g=1\n"
	  "  W s 100-200 g=1 b=100 r=0\n"
	  "  W u 300-500 g=1 b=200 r=0\n" },
	{ "a longer wait drives out the shortest",
	  "set spans_per_trace 3; 1 g1 task 1 a;" WAIT("100", "s", "210") WAIT("300", "u", "400")
		  WAIT("500", "v", "700") "900 g1 end 1",
	  "T a 1-900 t=1 g=1 dropped=1\n"
	  "  W s 100-210 g=1 b=110 r=0\n"
	  "  W v 500-700 g=1 b=200 r=0\n" },
	{ "one as long does not",
	  "set spans_per_trace 3; 1 g1 task 1 a;" WAIT("100", "s", "210") WAIT("300", "u", "400")
		  WAIT("500", "v", "600") "900 g1 end 1",
	  "T a 1-900 t=1 g=1 dropped=1\n"
	  "  W s 100-210 g=1 b=110 r=0\n"
	  "  W u 300-400 g=1 b=100 r=0\n" },
	{ "only the longest remain",
	  "set spans_per_trace 3; 1 g1 task 1 a;" WAIT("100", "s", "200") WAIT("300", "u", "410")
		  WAIT("500", "v", "620") WAIT("700", "w", "830") WAIT("900", "x", "1040")
			  WAIT("1100", "y", "1230") WAIT("1300", "z", "1445") "2000 g1 end 1",
	  "T a 1-2000 t=1 g=1 dropped=5\n"
	  "  W x 900-1040 g=1 b=140 r=0\n"
	  "  W z 1300-1445 g=1 b=145 r=0\n" },
	{ "a region drives out the shortest wait",
	  "set spans_per_trace 3; 1 g1 task 1 a;" WAIT("100", "s", "200")
		  WAIT("300", "u", "500") "600 g1 region 1 r; 610 g1 close 1 r; 900 g1 end 1",
	  "T a 1-900 t=1 g=1 dropped=1\n"
	  "  R r 600-610 t=1 g=1\n"
	  "  W u 300-500 g=1 b=200 r=0\n" },
	{ "so does a task",
	  "set spans_per_trace 2; 1 g1 task 1 a;" WAIT(
		  "100", "s", "200") "600 g1 task 2 b 1; 610 g1 end 2; 900 g1 end 1",
	  "T a 1-900 t=1 g=1 dropped=1\n"
	  "  T b 600-610 t=2 g=1\n" },
	{ "no wait is left: a region is left out",
	  "set spans_per_trace 2; 1 g1 task 1 a; 10 g1 region 1 r; 20 g1 region 1 s;"
	  "30 g1 close 1 s; 40 g1 close 1 r; 50 g1 end 1",
	  "T a 1-50 t=1 g=1 dropped=1\n"
	  "  R r 10-40 t=1 g=1\n" },
	{ "a task is left out, and its children are the nearest kept one's",
	  "set spans_per_trace 3; 1 g1 task 1 a; 2 g1 region 1 r; 3 g1 task 2 b 1; 4 g1 task 3 c 2;"
	  "5 g1 task 4 d 3; 6 g1 end 2; 7 g1 end 4; 8 g1 end 3; 9 g1 close 1 r; 50 g1 end 1",
	  "T a 1-50 t=1 g=1 dropped=2\n"
	  "  R r 2-9 t=1 g=1\n"
	  "  T b 3-6 t=2 g=1\n" },
	{ "what works for a region that is left out works for the one above",
	  "set spans_per_trace 2; 1 g1 task 1 a; 2 g1 region 1 r; 3 g1 region 1 s;" WAIT(
		  "10", "v", "20") "21 g1 log 1 c m; 30 g1 close 1 s; 31 g1 close 1 r; 50 g1 end 1",
	  "T a 1-50 t=1 g=1 dropped=1\n"
	  "  R r 2-31 t=1 g=1 *v@10(g=1,b=10,r=0) *c@21(msg=m)\n" },
	{ "and what a task that is left out hands on is its parent's",
	  "set spans_per_trace 1; 1 g2 task 1 a; 2 g2 task 2 b 1; 3 g2 go g1; 4 g1 runs;" WAIT(
		  "10", "v", "20") "30 g2 end 2;" WAIT("35", "w", "45") "50 g2 end 1",
	  "T a 1-50 t=1 g=2 dropped=1 *v@10(g=1,b=10,r=0)\n" },
	{ "a link to what is left out leads to the one above",
	  "set spans_per_trace 2; 1 g2 task 1 a; 2 g2 region 1 r; 3 g2 region 1 s; 4 g1 task 5 x;"
	  "10 g1 block v; 150 g2 wakes g1; 151 g1 runs; 160 g1 end 5; 170 g2 close 1 s;"
	  "171 g2 close 1 r; 180 g2 end 1",
	  "T x 4-160 t=5 g=1\n"
	  "  W v 10-151 g=1 b=140 r=1 by=2 link=r\n"
	  "T a 1-180 t=1 g=2 dropped=1\n"
	  "  R r 2-171 t=1 g=2\n" },
	{ "left out and open at the end",
	  "set spans_per_trace 1; 1 g1 task 1 a; 2 g1 region 1 r; 3 g1 task 2 b 1; 50 g1 yields",
	  "T a 1-50 t=1 g=1 cut=end dropped=2\n" },
	{ "left out, and its goroutine dies",
	  "set spans_per_trace 1; 1 g1 task 1 a; 2 g2 is Running; 3 g2 region 1 r; 4 g2 dies;"
	  "50 g1 end 1",
	  "T a 1-50 t=1 g=1 dropped=1\n" },
	{ "a child of a task that was left out and ended is a root that says so",
	  "set spans_per_trace 1; 1 g1 task 1 a; 2 g1 task 2 b 1; 3 g1 end 2; 4 g1 task 3 c 2;"
	  "5 g1 end 3; 50 g1 end 1",
	  "T c 4-5 t=3 g=1 lost=2\n"
	  "T a 1-50 t=1 g=1 dropped=1\n" },
	{ "what continues a trace counts by itself",
	  "set spans_per_trace 2; 1 g1 task 1 a; 2 g1 task 2 b 1; 3 g1 end 2; 4 g1 end 1;"
	  "5 g1 task 3 c 1; 6 g1 region 3 r; 7 g1 region 3 s; 8 g1 close 3 s; 9 g1 close 3 r;"
	  "10 g1 end 3",
	  "T a 1-4 t=1 g=1\n"
	  "  T b 2-3 t=2 g=1\n"
	  "  T c 5-10 t=3 g=1 dropped=1\n"
	  "    R r 6-9 t=3 g=1\n" },
	{ "the capture's trace has a limit of its own",
	  "set spans_per_capture 2; set spans_per_trace 1; 10 - gc; 20 - gcend; 30 - gc; 50 - gcend;"
	  "60 - gc; 65 - gcend",
	  "C capture 0-65 events=8 generations=1 dropped=2\n"
	  "  X GC concurrent mark phase 30-50 \n" },
};
#define N_SPANS ((int)(sizeof(spans) / sizeof(spans[0])))

START_TEST(spans_per_trace)
{
	map_row_check(&spans[_i]);
}
END_TEST

#define MANY 8

/* `n` tasks of as many goroutines, each with `regions` regions in turn; then they end. */
static void run_many(struct map_world *w, int n, int regions)
{
	struct buf script;
	int time = 1;

	buf_init(&script, 1 << 20);
	buf_str(&script, "set spans_per_trace 100;");
	for (int i = 1; i <= n; i++)
		buf_printf(&script, "%d g%d task %d t%d;", time++, i, i, i);
	for (int r = 0; r < regions; r++)
		for (int i = 1; i <= n; i++, time += 2)
			buf_printf(&script, "%d g%d region %d r; %d g%d close %d r;", time, i, i,
				   time + 1, i, i);
	for (int i = 1; i <= n; i++)
		buf_printf(&script, "%d g%d end %d;", time++, i, i);
	buf_u8(&script, 0);
	ck_assert_int_eq(script.failed, ST_OK);
	map_world_init(w);
	ck_assert_int_eq(map_world_run(w, (const char *)script.ptr), ST_OK);
	buf_release(&script);
}

/* Full ones at once are OPEN_TRACES_SHARE; of more, each has its share and says what it lost. */
START_TEST(open_traces_share)
{
	struct map_world w, alone;
	uint8_t id[SPAN_ID_BYTES];
	size_t n = 0;

	run_many(&w, MANY, 80);
	for (int i = 1; i <= MANY; i++) {
		char name[8];
		const struct span *s;
		const struct attr *dropped;

		snprintf(name, sizeof(name), "t%d", i);
		s = records_find(&w.records, name);
		dropped = span_attr(s, "flightspan.dropped_spans");
		ck_assert_ptr_nonnull(dropped);
		n += (size_t)dropped->i;
		if (i == 1)
			memcpy(id, s->span_id, sizeof(id));
	}
	/* The tasks, their regions and the capture: all are sent or counted. */
	ck_assert_uint_eq(w.records.n + n, 1 + MANY * (1 + 80));
	ck_assert_uint_eq(n, MANY * (1 + 80 - LEAST_SHARE));
	map_world_release(&w);
	/* With the room it wants, the first has more to tell: that is under another id. */
	run_many(&alone, 1, 80);
	ck_assert_ptr_null(
		span_attr(records_find(&alone.records, "t1"), "flightspan.dropped_spans"));
	ck_assert_int_ne(memcmp(id, records_find(&alone.records, "t1")->span_id, sizeof(id)), 0);
	map_world_release(&alone);
	/* A few may all be full. */
	run_many(&alone, 3, 80);
	ck_assert_uint_eq(alone.records.n, 1 + 3 * (1 + 80));
	ck_assert_int_ne(memcmp(id, records_find(&alone.records, "t1")->span_id, sizeof(id)), 0);
	map_world_release(&alone);
}
END_TEST

static const struct map_row events[] = {
	{ "just full",
	  "set events_per_span 2; 1 g1 task 1 a;" WAIT("10", "s",
						       "20") "30 g1 log 1 c m; 50 g1 end 1",
	  "T a 1-50 t=1 g=1 *s@10(g=1,b=10,r=0) *c@30(msg=m)\n" },
	{ "a log drives out the shortest wait",
	  "set events_per_span 2; 1 g1 task 1 a;" WAIT("10", "s", "18")
		  WAIT("20", "u", "27") "30 g1 log 1 c m; 50 g1 end 1",
	  "T a 1-50 t=1 g=1 lost_events=1 *s@10(g=1,b=8,r=0) *c@30(msg=m)\n" },
	{ "a wait drives out a shorter one",
	  "set events_per_span 2; 1 g1 task 1 a;" WAIT("10", "s", "15") WAIT("20", "u", "27")
		  WAIT("30", "v", "36") "50 g1 end 1",
	  "T a 1-50 t=1 g=1 lost_events=1 *u@20(g=1,b=7,r=0) *v@30(g=1,b=6,r=0)\n" },
	{ "not one as long",
	  "set events_per_span 2; 1 g1 task 1 a;" WAIT("10", "s", "15") WAIT("20", "u", "27")
		  WAIT("30", "v", "35") "50 g1 end 1",
	  "T a 1-50 t=1 g=1 lost_events=1 *s@10(g=1,b=5,r=0) *u@20(g=1,b=7,r=0)\n" },
	{ "logs are never driven out, the first stay",
	  "set events_per_span 2; 1 g1 task 1 a; 2 g1 log 1 c m; 3 g1 log 1 c n; 4 g1 log 1 c o;" WAIT(
		  "10", "s", "100") "150 g1 end 1",
	  "T a 1-150 t=1 g=1 lost_events=2 *c@2(msg=m) *c@3(msg=n)\n" },
	{ "none at all",
	  "set events_per_span 0; 1 g1 task 1 a; 2 g1 log 1 c m;" WAIT("10", "s",
								       "20") "50 g1 end 1",
	  "T a 1-50 t=1 g=1 lost_events=2\n" },
	{ "each span counts for itself",
	  "set events_per_span 1; 1 g1 task 1 a; 2 g1 log 1 c m; 3 g1 region 1 r; 4 g1 log 1 c n;"
	  "5 g1 close 1 r; 50 g1 end 1",
	  "T a 1-50 t=1 g=1 *c@2(msg=m)\n"
	  "  R r 3-5 t=1 g=1 *c@4(msg=n)\n" },
};
#define N_EVENTS ((int)(sizeof(events) / sizeof(events[0])))

START_TEST(events_per_span)
{
	map_row_check(&events[_i]);
}
END_TEST

#define STEPS 300

/* Of those kept, the one that has to go for another: the shortest, of equals the last; or -1. */
static int least_of(const int *kept, int n, const int *length)
{
	int least = -1;

	for (int i = 0; i < n; i++)
		if (length[kept[i]] &&
		    (least < 0 || length[kept[i]] < length[kept[least]] ||
		     (length[kept[i]] == length[kept[least]] && kept[i] > kept[least])))
			least = i;
	return least;
}

/* Waits and logs in any order, against the plain rule. */
START_TEST(events_per_span_at_random)
{
	int length[STEPS], kept[STEPS], n = 0, max = 1 + _i % 14, lost = 0;
	uint64_t state = 77 + (uint64_t)_i;
	struct buf script, want;
	struct map_row row = { .name = "at random" };

	buf_init(&script, 1 << 20);
	buf_init(&want, 1 << 20);
	buf_printf(&script, "set events_per_span %d; 1 g1 task 1 a;", max);
	for (int i = 0; i < STEPS; i++) {
		int at = 100 * (i + 1), least, place = n;

		length[i] = next_random(&state) % 40 ? 5 + (int)(next_random(&state) % 30) : 0;
		if (length[i])
			buf_printf(&script, "%d g1 block s; %d - wakes g1; %d g1 runs;", at,
				   at + length[i], at + length[i]);
		else
			buf_printf(&script, "%d g1 log 1 c m;", at);
		if (n == max) {
			lost++;
			least = least_of(kept, n, length);
			if (least < 0 || (length[i] && length[i] <= length[kept[least]]))
				continue;
			place = least;
		} else {
			n++;
		}
		kept[place] = i;
	}
	buf_printf(&script, "%d g1 end 1", 100 * (STEPS + 1));
	buf_printf(&want, "T a 1-%d t=1 g=1 lost_events=%d", 100 * (STEPS + 1), lost);
	for (int i = 0; i < STEPS; i++) {
		for (int k = 0; k < n; k++) {
			if (kept[k] != i)
				continue;
			if (length[i])
				buf_printf(&want, " *s@%d(g=1,b=%d,r=0)", 100 * (i + 1), length[i]);
			else
				buf_printf(&want, " *c@%d(msg=m)", 100 * (i + 1));
		}
	}
	buf_str(&want, "\n");
	buf_u8(&want, 0);
	buf_u8(&script, 0);
	row.script = (const char *)script.ptr;
	row.text = (const char *)want.ptr;
	map_row_check(&row);
	buf_release(&script);
	buf_release(&want);
}
END_TEST

static struct mapper_summary summary_of(const char *script)
{
	struct mapper_summary sum;
	struct map_world w;

	map_world_init(&w);
	ck_assert_int_eq(map_world_run(&w, script), ST_OK);
	mapper_summarize(w.mapper, &sum);
	ck_assert_uint_eq(sum.spans, w.records.n);
	map_world_release(&w);
	return sum;
}

static const struct {
	const char *name, *script;
	struct mapper_summary sum;
} sums[] = {
	{ "nothing", "", { .events = 2, .generations = 1, .spans = 1 } },
	{ "tasks and regions",
	  "1 g1 task 1 a; 2 g1 task 2 b 1; 3 g1 region 2 r; 4 g1 close 2 r; 5 g1 end 2; 6 g1 end 1;"
	  "7 g1 task 3 c; 8 g1 end 3; 9 g1 task 4 d 3; 10 g1 end 4",
	  { .events = 12, .generations = 1, .spans = 6, .tasks = 4, .regions = 1, .traces = 2 } },
	{ "cut tasks",
	  "1 g1 task 1 a; 2 g1 end 9; 3 g1 log 8 c m; 4 - sync +0",
	  { .events = 6,
	    .generations = 2,
	    .spans = 4,
	    .tasks = 3,
	    .logs = 1,
	    .traces = 3,
	    .cut_tasks = 3 } },
	{ "late ends",
	  "1 g1 task 1 a; 2 g1 end 1; 3 g1 end 1; 4 g1 end 1",
	  { .events = 6, .generations = 1, .spans = 2, .tasks = 1, .traces = 1, .late_ends = 2 } },
	{ "waits as spans and events",
	  "1 g1 task 1 a;" WAIT("10", "s", "20") WAIT("30", "s", "330") WAIT("400", "s", "401"),
	  { .events = 12,
	    .generations = 1,
	    .spans = 3,
	    .tasks = 1,
	    .traces = 1,
	    .cut_tasks = 1,
	    .waits = 2 } },
	{ "waits that are left out are not counted as sent",
	  "set spans_per_trace 2; set events_per_span 1; 1 g1 task 1 a;" WAIT("10", "s", "20") WAIT(
		  "30", "s", "330") WAIT("400", "s", "420") WAIT("500", "s", "700") "800 g1 end 1",
	  { .events = 16,
	    .generations = 1,
	    .spans = 3,
	    .tasks = 1,
	    .traces = 1,
	    .waits = 2,
	    .dropped_events = 1,
	    .dropped_spans = 1 } },
	{ "nor are logs",
	  "set events_per_span 1; 1 g1 task 1 a; 2 g1 log 1 c m; 3 g1 log 1 c n; 4 g1 end 1;"
	  "5 g1 log 1 c m",
	  { .events = 7,
	    .generations = 1,
	    .spans = 2,
	    .tasks = 1,
	    .traces = 1,
	    .logs = 1,
	    .dropped_events = 2 } },
};
#define N_SUMS ((int)(sizeof(sums) / sizeof(sums[0])))

#define SAME(field)                                                                                \
	ck_assert_msg(got.field == want->field, "%s: " #field " is %llu", sums[_i].name,           \
		      (unsigned long long)got.field)

START_TEST(the_summary_counts_what_was_sent)
{
	struct mapper_summary got = summary_of(sums[_i].script);
	const struct mapper_summary *want = &sums[_i].sum;

	SAME(events);
	SAME(generations);
	SAME(spans);
	SAME(tasks);
	SAME(regions);
	SAME(logs);
	SAME(waits);
	SAME(traces);
	SAME(cut_tasks);
	SAME(late_ends);
	SAME(dropped_events);
	SAME(dropped_spans);
}
END_TEST

START_TEST(the_slowest_task_and_why)
{
	struct mapper_summary sum = summary_of(
		"1 g2 is Running; 1 g1 task 1 quick; 5 g1 end 1; 10 g1 task 2 slow;"
		"11 g1 region 2 r; 20 g1 block network s1; 220 g2 wakes g1 s2; 221 g1 runs;"
		"222 g1 close 2 r; 230 g1 block sync s3; 300 g2 wakes g1 s4; 700 g1 runs;"
		"701 g1 syscall; 990 g1 back; 991 g1 end 2; 992 g1 task 3 quick; 993 g1 end 3");

	ck_assert(sum.slowest.any);
	ck_assert_str_eq(sum.slowest.name, "slow");
	ck_assert_uint_eq(sum.slowest.duration_ns, 981);
	ck_assert(!sum.slowest.cut);
	/* The longest block, in the region below; not the queue, nor the system call. */
	ck_assert_uint_eq(sum.slowest.wait_ns, 200);
	ck_assert_str_eq(sum.slowest.reason, "network");
	ck_assert_str_eq(sum.slowest.where, "main.f1");
	ck_assert_str_eq(sum.slowest.waker, "main.f2");
	/* A helper waits longer, as helpers do: that explains nothing. */
	sum = summary_of("1 g2 is Running; 10 g1 task 2 slow; 11 g1 go g3; 12 g3 runs;"
			 "13 g3 block select s1; 20 g1 block sync s9; 100 g2 wakes g1;"
			 "101 g1 runs; 200 g2 wakes g3; 201 g3 runs; 210 g1 end 2");
	ck_assert_uint_eq(sum.slowest.wait_ns, 80);
	ck_assert_str_eq(sum.slowest.reason, "sync");
	ck_assert_str_eq(sum.slowest.where, "main.main");
	ck_assert_str_eq(sum.slowest.waker, "");
	/* Of two as long, the first. */
	sum = summary_of("10 g1 task 1 a; 20 g1 end 1; 30 g1 task 2 b; 40 g1 end 2");
	ck_assert_str_eq(sum.slowest.name, "a");
	sum = summary_of("10 g1 is Running");
	ck_assert(!sum.slowest.any);
	sum = summary_of("10 g1 task 1 a; 20 g1 yields");
	ck_assert(sum.slowest.cut);
	ck_assert_uint_eq(sum.slowest.wait_ns, 0);
	ck_assert_str_eq(sum.slowest.reason, "");
}
END_TEST

Suite *mapper_limits_suite(void)
{
	Suite *s = suite_create("mapper_limits");
	TCase *c = tcase_create("mapper_limits");

	tcase_add_loop_test(c, spans_per_trace, 0, N_SPANS);
	tcase_add_test(c, open_traces_share);
	tcase_add_loop_test(c, events_per_span, 0, N_EVENTS);
	tcase_add_loop_test(c, events_per_span_at_random, 0, 42);
	tcase_add_loop_test(c, the_summary_counts_what_was_sent, 0, N_SUMS);
	tcase_add_test(c, the_slowest_task_and_why);
	suite_add_tcase(s, c);
	return s;
}
