#include "exporter/backoff.h"

#include "exporter/classify.h"
#include "tests/unit/suites.h"

#define MS ((uint64_t)1000000)

START_TEST(ceiling_doubles_to_its_maximum)
{
	static const uint64_t ceilings[] = { 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
	struct backoff high = { 0 }, low = { 0 };

	for (size_t i = 0; i < sizeof(ceilings) / sizeof(ceilings[0]); i++) {
		uint64_t ceiling = ceilings[i] * MS;

		ck_assert_uint_eq(backoff_next_ns(&high, ceiling, 0), ceiling);
		/* One more wraps to nothing, which the floor lifts. */
		ck_assert_uint_eq(backoff_next_ns(&low, ceiling + 1, 0), BACKOFF_FLOOR_NS);
	}
}
END_TEST

START_TEST(long_outages_do_not_overflow)
{
	struct backoff b = { .n_failed = UINT32_MAX - 1 };

	ck_assert_uint_eq(backoff_next_ns(&b, BACKOFF_MAX_NS, 0), BACKOFF_MAX_NS);
}
END_TEST

static const struct {
	uint64_t random, asked, want;
} rows[] = {
	{ 300 * MS, 0, 300 * MS },
	{ 300 * MS, 3000 * MS, 3000 * MS },
	{ 300 * MS, 200 * MS, 300 * MS },
	{ 0, 1, BACKOFF_FLOOR_NS },
	{ 0, UINT64_MAX, RETRY_WAIT_MAX_NS },
};

START_TEST(asked_waits_are_a_floor)
{
	struct backoff b = { 0 };

	ck_assert_uint_eq(backoff_next_ns(&b, rows[_i].random, rows[_i].asked), rows[_i].want);
}
END_TEST

START_TEST(system_clock_goes_on)
{
	const struct retry_clock *c = &retry_clock_system;
	uint64_t before = c->now_ns(c->arg);

	c->sleep_ns(c->arg, 1000);
	ck_assert_uint_ge(c->now_ns(c->arg) - before, 1000);
	ck_assert_int_gt(c->wall_s(c->arg), 1700000000);
	ck_assert_uint_ne(c->random(c->arg), c->random(c->arg));
}
END_TEST

Suite *backoff_suite(void)
{
	Suite *s = suite_create("backoff");
	TCase *t = tcase_create("backoff");

	tcase_add_test(t, ceiling_doubles_to_its_maximum);
	tcase_add_test(t, long_outages_do_not_overflow);
	tcase_add_loop_test(t, asked_waits_are_a_floor, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(t, system_clock_goes_on);
	suite_add_tcase(s, t);
	return s;
}
