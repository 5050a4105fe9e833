/* Patterns, policies, and which traces of a capture they send. */
#include "mapping/sampler.h"

#include "base/glob.h"
#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

static const struct {
	const char *pattern, *text;
	bool match;
} globs[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "a", "", false },
	{ "a", "a", true },
	{ "a", "ab", false },
	{ "ab", "a", false },
	{ "*", "", true },
	{ "*", "abc", true },
	{ "**", "", true },
	{ "a*", "a", true },
	{ "a*", "abc", true },
	{ "a*", "ba", false },
	{ "*c", "abc", true },
	{ "*c", "abcd", false },
	{ "a*c", "abcbc", true },
	{ "a*c", "ac", true },
	{ "a*c", "ab", false },
	{ "*b*", "abc", true },
	{ "*b*", "acc", false },
	{ "*ab*ab*", "abab", true },
	{ "*ab*ab*", "aba", false },
	{ "a*b*c", "aXbXbXc", true },
	{ "?", "a", false },
	{ "*aab", "aaaaab", true },
};

START_TEST(a_star_is_any_bytes)
{
	ck_assert_msg(glob_match(slice_str(globs[_i].pattern), slice_str(globs[_i].text)) ==
			      globs[_i].match,
		      "%s on %s", globs[_i].pattern, globs[_i].text);
}
END_TEST

/* What would take for ever if it tried every way to divide the text. */
START_TEST(a_hostile_pattern_ends)
{
	char pattern[201], text[5001];

	for (size_t i = 0; i < 200; i += 2) {
		pattern[i] = '*';
		pattern[i + 1] = 'a';
	}
	pattern[200] = '\0';
	memset(text, 'a', 5000);
	text[4999] = 'b';
	text[5000] = '\0';
	ck_assert(!glob_match(slice_str(pattern), slice_str(text)));
}
END_TEST

static void number_id(uint64_t n, uint8_t id[TRACE_ID_BYTES])
{
	memset(id, 0, TRACE_ID_BYTES);
	memcpy(id, &n, sizeof(n));
}

/* The share is a share, whatever the ids are like, and the smaller is inside the larger. */
START_TEST(shares_are_kept)
{
	static const double shares[] = { 0, 0.01, 0.05, 0.5, 0.95, 1 };
	const size_t n_shares = sizeof(shares) / sizeof(shares[0]);
	const uint64_t n = 100000;
	uint64_t kept[6] = { 0 };

	for (uint64_t i = 0; i < n; i++) {
		uint8_t id[TRACE_ID_BYTES];
		bool before = false;

		number_id(i, id);
		for (size_t s = 0; s < n_shares; s++) {
			bool keeps = sampler_keeps(id, shares[s]);

			ck_assert(keeps || !before);
			before = keeps;
			kept[s] += keeps;
		}
	}
	for (size_t s = 0; s < n_shares; s++)
		ck_assert_double_eq_tol((double)kept[s] / (double)n, shares[s], 0.005);
	ck_assert_uint_eq(kept[0], 0);
	ck_assert_uint_eq(kept[5], n);
}
END_TEST

/* Others decide the same only if nobody ever changes this. */
START_TEST(decisions_are_for_good)
{
	static const uint8_t id[TRACE_ID_BYTES] = {
		0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd,
		0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c
	};

	ck_assert(!sampler_keeps(id, 0.8976));
	ck_assert(sampler_keeps(id, 0.8977));
}
END_TEST

static const struct sampling_rule rules[] = {
	{ .by_latency = true, .longer_than_ns = 100, .keep = 1 },
	{ .by_log = true, .category = "error", .message = "*timeout*", .keep = 0.5 },
	{ .by_latency = true,
	  .longer_than_ns = 50,
	  .by_log = true,
	  .category = "e*",
	  .message = "*",
	  .keep = 0.25 },
	{ .keep = 0.125 },
};

static const struct {
	const char *category, *message;
	uint64_t latency;
	double share;
} matches[] = {
	{ "c", "m", 100, 1 },
	{ "c", "m", 99, 0.125 },
	{ "error", "a timeout it was", 0, 0.5 },
	{ "error", "a timeout it was", 200, 1 },
	{ "error", "something else", 0, 0.125 },
	{ "error", "something else", 50, 0.25 },
	{ "errors", "a timeout it was", 60, 0.25 },
};

START_TEST(the_first_match_decides)
{
	uint64_t bits = sampler_log(rules, 4, slice_str(matches[_i].category),
				    slice_str(matches[_i].message));

	ck_assert_double_eq_tol(sampler_share(rules, 4, matches[_i].latency, bits),
				matches[_i].share, 1e-9);
	/* Without the last rule, what nothing matches is sent. */
	if (matches[_i].share < 0.2)
		ck_assert_double_eq_tol(sampler_share(rules, 3, matches[_i].latency, bits), 1,
					1e-9);
}
END_TEST

#define SLOW "10 g1 task 1 slow; 11 g1 region 1 r; 12 g1 close 1 r; 300 g1 end 1;"
#define FAST "310 g1 task 2 fast; 311 g1 region 2 s; 312 g1 close 2 s; 320 g1 end 2;"
#define WRONG "330 g1 task 3 wrong; 331 g1 log 3 error timeout; 340 g1 end 3;"
#define LATER "350 g1 task 4 later 2; 600 g1 end 4; 610 g1 region 1 t; 620 g1 close 1 t;"
#define TREE "700 g1 task 5 root; 701 g1 task 6 child 5; 950 g1 end 6; 951 g1 end 5;"

static void sampled(struct map_world *w, const struct sampling_rule *list, size_t n,
		    const char *script)
{
	map_world_init(w);
	w->opt.sampling = list;
	w->opt.n_sampling = n;
	ck_assert_int_eq(map_world_run(w, script), ST_OK);
}

/* Whole traces: what goes on below a span goes where that went. */
START_TEST(traces_are_sent_or_not)
{
	static const struct sampling_rule list[] = {
		{ .by_latency = true, .longer_than_ns = 100, .keep = 1 },
		{ .by_log = true, .category = "err*", .message = "*", .keep = 1 },
		{ .keep = 0 },
	};
	struct mapper_summary sum;
	struct map_world w;

	sampled(&w, list, 3, SLOW FAST WRONG LATER TREE);
	ck_assert_str_eq(map_world_text_out(&w, false), "T slow 10-300 t=1 g=1\n"
							"  R r 11-12 t=1 g=1\n"
							"  R t 610-620 t=1 g=1\n"
							"T wrong 330-340 t=3 g=1 "
							"*error@331(msg=timeout)\n"
							"T root 700-951 t=5 g=1\n"
							"  T child 701-950 t=6 g=1\n");
	mapper_summarize(w.mapper, &sum);
	ck_assert_uint_eq(sum.unsampled_traces, 1);
	ck_assert_uint_eq(sum.unsampled_spans, 3);
	map_world_release(&w);
}
END_TEST

/* By the trace's id alone: the application's in one trace, whoever asks. */
START_TEST(the_id_decides_the_rest)
{
	static const struct sampling_rule list[] = { { .keep = 0.5 } };
	size_t kept = 0;

	for (int i = 0; i < 64; i++) {
		char script[400];
		struct map_world w;
		uint8_t id[TRACE_ID_BYTES] = { 0x0a, [15] = (uint8_t)i };

		snprintf(script, sizeof(script),
			 "1 g1 log 0 traceparent 00-0a0000000000000000000000000000%02x-"
			 "b7ad6b7169203331-01; 2 g1 task 1 a; 3 g1 log 1 traceparent "
			 "00-0a0000000000000000000000000000%02x-b7ad6b7169203332-01;"
			 "4 g1 task 2 b 1; 5 g1 end 2; 6 g1 end 1",
			 i, i);
		sampled(&w, list, 1, script);
		ck_assert_uint_eq(w.records.n, sampler_keeps(id, 0.5) ? 3 : 1);
		kept += w.records.n == 3;
		map_world_release(&w);
	}
	ck_assert_uint_gt(kept, 10);
	ck_assert_uint_lt(kept, 54);
}
END_TEST

/* A link is to what is sent. */
START_TEST(no_link_to_what_is_not_sent)
{
	static const struct sampling_rule list[] = {
		{ .by_latency = true, .longer_than_ns = 150, .keep = 1 },
		{ .keep = 0 },
	};
	struct map_world w;

	sampled(&w, list, 2,
		"1 g2 is Running; 1 g1 is Running; 2 g1 task 1 a; 100 g2 task 2 b;"
		"101 g1 block s; 210 g2 wakes g1; 220 g1 runs; 230 g2 end 2; 240 g1 end 1");
	ck_assert_str_eq(map_world_text_out(&w, false), "T a 2-240 t=1 g=1\n"
							"  W s 101-220 g=1 b=109 r=10 by=2\n");
	map_world_release(&w);
}
END_TEST

Suite *sampler_suite(void)
{
	Suite *s = suite_create("sampler");
	TCase *c = tcase_create("sampler");

	tcase_add_loop_test(c, a_star_is_any_bytes, 0, (int)(sizeof(globs) / sizeof(globs[0])));
	tcase_add_test(c, a_hostile_pattern_ends);
	tcase_add_test(c, shares_are_kept);
	tcase_add_test(c, decisions_are_for_good);
	tcase_add_loop_test(c, the_first_match_decides, 0,
			    (int)(sizeof(matches) / sizeof(matches[0])));
	tcase_add_test(c, traces_are_sent_or_not);
	tcase_add_test(c, the_id_decides_the_rest);
	tcase_add_test(c, no_link_to_what_is_not_sent);
	suite_add_tcase(s, c);
	return s;
}
