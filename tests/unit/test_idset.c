#include "mapping/idset.h"

#include "base/limits.h"
#include "base/mem.h"

#include "tests/unit/suites.h"

static struct idset s;
static struct err err;

static void start(void)
{
	err = (struct err)ERR_INIT;
	idset_init(&s);
}

static void finish(void)
{
	mem_fail_at(0);
	idset_release(&s);
}

static void add(uint64_t id)
{
	ck_assert_int_eq(idset_add(&s, id, &err), ST_OK);
}

static const uint64_t ids[] = {
	0, 1, 63, 64, 4095, 4096, 4097, 8191, 1u << 31, UINT32_MAX, (uint64_t)1 << 32, UINT64_MAX
};
#define N_IDS ((int)(sizeof(ids) / sizeof(ids[0])))

START_TEST(has_what_was_added_and_nothing_else)
{
	ck_assert(!idset_has(&s, ids[_i]));
	add(ids[_i]);
	add(ids[_i]);
	for (int k = 0; k < N_IDS; k++)
		ck_assert_msg(idset_has(&s, ids[k]) == (k == _i), "%llu after adding %llu",
			      (unsigned long long)ids[k], (unsigned long long)ids[_i]);
	ck_assert(!idset_has(&s, ids[_i] + 1));
	ck_assert(!idset_has(&s, ids[_i] - 1));
	ck_assert_uint_eq(s.pages.n, 1);
}
END_TEST

START_TEST(dense_ids_take_a_bit_each)
{
	for (uint64_t id = 1; id <= 100000; id += 2)
		add(id);
	for (uint64_t id = 0; id <= 100001; id++)
		ck_assert(idset_has(&s, id) == (id & 1 && id <= 100000));
	ck_assert_uint_eq(s.pages.n, 100000 / 4096 + 1);
	ck_assert(!s.full);
}
END_TEST

START_TEST(over_the_maximum_it_is_full_and_goes_on)
{
	for (uint64_t page = 0; page < MAX_ENDED_TASK_PAGES; page++)
		add(page << 20);
	ck_assert(!s.full);
	add(5);
	add(UINT64_MAX);
	ck_assert(s.full);
	ck_assert(idset_has(&s, 5));
	ck_assert(!idset_has(&s, UINT64_MAX));
	ck_assert(idset_has(&s, (uint64_t)(MAX_ENDED_TASK_PAGES - 1) << 20));
	ck_assert_uint_eq(s.pages.n, MAX_ENDED_TASK_PAGES);
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
	for (uint64_t n = 1;; n++) {
		enum status st;

		mem_fail_at(n);
		st = idset_add(&s, 77, &err);
		mem_fail_at(0);
		if (!st)
			break;
		ck_assert_int_eq(st, ST_NOMEM);
		ck_assert_int_eq(err.code, ST_NOMEM);
		ck_assert(!idset_has(&s, 77));
		ck_assert_uint_lt(n, 10);
	}
	ck_assert(idset_has(&s, 77));
}
END_TEST

Suite *idset_suite(void)
{
	Suite *suite = suite_create("idset");
	TCase *c = tcase_create("idset");

	tcase_add_checked_fixture(c, start, finish);
	tcase_add_loop_test(c, has_what_was_added_and_nothing_else, 0, N_IDS);
	tcase_add_test(c, dense_ids_take_a_bit_each);
	tcase_add_test(c, over_the_maximum_it_is_full_and_goes_on);
	tcase_add_test(c, without_memory_nothing_changes);
	suite_add_tcase(suite, c);
	return suite;
}
