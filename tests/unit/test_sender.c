#include <inttypes.h>

#include "base/mem.h"
#include "exporter/sender.h"
#include "tests/unit/queue_fixture.h"
#include "tests/unit/suites.h"

/*
 * A receiver that answers by a script, one letter a request, then takes all:
 *
 *	. accepted          r patience   t no answer   c configuration   T certificates
 *	p refused, 400      P refused, 500             b too big         o our bug
 */
static struct {
	const char *script;
	size_t max_bytes;  /* larger requests are too big; 0: none is */
	uint8_t poison[8]; /* a request with this span is answered by `poisoned` */
	char poisoned;	   /* 0: no span is poison */
	uint64_t asked_ns; /* of patience */
	uint64_t rejected;
	unsigned int n;	     /* requests */
	uint64_t at[64];     /* when they came */
	struct span_set got; /* accepted */
	size_t spans[64];    /* of each request */
	struct sender *sender;
	uint64_t waits[64];
	unsigned int n_waits, n_told;
	char told[8192];
} rx;

static bool has_poison(struct slice batch)
{
	struct span_set s = { 0 };
	bool found = false;

	span_set_message(&s, batch);
	for (size_t i = 0; i < s.n; i++)
		found |= !memcmp(s.ptr[i].span, rx.poison, 8);
	span_set_release(&s);
	return found;
}

static void answer(char letter, struct attempt_result *out)
{
	static const struct {
		char letter;
		enum send_class class;
		long status;
		const char *outcome;
	} answers[] = {
		{ '.', SEND_ACCEPTED, 200, "HTTP status 200" },
		{ 'r', SEND_RETRY, 503, "HTTP status 503" },
		{ 't', SEND_TRANSPORT, 0, "connection reset" },
		{ 'c', SEND_CONFIG, 401, "HTTP status 401" },
		{ 'T', SEND_TLS, 0, "certificate expired" },
		{ 'p', SEND_PERMANENT, 400, "HTTP status 400" },
		{ 'P', SEND_PERMANENT, 500, "HTTP status 500" },
		{ 'b', SEND_TOO_BIG, 413, "HTTP status 413" },
		{ 'o', SEND_OURS, 0, "out of memory" },
	};
	size_t i = 0;

	while (answers[i].letter != letter)
		i++;
	*out = (struct attempt_result){ .class = answers[i].class,
					.http_status = answers[i].status,
					.grpc_status = -1 };
	snprintf(out->outcome, sizeof(out->outcome), "%s", answers[i].outcome);
	if (letter == 'r')
		out->wait_ns = rx.asked_ns;
}

static void attempt(void *arg, struct slice batch, size_t n_spans, struct attempt_result *out)
{
	char letter = '.';

	(void)arg;
	ck_assert_uint_lt(rx.n, 20000);
	if (*rx.script)
		letter = *rx.script++;
	else if (rx.max_bytes && batch.len > rx.max_bytes)
		letter = 'b';
	else if (rx.poisoned && has_poison(batch))
		letter = rx.poisoned;
	if (rx.n < 64) {
		rx.at[rx.n] = qf.now_ns;
		rx.spans[rx.n] = n_spans;
	}
	rx.n++;
	answer(letter, out);
	if (letter != '.')
		return;
	out->spans_rejected = rx.rejected;
	out->bytes_sent = batch.len / 10;
	ck_assert_uint_eq(span_set_message(&rx.got, batch), n_spans);
}

static void tell(void *arg, const char *line, uint64_t wait_ns)
{
	size_t len = strlen(rx.told);

	(void)arg;
	if (wait_ns && rx.n_waits < 64)
		rx.waits[rx.n_waits++] = wait_ns;
	rx.n_told++;
	snprintf(rx.told + len, sizeof(rx.told) - len, "%s\n", line);
}

static void setup(void)
{
	queue_setup();
	qf.set.path = NULL;
	memset(&rx, 0, sizeof(rx));
	rx.script = "";
	queue_reopen();
}

static void teardown(void)
{
	sender_close(rx.sender);
	span_set_release(&rx.got);
	queue_teardown();
}

static void open_sender(uint64_t give_up_ns)
{
	struct sender_settings set = {
		.queue = qf.q,
		.shown = "http://there/",
		.attempt = attempt,
		.clock = &queue_clock,
		.give_up_ns = give_up_ns,
		.tell = tell,
	};

	ok(sender_open(&rx.sender, &set, &qf.err));
}

/* Step until there is nothing to do, or time is over; waits pass at once. */
static enum sender_state run_until(uint64_t end_ns)
{
	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t wait;
		enum sender_state state = sender_step(rx.sender, &wait);

		if (state == SENDER_IDLE || state == SENDER_HALTED)
			return state;
		if (state == SENDER_WAIT) {
			ck_assert_uint_gt(wait, 0);
			if (qf.now_ns + wait >= end_ns)
				return state;
			qf.now_ns += wait;
		}
		if (i % 64 == 0)
			check_sums();
	}
	ck_abort_msg("100000 steps and no end");
	return SENDER_BUSY;
}

static enum sender_state run(void)
{
	return run_until(UINT64_MAX);
}

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

/* ---- time ---- */

START_TEST(full_jitter)
{
	put_batches(1, 1, 1, NULL);
	rx.script = "rrrrrrrr";
	qf.random = UINT64_MAX;
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t ceiling = (500 * MS) << i;

		if (ceiling > 30 * SECOND)
			ceiling = 30 * SECOND;
		ck_assert_uint_eq(rx.at[i + 1] - rx.at[i], UINT64_MAX % (ceiling + 1) < 100 * MS
								   ? 100 * MS
								   : UINT64_MAX % (ceiling + 1));
	}
}
END_TEST

START_TEST(what_the_receiver_asks_for)
{
	put_batches(1, 1, 1, NULL);
	rx.script = "r";
	rx.asked_ns = _i ? 3600 * SECOND : 7 * SECOND;
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(rx.at[1] - rx.at[0], _i ? 600 * SECOND : 7 * SECOND);
}
END_TEST

/* Held: 5 s to 2 minutes apart, told at once and then once a minute. */
START_TEST(wrong_settings_are_held)
{
	static char script[61];

	memset(script, _i ? 'T' : 'c', 60);
	put_batches(3, 2, 1, NULL);
	rx.script = script;
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(counts_of(0).acknowledged, 6);
	ck_assert_uint_eq(counts_of(0).dead, 0);
	for (unsigned int i = 0; i < 59; i++) {
		ck_assert_uint_ge(rx.at[i + 1] - rx.at[i], 5 * SECOND / 2);
		ck_assert_uint_le(rx.at[i + 1] - rx.at[i], 120 * SECOND);
	}
	ck_assert_uint_ge(rx.n_told, rx.at[59] / (120 * SECOND));
	ck_assert_uint_le(rx.n_told, rx.at[59] / (60 * SECOND) + 1);
	contains(rx.told, _i ? "certificate expired" : "HTTP status 401");
}
END_TEST

/* An hour forwards or backwards on the wall moves nothing. */
START_TEST(the_wall_clock_does_not_matter)
{
	uint64_t wait;

	put_batches(1, 1, 1, NULL);
	rx.script = "r";
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_WAIT);
	ck_assert_uint_eq(wait, 400 * MS);
	qf.wall_s += _i ? 3600 : -3600;
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_WAIT);
	ck_assert_uint_eq(wait, 400 * MS);
	qf.now_ns += 400 * MS;
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_BUSY);
	ck_assert_uint_eq(counts_of(0).acknowledged, 1);
}
END_TEST

START_TEST(starts_are_spread)
{
	uint64_t wait;
	struct sender_settings set = { .queue = qf.q,
				       .shown = "x",
				       .attempt = attempt,
				       .clock = &queue_clock,
				       .give_up_ns = SENDER_NEVER,
				       .spread_ns = 300 * MS };

	put_batches(1, 1, 1, NULL);
	ok(sender_open(&rx.sender, &set, &qf.err));
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_WAIT);
	ck_assert_uint_eq(wait, 100 * MS); /* chance says 400 ms */
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(rx.at[0], 1000 + 100 * MS);
}
END_TEST

/* New spans do not wait behind a backlog, nor does the backlog wait for ever. */
START_TEST(new_and_old_take_turns)
{
	uint8_t first[8], last[8];
	uint64_t wait, id = qf.n_spans + 1;

	memcpy(first, &id, 8);
	put_batches(100, 1, 1, NULL);
	id = qf.n_spans;
	memcpy(last, &id, 8);
	open_sender(SENDER_NEVER);
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_BUSY);
	ck_assert_int_eq(sender_step(rx.sender, &wait), SENDER_BUSY);
	ck_assert_mem_eq(rx.got.ptr[0].span, first, 8);
	ck_assert_mem_eq(rx.got.ptr[1].span, last, 8);
	ck_assert_int_eq(run(), SENDER_IDLE);
	ck_assert_uint_eq(span_set_sort(&rx.got), 0);
	ck_assert_uint_eq(rx.got.n, 100);
}
END_TEST

/* ---- with a budget ---- */

static const struct {
	const char *script;
	uint64_t budget;
	unsigned int requests;
	const char *failure;
} budgets[] = {
	{ "rrrrrr", 1 * SECOND, 4, "HTTP status 503 (4 attempts)" }, /* 0, 0.4, 0.8, 1.0 */
	{ "tttttt", 1 * SECOND, 4, "connection reset (4 attempts)" },
	{ "rrr", 1 * SECOND, 6, "" }, /* just in time, then two more */
	{ "r", 0, 1, "HTTP status 503 (1 attempt)" },
	{ "c", 60 * SECOND, 1, "HTTP status 401 (1 attempt)" },
	{ "T", 60 * SECOND, 1, "certificate expired (1 attempt)" },
	{ ".c", 60 * SECOND, 2, "HTTP status 401 (1 attempt)" },
};

START_TEST(budget)
{
	put_batches(3, 2, 1, NULL);
	rx.script = budgets[_i].script;
	open_sender(budgets[_i].budget);
	ck_assert_int_eq(run(), budgets[_i].failure[0] ? SENDER_HALTED : SENDER_IDLE);
	ck_assert_uint_eq(rx.n, budgets[_i].requests);
	if (budgets[_i].failure[0]) {
		contains(sender_stats(rx.sender)->failure,
			 "cannot send 2 spans to http://there/: ");
		contains(sender_stats(rx.sender)->failure, budgets[_i].failure);
		ck_assert_uint_gt(counts_of(0).dropped[QUEUE_UNSENT], 0);
	}
	check_sums();
}
END_TEST

START_TEST(a_wait_beyond_the_budget_is_not_begun)
{
	put_batches(1, 1, 1, NULL);
	rx.script = "r";
	rx.asked_ns = 61 * SECOND;
	open_sender(60 * SECOND);
	ck_assert_int_eq(run(), SENDER_HALTED);
	ck_assert_uint_eq(rx.n, 1);
	ck_assert_uint_eq(qf.now_ns, 1000);
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

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, outcomes, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(t, rejected_spans_are_counted, 0, 2);
	tcase_add_test(t, halves_until_it_fits);
	tcase_add_test(t, a_span_too_large_is_buried);
	tcase_add_loop_test(t, only_the_poison_is_buried, 0, 8);
	tcase_add_test(t, mute_poison_alone);
	tcase_add_test(t, a_span_alone);
	tcase_add_test(t, patience_about_one_span);
	tcase_add_test(t, refusals_are_bounded);
	tcase_add_test(t, full_jitter);
	tcase_add_loop_test(t, what_the_receiver_asks_for, 0, 2);
	tcase_add_loop_test(t, wrong_settings_are_held, 0, 2);
	tcase_add_loop_test(t, the_wall_clock_does_not_matter, 0, 2);
	tcase_add_test(t, starts_are_spread);
	tcase_add_test(t, new_and_old_take_turns);
	tcase_add_loop_test(t, budget, 0, sizeof(budgets) / sizeof(budgets[0]));
	tcase_add_test(t, a_wait_beyond_the_budget_is_not_begun);
	tcase_add_test(t, written_down_later);
	suite_add_tcase(s, t);
	return s;
}
