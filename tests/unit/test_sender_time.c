#include <stdlib.h>

#include "tests/unit/sender_fixture.h"
#include "tests/unit/suites.h"

/* ---- time ---- */

START_TEST(full_jitter)
{
	put_batches(1, 1, 1, NULL);
	rx.script = "rrrrrrrr";
	qf.random = UINT64_MAX;
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t ceiling = (500 * MS) << i;

		if (ceiling > 30 * SECOND)
			ceiling = 30 * SECOND;
		ck_assert_uint_eq(rx.at[i + 1] - rx.at[i], UINT64_MAX % (ceiling + 1) < 100 * MS
								   ? 100 * MS
								   : UINT64_MAX % (ceiling + 1));
	}
}
END_TEST

START_TEST(what_the_receiver_asks_for)
{
	put_batches(1, 1, 1, NULL);
	rx.script = "r";
	rx.asked_ns = _i ? 3600 * SECOND : 7 * SECOND;
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(rx.at[1] - rx.at[0], _i ? 600 * SECOND : 7 * SECOND);
}
END_TEST

/* Held: 5 s to 2 minutes apart, told at once and then once a minute. */
START_TEST(wrong_settings_are_held)
{
	static char script[61];

	memset(script, _i ? 'T' : 'c', 60);
	put_batches(3, 2, 1, NULL);
	rx.script = script;
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(counts_of(0).acknowledged, 6);
	ck_assert_uint_eq(counts_of(0).dead, 0);
	for (unsigned int i = 0; i < 59; i++) {
		ck_assert_uint_ge(rx.at[i + 1] - rx.at[i], 5 * SECOND / 2);
		ck_assert_uint_le(rx.at[i + 1] - rx.at[i], 120 * SECOND);
	}
	ck_assert_uint_ge(rx.n_told, rx.at[59] / (120 * SECOND));
	ck_assert_uint_le(rx.n_told, rx.at[59] / (60 * SECOND) + 1);
	contains(rx.told, _i ? "certificate expired" : "HTTP status 401");
}
END_TEST

/* An hour forwards or backwards on the wall moves nothing. */
START_TEST(the_wall_clock_does_not_matter)
{
	uint64_t wait;

	put_batches(1, 1, 1, NULL);
	rx.script = "r";
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_WAIT);
	ck_assert_uint_eq(wait, 400 * MS);
	qf.wall_s += _i ? 3600 : -3600;
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_WAIT);
	ck_assert_uint_eq(wait, 400 * MS);
	qf.now_ns += 400 * MS;
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_BUSY);
	ck_assert_uint_eq(counts_of(0).acknowledged, 1);
}
END_TEST

/* Only with something queued: who has nothing old to send is nobody's herd. */
START_TEST(starts_are_spread)
{
	uint64_t wait;

	if (_i)
		put_batches(1, 1, 1, NULL);
	open_sender_with(
		(struct sender_settings){ .give_up_ns = SENDER_NEVER, .spread_ns = 300 * MS });
	if (!_i) {
		put_batches(1, 1, 1, NULL);
		ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_BUSY);
		return;
	}
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_WAIT);
	ck_assert_uint_eq(wait, 100 * MS); /* chance says 400 ms */
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(rx.at[0], 1000 + 100 * MS);
}
END_TEST

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: fifty first attempts are uniform, but for one run in 100,000. */
START_TEST(starts_are_uniform)
{
	const uint64_t spread = 5 * SECOND;
	uint64_t waits[50];

	put_batches(1, 1, 1, NULL);
	for (size_t i = 0; i < 50; i++) {
		qf.random = retry_clock_system.random(NULL);
		open_sender_with((struct sender_settings){ .give_up_ns = SENDER_NEVER,
							   .spread_ns = spread });
		ck_assert_int_eq(sender_step(rx.sender, &waits[i]), SENDER_WAIT);
		sender_close(rx.sender);
		rx.sender = NULL;
	}
	qsort(waits, 50, sizeof(waits[0]), compare);
	for (size_t i = 0; i < 50; i++) {
		double at = (double)waits[i] / (double)spread;

		ck_assert_msg(at - (double)i / 50 < 0.34 && (double)(i + 1) / 50 - at < 0.34,
			      "%zu: %f", i, at);
	}
}
END_TEST

/* ---- a backlog ---- */

/* When the last of `n` requests came, after the first. */
static double seconds(unsigned int n)
{
	ck_assert_uint_eq(rx.n, n);
	return (double)(rx.at[n - 1] - rx.at[0]) / (double)SECOND;
}

/* Of this many bytes, one batch a second. */
static uint64_t batch_bytes(void)
{
	return make_batch(4, 1000).len;
}

/* Left by an earlier process: a batch a second; then all is sent, and what is new at once. */
START_TEST(a_backlog_goes_slowly)
{
	put_batches(10, 4, 1000, NULL);
	open_sender_with((struct sender_settings){ .give_up_ns = SENDER_NEVER,
						   .drain_bytes = batch_bytes() });
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_double_eq_tol(seconds(10), 9, 0.01);
	put_batches(10, 4, 1000, NULL);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_double_eq_tol(seconds(20), 10, 0.01); /* the last pause */
}
END_TEST

/* So does what an outage has left; a hiccup leaves nothing to speak of. */
START_TEST(an_outage_leaves_a_backlog)
{
	uint64_t began;

	open_sender_with((struct sender_settings){ .give_up_ns = SENDER_NEVER,
						   .drain_bytes = batch_bytes() });
	put_batches(10, 4, 1000, NULL);
	rx.script = _i ? "rrr" : "r";
	rx.asked_ns = 4 * SECOND;
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(rx.n, _i ? 13 : 11);
	began = rx.at[_i ? 3 : 1];
	ck_assert_double_eq_tol((double)(rx.at[rx.n - 1] - began) / (double)SECOND, _i ? 9 : 0,
				0.01);
}
END_TEST

/* Twice the rate after each minute: 60 batches in the first, then 120. */
START_TEST(a_long_backlog_goes_faster)
{
	put_batches(180, 4, 1000, NULL);
	open_sender_with((struct sender_settings){ .give_up_ns = SENDER_NEVER,
						   .drain_bytes = batch_bytes() });
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(rx.n, 180);
	ck_assert_uint_ge(qf.now_ns, 118 * SECOND);
	ck_assert_uint_le(qf.now_ns, 122 * SECOND);
}
END_TEST

/* New spans do not wait behind a backlog, nor does the backlog wait for ever. */
START_TEST(new_and_old_take_turns)
{
	uint8_t first[8], last[8];
	uint64_t wait, id = qf.n_spans + 1;

	memcpy(first, &id, 8);
	put_batches(100, 1, 1, NULL);
	id = qf.n_spans;
	memcpy(last, &id, 8);
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_BUSY);
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_BUSY);
	ck_assert_mem_eq(rx.got.ptr[0].span, first, 8);
	ck_assert_mem_eq(rx.got.ptr[1].span, last, 8);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(span_set_sort(&rx.got), 0);
	ck_assert_uint_eq(rx.got.n, 100);
}
END_TEST

/* ---- with a budget ---- */

static const struct {
	const char *script;
	uint64_t budget;
	unsigned int requests;
	const char *failure;
} budgets[] = {
	{ "rrrrrr", 1 * SECOND, 4, "HTTP status 503 (4 attempts)" }, /* 0, 0.4, 0.8, 1.0 */
	{ "tttttt", 1 * SECOND, 4, "connection reset (4 attempts)" },
	{ "rrr", 1 * SECOND, 6, "" }, /* just in time, then two more */
	{ "r", 0, 1, "HTTP status 503 (1 attempt)" },
	{ "c", 60 * SECOND, 1, "HTTP status 401 (1 attempt)" },
	{ "T", 60 * SECOND, 1, "certificate expired (1 attempt)" },
	{ ".c", 60 * SECOND, 2, "HTTP status 401 (1 attempt)" },
};

START_TEST(budget)
{
	put_batches(3, 2, 1, NULL);
	rx.script = budgets[_i].script;
	open_sender(budgets[_i].budget);
	ck_assert_int_eq(run(), budgets[_i].failure[0] ? SENDER_HALTED : SENDER_IDLE);
	ck_assert_uint_eq(rx.n, budgets[_i].requests);
	if (budgets[_i].failure[0]) {
		contains(sender_stats(rx.sender)->failure,
			 "cannot send 2 spans to http://there/: ");
		contains(sender_stats(rx.sender)->failure, budgets[_i].failure);
		ck_assert_uint_gt(counts_of(0).dropped[QUEUE_UNSENT], 0);
	}
	check_sums();
}
END_TEST

START_TEST(a_wait_beyond_the_budget_is_not_begun)
{
	put_batches(1, 1, 1, NULL);
	rx.script = "r";
	rx.asked_ns = 61 * SECOND;
	open_sender(60 * SECOND);
	ck_assert_int_eq(run(), SENDER_HALTED);
	ck_assert_uint_eq(rx.n, 1);
	ck_assert_uint_eq(qf.now_ns, 1000);
}
END_TEST

Suite *sender_time_suite(void)
{
	Suite *s = suite_create("sender_time");
	TCase *t = tcase_create("sender_time");

	tcase_add_checked_fixture(t, sender_setup, sender_teardown);
	tcase_add_test(t, full_jitter);
	tcase_add_loop_test(t, what_the_receiver_asks_for, 0, 2);
	tcase_add_loop_test(t, wrong_settings_are_held, 0, 2);
	tcase_add_loop_test(t, the_wall_clock_does_not_matter, 0, 2);
	tcase_add_loop_test(t, starts_are_spread, 0, 2);
	tcase_add_test(t, starts_are_uniform);
	tcase_add_test(t, a_backlog_goes_slowly);
	tcase_add_loop_test(t, an_outage_leaves_a_backlog, 0, 2);
	tcase_add_test(t, a_long_backlog_goes_faster);
	tcase_add_test(t, new_and_old_take_turns);
	tcase_add_loop_test(t, budget, 0, sizeof(budgets) / sizeof(budgets[0]));
	tcase_add_test(t, a_wait_beyond_the_budget_is_not_begun);
	suite_add_tcase(s, t);
	return s;
}
