#include "base/map.h"

#include "base/mem.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define KEYS 512
#define STEPS 200000

/* What the map has to hold, the plain way. */
static void *model[KEYS];
static char values[KEYS];

/* Keys of every sort: small, huge, apart in the high bits alone. */
static uint64_t key_of(size_t i)
{
	switch (i % 4) {
	case 0:
		return i;
	case 1:
		return UINT64_MAX - i;
	case 2:
		return (uint64_t)i << 52;
	default:
		return i * 0x9e3779b97f4a7c15u;
	}
}

static void compare(const struct map *m)
{
	size_t n = 0, visited = 0;

	for (size_t i = 0; i < KEYS; i++) {
		ck_assert_ptr_eq(map_get(m, key_of(i)), model[i]);
		n += model[i] != NULL;
	}
	for (size_t at = 0; map_next(m, &at);)
		visited++;
	ck_assert_uint_eq(m->n, n);
	ck_assert_uint_eq(visited, n);
}

START_TEST(random_steps)
{
	uint64_t state = 0x5eed + (uint64_t)_i;
	struct map m;

	map_init(&m, KEYS, "keys");
	memset(model, 0, sizeof(model));
	for (size_t step = 0; step < STEPS; step++) {
		uint64_t r = next_random(&state);
		/* Phases of growing and of shrinking. */
		bool put = r >> 32 & 7 ? (step / 1000) & 1 : !((step / 1000) & 1);
		size_t i = r % KEYS;

		if (put) {
			model[i] = &values[r >> 16 & (KEYS - 1)];
			ck_assert_int_eq(map_put(&m, key_of(i), model[i], NULL), ST_OK);
		} else {
			ck_assert_ptr_eq(map_del(&m, key_of(i)), model[i]);
			model[i] = NULL;
		}
		if (step % 997 == 0)
			compare(&m);
	}
	compare(&m);
	map_clear(&m);
	memset(model, 0, sizeof(model));
	compare(&m);
	map_release(&m);
	compare(&m);
}
END_TEST

START_TEST(maximum)
{
	struct err err = ERR_INIT;
	struct map m;

	map_init(&m, 2, "gophers");
	ck_assert_ptr_null(map_get(&m, 0));
	ck_assert_ptr_null(map_del(&m, 0));
	ck_assert_int_eq(map_put(&m, 0, &values[0], &err), ST_OK);
	ck_assert_int_eq(map_put(&m, UINT64_MAX, &values[1], &err), ST_OK);
	ck_assert_int_eq(map_put(&m, 5, &values[2], &err), ST_LIMIT);
	ck_assert_str_eq(err.msg, "too many gophers: the maximum is 2");
	ck_assert_ptr_null(map_get(&m, 5));
	/* Replacing needs no room. */
	ck_assert_int_eq(map_put(&m, 0, &values[3], &err), ST_OK);
	ck_assert_ptr_eq(map_get(&m, 0), &values[3]);
	ck_assert_ptr_eq(map_del(&m, UINT64_MAX), &values[1]);
	ck_assert_int_eq(map_put(&m, 5, &values[2], &err), ST_OK);
	map_release(&m);
}
END_TEST

START_TEST(no_memory)
{
	struct err err = ERR_INIT;
	struct map m;
	uint64_t n = 0;

	map_init(&m, SIZE_MAX, "keys");
	mem_fail_at(3);
	while (!map_put(&m, n, &values[0], &err))
		n++;
	mem_fail_at(0);
	ck_assert_int_eq(err.code, ST_NOMEM);
	ck_assert_uint_gt(n, 10);
	ck_assert_uint_eq(m.n, n);
	for (uint64_t i = 0; i < n; i++)
		ck_assert_ptr_eq(map_get(&m, i), &values[0]);
	ck_assert_int_eq(map_put(&m, n, &values[0], &err), ST_OK);
	map_release(&m);
}
END_TEST

START_TEST(grow)
{
	static const struct {
		size_t cap, need, elem, max;
		enum status want;
	} rows[] = {
		{ 0, 1, 8, 10, ST_OK },
		{ 0, 10, 8, 10, ST_OK },
		{ 0, 11, 8, 10, ST_LIMIT },
		{ 9, 10, 8, 10, ST_OK },
		{ 10, 11, 8, 10, ST_LIMIT },
		{ 0, 1, 16, SIZE_MAX / 8, ST_LIMIT }, /* the maximum itself is too many bytes */
		{ 0, 1, 16, SIZE_MAX / 16, ST_OK },
		{ 0, 0, 8, 10, ST_OK },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = ERR_INIT;
		size_t cap = rows[i].cap;
		void *p = cap ? mem_alloc(cap * rows[i].elem) : NULL;

		ck_assert_msg(mem_grow(&p, &cap, rows[i].need, rows[i].elem, rows[i].max, "things",
				       &err) == rows[i].want,
			      "row %zu", i);
		if (rows[i].want)
			ck_assert_uint_eq(cap, rows[i].cap);
		else
			ck_assert_msg(cap >= rows[i].need && cap <= rows[i].max, "row %zu: %zu", i,
				      cap);
		if (cap)
			memset(p, 1, cap * rows[i].elem);
		mem_free(p);
	}
}
END_TEST

START_TEST(grow_without_memory)
{
	struct err err = ERR_INIT;
	size_t cap = 0;
	void *p = NULL, *before;

	ck_assert_int_eq(mem_grow(&p, &cap, 4, 1, 100, "things", &err), ST_OK);
	memcpy(p, "abc", 4);
	before = p;
	mem_fail_at(1);
	ck_assert_int_eq(mem_grow(&p, &cap, 50, 1, 100, "things", &err), ST_NOMEM);
	ck_assert_uint_eq(mem_count(), 1);
	mem_fail_at(0);
	ck_assert_str_eq(err.msg, "out of memory for things");
	ck_assert_ptr_eq(p, before);
	ck_assert_str_eq(p, "abc");
	mem_free(p);
	/* Nothing is not NULL. */
	p = mem_alloc(0);
	ck_assert_ptr_nonnull(p);
	mem_free(p);
	mem_free(NULL);
}
END_TEST

Suite *map_suite(void)
{
	Suite *s = suite_create("map");
	TCase *t = tcase_create("map");

	tcase_add_loop_test(t, random_steps, 0, 4);
	tcase_add_test(t, maximum);
	tcase_add_test(t, no_memory);
	tcase_add_test(t, grow);
	tcase_add_test(t, grow_without_memory);
	suite_add_tcase(s, t);
	return s;
}
