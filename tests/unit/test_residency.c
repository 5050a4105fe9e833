#include "base/mem.h"
#include "mapping/mapper_state.h"

#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

/* g1 blocks for 15 ns at a time: the event shows whom it worked for. */
#define STOPS(at, why) at "0 g1 block " why "; " at "5 g2 wakes g1; " at "6 g1 runs;"
#define HELPER " 1 g2 is Running; 2 g1 is Running;"

static const struct map_row rows[] = {
	{ "nobody", HELPER STOPS("1", "sync"), "" },
	{ "a task begun here", HELPER "10 g1 task 1 a;" STOPS("2", "s") "40 g1 end 1",
	  "T a 10-40 t=1 g=1 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "a task begun elsewhere", HELPER "10 g2 task 1 a;" STOPS("2", "s") "40 g2 end 1",
	  "T a 10-40 t=1 g=2\n" },
	{ "the inner of two tasks",
	  HELPER "10 g1 task 1 a; 11 g1 task 2 b 1;" STOPS("2", "s") "30 g1 end 2;" STOPS(
		  "4", "s") "50 g1 end 1",
	  "T a 10-50 t=1 g=1 *s@40(g=1,b=5,r=1,by=2)\n"
	  "  T b 11-30 t=2 g=1 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "the outer task ends first",
	  HELPER "10 g1 task 1 a; 11 g1 task 2 b; 12 g1 end 1;" STOPS("2", "s") "30 g1 end 2",
	  "T a 10-12 t=1 g=1\n"
	  "T b 11-30 t=2 g=1 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "a region of the task",
	  HELPER "10 g1 task 1 a; 12 g1 region 1 r;" STOPS("2", "s") "30 g1 close 1 r; 40 g1 end 1",
	  "T a 10-40 t=1 g=1\n"
	  "  R r 12-30 t=1 g=1 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "a task begun inside a region is more inner",
	  HELPER "10 g1 task 1 a; 12 g1 region 1 r; 13 g1 task 2 b 1;" STOPS(
		  "2", "s") "30 g1 end 2; 31 g1 close 1 r; 40 g1 end 1",
	  "T a 10-40 t=1 g=1\n"
	  "  R r 12-31 t=1 g=1\n"
	  "  T b 13-30 t=2 g=1 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "a region of another goroutine's task",
	  HELPER "10 g2 task 1 a; 12 g1 region 1 r;" STOPS("2", "s") "30 g1 close 1 r;" STOPS(
		  "4", "s") "50 g2 end 1",
	  "T a 10-50 t=1 g=2\n"
	  "  R r 12-30 t=1 g=1 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "a region of another task than the one begun here",
	  HELPER "10 g2 task 1 a; 11 g1 task 2 b; 12 g1 region 1 r;" STOPS(
		  "2", "s") "30 g1 close 1 r;" STOPS("4", "s") "50 g1 end 2; 51 g2 end 1",
	  "T b 11-50 t=2 g=1 *s@40(g=1,b=5,r=1,by=2)\n"
	  "T a 10-51 t=1 g=2\n"
	  "  R r 12-30 t=1 g=1 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "a region whose task ended goes on",
	  HELPER "10 g1 task 1 a; 12 g1 region 1 r; 13 g2 end 1;" STOPS("2", "s") "30 g1 close 1 r",
	  "T a 10-13 t=1 g=1\n"
	  "  R r 12-30 t=1 g=1 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "a region outside every task is skipped",
	  HELPER "10 g1 task 1 a; 12 g1 region 0 r;" STOPS("2", "s") "30 g1 close 0 r; 40 g1 end 1",
	  "T a 10-40 t=1 g=1 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "a region outside every task alone",
	  HELPER "12 g1 region 0 r;" STOPS("2", "s") "30 g1 close 0 r", "" },
	{ "a task ended by another goroutine is over here",
	  HELPER "10 g1 task 1 a; 11 g1 task 2 b 1; 12 g2 end 2;" STOPS(
		  "2", "s") "40 g2 end 1;" STOPS("5", "s"),
	  "T a 10-40 t=1 g=1 *s@20(g=1,b=5,r=1,by=2)\n"
	  "  T b 11-12 t=2 g=1\n" },
	{ "its creator's task is inherited",
	  "1 g2 is Running; 10 g2 task 1 a; 11 g2 go g1; 12 g1 runs;" STOPS("2", "s") "30 g2 end 1",
	  "T a 10-30 t=1 g=2 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "the task of its creator's region is inherited, not the region",
	  "1 g2 is Running; 10 g2 task 1 a; 11 g2 region 1 r; 12 g2 go g1; 13 g1 runs;" STOPS(
		  "2", "s") "28 g2 close 1 r; 30 g2 end 1",
	  "T a 10-30 t=1 g=2 *s@20(g=1,b=5,r=1,by=2)\n"
	  "  R r 11-28 t=1 g=2\n" },
	{ "nothing is inherited from a region whose task ended",
	  "1 g2 is Running; 10 g2 task 1 a; 11 g2 region 1 r; 12 g2 end 1; 13 g2 go g1; 14 g1 runs;" STOPS(
		  "2", "s") "28 g2 close 1 r",
	  "T a 10-12 t=1 g=2\n"
	  "  R r 11-28 t=1 g=2\n" },
	{ "what counts is the time of the go statement",
	  "1 g2 is Running; 2 g2 go g1; 3 g1 runs; 10 g2 task 1 a;" STOPS("2", "s") "30 g2 end 1",
	  "T a 10-30 t=1 g=2\n" },
	{ "inheritance over two generations",
	  "1 g2 is Running; 10 g2 task 1 a; 11 g2 go g3; 12 g3 runs; 13 g3 go g1; 14 g1 runs;" STOPS(
		  "2", "s") "30 g2 end 1",
	  "T a 10-30 t=1 g=2 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "the creator died since",
	  "1 g2 is Running; 10 g2 task 1 a; 11 g2 go g3; 12 g3 runs; 13 g3 go g1; 14 g1 runs;"
	  "15 g3 dies;" STOPS("2", "s") "30 g2 end 1",
	  "T a 10-30 t=1 g=2 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "inheritance ends with the task",
	  "1 g2 is Running; 5 g2 task 2 b; 10 g2 task 1 a; 11 g2 go g1; 12 g1 runs; 13 g2 end 1;" STOPS(
		  "2", "s") "30 g2 end 2",
	  "T a 10-13 t=1 g=2\n"
	  "T b 5-30 t=2 g=2\n" },
	{ "so it does while its trace is held",
	  "1 g2 is Running; 5 g2 task 2 b; 10 g2 task 1 a 2; 11 g2 go g1; 12 g1 runs; 13 g2 end 1;" STOPS(
		  "2", "s") "30 g2 end 2",
	  "T b 5-30 t=2 g=2\n"
	  "  T a 10-13 t=1 g=2\n" },
	{ "an ended inheritance is not handed on",
	  "1 g2 is Running; 10 g2 task 1 a; 11 g2 go g3; 12 g3 runs; 13 g2 end 1; 14 g3 go g1;"
	  "15 g1 runs;" STOPS("2", "s"),
	  "T a 10-13 t=1 g=2\n" },
	{ "its own task precedes the inherited one",
	  "1 g2 is Running; 10 g2 task 1 a; 11 g2 go g1; 12 g1 runs; 13 g1 task 2 b 1;" STOPS(
		  "2", "s") "30 g1 end 2;" STOPS("4", "s") "50 g2 end 1",
	  "T a 10-50 t=1 g=2 *s@40(g=1,b=5,r=1,by=2)\n"
	  "  T b 13-30 t=2 g=1 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "a region outside every task does not hide the inherited one",
	  "1 g2 is Running; 10 g2 task 1 a; 11 g2 go g1; 12 g1 runs; 13 g1 region 0 r;" STOPS(
		  "2", "s") "30 g2 end 1",
	  "T a 10-30 t=1 g=2 *s@20(g=1,b=5,r=1,by=2)\n" },
	{ "a goroutine's number used again starts anew",
	  "1 g2 is Running; 10 g2 task 1 a; 11 g2 go g1; 12 g1 runs; 13 g1 task 2 b; 14 g1 dies;"
	  "15 - go g1; 16 g1 runs;" STOPS("2", "s") "30 g2 end 1; 31 g2 end 2",
	  "T a 10-30 t=1 g=2\n"
	  "T b 13-31 t=2 g=1\n" },
	{ "created by nobody",
	  "1 g2 is Running; 10 g2 task 1 a; 11 - go g1; 12 g1 runs;" STOPS("2", "s") "30 g2 end 1",
	  "T a 10-30 t=1 g=2\n" },
	{ "what it worked for when it stopped counts",
	  HELPER "10 g1 task 1 a; 20 g1 block s; 21 g2 end 1; 25 g2 wakes g1; 135 g1 runs",
	  "T a 10-21 t=1 g=1\n"
	  "  W s 20-135 g=1 b=5 r=110 by=2\n" },
	{ "a short wait that outlives what it worked for is not told",
	  HELPER "10 g1 task 1 a; 20 g1 block s; 21 g2 end 1; 25 g2 wakes g1; 35 g1 runs",
	  "T a 10-21 t=1 g=1\n" },
	{ "a task that began before the capture is nobody's",
	  HELPER "10 g1 log 1 c m;" STOPS("2", "s") "30 g1 end 1",
	  "T unknown task 0-30 t=1 cut=start *c@10(msg=m)\n" },
};
#define N_ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

START_TEST(who_works_for_whom)
{
	map_row_check(&rows[_i]);
}
END_TEST

/* One goroutine that begins tasks others end, as a server's accept loop would. */
START_TEST(ended_tasks_leave_no_trace_on_the_goroutine)
{
	struct map_world w;
	struct goroutine *g;
	char script[200];

	map_world_init(&w);
	map_world_load(&w, "1 g1 is Running; 1 g1 task 1 a;");
	ck_assert_int_eq(map_world_start(&w), ST_OK);
	for (int i = 1; i <= 5000; i++) {
		/* Up to 300 are open at a time; the one begun first ends first. */
		snprintf(script, sizeof(script), "%d g1 task %d a", 2 * i, i);
		ck_assert_int_eq(map_world_play(&w, script), ST_OK);
		if (i <= 300)
			continue;
		snprintf(script, sizeof(script), "%d g2 end %d", 2 * i + 1, i - 300);
		ck_assert_int_eq(map_world_play(&w, script), ST_OK);
	}
	g = goroutine_find(w.mapper, 1);
	ck_assert_ptr_nonnull(g);
	ck_assert_uint_ge(g->n_entries, 300);
	ck_assert_uint_le(g->cap_entries, 1000);
	ck_assert_uint_eq(goroutine_resident(g)->task, 5000);
	ck_assert_int_eq(map_world_finish(&w), ST_OK);
	ck_assert_uint_eq(w.records.n, 5001);
	map_world_release(&w);
}
END_TEST

/* Nothing of a goroutine that is gone stays in memory. */
START_TEST(dead_goroutines_are_forgotten)
{
	struct map_world w;
	char script[200];

	map_world_init(&w);
	map_world_load(&w, "1 g1 is Running; 1 g1 task 1 a; 1 g1 region 1 r");
	ck_assert_int_eq(map_world_start(&w), ST_OK);
	ck_assert_int_eq(map_world_play(&w, "1 g1 is Running; 2 g1 task 1 a"), ST_OK);
	for (int i = 2; i < 3000; i++) {
		snprintf(script, sizeof(script),
			 "%d g1 go g%d; %d g%d runs; %d g%d region 1 r; %d g%d dies", 10 * i, i,
			 10 * i + 1, i, 10 * i + 2, i, 10 * i + 3, i);
		ck_assert_int_eq(map_world_play(&w, script), ST_OK);
	}
	ck_assert_uint_eq(w.mapper->goroutines.n, 1);
	ck_assert_uint_eq(w.mapper->open_tasks.n, 1);
	ck_assert_int_eq(map_world_finish(&w), ST_OK);
	map_world_release(&w);
}
END_TEST

static enum status discard(void *arg, const struct span *span, struct err *err)
{
	(void)arg;
	(void)span;
	(void)err;
	return ST_OK;
}

/*
 * A goroutine that begins tasks nobody ends, and logs on each: if a look at its
 * regions went through its tasks, this would take longer than check waits.
 */
START_TEST(many_open_tasks_cost_nothing)
{
	struct map_world w;

	map_world_init(&w);
	w.sink.emit = discard;
	map_world_load(&w, "1 g1 task 1 a; 1 g1 log 1 c m");
	ck_assert_int_eq(map_world_start(&w), ST_OK);
	for (uint64_t i = 1; i <= 60000; i++) {
		struct event ev = { .kind = EVENT_TASK_BEGIN,
				    .wire = EV_USER_TASK_BEGIN,
				    .g = 1,
				    .args = { i, NO_TASK } };
		bool good;

		w.now++;
		good = !map_world_feed(&w, ev);
		w.now++;
		ev.kind = EVENT_LOG;
		ev.wire = EV_USER_LOG;
		ev.args[1] = 0;
		if (!good || map_world_feed(&w, ev))
			ck_abort_msg("task %llu: %s", (unsigned long long)i, w.err.msg);
	}
	ck_assert_int_eq(map_world_finish(&w), ST_OK);
	map_world_release(&w);
}
END_TEST

/* After regions of every fate, none is thought to be open that is not. */
START_TEST(open_regions_are_counted)
{
	static const char script[] =
		"set spans_per_trace 2; 1 g1 is Running; 2 g1 task 1 a; 3 g1 region 1 r;"
		"4 g1 region 1 left_out; 5 g1 region 0 s; 6 g1 close 0 s; 7 g1 close 1 left_out;"
		"8 g1 close 1 r; 9 g1 close 1 cut; 10 g1 region 1 t";
	struct map_world w;

	map_world_init(&w);
	map_world_load(&w, script);
	ck_assert_int_eq(map_world_start(&w), ST_OK);
	ck_assert_int_eq(map_world_play(&w, script), ST_OK);
	ck_assert_uint_eq(goroutine_find(w.mapper, 1)->n_regions, 1);
	ck_assert_int_eq(map_world_play(&w, "11 g1 close 1 t"), ST_OK);
	ck_assert_uint_eq(goroutine_find(w.mapper, 1)->n_regions, 0);
	ck_assert_ptr_null(goroutine_region(goroutine_find(w.mapper, 1)));
	ck_assert_int_eq(map_world_finish(&w), ST_OK);
	map_world_release(&w);
}
END_TEST

Suite *residency_suite(void)
{
	Suite *s = suite_create("residency");
	TCase *c = tcase_create("residency");

	tcase_add_loop_test(c, who_works_for_whom, 0, N_ROWS);
	tcase_add_test(c, ended_tasks_leave_no_trace_on_the_goroutine);
	tcase_add_test(c, dead_goroutines_are_forgotten);
	tcase_add_test(c, many_open_tasks_cost_nothing);
	tcase_add_test(c, open_regions_are_counted);
	suite_add_tcase(s, c);
	return s;
}
