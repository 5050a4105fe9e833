/* The set of what earlier captures have sent, captures that use it, and links both ways. */
#include "mapping/sent.h"

#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

START_TEST(keys_count_once_committed)
{
	struct sent_set s;
	struct err err = ERR_INIT;
	size_t n;

	sent_init(&s, 100);
	ck_assert_int_eq(sent_note(&s, 7, &err), ST_OK);
	ck_assert_int_eq(sent_note(&s, 0, &err), ST_OK);
	ck_assert(!sent_has(&s, 7));
	ck_assert_uint_eq(sent_fresh(&s, &n)[0], 7);
	ck_assert_uint_eq(n, 2);
	sent_abort(&s);
	sent_fresh(&s, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(sent_note(&s, 8, &err), ST_OK);
	ck_assert_int_eq(sent_commit(&s, &err), ST_OK);
	ck_assert(!sent_has(&s, 7) && sent_has(&s, 8));
	ck_assert_int_eq(sent_seed(&s, 9, &err), ST_OK);
	ck_assert(sent_has(&s, 9));
	sent_release(&s);
}
END_TEST

/* At least `max` of the newest are known, and never more than twice that. */
START_TEST(the_oldest_are_forgotten)
{
	struct sent_set s;
	struct err err = ERR_INIT;

	sent_init(&s, 10);
	for (uint64_t i = 1; i <= 1000; i++) {
		size_t known = 0;

		ck_assert_int_eq(sent_seed(&s, i, &err), ST_OK);
		for (uint64_t k = 1; k <= i; k++) {
			bool has = sent_has(&s, k);

			known += has;
			ck_assert(has || i - k >= 10);
		}
		ck_assert_uint_le(known, 20);
	}
	sent_release(&s);
}
END_TEST

/* Runs a capture with the set of those before it; what came out, without its own trace. */
static const char *next(struct sent_set *s, const char *script, int64_t begin)
{
	static char out[4096];
	struct map_world w;
	struct err err = ERR_INIT;

	map_world_init(&w);
	w.begin = begin;
	w.opt.sent = s;
	ck_assert_int_eq(map_world_run(&w, script), ST_OK);
	ck_assert_int_eq(sent_commit(s, &err), ST_OK);
	snprintf(out, sizeof(out), "%s", map_world_text_out(&w, false));
	map_world_release(&w);
	return out;
}

#define STATES "100 g3 is Running; 100 g4 is Running;"
#define WHOLE                                                                                      \
	"110 g3 task 3 whole; 120 g3 region 3 inner; 130 g3 block sync; 330 g4 wakes g3;"          \
	"340 g3 runs; 530 g3 close 3 inner; 540 g3 end 3;"
#define WHOLE_OUT                                                                                  \
	"T whole 110-540 t=3 g=3\n"                                                                \
	"  R inner 120-530 t=3 g=3\n"                                                              \
	"    W sync 130-340 g=3 b=200 r=10 by=4\n"
#define LATE "550 g4 task 5 late; 555 g4 region 5 r; 556 g4 close 5 r;"
#define LATE_END "910 g4 end 5;"
#define TAIL "600 g3 is Running;"

static const struct {
	const char *name;
	const char *first, *second; /* what two captures see */
	int64_t begin;		    /* of the second */
	const char *sent;	    /* by the second */
} overlaps[] = {
	{ "a task that is whole in both", STATES WHOLE, STATES WHOLE TAIL, 50, "" },
	{ "a task whole in the second alone", STATES WHOLE LATE TAIL, STATES WHOLE LATE LATE_END,
	  50,
	  "T late 550-910 t=5 g=4\n"
	  "  R r 555-556 t=5 g=4\n" },
	{ "a task that the first had whole, cut at its start", STATES WHOLE,
	  "540 g3 end 3; 600 g3 yields", 535, "" },
	{ "a task that the first had whole, cut at its end", STATES WHOLE,
	  STATES "110 g3 task 3 whole; 120 g3 yields", 50, "" },
	{ "another task of the same number", STATES WHOLE, "2000 g3 task 3 new; 2001 g3 end 3",
	  1999, "T new 2000-2001 t=3 g=3\n" },
	{ "a task whose child is cut in the first",
	  "1 g1 task 1 a; 2 g1 task 2 b 1; 3 g1 end 1; 4 g1 yields",
	  "1 g1 task 1 a; 2 g1 task 2 b 1; 3 g1 end 1; 4 g1 yields; 90 g2 end 2", 0,
	  "^T b 2-90 t=2 g=1\n" },
	{ "below another parent than before, which was cut",
	  "1 g1 task 1 a; 2 g1 task 2 b 1; 3 g1 end 2; 4 g1 yields",
	  "1 g1 task 1 a; 2 g1 task 2 b 1; 3 g1 end 2; 4 g1 end 1", 0, "T a 1-4 t=1 g=1\n" },
	{ "what goes on below a task that was sent",
	  "1 g1 task 1 a; 2 g1 end 1; 3 g1 region 1 r; 4 g1 close 1 r",
	  "1 g1 task 1 a; 2 g1 end 1; 3 g1 region 1 r; 4 g1 close 1 r; 5 g1 region 1 s; 6 g1 close 1 s",
	  0, "^R s 5-6 t=1 g=1\n" },
};

START_TEST(nothing_is_sent_twice)
{
	struct sent_set s;
	const char *out;

	sent_init(&s, 1000);
	next(&s, overlaps[_i].first, 0);
	out = next(&s, overlaps[_i].second, overlaps[_i].begin);
	ck_assert_msg(!strcmp(out, overlaps[_i].sent), "%s:\n%s", overlaps[_i].name, out);
	sent_release(&s);
}
END_TEST

START_TEST(the_first_capture_is_sent_as_without_a_set)
{
	struct sent_set s;

	sent_init(&s, 1000);
	ck_assert_str_eq(next(&s, STATES WHOLE, 0), WHOLE_OUT);
	sent_release(&s);
}
END_TEST

/* The same snapshot once more: its own trace is not sent again either. */
START_TEST(a_capture_is_sent_once)
{
	struct sent_set s;
	struct err err = ERR_INIT;
	struct map_world w;

	sent_init(&s, 1000);
	for (int i = 0; i < 2; i++) {
		map_world_init(&w);
		w.opt.sent = &s;
		w.opt.links_per_span = 3;
		ck_assert_int_eq(map_world_run(&w, STATES WHOLE "800 - gc; 900 - gcend"), ST_OK);
		ck_assert_uint_eq(w.records.n, i ? 0 : 6);
		ck_assert_int_eq(sent_commit(&s, &err), ST_OK);
		map_world_release(&w);
	}
	sent_release(&s);
}
END_TEST

static bool links_to(const struct span *from, const struct span *to)
{
	for (size_t i = 0; i < from->n_links; i++)
		if (!memcmp(from->links[i].trace_id, to->trace_id, TRACE_ID_BYTES) &&
		    !memcmp(from->links[i].span_id, to->span_id, SPAN_ID_BYTES))
			return true;
	return false;
}

static const struct span *find_kind(const struct records *r, const char *kind)
{
	for (size_t i = 0; i < r->n; i++)
		if (slice_is(span_attr(&r->list[i], "flightspan.kind")->str, kind))
			return &r->list[i];
	return NULL;
}

/* Of more traces than links, the longest; what is left out is counted. */
START_TEST(the_capture_links_to_the_longest_and_they_to_it)
{
	struct map_world w;
	const struct span *root;
	size_t back = 0;

	map_world_init(&w);
	w.opt.links_per_span = 2;
	ck_assert_int_eq(map_world_run(&w,
				       "1 g1 task 1 a; 11 g1 end 1; 21 g1 task 2 b; 41 g1 end 2;"
				       "50 g1 task 3 c; 55 g1 end 3; 60 g1 task 4 d; 100 g1 end 4"),
			 ST_OK);
	root = find_kind(&w.records, "capture");
	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(root->n_links, 2);
	ck_assert_uint_eq(root->dropped_links, 2);
	ck_assert(links_to(root, records_find(&w.records, "b")));
	ck_assert(links_to(root, records_find(&w.records, "d")));
	for (size_t i = 0; i < w.records.n; i++) {
		const struct span *s = &w.records.list[i];

		if (!slice_is(span_attr(s, "flightspan.kind")->str, "capture link"))
			continue;
		back++;
		ck_assert(links_to(s, root));
		ck_assert(links_to(root, records_parent(&w.records, s)));
		ck_assert_uint_eq(s->start_unix_ns, s->end_unix_ns);
	}
	ck_assert_uint_eq(back, 2);
	map_world_release(&w);
}
END_TEST

static const struct map_row cut_ranges[] = {
	{ "a collection open at the end", "10 - gc; 20 g1 is Running",
	  "C capture 0-20 events=4 generations=1\n"
	  "  X GC concurrent mark phase 10-20 cut=end\n" },
	{ "a collection open through the whole", "10 - gcactive; 20 g1 is Running",
	  "C capture 0-20 events=4 generations=1\n"
	  "  X GC concurrent mark phase 0-20 cut=both\n" },
	{ "a stop open at the end", "10 g1 stw start; 20 g1 is Running",
	  "C capture 0-20 events=4 generations=1\n"
	  "  X stop-the-world (start) 10-20 g=1 cut=end\n" },
	{ "not wanted", "set gc 0; set stw 0; 10 - gc; 11 g1 stw start; 20 g1 is Running",
	  "C capture 0-20 events=5 generations=1\n" },
};

START_TEST(the_end_cuts_the_runtime_too)
{
	map_row_check(&cut_ranges[_i]);
}
END_TEST

Suite *sent_suite(void)
{
	Suite *s = suite_create("sent");
	TCase *c = tcase_create("sent");

	tcase_add_test(c, keys_count_once_committed);
	tcase_add_test(c, the_oldest_are_forgotten);
	tcase_add_loop_test(c, nothing_is_sent_twice, 0,
			    (int)(sizeof(overlaps) / sizeof(overlaps[0])));
	tcase_add_test(c, the_first_capture_is_sent_as_without_a_set);
	tcase_add_test(c, a_capture_is_sent_once);
	tcase_add_test(c, the_capture_links_to_the_longest_and_they_to_it);
	tcase_add_loop_test(c, the_end_cuts_the_runtime_too, 0,
			    (int)(sizeof(cut_ranges) / sizeof(cut_ranges[0])));
	suite_add_tcase(s, c);
	return s;
}
