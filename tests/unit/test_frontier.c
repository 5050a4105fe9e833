#include "collector/trace/frontier.h"

#include "base/mem.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define MAX 64

static struct stream streams[MAX];

static void add(struct frontier *f, size_t i, int64_t time)
{
	streams[i].m = (int64_t)i;
	streams[i].time = time;
	ck_assert_int_eq(frontier_add(f, &streams[i], NULL), ST_OK);
}

/* The heap's streams as letters, in array order. */
static const char *shape(const struct frontier *f)
{
	static char text[MAX + 1];

	for (size_t i = 0; i < f->n; i++)
		text[i] = (char)('a' + frontier_at(f, i)->m);
	text[f->n] = '\0';
	return text;
}

/*
 * Worked out by hand from the description of the heap: ties do not move, the
 * left child wins, and a removed one goes up to the root and out through the
 * last place.
 */
START_TEST(mechanics_with_equal_times)
{
	struct frontier f = { .heap = NULL };

	for (size_t i = 0; i < 6; i++)
		add(&f, i, 10);
	ck_assert_str_eq(shape(&f), "abcdef");
	frontier_remove(&f, 0);
	ck_assert_str_eq(shape(&f), "fbcde");
	/* e up to the root over b: ebcdf's last place f takes the root again. */
	frontier_remove(&f, 4);
	ck_assert_str_eq(shape(&f), "bfcd");
	frontier_update(&f, 2);
	ck_assert_str_eq(shape(&f), "bfcd");
	frontier_remove(&f, 1);
	ck_assert_str_eq(shape(&f), "dbc");
	frontier_release(&f);
}
END_TEST

START_TEST(mechanics)
{
	struct frontier f = { .heap = NULL };

	add(&f, 0, 50);
	add(&f, 1, 30);
	add(&f, 2, 40);
	add(&f, 3, 20);
	ck_assert_str_eq(shape(&f), "dbca");
	/* d's next event is late: down past the smaller child. */
	streams[3].time = 60;
	frontier_update(&f, 0);
	ck_assert_str_eq(shape(&f), "bacd");
	/* Both children equal: the left one. */
	streams[1].time = 70;
	streams[0].time = 40;
	f.heap[1].time = 40;
	frontier_update(&f, 0);
	ck_assert_str_eq(shape(&f), "adcb");
	/* Not at the root: up. */
	streams[1].time = 5;
	frontier_update(&f, 3);
	ck_assert_str_eq(shape(&f), "bacd");
	frontier_sort(&f);
	ck_assert_str_eq(shape(&f), "bacd");
	frontier_release(&f);
}
END_TEST

static void check_heap(const struct frontier *f)
{
	int64_t limit = INT64_MAX;

	for (size_t i = 0; i < f->n; i++) {
		ck_assert_int_eq(f->heap[i].time, frontier_at(f, i)->time);
		ck_assert(!i || f->heap[(i - 1) / 2].time <= f->heap[i].time);
		if (i && f->heap[i].time < limit)
			limit = f->heap[i].time;
	}
	ck_assert_int_eq(frontier_limit(f), limit);
}

/* frontier_sink() does what frontier_update() does of the first. */
static void go_on(struct frontier *f)
{
	struct timed copy[MAX + 8];
	struct frontier other = { copy, f->n, 0 };

	memcpy(copy, f->heap, (f->n + 2) * sizeof(*copy));
	frontier_update(f, 0);
	frontier_sink(&other, frontier_at(&other, 0)->time);
	ck_assert_mem_eq(copy, f->heap, (f->n + 2) * sizeof(*copy));
}

/* Against the plain answer: the least time is at the front, and nobody is lost. */
START_TEST(random_steps)
{
	struct frontier f = { .heap = NULL };
	uint64_t state = 12345 + (uint64_t)_i;
	size_t left = MAX;

	for (size_t i = 0; i < MAX; i++)
		add(&f, i, (int64_t)(next_random(&state) % 20));
	while (left) {
		size_t i = next_random(&state) % left;

		check_heap(&f);
		ck_assert_uint_eq(f.n, left);
		if (next_random(&state) % 8 == 0) {
			frontier_remove(&f, i);
			left--;
		} else if (next_random(&state) % 8 == 0) {
			frontier_sort(&f);
			for (size_t k = 1; k < left; k++)
				ck_assert(f.heap[k - 1].time <= f.heap[k].time);
		} else {
			/* The first goes far at times: deep into the heap. */
			frontier_at(&f, i)->time += (int64_t)(next_random(&state) % (i ? 5 : 60));
			if (i)
				frontier_update(&f, i);
			else
				go_on(&f);
		}
	}
	frontier_release(&f);
}
END_TEST

START_TEST(no_memory)
{
	struct frontier f = { .heap = NULL };
	struct err err = ERR_INIT;

	mem_fail_at(1);
	ck_assert_int_eq(frontier_add(&f, &streams[0], &err), ST_NOMEM);
	mem_fail_at(0);
	ck_assert_uint_eq(f.n, 0);
	frontier_release(&f);
}
END_TEST

Suite *frontier_suite(void)
{
	Suite *s = suite_create("frontier");
	TCase *t = tcase_create("frontier");

	tcase_add_test(t, mechanics_with_equal_times);
	tcase_add_test(t, mechanics);
	tcase_add_loop_test(t, random_steps, 0, 20);
	tcase_add_test(t, no_memory);
	suite_add_tcase(s, t);
	return s;
}
