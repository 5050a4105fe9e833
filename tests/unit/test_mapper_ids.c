/* Ids over captures, the same output for the same input, and sinks that refuse. */
#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

/* Two captures: the first sees BEFORE and BOTH, the second BOTH and AFTER. */
#define BEFORE                                                                                     \
	"1 g1 is Running; 1 g2 is Running; 2 g1 task 1 early; 3 g1 region 1 earlyregion;"          \
	"3 g2 region 0 earlyalone;"
#define BOTH                                                                                       \
	"100 g3 is Running; 100 g4 is Running; 110 g3 task 3 whole; 120 g3 region 3 inner;"        \
	"130 g3 block network s1; 330 g4 wakes g3 s2; 340 g3 runs; 350 g3 log 3 c m;"              \
	"360 g3 task 4 child 3; 370 g3 block sync; 500 g4 wakes g3; 510 g3 runs; 520 g3 end 4;"    \
	"530 g3 close 3 inner; 540 g3 end 3; 550 g4 task 5 late; 560 g4 region 5 lateregion;"      \
	"570 g4 block select; 700 - wakes g4; 710 g4 runs; 720 g3 region 0 alone;"                 \
	"730 g3 close 0 alone; 735 g1 task 6 earlychild 1; 736 g1 end 6; 740 g1 close 1 "          \
	"earlyregion; 741 g2 close 0 earlyalone; 750 g1 end 1; 760 - gc; 780 - gcend;"
#define AFTER "900 g4 close 5 lateregion; 910 g4 end 5"

struct two {
	struct map_world first, second;
};

static void run(struct map_world *w, const char *script, int64_t begin, int64_t wire_late)
{
	map_world_init(w);
	w->begin = begin;
	/* As if the reader had moved all times on: what was recorded counts. */
	w->wire_late = wire_late;
	w->clock.trace_ns = WORLD_BASE;
	ck_assert_int_eq(map_world_run(w, script), ST_OK);
}

static void two_captures(struct two *t)
{
	run(&t->first, BEFORE BOTH, 0, 0);
	run(&t->second, BOTH AFTER, 50, 0);
}

static void two_release(struct two *t)
{
	map_world_release(&t->first);
	map_world_release(&t->second);
}

static bool same_ids(const struct span *a, const struct span *b)
{
	return !memcmp(a->trace_id, b->trace_id, TRACE_ID_BYTES) &&
	       !memcmp(a->span_id, b->span_id, SPAN_ID_BYTES) &&
	       !memcmp(a->parent_id, b->parent_id, SPAN_ID_BYTES);
}

static const struct {
	const char *first, *second; /* names of one span in either capture */
	bool same;
} pairs[] = {
	{ "whole", "whole", true },
	{ "inner", "inner", true },
	{ "network", "network", true },
	{ "child", "child", true },
	{ "sync", "sync", true },
	{ "late", "late", false },
	{ "lateregion", "lateregion", false },
	{ "select", "select", false },
	{ "early", "unknown task", false },
	{ "earlyregion", "earlyregion", false },
	{ "earlychild", "earlychild", false },
	{ "capture", "capture", false },
	{ "alone", "alone", false },
	{ "GC concurrent mark phase", "GC concurrent mark phase", false },
	{ "earlyalone", "earlyalone", false },
};
#define N_PAIRS ((int)(sizeof(pairs) / sizeof(pairs[0])))

START_TEST(overlapping_captures)
{
	const struct span *a, *b;
	struct two t;

	two_captures(&t);
	a = records_find(&t.first.records, pairs[_i].first);
	b = records_find(&t.second.records, pairs[_i].second);
	ck_assert_msg(same_ids(a, b) == pairs[_i].same, "%s", pairs[_i].first);
	if (!pairs[_i].same)
		ck_assert_msg(memcmp(a->span_id, b->span_id, SPAN_ID_BYTES) != 0, "%s",
			      pairs[_i].first);
	two_release(&t);
}
END_TEST

/* An id stands for one content: spans of both captures are equal in everything. */
START_TEST(the_same_id_is_the_same_span)
{
	size_t n = 0;
	struct two t;

	two_captures(&t);
	for (size_t i = 0; i < t.first.records.n; i++) {
		struct span *a = &t.first.records.list[i];
		const struct span *b = records_by_id(&t.second.records, a->trace_id, a->span_id);
		struct records ra = { .list = a, .n = 1 }, rb = { .n = 1 };
		struct buf x, y;

		if (!b)
			continue;
		rb.list = &t.second.records.list[b - t.second.records.list];
		buf_init(&x, 1 << 16);
		buf_init(&y, 1 << 16);
		records_bytes(&ra, &x);
		records_bytes(&rb, &y);
		ck_assert_msg(slice_eq(buf_view(&x), buf_view(&y)), "%.*s", SLICE_ARG(a->name));
		buf_release(&x);
		buf_release(&y);
		n++;
	}
	ck_assert_uint_eq(n, 5);
	two_release(&t);
}
END_TEST

/* Captures that begin alike and end differently: the recorder has more by then. */
START_TEST(a_longer_capture_is_another_capture)
{
	const struct span *a, *b;
	struct map_world first, second;

	run(&first, BOTH, 0, 0);
	run(&second, BOTH AFTER, 0, 0);
	a = records_find(&first.records, "capture");
	b = records_find(&second.records, "capture");
	ck_assert_mem_ne(a->trace_id, b->trace_id, TRACE_ID_BYTES);
	ck_assert_mem_ne(a->span_id, b->span_id, SPAN_ID_BYTES);
	a = records_find(&first.records, "alone");
	b = records_find(&second.records, "alone");
	ck_assert_mem_ne(a->span_id, b->span_id, SPAN_ID_BYTES);
	ck_assert(same_ids(records_find(&first.records, "whole"),
			   records_find(&second.records, "whole")));
	map_world_release(&first);
	map_world_release(&second);
}
END_TEST

START_TEST(recorded_times_count)
{
	struct map_world first, second;

	run(&first, BOTH, 0, 0);
	run(&second, BOTH, 0, 3);
	ck_assert(!same_ids(records_find(&first.records, "whole"),
			    records_find(&second.records, "whole")));
	map_world_release(&second);
	/* Moved on by 7 in reading, but recorded at the same instants. */
	map_world_init(&second);
	map_world_load(&second, BOTH);
	second.begin = second.late = second.wire_late = 7;
	ck_assert_int_eq(map_world_start(&second), ST_OK);
	ck_assert_int_eq(map_world_play(&second, BOTH), ST_OK);
	ck_assert_int_eq(map_world_finish(&second), ST_OK);
	/* The same spans at other times: not under the same ids. */
	ck_assert(!same_ids(records_find(&first.records, "whole"),
			    records_find(&second.records, "whole")));
	ck_assert(!same_ids(records_find(&first.records, "network"),
			    records_find(&second.records, "network")));
	map_world_release(&first);
	map_world_release(&second);
}
END_TEST

START_TEST(another_service_has_other_ids)
{
	struct map_world first, second;

	run(&first, BOTH, 0, 0);
	map_world_init(&second);
	second.opt.service_instance = SLICE("2");
	ck_assert_int_eq(map_world_run(&second, BOTH), ST_OK);
	for (size_t i = 0; i < first.records.n; i++) {
		const struct span *s = &first.records.list[i];

		for (size_t k = 0; k < second.records.n; k++) {
			ck_assert_mem_ne(s->trace_id, second.records.list[k].trace_id,
					 TRACE_ID_BYTES);
			ck_assert_mem_ne(s->span_id, second.records.list[k].span_id, SPAN_ID_BYTES);
		}
	}
	map_world_release(&first);
	map_world_release(&second);
}
END_TEST

START_TEST(the_same_input_gives_the_same_spans)
{
	struct map_world first, second;
	struct buf x, y;

	run(&first, BEFORE BOTH AFTER, 0, 0);
	run(&second, BEFORE BOTH AFTER, 0, 0);
	buf_init(&x, 1 << 16);
	buf_init(&y, 1 << 16);
	records_bytes(&first.records, &x);
	records_bytes(&second.records, &y);
	ck_assert_uint_gt(x.len, 1000);
	ck_assert(slice_eq(buf_view(&x), buf_view(&y)));
	buf_release(&x);
	buf_release(&y);
	map_world_release(&first);
	map_world_release(&second);
}
END_TEST

/* What refuses one span is not asked again, and the reason comes out. */
START_TEST(a_sink_that_refuses)
{
	struct map_world whole, w;

	run(&whole, BEFORE BOTH, 0, 0);
	ck_assert_uint_gt(whole.records.n, 10);
	for (size_t n = 1; n < whole.records.n; n++) {
		map_world_init(&w);
		w.records.refuse_after = n;
		ck_assert_int_eq(map_world_run(&w, BEFORE BOTH), ST_REMOTE);
		ck_assert_int_eq(w.err.code, ST_REMOTE);
		ck_assert_str_eq(w.err.msg, "refused");
		ck_assert_uint_eq(w.records.n, n);
		ck_assert_uint_eq(w.records.n_refused, 1);
		map_world_release(&w);
	}
	map_world_release(&whole);
}
END_TEST

#define SHARED                                                                                     \
	"10 g1 task 1 a; 20 g1 block sync s1; 300 g2 wakes g1 s2; 301 g1 runs;"                    \
	"302 g1 block sync s1; 320 g2 wakes g1 s2; 321 g1 runs; 330 g1 end 1; 400 g2 end 9"

/* A capture that begins after the waker's task did not know it: only the wait's id may tell. */
START_TEST(what_another_capture_knows_of_the_waker)
{
	struct map_world early, late;
	const struct span *a, *b;

	map_world_init(&early);
	map_world_init(&late);
	ck_assert_int_eq(map_world_run(&early, "1 g2 is Running; 2 g2 task 9 w;" SHARED), ST_OK);
	late.begin = 5;
	ck_assert_int_eq(map_world_run(&late, "6 g2 is Running;" SHARED), ST_OK);
	a = records_find(&early.records, "a");
	b = records_find(&late.records, "a");
	ck_assert(!memcmp(a->span_id, b->span_id, SPAN_ID_BYTES));
	ck_assert_uint_eq(a->n_attrs, b->n_attrs);
	ck_assert_uint_eq(a->n_events, 1);
	ck_assert_uint_eq(a->events[0].n_attrs, b->events[0].n_attrs);
	a = records_find(&early.records, "sync");
	b = records_find(&late.records, "sync");
	ck_assert(span_attr(a, "flightspan.waker.span") && !span_attr(b, "flightspan.waker.span"));
	ck_assert(memcmp(a->span_id, b->span_id, SPAN_ID_BYTES) != 0);
	map_world_release(&early);
	map_world_release(&late);
}
END_TEST

Suite *mapper_ids_suite(void)
{
	Suite *s = suite_create("mapper_ids");
	TCase *c = tcase_create("mapper_ids");

	tcase_add_loop_test(c, overlapping_captures, 0, N_PAIRS);
	tcase_add_test(c, the_same_id_is_the_same_span);
	tcase_add_test(c, a_longer_capture_is_another_capture);
	tcase_add_test(c, recorded_times_count);
	tcase_add_test(c, another_service_has_other_ids);
	tcase_add_test(c, the_same_input_gives_the_same_spans);
	tcase_add_test(c, a_sink_that_refuses);
	tcase_add_test(c, what_another_capture_knows_of_the_waker);
	suite_add_tcase(s, c);
	return s;
}
