#include "base/mem.h"
#include "base/pool.h"
#include "mapping/dist.h"

#include "tests/unit/suites.h"

#define SEED 20261124u
#define MAX_SAMPLES 3000

/* xorshift64: the same values on every machine. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Values spread over all powers of two below 2^top. */
static size_t fill(uint64_t *samples, unsigned int top, uint64_t *random)
{
	size_t n = 1 + next_random(random) % MAX_SAMPLES;

	for (size_t i = 0; i < n; i++) {
		unsigned int bits = (unsigned int)(next_random(random) % top) + 1;

		samples[i] = next_random(random) >> (64 - bits);
	}
	return n;
}

static void check_against(const struct dist *d, const uint64_t *sorted, size_t n)
{
	static const unsigned int per_milles[] = { 0, 1, 10, 250, 500, 900, 990, 999, 1000 };

	for (size_t i = 0; i < sizeof(per_milles) / sizeof(per_milles[0]); i++) {
		size_t rank = (n * per_milles[i] + 999) / 1000;
		uint64_t exact = sorted[rank ? rank - 1 : 0];
		uint64_t got = dist_quantile(d, per_milles[i]);
		uint64_t off = got > exact ? got - exact : exact - got;

		ck_assert_msg(off <= exact / 128, "%u of %zu: %llu, exactly %llu", per_milles[i], n,
			      (unsigned long long)got, (unsigned long long)exact);
	}
}

START_TEST(percentiles_are_within_one_percent)
{
	static uint64_t samples[MAX_SAMPLES];
	uint64_t random = SEED + (uint64_t)_i;

	for (unsigned int top = 1; top <= 64; top++) {
		struct dist d = { .count = 0 };
		size_t n = fill(samples, top, &random);
		uint64_t total = 0;

		for (size_t i = 0; i < n; i++) {
			ck_assert_int_eq(dist_add(&d, samples[i], NULL), ST_OK);
			total = dist_sum(total, samples[i]);
		}
		qsort(samples, n, sizeof(samples[0]), compare_u64);
		ck_assert_uint_eq(d.count, n);
		ck_assert_uint_eq(d.total_ns, total);
		ck_assert_uint_eq(d.min_ns, samples[0]);
		ck_assert_uint_eq(d.max_ns, samples[n - 1]);
		check_against(&d, samples, n);
		dist_release(&d);
	}
}
END_TEST

START_TEST(small_values_are_exact)
{
	for (uint64_t v = 0; v < 128; v++) {
		struct dist d = { .count = 0 };

		/* A lower and a higher one, so that the extremes do not help. */
		ck_assert_int_eq(dist_add(&d, 0, NULL), ST_OK);
		ck_assert_int_eq(dist_add(&d, v, NULL), ST_OK);
		ck_assert_int_eq(dist_add(&d, UINT64_MAX, NULL), ST_OK);
		ck_assert_uint_eq(dist_quantile(&d, 500), v);
		dist_release(&d);
	}
}
END_TEST

START_TEST(an_empty_one_is_all_zero)
{
	struct dist d = { .count = 0 };

	ck_assert_uint_eq(dist_quantile(&d, 500), 0);
	dist_add_cut(&d, 7);
	ck_assert_uint_eq(dist_quantile(&d, 990), 0);
	ck_assert_uint_eq(d.cut, 1);
	ck_assert_uint_eq(d.cut_ns, 7);
	dist_release(&d);
}
END_TEST

START_TEST(merging_is_adding)
{
	struct dist all = { .count = 0 }, merged = { .count = 0 };
	uint64_t random = SEED;

	for (int part = 0; part < 3; part++) {
		struct dist d = { .count = 0 };

		for (int i = 0; i < 1000 * part; i++) {
			uint64_t ns = next_random(&random) >> (next_random(&random) % 50 + 10);

			ck_assert_int_eq(dist_add(&d, ns, NULL), ST_OK);
			ck_assert_int_eq(dist_add(&all, ns, NULL), ST_OK);
		}
		dist_add_cut(&d, 5);
		ck_assert_int_eq(dist_merge(&merged, &d, NULL), ST_OK);
		dist_release(&d);
	}
	ck_assert_uint_eq(merged.count, all.count);
	ck_assert_uint_eq(merged.total_ns, all.total_ns);
	ck_assert_uint_eq(merged.min_ns, all.min_ns);
	ck_assert_uint_eq(merged.max_ns, all.max_ns);
	ck_assert_uint_eq(merged.cut, 3);
	ck_assert_uint_eq(merged.cut_ns, 15);
	for (unsigned int q = 0; q <= 1000; q += 50)
		ck_assert_uint_eq(dist_quantile(&merged, q), dist_quantile(&all, q));
	dist_release(&all);
	dist_release(&merged);
}
END_TEST

START_TEST(no_memory_changes_nothing)
{
	struct dist d = { .count = 0 };
	struct err err = ERR_INIT;

	ck_assert_int_eq(dist_add(&d, 5, NULL), ST_OK);
	mem_fail_at(1);
	ck_assert_int_eq(dist_add(&d, 5000, &err), ST_NOMEM);
	mem_fail_at(0);
	ck_assert_uint_eq(d.count, 1);
	ck_assert_uint_eq(d.max_ns, 5);
	dist_release(&d);
}
END_TEST

START_TEST(a_pool_gives_each_object_once)
{
	static unsigned char *objects[200];
	struct err err = ERR_INIT;
	struct pool p;

	pool_init(&p, 13, 200, "things");
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < 200; i++) {
			objects[i] = pool_get(&p, &err);
			ck_assert_ptr_nonnull(objects[i]);
			for (size_t k = 0; k < 13; k++)
				ck_assert_uint_eq(objects[i][k], 0);
			memset(objects[i], (int)i + 1, 13);
		}
		for (size_t i = 0; i < 200; i++)
			for (size_t k = 0; k < 13; k++)
				ck_assert_uint_eq(objects[i][k], i + 1);
		ck_assert_ptr_null(pool_get(&p, &err));
		ck_assert_int_eq(err.code, ST_LIMIT);
		ck_assert_str_eq(err.msg, "too many things: the maximum is 200");
		for (size_t i = 0; i < 200; i++)
			pool_put(&p, objects[(i * 7 + round) % 200]);
	}
	ck_assert_uint_eq(p.n, 0);
	ck_assert_uint_eq(p.n_blocks, 4);
	pool_release(&p);
}
END_TEST

START_TEST(a_pool_without_memory_recovers)
{
	struct err err = ERR_INIT;
	struct pool p;
	void *object;

	pool_init(&p, 8, 10, "things");
	for (uint64_t fail = 1; fail <= 2; fail++) {
		mem_fail_at(fail);
		object = pool_get(&p, &err);
		mem_fail_at(0);
		ck_assert_ptr_null(object);
		ck_assert_int_eq(err.code, ST_NOMEM);
	}
	ck_assert_ptr_nonnull(pool_get(&p, &err));
	pool_release(&p);
}
END_TEST

Suite *dist_suite(void)
{
	Suite *s = suite_create("dist");
	TCase *tc = tcase_create("dist");

	tcase_add_loop_test(tc, percentiles_are_within_one_percent, 0, 5);
	tcase_add_test(tc, small_values_are_exact);
	tcase_add_test(tc, an_empty_one_is_all_zero);
	tcase_add_test(tc, merging_is_adding);
	tcase_add_test(tc, no_memory_changes_nothing);
	tcase_add_test(tc, a_pool_gives_each_object_once);
	tcase_add_test(tc, a_pool_without_memory_recovers);
	suite_add_tcase(s, tc);
	return s;
}
