/*
 * watch and trigger: more than may be watched, and no memory. What fires on what is in tests/run,
 * on a live program.
 */
#include "collector/trigger/watch.h"

#include "base/limits.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/suites.h"

static struct trigger_set *set;
static struct watch *watch;
static unsigned int n_woken, n_released;

static void wake(void *arg)
{
	(void)arg;
	n_woken++;
}

static void release(void *owner)
{
	(void)owner;
	n_released++;
}

static const char rules[] =
	"sources: [{ name: live, stream: { url: 'http://127.0.0.1:1/' } }]\n"
	"triggers:\n"
	"- { name: t, task: { name: '*', longer_than: 10ns }, cooldown: 0, max_per_hour: 9 }\n"
	"- { name: r, runnable: { longer_than: 10ns }, cooldown: 0 }\n"
	"- { name: l, region: { name: 'x', longer_than: 10ns }, cooldown: 0 }\n";

static enum status open_all(void)
{
	enum status st = trigger_open(&set, wake, NULL, &err);

	if (!st)
		st = trigger_update(set, s.triggers.ptr, s.triggers.n, NULL, release, &err);
	return st ? st : watch_open(&watch, set, &err);
}

static void close_all(void)
{
	watch_close(watch);
	trigger_close(set);
	watch = NULL;
	set = NULL;
}

static void begin(void)
{
	start();
	n_woken = n_released = 0;
	ck_assert_msg(!load(rules), "%s", err.msg);
}

static void end(void)
{
	mem_fail_at(0);
	close_all();
	finish();
}

static void task(uint64_t id, bool begins, int64_t time)
{
	struct event ev = { .kind = begins ? EVENT_TASK_BEGIN : EVENT_TASK_END,
			    .wire = begins ? EV_USER_TASK_BEGIN : EV_USER_TASK_END,
			    .time = time,
			    .args = { id } };

	watch_event(watch, &ev);
}

static void go(int64_t id, enum go_state from, enum go_state to, int64_t time)
{
	struct event ev = { .kind = EVENT_STATE_TRANSITION,
			    .wire = EV_GO_UNBLOCK,
			    .resource = RESOURCE_GOROUTINE,
			    .id = id,
			    .from = (uint8_t)from,
			    .to = (uint8_t)to,
			    .time = time };

	watch_event(watch, &ev);
}

static unsigned int fired(const char *name)
{
	struct trigger_count all[8];
	size_t n = trigger_counts(set, all, 8);

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(all[i].name, name))
			return (unsigned int)all[i].fired;
	}
	ck_abort_msg("no trigger %s", name);
	return 0;
}

START_TEST(too_many_tasks)
{
	const uint64_t over = 1000;

	ck_assert_int_eq(open_all(), ST_OK);
	for (uint64_t i = 0; i < MAX_WATCHED + over; i++)
		task(i + 1, true, 0);
	ck_assert_uint_eq(watch_open_tasks(watch), MAX_WATCHED);
	ck_assert_uint_eq(watch_left_out(watch), over);
	/* One that is not watched ends without a word; one that is makes room for another. */
	task(MAX_WATCHED + over, false, 100);
	ck_assert_uint_eq(fired("t"), 0);
	task(1, false, 100);
	ck_assert_uint_eq(fired("t"), 1);
	task(MAX_WATCHED + over + 1, true, 100);
	ck_assert_uint_eq(watch_open_tasks(watch), MAX_WATCHED);
	ck_assert_uint_eq(watch_left_out(watch), over);
}
END_TEST

START_TEST(too_many_goroutines)
{
	const int64_t over = 1000, most = (int64_t)MAX_WATCHED;

	ck_assert_int_eq(open_all(), ST_OK);
	for (int64_t i = 1; i <= most + over; i++)
		go(i, GO_NOT_EXIST, GO_RUNNABLE, 0);
	ck_assert_uint_eq(watch_left_out(watch), (uint64_t)over);
	go(most + over, GO_RUNNABLE, GO_RUNNING, 100);
	ck_assert_uint_eq(fired("r"), 0);
	go(most, GO_RUNNABLE, GO_RUNNING, 100);
	ck_assert_uint_eq(fired("r"), 1);
}
END_TEST

START_TEST(deep_regions)
{
	struct event ev = { .kind = EVENT_REGION_BEGIN, .g = 1 };

	ck_assert_int_eq(open_all(), ST_OK);
	for (int i = 0; i < 1000; i++)
		watch_event(watch, &ev);
	ev.kind = EVENT_REGION_END;
	for (int i = 0; i < 2000; i++)
		watch_event(watch, &ev);
	ck_assert_uint_eq(fired("l"), 0);
}
END_TEST

/* Opening, watching and firing, each allocation failing in turn: an error, or a count. */
START_TEST(without_memory)
{
	unsigned int n, failed = 0;
	bool over = false;

	for (n = 1; !over; n++) {
		enum status st;

		err = (struct err)ERR_INIT;
		mem_fail_at(n);
		st = open_all();
		if (st) {
			ck_assert_int_eq(st, ST_NOMEM);
			failed++;
		} else {
			for (uint64_t i = 1; i < 40; i++) {
				task(i, true, 0);
				go((int64_t)i, GO_NOT_EXIST, GO_RUNNABLE, 0);
			}
			for (uint64_t i = 1; i < 40; i++) {
				task(i, false, 100);
				go((int64_t)i, GO_RUNNABLE, GO_RUNNING, 100);
			}
			over = mem_count() < n;
			/* What could not be watched, or fire, is counted. */
			ck_assert_uint_le(fired("t"), 9);
			ck_assert(!over ||
				  (!watch_left_out(watch) && fired("t") == 9 && fired("r")));
		}
		mem_fail_at(0);
		close_all();
	}
	ck_assert_uint_eq(n_released, n - 2); /* trigger_open() itself failed once */
	ck_assert_uint_gt(failed, 2);
	ck_assert_uint_gt(n, failed + 4);
}
END_TEST

Suite *watch_suite(void)
{
	Suite *suite = suite_create("watch");
	TCase *t = tcase_create("watch");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, too_many_tasks);
	tcase_add_test(t, too_many_goroutines);
	tcase_add_test(t, deep_regions);
	tcase_add_test(t, without_memory);
	suite_add_tcase(suite, t);
	return suite;
}
