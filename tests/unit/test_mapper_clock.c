/* Wall times: the clock of the generation in which a trace begins. */
#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

static const struct map_row rows[] = {
	{ "each trace keeps the clock it began with",
	  "10 g1 task 1 a; 20 - sync +1000; 30 g1 task 2 b 1; 40 g1 task 3 c; 50 g1 end 3;"
	  "60 g1 end 2; 70 g1 end 1",
	  "T c 1040-1050 t=3 g=1\n"
	  "T a 10-70 t=1 g=1\n"
	  "  T b 30-60 t=2 g=1\n" },
	{ "so do the trace's waits, events and what is sent later",
	  "set spans_over 10; 10 g1 task 1 a; 20 - sync +1000; 30 g1 block s; 36 - wakes g1;"
	  "37 g1 runs; 40 g1 block s; 50 - wakes g1; 51 g1 runs; 52 g1 log 1 c m; 60 g1 end 1;"
	  "70 g1 task 2 b 1; 80 g1 end 2",
	  "T a 10-60 t=1 g=1 *s@30(g=1,b=6,r=1) *c@52(msg=m)\n"
	  "  W s 40-51 g=1 b=10 r=1\n"
	  "  T b 70-80 t=2 g=1\n" },
	{ "a later generation has no clock",
	  "set fallback 1700000000000005000; 10 g1 task 1 a; 20 - sync none; 30 g1 task 2 b;"
	  "40 g1 end 2; 50 g1 end 1",
	  "T b 6030-6040 t=2 g=1 clock=file time\n"
	  "T a 10-50 t=1 g=1\n" },
	{ "a later generation's clock is nonsense",
	  "set fallback 1700000000000005000; 10 g1 task 1 a; 20 - sync bad; 30 g1 task 2 b;"
	  "40 g1 end 2; 50 g1 end 1",
	  "T b 6030-6040 t=2 g=1 clock=file time\n"
	  "T a 10-50 t=1 g=1\n" },
	{ "a later generation has one again",
	  "set fallback 1700000000000005000; 10 - sync none; 20 g1 task 1 a; 30 - sync +0;"
	  "40 g1 end 1; 50 g1 task 2 b; 60 g1 end 2; 70 g1 task 3 c 1; 71 g1 region 1 r;"
	  "72 g1 close 1 r; 80 g1 end 3",
	  "T a 6020-6040 t=1 g=1 clock=file time\n"
	  "  R r 6071-6072 t=1 g=1 clock=file time\n"
	  "  T c 6070-6080 t=3 g=1 clock=file time\n"
	  "T b 50-60 t=2 g=1\n" },
};
#define N_ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

START_TEST(one_clock_a_trace)
{
	map_row_check(&rows[_i]);
}
END_TEST

#define NS 1000000000

static const struct {
	const char *name;
	struct clock_snapshot clock;
	bool good;
	uint64_t start, end; /* of a task from 10 to 20 */
} clocks[] = {
	{ "1970", { WORLD_BASE, 0, 0, 0 }, true, 10, 20 },
	{ "a second later", { WORLD_BASE, 0, 1, 5 }, true, NS + 15, NS + 25 },
	{ "before 1970", { WORLD_BASE, 0, -1, 0 }, true, 0, 0 },
	{ "across 1970", { WORLD_BASE, 0, -1, NS - 15 }, true, 0, 5 },
	{ "the last nanosecond of a second",
	  { WORLD_BASE, 0, 1, NS - 1 },
	  true,
	  2 * NS + 9u,
	  2 * NS + 19u },
	{ "too many nanoseconds", { WORLD_BASE, 0, 1, NS }, false, 0, 0 },
	{ "far too many", { WORLD_BASE, 0, 1, UINT64_MAX }, false, 0, 0 },
	{ "too many seconds", { WORLD_BASE, 0, INT64_MAX, 0 }, false, 0, 0 },
	{ "too many seconds before 1970", { WORLD_BASE, 0, INT64_MIN, 0 }, false, 0, 0 },
	{ "the trace's clock is nonsense", { INT64_MIN, 0, 1700000000, 0 }, false, 0, 0 },
	{ "the end is after the end of time",
	  { WORLD_BASE, 0, INT64_MAX / NS, INT64_MAX % NS - 15 },
	  true,
	  INT64_MAX - 5,
	  INT64_MAX },
	{ "so is the begin",
	  { WORLD_BASE, 0, INT64_MAX / NS, INT64_MAX % NS },
	  true,
	  INT64_MAX,
	  INT64_MAX },
};
#define N_CLOCKS ((int)(sizeof(clocks) / sizeof(clocks[0])))

START_TEST(a_clock_of_any_value)
{
	static const char script[] = "set fallback 77000; 10 g1 task 1 a; 20 g1 end 1";
	const struct span *a;
	struct map_world w;
	struct mapper_summary sum;

	map_world_init(&w);
	w.clock = clocks[_i].clock;
	ck_assert_int_eq(map_world_run(&w, script), ST_OK);
	a = records_find(&w.records, "a");
	if (clocks[_i].good) {
		ck_assert_msg(a->start_unix_ns == clocks[_i].start, "%s: %llu", clocks[_i].name,
			      (unsigned long long)a->start_unix_ns);
		ck_assert_msg(a->end_unix_ns == clocks[_i].end, "%s: %llu", clocks[_i].name,
			      (unsigned long long)a->end_unix_ns);
	} else {
		ck_assert_msg(a->start_unix_ns == 77000 + WORLD_BASE + 10, "%s", clocks[_i].name);
		ck_assert_msg(a->end_unix_ns == 77000 + WORLD_BASE + 20, "%s", clocks[_i].name);
	}
	ck_assert_int_eq(!span_attr(a, "flightspan.clock"), clocks[_i].good);
	mapper_summarize(w.mapper, &sum);
	ck_assert_int_eq(sum.has_clock, clocks[_i].good);
	map_world_release(&w);
}
END_TEST

Suite *mapper_clock_suite(void)
{
	Suite *s = suite_create("mapper_clock");
	TCase *c = tcase_create("mapper_clock");

	tcase_add_loop_test(c, one_clock_a_trace, 0, N_ROWS);
	tcase_add_loop_test(c, a_clock_of_any_value, 0, N_CLOCKS);
	suite_add_tcase(s, c);
	return s;
}
