/* Histograms, and the metrics of a capture. */
#include "mapping/metric.h"

#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

static const struct {
	uint64_t ns;
	int bucket; /* with four of them a power of two; 0 begins above a second */
} places[] = {
	{ 1, -120 },	   { 2, -116 },	      { 1000000000, -1 }, { 1000000001, 0 },
	{ 1189207115, 0 }, { 1189207116, 1 }, { 1414213562, 1 },  { 1414213563, 2 },
	{ 1681792830, 2 }, { 1681792831, 3 }, { 2000000000, 3 },  { 2000000001, 4 },
	{ 500000000, -5 }, { 500000001, -4 }, { 1000000, -40 },	  { UINT64_MAX, 136 },
};

START_TEST(each_duration_has_its_bucket)
{
	struct histogram h = { .count = 0 };

	histogram_add(&h, places[_i].ns);
	ck_assert_uint_eq(h.buckets[places[_i].bucket - HISTOGRAM_LEAST], 1);
	ck_assert_uint_eq(h.min_ns, places[_i].ns);
	ck_assert_uint_eq(h.max_ns, places[_i].ns);
}
END_TEST

START_TEST(sums_and_zeros)
{
	struct histogram h = { .count = 0 };
	uint64_t in_buckets = 0;

	histogram_add(&h, 5);
	histogram_add(&h, 0);
	histogram_add(&h, 9);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		in_buckets += h.buckets[i];
	ck_assert_uint_eq(in_buckets, 2);
	ck_assert_uint_eq(h.count, 3);
	ck_assert_uint_eq(h.zeros, 1);
	ck_assert_uint_eq(h.sum_ns, 14);
	ck_assert_uint_eq(h.min_ns, 0);
	ck_assert_uint_eq(h.max_ns, 9);
	histogram_add(&h, UINT64_MAX);
	ck_assert_uint_eq(h.sum_ns, UINT64_MAX);
}
END_TEST

static const struct metric *find(const struct metrics *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->list[i].name, name))
			return &m->list[i];
	return NULL;
}

/* From runnable to running, whoever works for what; what is known at the start is none. */
START_TEST(a_capture_has_metrics)
{
	struct metrics out;
	struct map_world w;

	map_world_init(&w);
	w.opt.metrics = true;
	ck_assert_int_eq(map_world_run(&w,
				       "1 g1 is Running; 1 g3 is Runnable; 2 g1 go g2; 5 g3 runs;"
				       "10 g2 runs; 12 g2 block s; 20 g1 wakes g2; 25 g2 runs;"
				       "30 g2 yields; 37 g2 runs"),
			 ST_OK);
	mapper_metrics(w.mapper, &out);
	ck_assert_ptr_nonnull(find(&out, "go.schedule.duration"));
	ck_assert_uint_eq(find(&out, "go.schedule.duration")->histogram->count, 3);
	ck_assert_uint_eq(find(&out, "go.schedule.duration")->histogram->sum_ns, 8 + 5 + 7);
	ck_assert_uint_eq(out.start_unix_ns, WORLD_WALL);
	ck_assert_uint_eq(out.end_unix_ns, WORLD_WALL + 37);
	/* Of some goroutine it is not known whose it is; and no goal was told. */
	ck_assert_uint_eq(out.n, 1);
	map_world_release(&w);
}
END_TEST

START_TEST(a_generation_is_counted_once)
{
	static const struct {
		const char *script;
		int64_t begin;
		uint64_t count;
	} captures[] = {
		{ "1 g1 go g2; 3 g2 runs; 100 - sync +0; 101 g1 go g3; 105 g3 runs", 0, 2 },
		{ "101 g1 go g3; 105 g3 runs; 200 - sync +0; 201 g1 go g4; 202 g4 runs", 100, 1 },
		{ "1 g1 go g2; 3 g2 runs; 100 - sync +0; 101 g1 go g3; 105 g3 runs", 0, 0 },
	};
	struct sent_set sent;
	struct metrics out;
	struct err err = ERR_INIT;
	struct map_world w;

	sent_init(&sent, 1000);
	for (size_t i = 0; i < 3; i++) {
		map_world_init(&w);
		w.begin = captures[i].begin;
		w.opt.metrics = true;
		w.opt.sent = &sent;
		ck_assert_int_eq(map_world_run(&w, captures[i].script), ST_OK);
		mapper_metrics(w.mapper, &out);
		ck_assert_uint_eq(out.n, captures[i].count != 0);
		if (out.n)
			ck_assert_uint_eq(out.list[0].histogram->count, captures[i].count);
		ck_assert_int_eq(sent_commit(&sent, &err), ST_OK);
		map_world_release(&w);
	}
	sent_release(&sent);
}
END_TEST

START_TEST(off_by_default)
{
	struct metrics out;
	struct map_world w;

	map_world_init(&w);
	ck_assert_int_eq(map_world_run(&w, "1 g1 go g2; 3 g2 runs"), ST_OK);
	mapper_metrics(w.mapper, &out);
	ck_assert_uint_eq(out.n, 0);
	map_world_release(&w);
}
END_TEST

Suite *metrics_suite(void)
{
	Suite *s = suite_create("metrics");
	TCase *c = tcase_create("metrics");

	tcase_add_loop_test(c, each_duration_has_its_bucket, 0,
			    (int)(sizeof(places) / sizeof(places[0])));
	tcase_add_test(c, sums_and_zeros);
	tcase_add_test(c, a_capture_has_metrics);
	tcase_add_test(c, a_generation_is_counted_once);
	tcase_add_test(c, off_by_default);
	suite_add_tcase(s, c);
	return s;
}
