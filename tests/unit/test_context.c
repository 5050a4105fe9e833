/* Traceparents in logs, and the tasks they mean: mapping/context.h. */
#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

#include "mapping/context.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define OTHER "1af7651916cd43dd8448eb211c80319c"
#define A "00-" TRACE "-b7ad6b7169203331-01"
#define B "00-" TRACE "-b7ad6b7169203332-01"
#define C "00-" OTHER "-b7ad6b7169203333-01"

static const struct {
	const char *name, *text;
	bool good;
} texts[] = {
	{ "plain", A, true },
	{ "not sampled", "00-" TRACE "-b7ad6b7169203331-00", true },
	{ "a later version", "01-" TRACE "-b7ad6b7169203331-01", true },
	{ "a later version that says more", "cc-" TRACE "-b7ad6b7169203331-01-what", true },
	{ "a later version with more, but no dash", "cc-" TRACE "-b7ad6b7169203331-01.what",
	  false },
	{ "version 00 with more", A "-what", false },
	{ "version ff", "ff-" TRACE "-b7ad6b7169203331-01", false },
	{ "empty", "", false },
	{ "too short", "00-" TRACE "-b7ad6b7169203331-0", false },
	{ "a trace id of zeros", "00-00000000000000000000000000000000-b7ad6b7169203331-01", false },
	{ "a span id of zeros", "00-" TRACE "-0000000000000000-01", false },
	{ "capital letters", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false },
	{ "no digit in the trace id", "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
	  false },
	{ "no digit in the span id", "00-" TRACE "-b7ad6b716920333:-01", false },
	{ "no digit in the flags", "00-" TRACE "-b7ad6b7169203331-0/", false },
	{ "no digit in the version", "0x-" TRACE "-b7ad6b7169203331-01", false },
	{ "a wrong first dash", "00 " TRACE "-b7ad6b7169203331-01", false },
	{ "a wrong second dash", "00-" TRACE " b7ad6b7169203331-01", false },
	{ "a wrong third dash", "00-" TRACE "-b7ad6b7169203331 01", false },
};

START_TEST(a_traceparent_is_read)
{
	struct context c;
	bool good = context_parse(slice_str(texts[_i].text), &c);

	ck_assert_msg(good == texts[_i].good, "%s", texts[_i].name);
	if (!good)
		return;
	ck_assert_uint_eq(c.trace_id[0], 0x0a);
	ck_assert_uint_eq(c.trace_id[15], 0x9c);
	ck_assert_uint_eq(c.span_id[0], 0xb7);
	ck_assert_uint_eq(c.span_id[7], 0x31);
	ck_assert_int_eq(c.flags, texts[_i].text[54] - '0');
}
END_TEST

/* `^`: the span has a parent that is not in the capture: the application's. */
static const struct map_row rows[] = {
	{ "on the task", "10 g1 task 1 a; 11 g1 log 1 traceparent " A "; 20 g1 end 1",
	  "^T runtime: a 10-20 t=1 g=1\n" },
	{ "on the task, which ends elsewhere",
	  "10 g1 task 1 a; 11 g1 log 1 traceparent " A "; 20 g2 end 1",
	  "^T runtime: a 10-20 t=1 g=1\n" },
	{ "on the task, by another goroutine that dies",
	  "10 g1 task 1 a; 11 g2 log 1 traceparent " A "; 12 g2 dies; 20 g1 end 1",
	  "^T runtime: a 10-20 t=1 g=1\n" },
	{ "on the task, at the end of the capture", "10 g1 task 1 a; 11 g1 log 1 traceparent " A,
	  "^T runtime: a 10-11 t=1 g=1 cut=end\n" },
	{ "on a task that began before the capture", "11 g1 log 1 traceparent " A "; 20 g1 end 1",
	  "^T runtime: unknown task 0-20 t=1 cut=start\n" },
	{ "the other category", "10 g1 task 1 a; 11 g1 log 1 otel.traceparent " A "; 20 g1 end 1",
	  "^T runtime: a 10-20 t=1 g=1\n" },
	{ "another category", "10 g1 task 1 a; 11 g1 log 1 c " A "; 20 g1 end 1",
	  "T a 10-20 t=1 g=1 *c@11(msg=" A ")\n" },
	{ "not a traceparent", "10 g1 task 1 a; 11 g1 log 1 traceparent 00-x; 20 g1 end 1",
	  "T a 10-20 t=1 g=1 *traceparent@11(msg=00-x)\n" },
	{ "before the task", "9 g1 log 0 traceparent " A "; 10 g1 task 1 a; 20 g1 end 1",
	  "^T runtime: a 10-20 t=1 g=1\n" },
	{ "before the task, descheduled in between",
	  "6 g1 is Running; 7 g1 log 0 traceparent " A "; 8 g1 yields; 9 g1 runs;"
	  "10 g1 task 1 a; 20 g1 end 1",
	  "^T runtime: a 10-20 t=1 g=1\n" },
	{ "before the task, but not on its goroutine",
	  "9 g2 log 0 traceparent " A "; 10 g1 task 1 a; 20 g1 end 1", "T a 10-20 t=1 g=1\n" },
	{ "before the task, but not immediately: a log",
	  "8 g1 log 0 traceparent " A "; 9 g1 log 0 c m; 10 g1 task 1 a; 20 g1 end 1",
	  "T a 10-20 t=1 g=1\n" },
	{ "before the task, but not immediately: a region",
	  "7 g1 log 0 traceparent " A "; 8 g1 region 0 r; 10 g1 task 1 a; 20 g1 end 1;"
	  "21 g1 close 0 r",
	  "T a 10-20 t=1 g=1\n" },
	{ "before the task, but not immediately: a task's end",
	  "5 g1 task 9 z; 6 g1 log 0 traceparent " A "; 7 g1 end 9; 10 g1 task 1 a; 20 g1 end 1",
	  "T z 5-7 t=9 g=1\n"
	  "T a 10-20 t=1 g=1\n" },
	{ "two before the task: the second",
	  "8 g1 log 0 traceparent " C "; 9 g1 log 0 traceparent " A "; 10 g1 task 1 a;"
	  "11 g1 log 1 traceparent " B "; 20 g1 end 1",
	  "^T runtime: a 10-20 t=1 g=1 *traceparent@11(msg=" B ")\n" },
	{ "spans in spans, each a task",
	  "9 g1 log 0 traceparent " A "; 10 g1 task 1 a; 11 g1 log 1 traceparent " B ";"
	  "12 g1 task 2 b 1; 13 g1 end 2; 20 g1 end 1",
	  "^T runtime: a 10-20 t=1 g=1\n"
	  "^T runtime: b 12-13 t=2 g=1\n" },
	{ "a new root below a span that is of another trace",
	  "9 g1 log 0 traceparent " A "; 10 g1 task 1 a; 11 g1 log 1 traceparent " C ";"
	  "12 g1 task 2 b 1; 13 g1 end 2; 20 g1 end 1",
	  "^T runtime: b 12-13 t=2 g=1\n"
	  "^T runtime: a 10-20 t=1 g=1\n" },
	{ "a task of the program itself below a span's",
	  "9 g1 log 0 traceparent " A
	  "; 10 g1 task 1 a; 12 g1 task 2 b 1; 13 g1 end 2; 20 g1 end 1",
	  "^T runtime: a 10-20 t=1 g=1\n"
	  "  T b 12-13 t=2 g=1\n" },
	{ "a span of a task of the program itself",
	  "10 g1 task 1 a; 11 g1 log 1 traceparent " A
	  "; 12 g1 task 2 b 1; 13 g1 end 2; 20 g1 end 1",
	  "^T runtime: b 12-13 t=2 g=1\n"
	  "T a 10-20 t=1 g=1\n" },
	{ "on a task inside another, with what is below it",
	  "10 g1 task 1 a; 11 g1 task 2 b 1; 12 g1 region 2 r; 13 g1 log 2 traceparent " A ";"
	  "14 g1 close 2 r; 15 g1 end 2; 20 g1 end 1",
	  "T a 10-20 t=1 g=1\n"
	  "^T runtime: b 11-15 t=2 g=1\n"
	  "  R r 12-14 t=2 g=1\n" },
	{ "regions, logs and waits",
	  "9 g1 log 0 traceparent " A "; 10 g1 task 1 a; 11 g1 region 1 r; 12 g1 log 1 c m;"
	  "13 g1 close 1 r; 14 g1 block sync; 400 - wakes g1; 401 g1 runs; 420 g1 end 1",
	  "^T runtime: a 10-420 t=1 g=1\n"
	  "  R r 11-13 t=1 g=1 *c@12(msg=m)\n"
	  "  W sync 14-401 g=1 b=386 r=1\n" },
	{ "a region of a span's task that was sent",
	  "9 g1 log 0 traceparent " A "; 10 g1 task 1 a; 12 g1 end 1; 13 g1 region 1 r;"
	  "14 g1 close 1 r",
	  "^T runtime: a 10-12 t=1 g=1\n"
	  "  R r 13-14 t=1 g=1\n" },
	{ "linked", "set context 1; 10 g1 task 1 a; 11 g1 log 1 traceparent " A "; 20 g1 end 1",
	  "T a 10-20 t=1 g=1 link=?\n" },
	{ "linked before the task, inside another",
	  "set context 1; 9 g1 task 2 z; 10 g1 log 2 traceparent " A "; 11 g1 task 1 a 2;"
	  "20 g1 end 1; 21 g1 end 2",
	  "T z 9-21 t=2 g=1\n"
	  "  T a 11-20 t=1 g=1 link=?\n" },
	{ "off", "set context 2; 10 g1 task 1 a; 11 g1 log 1 traceparent " A "; 20 g1 end 1",
	  "T a 10-20 t=1 g=1 *traceparent@11(msg=" A ")\n" },
	{ "without logs",
	  "set logs 0; 10 g1 task 1 a; 11 g1 log 1 traceparent " A ";"
	  "12 g1 log 1 traceparent " B "; 20 g1 end 1",
	  "^T runtime: a 10-20 t=1 g=1\n" },
	{ "a log of a traceparent of a task that ended",
	  "10 g1 task 1 a; 20 g1 end 1; 21 g1 log 1 traceparent " A, "T a 10-20 t=1 g=1\n" },
	{ "in a full trace",
	  "set spans_per_trace 2; 9 g1 log 0 traceparent " A "; 10 g1 task 1 a; 11 g1 task 2 b 1;"
	  "12 g1 log 2 traceparent " B "; 13 g1 task 3 c 2; 14 g1 log 3 c m; 15 g1 end 3;"
	  "16 g1 end 2; 20 g1 end 1; 21 g2 log 0 traceparent " C "; 22 g2 task 4 d; 23 g2 end 4",
	  "^T runtime: c 13-15 t=3 g=1 *c@14(msg=m)\n"
	  "^T runtime: a 10-20 t=1 g=1\n"
	  "  T b 11-16 t=2 g=1\n"
	  "^T runtime: d 22-23 t=4 g=2\n" },
};

START_TEST(tasks_in_context)
{
	map_row_check(&rows[_i]);
}
END_TEST

/* The ids are the application's, and of ours what is below has the right parent. */
START_TEST(the_parent_is_the_span_that_was_named)
{
	struct map_world w;
	const struct span *task, *region;
	struct context c;

	ck_assert(context_parse(SLICE(A), &c));
	map_world_init(&w);
	ck_assert_int_eq(map_world_run(&w, "9 g1 log 0 traceparent " A "; 10 g1 task 1 a;"
					   "11 g1 region 1 r; 12 g1 close 1 r; 20 g1 end 1"),
			 ST_OK);
	task = records_find(&w.records, "runtime: a");
	region = records_find(&w.records, "r");
	ck_assert_mem_eq(task->trace_id, c.trace_id, TRACE_ID_BYTES);
	ck_assert_mem_eq(task->parent_id, c.span_id, SPAN_ID_BYTES);
	ck_assert_mem_eq(region->trace_id, c.trace_id, TRACE_ID_BYTES);
	ck_assert_mem_eq(region->parent_id, task->span_id, SPAN_ID_BYTES);
	map_world_release(&w);
}
END_TEST

START_TEST(the_link_is_the_span_that_was_named)
{
	struct map_world w;
	const struct span *task;
	struct context c;

	ck_assert(context_parse(SLICE(A), &c));
	map_world_init(&w);
	w.opt.context = CONTEXT_LINK;
	ck_assert_int_eq(map_world_run(&w, "10 g1 task 1 a; 11 g1 log 1 traceparent " A
					   "; 20 g1 end 1"),
			 ST_OK);
	task = records_find(&w.records, "a");
	ck_assert_uint_eq(task->n_links, 1);
	ck_assert_mem_eq(task->links[0].trace_id, c.trace_id, TRACE_ID_BYTES);
	ck_assert_mem_eq(task->links[0].span_id, c.span_id, SPAN_ID_BYTES);
	ck_assert_uint_eq(task->links[0].flags, SPAN_FLAG_SAMPLED | SPAN_FLAG_HAS_IS_REMOTE);
	map_world_release(&w);
}
END_TEST

/* Each in the clock of its own generation: no capture has all of the trace. */
START_TEST(each_task_has_its_own_clock)
{
	static const struct map_row row = {
		"clocks",
		"9 g1 log 0 traceparent " A "; 10 g1 task 1 a; 30 - sync +7;"
		"40 g1 log 1 traceparent " B
		"; 41 g1 task 2 b 1; 42 g1 region 2 r; 43 g1 close 2 r;"
		"44 g1 end 2; 50 g1 end 1",
		"^T runtime: a 10-50 t=1 g=1\n"
		"^T runtime: b 48-51 t=2 g=1\n"
		"  R r 49-50 t=2 g=1\n",
	};

	map_row_check(&row);
}
END_TEST

Suite *context_suite(void)
{
	Suite *s = suite_create("context");
	TCase *c = tcase_create("context");

	tcase_add_loop_test(c, a_traceparent_is_read, 0, (int)(sizeof(texts) / sizeof(texts[0])));
	tcase_add_loop_test(c, tasks_in_context, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(c, the_parent_is_the_span_that_was_named);
	tcase_add_test(c, the_link_is_the_span_that_was_named);
	tcase_add_test(c, each_task_has_its_own_clock);
	suite_add_tcase(s, c);
	return s;
}
