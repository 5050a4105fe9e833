#include <inttypes.h>

#include "tests/unit/queue_fixture.h"
#include "tests/unit/span_gen.h"
#include "tests/unit/suites.h"

/*
 * Random operations against a model that keeps sets of spans: for each
 * destination all that was committed is, at any time, in exactly one of the sets
 * acknowledged, dead and queued, or was dropped, and the queue's counts agree.
 */

#define STEPS 400

struct model {
	struct span_set produced, acknowledged, dead;
};

static struct span_gen rnd;

static uint32_t below(uint64_t n)
{
	return (uint32_t)span_gen_below(&rnd, n);
}

static void produce(struct model *m)
{
	struct span_set made = { 0 };
	struct queue_entry *e;
	bool commit = below(4) != 0;

	ok(queue_begin(qf.q, &e, &qf.err));
	for (uint32_t i = below(4); i; i--) {
		size_t n = 1 + below(30);
		struct slice message = make_batch(n, below(2000));

		span_set_message(&made, message);
		ok(queue_add(e, message, n, &qf.err));
	}
	if (commit) {
		ok(queue_commit(e, NULL, &qf.err));
		span_set_join(&m[0].produced, &made);
		span_set_join(&m[1].produced, &made);
	}
	queue_abort(e);
	span_set_release(&made);
}

/* Some of the item's spans have arrived. */
static void acknowledge_some(struct model *m, size_t to, struct queue_item *item)
{
	uint32_t first = item->first + below(item->n);
	uint32_t n = 1 + below(item->first + item->n - first);

	ok(queue_item_part(item, first, n, &qf.err));
	ck_assert_uint_eq(span_set_message(&m[to].acknowledged, item->bytes), n);
	ok(queue_acknowledge(qf.q, to, item, first, n, below(2) ? 0 : below(n), &qf.err));
}

static void deliver(struct model *m, struct queue_item *item)
{
	size_t to = below(2);
	enum status st = queue_take(qf.q, to, below(2) ? QUEUE_OLDEST : QUEUE_NEWEST,
				    below(3) ? 0 : item->id, item, &qf.err);

	if (st == ST_END)
		return;
	ck_assert_msg(!st, "%s", qf.err.msg);
	switch (below(5)) {
	case 0:
		span_set_message(&m[to].dead, item->bytes);
		ok(queue_bury(qf.q, to, item, 1, "so it is", &qf.err));
		break;
	case 1:
		if (item->n > 1)
			ok(queue_split(qf.q, to, item, &qf.err));
		break;
	case 2: /* kept in hand, and forgotten */
		break;
	default:
		acknowledge_some(m, to, item);
	}
}

static void compare(struct model *m, size_t to)
{
	struct span_set queued = { 0 };
	struct queue_counts c = counts_of(to);
	uint64_t dropped = c.dropped[QUEUE_FULL];
	struct model *d = &m[to];

	span_set_sort(&d->produced);
	ck_assert_uint_eq(c.produced, d->produced.n);
	ck_assert_uint_eq(span_set_sort(&d->acknowledged), 0);
	ck_assert_uint_eq(c.acknowledged + c.rejected, d->acknowledged.n);
	/* Dead letters go like all others when the queue is full. */
	ck_assert_uint_le(c.dead, d->dead.n);
	dropped += c.dead;
	drain(to, &queued);
	ck_assert_uint_eq(queued.n, c.queued);
	ck_assert_uint_eq(span_set_sort(&queued), 0);
	ck_assert(span_set_within(&queued, &d->produced));
	span_set_join(&d->acknowledged, &queued);
	/* Nothing is in two places, and what is in none was counted as dropped. */
	ck_assert_uint_eq(span_set_sort(&d->acknowledged), 0);
	ck_assert(span_set_within(&d->acknowledged, &d->produced));
	ck_assert_uint_eq(d->produced.n - d->acknowledged.n, dropped);
	span_set_release(&queued);
}

START_TEST(nothing_is_lost_or_twice)
{
	uint64_t seed = span_gen_seed();
	struct model m[2] = { 0 };
	struct queue_item item;

	printf("queue_random: SEED=%" PRIu64 "\n", seed);
	span_gen_init(&rnd, seed + (uint64_t)_i);
	if (_i % 2)
		qf.set.path = NULL;
	/* Every third life has too little room. */
	qf.set.max_bytes = _i % 3 == 2 ? (uint64_t)300 << 10 : (uint64_t)1 << 30;
	queue_reopen();
	ok(queue_item_init(&item, below(QUEUE_HANDS), &qf.err));
	for (int i = 0; i < STEPS; i++) {
		if (below(3) == 0)
			produce(m);
		else
			deliver(m, &item);
		check_sums();
		if (!(_i % 2) && below(40) == 0)
			queue_reopen();
	}
	compare(m, 0);
	compare(m, 1);
	queue_item_release(&item);
	for (size_t to = 0; to < 2; to++) {
		span_set_release(&m[to].produced);
		span_set_release(&m[to].acknowledged);
		span_set_release(&m[to].dead);
	}
}
END_TEST

Suite *queue_random_suite(void)
{
	Suite *s = suite_create("queue_random");
	TCase *t = tcase_create("queue_random");

	tcase_add_checked_fixture(t, queue_setup, queue_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, nothing_is_lost_or_twice, 0, 6);
	suite_add_tcase(s, t);
	return s;
}
