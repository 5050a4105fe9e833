#include "base/mem.h"
#include "tests/unit/sender_fixture.h"
#include "tests/unit/suites.h"

/* ---- what becomes of it ---- */

/* Two batches of eight spans. */
static const struct {
	const char *script;
	unsigned int requests;
	uint64_t acknowledged, dead;
} cases[] = {
	{ "", 2, 16, 0 },     { "r", 3, 16, 0 },     { "rrrr", 6, 16, 0 },
	{ "ttt", 5, 16, 0 },  { "rtrtr", 8, 16, 0 }, /* the other passes: it is halved */
	{ "P", 2, 8, 8 },			     /* not sent again; the next at once */
	{ "PP", 2, 0, 16 },   { "rP", 3, 8, 8 },     { "c", 3, 16, 0 }, /* held */
	{ "cccc", 6, 16, 0 }, { "T", 3, 16, 0 },     { "o", 3, 16, 0 },
	{ "b", 5, 16, 0 }, /* halves; the next is halved before it is sent */
	{ "p", 4, 16, 0 }, /* halves of a refused batch pass */
	{ "pp", 6, 16, 0 },
};

START_TEST(outcomes)
{
	struct span_set in = { 0 };

	put_batches(2, 8, 10, &in);
	rx.script = cases[_i].script;
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_msg(rx.n == cases[_i].requests, "%s: %u requests", cases[_i].script, rx.n);
	ck_assert_uint_eq(counts_of(0).acknowledged, cases[_i].acknowledged);
	ck_assert_uint_eq(counts_of(0).dead, cases[_i].dead);
	ck_assert_uint_eq(counts_of(0).queued, 0);
	ck_assert_uint_eq(span_set_sort(&rx.got), 0);
	ck_assert_uint_eq(rx.got.n, cases[_i].acknowledged);
	ck_assert(span_set_within(&rx.got, &in));
	ck_assert_uint_eq(sender_stats(rx.sender)->requests, rx.n);
	ck_assert_uint_eq(sender_stats(rx.sender)->spans_accepted, cases[_i].acknowledged);
	ck_assert_uint_eq(sender_stats(rx.sender)->spans_buried, cases[_i].dead);
	/* The other destination is as it was. */
	ck_assert_uint_eq(counts_of(1).queued, 16);
	span_set_release(&in);
}
END_TEST

START_TEST(rejected_spans_are_counted)
{
	put_batches(1, 8, 10, NULL);
	rx.rejected = _i ? 100 : 3; /* a receiver that cannot count */
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(rx.n, 1);
	ck_assert_uint_eq(counts_of(0).rejected, _i ? 8 : 3);
	ck_assert_uint_eq(counts_of(0).acknowledged, _i ? 0 : 5);
}
END_TEST

/* ---- halving ---- */

START_TEST(halves_until_it_fits)
{
	struct span_set in = { 0 };

	rx.max_bytes = make_batch(8, 500).len / 3;
	put_batches(3, 8, 500, &in);
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert(span_set_same(&in, &rx.got));
	ck_assert_uint_eq(counts_of(0).acknowledged, 24);
	/* Whole, half, two quarters; from then on quarters without asking. */
	ck_assert_uint_eq(rx.n, 1 + 1 + 4 + 4 + 4);
	span_set_release(&in);
}
END_TEST

START_TEST(a_span_too_large_is_buried)
{
	put_batches(2, 4, 500, NULL);
	rx.max_bytes = 10;
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(counts_of(0).dead, 8);
	ck_assert_uint_eq(rx.got.n, 0);
	contains(rx.told, "cannot send 1 span to http://there/: HTTP status 413 (1 attempt)");
}
END_TEST

/* One bad span among 1000, refused or without an answer: only that one is a dead letter. */
START_TEST(only_the_poison_is_buried)
{
	static const char ways[] = { 'p', 't' };
	struct span_set in = { 0 };
	uint64_t bad = qf.n_spans + 1000 + (uint64_t)(_i / 2) * 333 + 1;

	memcpy(rx.poison, &bad, 8);
	rx.poisoned = ways[_i % 2];
	put_batches(3, 1000, 10, &in);
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(counts_of(0).dead, 1);
	ck_assert_uint_eq(counts_of(0).acknowledged, 2999);
	ck_assert_uint_eq(span_set_sort(&rx.got), 0);
	ck_assert_uint_eq(rx.got.n, 2999);
	ck_assert(span_set_within(&rx.got, &in));
	ck_assert_uint_lt(rx.n, 120);
	span_set_release(&in);
}
END_TEST

/* A single batch with nothing behind it, and no answers to one of its spans. */
START_TEST(mute_poison_alone)
{
	uint64_t bad = qf.n_spans + 77;

	memcpy(rx.poison, &bad, 8);
	rx.poisoned = 't';
	put_batches(1, 200, 10, NULL);
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(counts_of(0).dead, 1);
	ck_assert_uint_eq(counts_of(0).acknowledged, 199);
	ck_assert_uint_lt(rx.n, 80);
}
END_TEST

/* A lone span without answers cannot be told from a receiver that went away. */
START_TEST(a_span_alone)
{
	uint64_t bad = qf.n_spans + 1;

	memcpy(rx.poison, &bad, 8);
	rx.poisoned = 't';
	put_batches(1, 1, 10, NULL);
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run_until(3600 * SECOND), SENDER_WAIT);
	ck_assert_uint_eq(counts_of(0).queued, 1);
	put_batches(1, 1, 10, NULL);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(counts_of(0).dead, 1);
	ck_assert_uint_eq(counts_of(0).acknowledged, 1);
}
END_TEST

/* A receiver that asks for patience about one span for ever does not stop the rest. */
START_TEST(patience_about_one_span)
{
	uint64_t bad = qf.n_spans + 1;

	memcpy(rx.poison, &bad, 8);
	rx.poisoned = 'r';
	put_batches(50, 10, 10, NULL);
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run_until(3600 * SECOND), SENDER_WAIT);
	ck_assert_uint_eq(counts_of(0).queued, 1);
	ck_assert_uint_eq(counts_of(0).acknowledged, 499);
	ck_assert_uint_eq(counts_of(0).dead, 0);
}
END_TEST

/* A receiver that refuses everything is not asked about every span. */
START_TEST(refusals_are_bounded)
{
	put_batches(2, 8000, 0, NULL);
	rx.poisoned = 'p';
	rx.script = "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp";
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(counts_of(0).dead, 16000);
	ck_assert_uint_lt(rx.n, 70);
}
END_TEST

/* ---- a queue that cannot be written ---- */

START_TEST(written_down_later)
{
	uint64_t wait;

	queue_close(qf.q);
	qf.q = NULL;
	qf.set.path = qf.path;
	queue_reopen();
	put_batches(2, 3, 10, NULL);
	open_sender(SENDER_NEVER);
	queue_fail_writes(true);
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_WAIT);
	ck_assert_uint_eq(rx.n, 1);
	for (int i = 0; i < 3; i++) {
		qf.now_ns += wait;
		ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_WAIT);
	}
	/* What it has is not sent again, and nothing else before that is known. */
	ck_assert_uint_eq(rx.n, 1);
	ck_assert_uint_eq(counts_of(0).acknowledged, 0);
	queue_fail_writes(false);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(rx.n, 2);
	ck_assert_uint_eq(counts_of(0).acknowledged, 6);
}
END_TEST

Suite *sender_suite(void)
{
	Suite *s = suite_create("sender");
	TCase *t = tcase_create("sender");

	tcase_add_checked_fixture(t, sender_setup, sender_teardown);
	tcase_add_loop_test(t, outcomes, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(t, rejected_spans_are_counted, 0, 2);
	tcase_add_test(t, halves_until_it_fits);
	tcase_add_test(t, a_span_too_large_is_buried);
	tcase_add_loop_test(t, only_the_poison_is_buried, 0, 8);
	tcase_add_test(t, mute_poison_alone);
	tcase_add_test(t, a_span_alone);
	tcase_add_test(t, patience_about_one_span);
	tcase_add_test(t, refusals_are_bounded);
	tcase_add_test(t, written_down_later);
	suite_add_tcase(s, t);
	return s;
}
