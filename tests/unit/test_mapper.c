/* Tasks, regions, logs, and the capture's own trace: design section 6. */
#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

static const struct map_row tasks[] = {
	{ "nothing", "10 g1 is Running", "" },
	{ "a task", "10 g1 task 1 a; 20 g1 end 1", "T a 10-20 t=1 g=1\n" },
	{ "ended elsewhere", "10 g1 task 1 a; 20 g2 end 1", "T a 10-20 t=1 g=1\n" },
	{ "no name", "10 g1 task 1 ~; 20 g1 end 1", "T  10-20 t=1 g=1\n" },
	{ "a name of any bytes", "10 g1 task 1 a\xff\x01\xc3; 20 g1 end 1",
	  "T a\xff\x01\xc3 10-20 t=1 g=1\n" },
	{ "two generations of children",
	  "10 g1 task 1 a; 11 g1 task 2 b 1; 12 g1 task 3 c 2; 13 g1 end 3; 14 g1 end 2; 20 g1 end 1",
	  "T a 10-20 t=1 g=1\n"
	  "  T b 11-14 t=2 g=1\n"
	  "    T c 12-13 t=3 g=1\n" },
	{ "siblings",
	  "10 g1 task 1 a; 11 g1 task 2 b 1; 12 g2 task 3 c 1; 13 g1 end 3; 14 g1 end 2;"
	  "20 g1 end 1",
	  "T a 10-20 t=1 g=1\n"
	  "  T b 11-14 t=2 g=1\n"
	  "  T c 12-13 t=3 g=2\n" },
	{ "a trace ends with its last task, not its root",
	  "10 g1 task 1 a; 11 g1 task 2 b 1; 12 g1 end 1; 15 g1 end 2",
	  "T a 10-12 t=1 g=1\n"
	  "  T b 11-15 t=2 g=1\n" },
	{ "a child begun after its parent's end, while a sister holds the trace",
	  "10 g1 task 1 a; 11 g1 task 2 b 1; 12 g1 end 1; 13 g1 task 3 c 1; 14 g1 end 3;"
	  "15 g1 end 2",
	  "T a 10-12 t=1 g=1\n"
	  "  T b 11-15 t=2 g=1\n"
	  "  T c 13-14 t=3 g=1\n" },
	{ "a child begun after its parent's trace was sent",
	  "10 g1 task 1 a; 12 g1 end 1; 13 g1 task 3 c 1; 14 g1 end 3",
	  "T a 10-12 t=1 g=1\n"
	  "  T c 13-14 t=3 g=1\n" },
	{ "a grandchild of a trace that was sent twice",
	  "10 g1 task 1 a; 12 g1 end 1; 13 g1 task 3 c 1; 14 g1 end 3; 15 g1 task 4 d 3;"
	  "16 g1 region 4 r; 17 g1 close 4 r; 18 g1 end 4",
	  "T a 10-12 t=1 g=1\n"
	  "  T c 13-14 t=3 g=1\n"
	  "    T d 15-18 t=4 g=1\n"
	  "      R r 16-17 t=4 g=1\n" },
	{ "a parent that is not in the capture",
	  "10 g1 task 7 a 5; 11 g1 task 8 b 7; 12 g1 end 8; 20 g1 end 7",
	  "T a 10-20 t=7 g=1 lost=5\n"
	  "  T b 11-12 t=8 g=1\n" },
	{ "a task that is its own parent", "10 g1 task 7 a 7; 20 g1 end 7",
	  "T a 10-20 t=7 g=1 lost=7\n" },
	{ "a parent that a log had shown before", "5 g1 log 5 c m; 10 g1 task 7 a 5; 20 g1 end 7",
	  "T unknown task 0-20 t=5 cut=both *c@5(msg=m)\n"
	  "  T a 10-20 t=7 g=1\n" },
	{ "a parent whose number is like that of a task that ended",
	  "10 g1 task 1 a; 20 g1 end 1; 21 g1 task 2 b 16385; 30 g1 end 2",
	  "T a 10-20 t=1 g=1\n"
	  "T b 21-30 t=2 g=1 lost=16385\n" },
	{ "a parent that ended too long ago to be remembered",
	  "10 g1 task 1 a; 20 g1 end 1; 21 g1 task 16385 b; 22 g1 end 16385; 23 g1 task 2 c 1;"
	  "30 g1 end 2",
	  "T a 10-20 t=1 g=1\n"
	  "T b 21-22 t=16385 g=1\n"
	  "T c 23-30 t=2 g=1 lost=1\n" },
	{ "ended twice", "10 g1 task 1 a; 20 g1 end 1; 30 g1 end 1", "T a 10-20 t=1 g=1\n" },
	{ "ended twice while the trace is held",
	  "10 g1 task 1 a; 11 g1 task 2 b 1; 20 g1 end 1; 21 g1 end 1; 30 g1 end 2",
	  "T a 10-20 t=1 g=1\n"
	  "  T b 11-30 t=2 g=1\n" },
	{ "begun before the capture", "20 g1 end 9", "T unknown task 0-20 t=9 cut=start\n" },
	{ "begun before the capture, ended twice", "20 g1 end 9; 21 g1 end 9",
	  "T unknown task 0-20 t=9 cut=start\n" },
	{ "open at the end", "10 g1 task 1 a; 30 g1 yields", "T a 10-30 t=1 g=1 cut=end\n" },
	{ "open at the end, in the order of their begin",
	  "10 g1 task 1 a; 11 g1 task 2 b; 12 g1 task 3 c; 13 g1 task 4 d; 14 g1 end 1; 15 g1 end 2;"
	  "30 g1 yields",
	  "T a 10-14 t=1 g=1\n"
	  "T b 11-15 t=2 g=1\n"
	  "T c 12-30 t=3 g=1 cut=end\n"
	  "T d 13-30 t=4 g=1 cut=end\n" },
	{ "open at both", "10 g1 log 9 c m; 30 g1 yields",
	  "T unknown task 0-30 t=9 cut=both *c@10(msg=m)\n" },
	{ "a child of one that is open at the end",
	  "10 g1 task 1 a; 11 g1 task 2 b 1; 12 g1 end 2; 30 g1 yields",
	  "T a 10-30 t=1 g=1 cut=end\n"
	  "  T b 11-12 t=2 g=1\n" },
	{ "a number used again while open", "10 g1 task 1 a; 20 g1 task 1 b; 30 g1 end 1",
	  "T a 10-20 t=1 g=1\n"
	  "T b 20-30 t=1 g=1\n" },
	{ "a number used again after its end",
	  "10 g1 task 1 a; 20 g1 end 1; 21 g1 task 1 b; 25 g1 task 2 c 1; 26 g1 end 2; 30 g1 end 1",
	  "T a 10-20 t=1 g=1\n"
	  "T b 21-30 t=1 g=1\n"
	  "  T c 25-26 t=2 g=1\n" },
	{ "ends out of order",
	  "10 g1 task 1 a; 11 g1 task 2 b 1; 12 g1 task 3 c 2; 13 g1 end 1;"
	  "14 g1 end 2; 15 g1 end 3",
	  "T a 10-13 t=1 g=1\n"
	  "  T b 11-14 t=2 g=1\n"
	  "    T c 12-15 t=3 g=1\n" },
	{ "over a generation", "10 g1 task 1 a; 20 - sync +0; 30 g1 end 1", "T a 10-30 t=1 g=1\n" },
};
#define N_TASKS ((int)(sizeof(tasks) / sizeof(tasks[0])))

START_TEST(a_task_is_a_span)
{
	map_row_check(&tasks[_i]);
}
END_TEST

#define TASK(script) "1 g1 task 1 a;" script "; 90 g1 end 1"

static const struct map_row regions[] = {
	{ "one", TASK("10 g1 region 1 r; 20 g1 close 1 r"),
	  "T a 1-90 t=1 g=1\n"
	  "  R r 10-20 t=1 g=1\n" },
	{ "nested", TASK("10 g1 region 1 r; 11 g1 region 1 s; 12 g1 close 1 s; 20 g1 close 1 r"),
	  "T a 1-90 t=1 g=1\n"
	  "  R r 10-20 t=1 g=1\n"
	  "    R s 11-12 t=1 g=1\n" },
	{ "one after the other",
	  TASK("10 g1 region 1 r; 11 g1 close 1 r; 12 g1 region 1 s; 20 g1 close 1 s"),
	  "T a 1-90 t=1 g=1\n"
	  "  R r 10-11 t=1 g=1\n"
	  "  R s 12-20 t=1 g=1\n" },
	{ "on another goroutine: not below the region of this one",
	  TASK("10 g1 region 1 r; 11 g2 region 1 s; 12 g2 close 1 s; 20 g1 close 1 r"),
	  "T a 1-90 t=1 g=1\n"
	  "  R r 10-20 t=1 g=1\n"
	  "  R s 11-12 t=1 g=2\n" },
	{ "of two tasks, interleaved",
	  TASK("2 g1 task 2 b; 10 g1 region 1 r; 11 g1 region 2 s; 12 g1 region 1 t;"
	       "13 g1 close 1 t; 14 g1 close 2 s; 20 g1 close 1 r; 80 g1 end 2"),
	  "T b 2-80 t=2 g=1\n"
	  "  R s 11-14 t=2 g=1\n"
	  "T a 1-90 t=1 g=1\n"
	  "  R r 10-20 t=1 g=1\n"
	  "    R t 12-13 t=1 g=1\n" },
	{ "open when its task ends",
	  "1 g1 task 1 a; 10 g1 region 1 r; 20 g1 end 1; 30 g1 close 1 r",
	  "T a 1-20 t=1 g=1\n"
	  "  R r 10-30 t=1 g=1\n" },
	{ "begun after its task ended, and was sent",
	  "1 g1 task 1 a; 20 g1 end 1; 25 g1 region 1 r;"
	  "30 g1 close 1 r",
	  "T a 1-20 t=1 g=1\n"
	  "  R r 25-30 t=1 g=1\n" },
	{ "begun after its task ended, and is held",
	  TASK("2 g1 task 2 b 1; 20 g1 end 2; 25 g1 region 2 r; 30 g1 close 2 r"),
	  "T a 1-90 t=1 g=1\n"
	  "  T b 2-20 t=2 g=1\n"
	  "    R r 25-30 t=2 g=1\n" },
	{ "begun long after its task ended",
	  "1 g1 task 1 a; 2 g1 end 1; 3 g1 task 16385 b; 4 g1 end 16385; 5 g1 region 1 r;"
	  "6 g1 close 1 r",
	  "T a 1-2 t=1 g=1\n"
	  "T b 3-4 t=16385 g=1\n"
	  "R r 5-6 t=1 g=1 lost=1\n" },
	{ "never ended: its goroutine dies",
	  TASK("2 g2 is Running; 10 g2 region 1 r; 11 g2 region 1 s;"
	       "20 g2 dies"),
	  "T a 1-90 t=1 g=1\n"
	  "  R r 10-20 t=1 g=2 cut=end\n"
	  "    R s 11-20 t=1 g=2 cut=end\n" },
	{ "open at the end", "1 g1 task 1 a; 10 g1 region 1 r; 30 g1 end 1; 40 g1 yields",
	  "T a 1-30 t=1 g=1\n"
	  "  R r 10-40 t=1 g=1 cut=end\n" },
	{ "begun before the capture", "20 g1 close 9 r; 30 g1 end 9",
	  "T unknown task 0-30 t=9 cut=start\n"
	  "  R r 0-20 t=9 g=1 cut=start\n" },
	{ "two begun before the capture", "20 g1 close 9 r; 25 g1 close 9 s; 30 g1 end 9",
	  "T unknown task 0-30 t=9 cut=start\n"
	  "  R r 0-20 t=9 g=1 cut=start\n"
	  "  R s 0-25 t=9 g=1 cut=start\n" },
	{ "of a task that began before the capture and stays open",
	  "20 g1 region 9 r; 25 g1 close 9 r",
	  "T unknown task 0-25 t=9 cut=both\n"
	  "  R r 20-25 t=9 g=1\n" },
	{ "switched off",
	  "set regions 0;" TASK("10 g1 region 1 r; 11 g1 log 1 c m; 20 g1 close 1 r"),
	  "T a 1-90 t=1 g=1 *c@11(msg=m)\n" },
};
#define N_REGIONS ((int)(sizeof(regions) / sizeof(regions[0])))

START_TEST(a_region_is_a_child)
{
	map_row_check(&regions[_i]);
}
END_TEST

static const struct map_row logs[] = {
	{ "on a task", TASK("10 g1 log 1 c m"), "T a 1-90 t=1 g=1 *c@10(msg=m)\n" },
	{ "from another goroutine", TASK("10 g2 log 1 c m"), "T a 1-90 t=1 g=1 *c@10(msg=m)\n" },
	{ "on the innermost region",
	  TASK("5 g1 region 1 r; 6 g1 region 1 s; 10 g1 log 1 c m; 11 g1 close 1 s;"
	       "12 g1 log 1 c n; 13 g1 close 1 r; 14 g1 log 1 c o"),
	  "T a 1-90 t=1 g=1 *c@14(msg=o)\n"
	  "  R r 5-13 t=1 g=1 *c@12(msg=n)\n"
	  "    R s 6-11 t=1 g=1 *c@10(msg=m)\n" },
	{ "in a region of another goroutine",
	  TASK("5 g1 region 1 r; 10 g2 log 1 c m; 11 g1 close 1 r"),
	  "T a 1-90 t=1 g=1 *c@10(msg=m)\n"
	  "  R r 5-11 t=1 g=1\n" },
	{ "in a region of another task",
	  TASK("2 g1 task 2 b; 5 g1 region 2 r; 10 g1 log 1 c m; 11 g1 close 2 r; 12 g1 end 2"),
	  "T b 2-12 t=2 g=1\n"
	  "  R r 5-11 t=2 g=1\n"
	  "T a 1-90 t=1 g=1 *c@10(msg=m)\n" },
	{ "no category", TASK("10 g1 log 1 ~ m"), "T a 1-90 t=1 g=1 *log@10(msg=m)\n" },
	{ "no message", TASK("10 g1 log 1 c ~"), "T a 1-90 t=1 g=1 *c@10(msg=)\n" },
	{ "nothing at all", TASK("10 g1 log 1 ~ ~"), "T a 1-90 t=1 g=1 *log@10(msg=)\n" },
	{ "any bytes", TASK("10 g1 log 1 c\xff\x01 \xc3\x28\x80"),
	  "T a 1-90 t=1 g=1 *c\xff\x01@10(msg=\xc3\x28\x80)\n" },
	{ "a long message is cut, never inside a rune",
	  "set attribute_length 8;" TASK("10 g1 log 1 c 1234567\xc3\xa9"),
	  "T a 1-90 t=1 g=1 *c@10(msg=1234567,cuts=1)\n" },
	{ "a message of just the length",
	  "set attribute_length 9;" TASK("10 g1 log 1 c 1234567\xc3\xa9"),
	  "T a 1-90 t=1 g=1 *c@10(msg=1234567\xc3\xa9)\n" },
	{ "in the order of time", TASK("10 g1 log 1 c m; 11 g1 log 1 c n; 12 g2 log 1 c o"),
	  "T a 1-90 t=1 g=1 *c@10(msg=m) *c@11(msg=n) *c@12(msg=o)\n" },
	{ "after the task's end, while its trace is held",
	  TASK("2 g1 task 2 b 1; 3 g1 end 2; 10 g1 log 2 c m"),
	  "T a 1-90 t=1 g=1\n"
	  "  T b 2-3 t=2 g=1 *c@10(msg=m)\n" },
	{ "after the task was sent: dropped", "1 g1 task 1 a; 3 g1 end 1; 10 g1 log 1 c m",
	  "T a 1-3 t=1 g=1\n" },
	{ "long after the task was sent: dropped",
	  "1 g1 task 1 a; 2 g1 end 1; 3 g1 task 16385 b; 4 g1 end 16385; 10 g1 log 1 c m",
	  "T a 1-2 t=1 g=1\n"
	  "T b 3-4 t=16385 g=1\n" },
	{ "switched off", "set logs 0;" TASK("10 g1 log 1 c m; 11 g1 log 9 c m"),
	  "T a 1-90 t=1 g=1\n" },
	{ "its texts outlive their generation", TASK("10 g1 log 1 c m; 20 - sync +0"),
	  "T a 1-90 t=1 g=1 *c@10(msg=m)\n" },
};
#define N_LOGS ((int)(sizeof(logs) / sizeof(logs[0])))

START_TEST(a_log_is_an_event)
{
	map_row_check(&logs[_i]);
}
END_TEST

/* The text leads with the capture: 2 of the events are its first and last. */
static const struct map_row captures[] = {
	{ "alone", "20 g1 is Running", "C capture 0-20 events=3 generations=1\n" },
	{ "two generations", "20 - sync +0; 30 g1 is Running",
	  "C capture 0-30 events=4 generations=2\n" },
	{ "a region outside every task", "10 g1 region 0 r; 20 g1 close 0 r",
	  "C capture 0-20 events=4 generations=1\n"
	  "  R r 10-20 g=1\n" },
	{ "nested, and cut at both edges",
	  "5 g1 close 0 p; 10 g1 region 0 r; 11 g1 region 0 s; 20 g1 close 0 s; 30 g1 yields",
	  "C capture 0-30 events=7 generations=1\n"
	  "  R p 0-5 g=1 cut=start\n"
	  "  R r 10-30 g=1 cut=end\n"
	  "    R s 11-20 g=1\n" },
	{ "a log outside every task",
	  "10 g1 log 0 c m; 11 g1 region 0 r; 12 g1 log 0 d n;"
	  "13 g1 close 0 r",
	  "C capture 0-13 events=6 generations=1 *c@10(msg=m)\n"
	  "  R r 11-13 g=1 *d@12(msg=n)\n" },
	{ "a GC cycle", "10 g1 gc; 20 g2 gcend",
	  "C capture 0-20 events=4 generations=1\n"
	  "  X GC concurrent mark phase 10-20 g=1\n" },
	{ "a GC cycle by nobody in particular", "10 - gc; 20 - gcend",
	  "C capture 0-20 events=4 generations=1\n"
	  "  X GC concurrent mark phase 10-20 \n" },
	{ "a GC cycle begun before the capture", "10 - gcactive; 20 - gcend",
	  "C capture 0-20 events=4 generations=1\n"
	  "  X GC concurrent mark phase 0-20 cut=start\n" },
	{ "a GC cycle over two generations", "10 - gc; 12 - sync +0; 13 - gcactive; 20 - gcend",
	  "C capture 0-20 events=6 generations=2\n"
	  "  X GC concurrent mark phase 10-20 \n" },
	{ "an end of a GC cycle that never began", "20 - gcend",
	  "C capture 0-20 events=3 generations=1\n" },
	{ "the world is stopped", "10 g1 stw read_mem_stats; 20 g1 stwend read_mem_stats",
	  "C capture 0-20 events=4 generations=1\n"
	  "  X stop-the-world (read_mem_stats) 10-20 g=1\n" },
	{ "stopped during a GC cycle", "9 g1 gc; 10 g1 stw mark; 20 g1 stwend mark; 30 g1 gcend",
	  "C capture 0-30 events=6 generations=1\n"
	  "  X stop-the-world (mark) 10-20 g=1\n"
	  "  X GC concurrent mark phase 9-30 g=1\n" },
	{ "other ranges are nobody's business", "10 g1 sweep; 20 g1 sweepend",
	  "C capture 0-20 events=4 generations=1\n" },
	{ "GC off", "set gc 0; 9 g1 gc; 10 g1 stw mark; 20 g1 stwend mark; 30 g1 gcend",
	  "C capture 0-30 events=6 generations=1\n"
	  "  X stop-the-world (mark) 10-20 g=1\n" },
	{ "stops off", "set stw 0; 9 g1 gc; 10 g1 stw mark; 20 g1 stwend mark; 30 g1 gcend",
	  "C capture 0-30 events=6 generations=1\n"
	  "  X GC concurrent mark phase 9-30 g=1\n" },
};
#define N_CAPTURES ((int)(sizeof(captures) / sizeof(captures[0])))

START_TEST(the_capture_has_its_own_trace)
{
	map_row_check(&captures[_i]);
}
END_TEST

Suite *mapper_suite(void)
{
	Suite *s = suite_create("mapper");
	TCase *c = tcase_create("mapper");

	tcase_add_loop_test(c, a_task_is_a_span, 0, N_TASKS);
	tcase_add_loop_test(c, a_region_is_a_child, 0, N_REGIONS);
	tcase_add_loop_test(c, a_log_is_an_event, 0, N_LOGS);
	tcase_add_loop_test(c, the_capture_has_its_own_trace, 0, N_CAPTURES);
	suite_add_tcase(s, c);
	return s;
}
