/* Waits, system calls, wakers and links: design section 6. */
#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

#define TASK(script) "1 g2 is Running; 1 g1 task 1 a;" script "; 900 g2 end 1"

static const struct map_row waits[] = {
	{ "just below an event", TASK("10 g1 block s; 11 g2 wakes g1; 14 g1 runs"),
	  "T a 1-900 t=1 g=1\n" },
	{ "just an event", TASK("10 g1 block s; 11 g2 wakes g1; 15 g1 runs"),
	  "T a 1-900 t=1 g=1 *s@10(g=1,b=1,r=4,by=2)\n" },
	{ "just below a span", TASK("10 g1 block s; 100 g2 wakes g1; 109 g1 runs"),
	  "T a 1-900 t=1 g=1 *s@10(g=1,b=90,r=9,by=2)\n" },
	{ "just a span", TASK("10 g1 block s; 100 g2 wakes g1; 110 g1 runs"),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2\n" },
	{ "all waits are events",
	  "set events_over 0;" TASK("10 g1 block s; 11 g2 wakes g1; 12 g1 runs"),
	  "T a 1-900 t=1 g=1 *s@10(g=1,b=1,r=1,by=2)\n" },
	{ "all waits are spans",
	  "set spans_over 0;" TASK("10 g1 block s; 11 g2 wakes g1; 12 g1 runs"),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-12 g=1 b=1 r=1 by=2\n" },
	{ "long in the queue", TASK("10 g1 block s; 11 g2 wakes g1; 110 g1 runs"),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=1 r=99 by=2\n" },
	{ "preempted: no wait", TASK("10 g1 yields; 500 g1 runs"), "T a 1-900 t=1 g=1\n" },
	{ "begun before the capture: not seen",
	  "1 g1 is Waiting; 2 g2 task 1 a; 3 g2 region 1 r;"
	  "400 g2 wakes g1; 401 g1 runs; 402 g2 close 1 r; 900 g2 end 1",
	  "T a 2-900 t=1 g=2\n"
	  "  R r 3-402 t=1 g=2\n" },
	{ "runnable since before the capture",
	  "1 g1 is Runnable; 300 g1 runs; 301 g1 task 1 a;"
	  "302 g1 end 1",
	  "T a 301-302 t=1 g=1\n" },
	{ "no reason is a coroutine switch", TASK("10 g1 block ~; 100 g2 wakes g1; 110 g1 runs"),
	  "T a 1-900 t=1 g=1\n"
	  "  W coroutine switch 10-110 g=1 b=90 r=10 by=2\n" },
	{ "a coroutine switch and back",
	  TASK("2 g1 go g3 Waiting; 10 g1 switch g3; 200 g3 switch g1"),
	  "T a 1-900 t=1 g=1\n"
	  "  W coroutine switch 11-202 g=1 b=189 r=2 by=3 link=a\n"
	  "  W coroutine switch 201-900 g=3 cut=end\n" },
	{ "the coroutine is done", TASK("2 g1 go g3 Waiting; 10 g1 switch g3; 20 g3 switchdies g1"),
	  "T a 1-900 t=1 g=1 *coroutine switch@11(g=1,b=9,r=2,by=3)\n" },
	{ "a system call, its proc kept", TASK("10 g1 syscall; 20 g1 back"),
	  "T a 1-900 t=1 g=1 *syscall@10(g=1,b=10,r=0)\n" },
	{ "a long one, its proc lost", TASK("10 g1 syscall s3; 120 g1 lost; 150 g1 runs"),
	  "T a 1-900 t=1 g=1\n"
	  "  W syscall 10-150 g=1 b=110 r=30 at=main.f3<main.main\n" },
	{ "a system call after a wait: nobody woke it",
	  TASK("10 g1 block s; 100 g2 wakes g1; 110 g1 runs; 200 g1 syscall; 310 g1 back"),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2\n"
	  "  W syscall 200-310 g=1 b=110 r=0\n" },
	{ "a short system call", TASK("10 g1 syscall; 14 g1 back"), "T a 1-900 t=1 g=1\n" },
	{ "it dies in a system call", TASK("10 g1 syscall; 20 g1 diesinsyscall"),
	  "T a 1-900 t=1 g=1 *syscall@10(g=1)\n" },
	{ "with its stack and the waker's",
	  TASK("10 g1 block s s1; 100 g2 wakes g1 s2; 110 g1 runs; 200 g1 block s s1;"
	       "210 g2 wakes g1 s4; 211 g1 runs"),
	  "T a 1-900 t=1 g=1 *s@200(g=1,b=10,r=1,at=main.f1<main.main,by=2,by_at=main.f4<main.main)\n"
	  "  W s 10-110 g=1 b=90 r=10 at=main.f1<main.main by=2 by_at=main.f2<main.main\n" },
	{ "stacks off", "set stacks 0;" TASK("10 g1 block s s1; 100 g2 wakes g1 s2; 110 g1 runs"),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2\n" },
	{ "woken by nobody, as by the network",
	  TASK("10 g1 block s; 100 - wakes g1 s2; 110 g1 runs"),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by_at=main.f2<main.main\n" },
	{ "over a generation's end: reason and stack are the old one's",
	  TASK("10 g1 block s s1; 50 - sync +0; 51 g1 again Waiting; 100 g2 wakes g1 s1; 110 g1 runs"),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 at=main.f1<main.main by=2 by_at=main.g1<main.main\n" },
	{ "stated again while it is runnable",
	  TASK("10 g1 block s; 90 g2 wakes g1; 95 - sync +0; 96 g1 again Runnable; 110 g1 runs"),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=80 r=20 by=2\n" },
	{ "a long one that the end cuts", "1 g1 task 1 a; 10 g1 block s s1; 110 g2 end 1",
	  "T a 1-110 t=1 g=1\n"
	  "  W s 10-110 g=1 at=main.f1<main.main cut=end\n" },
	{ "a shorter one that the end cuts", "1 g1 task 1 a; 10 g1 block s s1; 109 g2 end 1",
	  "T a 1-109 t=1 g=1\n"
	  "  W s 10-109 g=1 at=main.f1<main.main cut=end\n" },
	{ "one that was too short when the end cut it",
	  "1 g1 task 1 a; 10 g1 block s s1; 14 g2 end 1", "T a 1-14 t=1 g=1\n" },
	{ "the end cuts it in the queue",
	  "1 g1 task 1 a; 10 g1 block s; 60 g2 wakes g1; 110 g2 end 1",
	  "T a 1-110 t=1 g=1\n"
	  "  W s 10-110 g=1 b=50 by=2 cut=end\n" },
	{ "several, in the order of their goroutines",
	  "1 g1 task 1 a; 2 g1 go g9; 3 g9 runs; 4 g1 go g4; 5 g4 runs; 6 g1 go g70; 7 g70 runs;"
	  "8 g1 go g33; 9 g33 runs; 10 g1 go g600; 11 g600 runs; 12 g33 block s; 13 g70 block s;"
	  "14 g600 block s; 15 g4 block s; 16 g9 block s; 300 g1 end 1",
	  "T a 1-300 t=1 g=1\n"
	  "  W s 15-300 g=4 cut=end\n"
	  "  W s 16-300 g=9 cut=end\n"
	  "  W s 12-300 g=33 cut=end\n"
	  "  W s 13-300 g=70 cut=end\n"
	  "  W s 14-300 g=600 cut=end\n" },
	{ "all of it is cut", "1 g1 task 1 a; 2 g1 region 1 r; 10 g1 block s; 110 g2 is Running",
	  "T a 1-110 t=1 g=1 cut=end\n"
	  "  R r 2-110 t=1 g=1 cut=end\n"
	  "    W s 10-110 g=1 cut=end\n" },
	{ "the task ends while its helper waits: the trace waits too",
	  "1 g1 task 1 a; 2 g1 go g3; 3 g3 runs; 10 g3 block s; 20 g1 end 1; 200 g1 wakes g3;"
	  "210 g3 runs",
	  "T a 1-20 t=1 g=1\n"
	  "  W s 10-210 g=3 b=190 r=10 by=1\n" },
	{ "events come in the order in which the waits began",
	  TASK("2 g1 go g3; 3 g3 runs; 10 g1 block s; 20 g3 block u; 30 g2 wakes g3; 31 g3 runs;"
	       "35 g3 log 1 c m; 40 g2 wakes g1; 41 g1 runs"),
	  "T a 1-900 t=1 g=1 *s@10(g=1,b=30,r=1,by=2) *u@20(g=3,b=10,r=1,by=2) *c@35(msg=m)\n" },
};
#define N_WAITS ((int)(sizeof(waits) / sizeof(waits[0])))

START_TEST(a_wait_is_an_event_or_a_span)
{
	map_row_check(&waits[_i]);
}
END_TEST

#define WAIT "10 g1 block s; 100 g2 wakes g1; 110 g1 runs;"

static const struct map_row links[] = {
	{ "the waker works for nobody", TASK(WAIT),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2\n" },
	{ "to the same trace", TASK("2 g2 task 2 b 1;" WAIT "200 g2 end 2"),
	  "T a 1-900 t=1 g=1\n"
	  "  T b 2-200 t=2 g=2\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=b\n" },
	{ "to the same span", TASK("2 g1 go g2;" WAIT),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=a\n" },
	{ "to a region",
	  TASK("2 g2 task 2 b 1; 3 g2 region 2 r;" WAIT "199 g2 close 2 r; 200 g2 end 2"),
	  "T a 1-900 t=1 g=1\n"
	  "  T b 2-200 t=2 g=2\n"
	  "    R r 3-199 t=2 g=2\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=r\n" },
	{ "not to a region outside every task", TASK("3 g2 region 0 r;" WAIT "199 g2 close 0 r"),
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2\n" },
	{ "to a trace sent before", TASK("2 g2 task 2 b;" WAIT "200 g2 end 2"),
	  "T b 2-200 t=2 g=2\n"
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=b\n" },
	{ "to a trace sent later", TASK("2 g2 task 2 b;" WAIT) "; 901 g2 end 2",
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=b\n"
	  "T b 2-901 t=2 g=2\n" },
	{ "to a task known to have begun before the capture",
	  TASK("2 g2 region 2 r;" WAIT "200 g2 close 2 r; 201 g2 end 2"),
	  "T unknown task 0-201 t=2 cut=start\n"
	  "  R r 2-200 t=2 g=2\n"
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=r\n" },
	{ "to what the end cuts, sent after", "1 g1 task 1 a; 2 g2 task 2 b;" WAIT "200 g1 yields",
	  "T a 1-200 t=1 g=1 cut=end\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=b\n"
	  "T b 2-200 t=2 g=2 cut=end\n" },
	{ "to what the end cuts, sent before", "1 g2 task 2 b; 2 g1 task 1 a;" WAIT "200 g1 yields",
	  "T b 1-200 t=2 g=2 cut=end\n"
	  "T a 2-200 t=1 g=1 cut=end\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=b\n" },
	{ "of a wait that the end cuts, to what it cuts",
	  "1 g2 task 2 b; 2 g1 task 1 a; 10 g1 block s; 100 g2 wakes g1; 200 g2 yields",
	  "T b 1-200 t=2 g=2 cut=end\n"
	  "T a 2-200 t=1 g=1 cut=end\n"
	  "  W s 10-200 g=1 b=90 by=2 cut=end link=b\n" },
	{ "to what the end cuts after the wait's own trace was sent",
	  "1 g2 task 2 b; 2 g1 task 1 a;" WAIT "150 g1 end 1; 200 g1 yields",
	  "T a 2-150 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=b\n"
	  "T b 1-200 t=2 g=2 cut=end\n" },
	{ "to below what the end cuts",
	  "1 g2 task 2 b; 2 g1 task 1 a; 3 g2 task 3 c 2;" WAIT "150 g2 end 3; 200 g1 yields",
	  "T b 1-200 t=2 g=2 cut=end\n"
	  "  T c 3-150 t=3 g=2\n"
	  "T a 2-200 t=1 g=1 cut=end\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=c\n" },
	{ "to a region that its goroutine's death ends",
	  TASK("2 g2 task 2 b; 3 g2 region 2 r;" WAIT "150 g2 dies; 200 g3 end 2"),
	  "T b 2-200 t=2 g=2\n"
	  "  R r 3-150 t=2 g=2 cut=end\n"
	  "T a 1-900 t=1 g=1\n"
	  "  W s 10-110 g=1 b=90 r=10 by=2 link=r\n" },
};
#define N_LINKS ((int)(sizeof(links) / sizeof(links[0])))

START_TEST(a_wait_links_to_whom_its_waker_worked_for)
{
	map_row_check(&links[_i]);
}
END_TEST

Suite *mapper_waits_suite(void)
{
	Suite *s = suite_create("mapper_waits");
	TCase *c = tcase_create("mapper_waits");

	tcase_add_loop_test(c, a_wait_is_an_event_or_a_span, 0, N_WAITS);
	tcase_add_loop_test(c, a_wait_links_to_whom_its_waker_worked_for, 0, N_LINKS);
	suite_add_tcase(s, c);
	return s;
}
