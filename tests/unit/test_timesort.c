#include "collector/trace/timesort.h"

#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MAX 2000

/* What slices.SortFunc of Go 1.26 does: the keys, and which element ends up where. */
static const struct {
	size_t n;
	int16_t keys[64];
	int8_t places[64];
} recorded[] = {
	{ 12, { 2, 0, 0, 0, 2, 2, 1, 1, 1, 0, 2, 1 }, { 1, 2, 3, 9, 6, 7, 8, 11, 0, 4, 5, 10 } },
	{ 13,
	  { 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1 },
	  { 9, 1, 3, 4, 5, 7, 8, 0, 2, 6, 10, 11, 12 } },
	{ 13,
	  { 4, 3, 3, 3, 2, 2, 2, 1, 1, 1, 0, 0, 0 },
	  { 12, 11, 10, 7, 9, 8, 6, 5, 4, 3, 2, 1, 0 } },
	{ 16,
	  { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
	  { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } },
	{ 20,
	  { 1, 0, 1, 3, 0, 2, 0, 0, 4, 3, 4, 2, 3, 4, 4, 3, 2, 0, 2, 2 },
	  { 1, 4, 6, 7, 17, 0, 2, 19, 5, 18, 16, 11, 15, 12, 9, 3, 13, 14, 10, 8 } },
	{ 24,
	  { 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2 },
	  { 12, 0, 21, 3, 18, 15, 6, 9, 10, 4, 1, 22, 16, 13, 7, 19, 17, 8, 14, 5, 20, 2, 11, 23 } },
	{ 31,
	  { 0, 1, 1, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 1, 1,
	    0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1 },
	  { 0,	29, 27, 26, 4,	5,  25, 7,  8,	22, 10, 20, 18, 16, 14, 23,
	    13, 17, 12, 19, 11, 21, 9,	15, 24, 6,  3,	2,  28, 1,  30 } },
	{ 40,
	  { 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1,
	    2, 1, 0, 5, 4, 3, 2, 1, 0, 5, 4, 3, 2, 1, 0, 5, 4, 3, 2, 1 },
	  { 0, 22, 28, 18, 34, 12, 6,  21, 39, 27, 7,  1,  19, 13, 33, 32, 14, 38, 20, 2,
	    8, 26, 15, 3,  37, 31, 25, 9,  10, 30, 24, 16, 36, 4,  29, 23, 17, 35, 11, 5 } },
	{ 50,
	  { 1, 1, 1, 1, 0, 2, 1, 2, 2, 2, 0, 0, 0, 1, 0, 2, 2, 0, 1, 0, 2, 1, 1, 1, 1,
	    0, 2, 2, 1, 2, 1, 0, 0, 0, 0, 1, 0, 1, 1, 2, 0, 1, 0, 0, 2, 1, 0, 2, 1, 2 },
	  { 17, 46, 43, 42, 4,	40, 36, 34, 33, 32, 10, 11, 12, 31, 14, 25, 19,
	    23, 18, 48, 1,  21, 22, 0,	24, 45, 6,  2,	28, 3,	30, 13, 41, 38,
	    37, 35, 26, 7,  8,	39, 5,	9,  29, 27, 44, 15, 20, 47, 16, 49 } },
	{ 56,
	  { 9, 8, 8, 8, 8, 8, 8, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 5, 4, 4, 4,
	    4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
	  { 50, 55, 54, 53, 52, 51, 44, 49, 48, 47, 46, 45, 41, 43, 42, 40, 39, 38, 32,
	    37, 36, 35, 34, 33, 28, 26, 27, 25, 29, 30, 31, 19, 24, 23, 22, 21, 20, 17,
	    13, 18, 16, 15, 14, 10, 12, 11, 9,	8,  7,	6,  5,	4,  3,	2,  1,	0 } },
	{ 60,
	  { 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1,
	    0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1,
	    0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1 },
	  { 46, 44, 2,	58, 30, 56, 6,	54, 8,	52, 10, 50, 12, 48, 14, 0,  16, 28, 18, 42,
	    20, 40, 22, 38, 24, 36, 26, 34, 32, 4,  45, 11, 1,	33, 27, 35, 25, 37, 23, 29,
	    21, 41, 19, 39, 31, 43, 9,	17, 13, 49, 47, 51, 15, 53, 7,	55, 5,	57, 3,	59 } },
	{ 64,
	  { 3, 3, 0, 2, 0, 1, 2, 2, 3, 2, 3, 1, 0, 1, 2, 1, 1, 1, 3, 2, 1, 2,
	    0, 3, 2, 3, 2, 2, 1, 0, 3, 3, 3, 3, 0, 2, 3, 2, 2, 3, 1, 1, 0, 2,
	    2, 3, 1, 1, 2, 2, 1, 3, 0, 3, 3, 0, 2, 3, 1, 0, 1, 1, 2, 2 },
	  { 12, 42, 2,	29, 4,	34, 59, 22, 55, 52, 47, 17, 61, 58, 46, 15, 11, 16, 28, 50, 20, 41,
	    13, 40, 5,	60, 48, 35, 26, 63, 62, 3,  6,	7,  24, 14, 56, 37, 38, 9,  49, 21, 19, 43,
	    44, 27, 45, 18, 0,	23, 10, 51, 39, 53, 54, 8,  36, 57, 33, 32, 31, 1,  30, 25 } },
};

static int64_t keys[MAX];
static struct timed sorted[MAX];

static void run(size_t n)
{
	for (size_t i = 0; i < n; i++)
		sorted[i] = (struct timed){ keys[i], &keys[i] };
	timesort(sorted, n);
}

START_TEST(like_go)
{
	size_t n = recorded[_i].n;

	for (size_t i = 0; i < n; i++)
		keys[i] = recorded[_i].keys[i];
	run(n);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(sorted[i].item == &keys[recorded[_i].places[i]],
			      "array %d of %zu: place %zu", _i, n, i);
}
END_TEST

/* Sorted, and a permutation: each element once, with its own time. */
static void check(size_t n)
{
	static bool seen[MAX];

	memset(seen, 0, sizeof(seen));
	for (size_t i = 0; i < n; i++) {
		size_t from = (size_t)((int64_t *)sorted[i].item - keys);

		ck_assert(from < n && !seen[from] && keys[from] == sorted[i].time);
		seen[from] = true;
		ck_assert(!i || sorted[i - 1].time <= sorted[i].time);
	}
}

START_TEST(random_arrays)
{
	uint64_t state = 0xabcdef + (uint64_t)_i;

	for (int round = 0; round < 300; round++) {
		size_t n = next_random(&state) % MAX;
		uint64_t range = 1 + next_random(&state) % (round % 2 ? 10 : 100000);

		for (size_t i = 0; i < n; i++)
			keys[i] = (int64_t)(next_random(&state) % range) - (int64_t)(range / 2);
		run(n);
		check(n);
		/* A sorted array stays as it is, ties included. */
		for (size_t i = 0; i < n; i++)
			keys[i] = sorted[i].time;
		run(n);
		for (size_t i = 0; i < n; i++)
			ck_assert_ptr_eq(sorted[i].item, &keys[i]);
	}
}
END_TEST

START_TEST(short_ones_are_stable)
{
	uint64_t state = 99;

	for (int round = 0; round < 3000; round++) {
		size_t n = next_random(&state) % 13;

		for (size_t i = 0; i < n; i++)
			keys[i] = (int64_t)(next_random(&state) % 3);
		run(n);
		check(n);
		for (size_t i = 1; i < n; i++)
			ck_assert(sorted[i - 1].time < sorted[i].time ||
				  (int64_t *)sorted[i - 1].item < (int64_t *)sorted[i].item);
	}
}
END_TEST

/* Shapes that make a bad quicksort quadratic, and the extreme times. */
START_TEST(shapes)
{
	for (int shape = 0; shape < 5; shape++) {
		for (int64_t i = 0; i < MAX; i++) {
			switch (shape) {
			case 0:
				keys[i] = 0;
				break;
			case 1:
				keys[i] = MAX - i;
				break;
			case 2:
				keys[i] = i < MAX / 2 ? i : MAX - i;
				break;
			case 3:
				keys[i] = i % 2 ? INT64_MIN : INT64_MAX;
				break;
			default:
				keys[i] = i == MAX / 2 ? -1 : i;
			}
		}
		run(MAX);
		check(MAX);
	}
}
END_TEST

Suite *timesort_suite(void)
{
	Suite *s = suite_create("timesort");
	TCase *t = tcase_create("timesort");

	tcase_add_loop_test(t, like_go, 0, LEN(recorded));
	tcase_add_loop_test(t, random_arrays, 0, 3);
	tcase_add_test(t, short_ones_are_stable);
	tcase_add_test(t, shapes);
	suite_add_tcase(s, t);
	return s;
}
