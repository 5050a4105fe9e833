#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "exporter/delivery.h"
#include "tests/unit/queue_fixture.h"
#include "tests/unit/suites.h"

/*
 * Real threads, real time. A receiver that stands still does so until the test
 * says otherwise; nothing here is right because some time has passed.
 */
struct receiver {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool shut;	  /* requests wait */
	bool interrupted; /* ... until this */
	bool inside;	  /* one waits */
	enum send_class class;
	struct span_set got; /* accepted */
	unsigned int n;
};

static struct receiver rx[2];
static struct delivery *d;

static void attempt(void *arg, struct slice batch, size_t n_spans, struct attempt_result *out)
{
	struct receiver *r = arg;

	pthread_mutex_lock(&r->mutex);
	r->n++;
	r->inside = true;
	pthread_cond_broadcast(&r->changed);
	while (r->shut && !r->interrupted)
		pthread_cond_wait(&r->changed, &r->mutex);
	*out = (struct attempt_result){ .class = r->interrupted ? SEND_TRANSPORT : r->class,
					.grpc_status = -1,
					.outcome = "so it is" };
	r->inside = false;
	if (out->class == SEND_ACCEPTED)
		ck_assert_uint_eq(span_set_message(&r->got, batch), n_spans);
	pthread_mutex_unlock(&r->mutex);
}

static void interrupt(void *arg)
{
	struct receiver *r = arg;

	pthread_mutex_lock(&r->mutex);
	r->interrupted = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->mutex);
}

static void open_up(struct receiver *r)
{
	pthread_mutex_lock(&r->mutex);
	r->shut = false;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->mutex);
}

static void await_request(struct receiver *r)
{
	pthread_mutex_lock(&r->mutex);
	while (!r->inside)
		pthread_cond_wait(&r->changed, &r->mutex);
	pthread_mutex_unlock(&r->mutex);
}

static void setup(void)
{
	queue_setup();
	qf.set.clock = NULL;
	for (size_t i = 0; i < 2; i++) {
		rx[i] = (struct receiver){ .class = SEND_ACCEPTED };
		pthread_mutex_init(&rx[i].mutex, NULL);
		pthread_cond_init(&rx[i].changed, NULL);
	}
	d = NULL;
}

static void teardown(void)
{
	delivery_close(d);
	for (size_t i = 0; i < 2; i++)
		span_set_release(&rx[i].got);
	queue_teardown();
}

static void begin(uint64_t give_up_ns)
{
	static const struct delivery_target targets[2] = { { "a", attempt, interrupt, &rx[0] },
							   { "b", attempt, interrupt, &rx[1] } };
	struct delivery_settings set = {
		.queue = qf.q, .targets = targets, .n_targets = 2, .give_up_ns = give_up_ns
	};

	ok(delivery_start(&d, &set, &qf.err));
}

START_TEST(all_arrives_everywhere)
{
	struct span_set in = { 0 };

	if (_i)
		qf.set.path = NULL;
	queue_reopen();
	put_batches(20, 50, 50, &in);
	begin(SENDER_NEVER);
	put_batches(20, 50, 50, &in);
	ck_assert(delivery_wait(d, 60 * SECOND));
	delivery_stop(d, 0);
	for (size_t to = 0; to < 2; to++) {
		ck_assert_uint_eq(span_set_sort(&rx[to].got), 0);
		ck_assert(span_set_same(&in, &rx[to].got));
		ck_assert_uint_eq(counts_of(to).acknowledged, 2000);
	}
	check_sums();
	span_set_release(&in);
}
END_TEST

/* One stands still: the other gets everything meanwhile. */
START_TEST(one_down_delays_no_other)
{
	struct delivery_status status;
	struct span_set in = { 0 };

	queue_reopen();
	rx[0].shut = true;
	begin(SENDER_NEVER);
	put_batches(1, 5, 5, &in);
	await_request(&rx[0]);
	for (int i = 0; i < 30; i++)
		put_batches(1, 5, 5, &in);
	do {
		ck_assert(!delivery_wait(d, 20 * MS));
		delivery_status(d, 1, &status);
	} while (status.stats.spans_accepted < in.n);
	ck_assert_uint_eq(rx[0].n, 1);
	ck_assert_uint_eq(counts_of(0).queued, in.n);
	ck_assert_uint_eq(counts_of(1).acknowledged, in.n);
	open_up(&rx[0]);
	ck_assert(delivery_wait(d, 60 * SECOND));
	ck_assert(span_set_same(&in, &rx[0].got));
	ck_assert(span_set_same(&in, &rx[1].got));
	span_set_release(&in);
}
END_TEST

/* Told to stop: what can go goes within the deadline, what cannot stays queued. */
START_TEST(stop_sends_what_it_can)
{
	struct span_set in = { 0 };

	queue_reopen();
	rx[0].shut = true;
	rx[0].class = _i ? SEND_RETRY : SEND_ACCEPTED;
	begin(SENDER_NEVER);
	put_batches(40, 5, 5, &in);
	delivery_stop(d, _i ? 2 * SECOND : 500 * MS);
	ck_assert_uint_eq(counts_of(0).queued, 200);
	ck_assert_uint_eq(counts_of(1).acknowledged, 200);
	ck_assert(span_set_same(&in, &rx[1].got));
	check_sums();
	/* The next one sends the rest. */
	delivery_close(d);
	d = NULL;
	queue_reopen();
	rx[0] = (struct receiver){ .class = SEND_ACCEPTED };
	begin(SENDER_NEVER);
	ck_assert(delivery_wait(d, 60 * SECOND));
	ck_assert(span_set_same(&in, &rx[0].got));
	ck_assert_uint_eq(rx[1].n, 40);
	span_set_release(&in);
}
END_TEST

START_TEST(stop_at_once)
{
	queue_reopen();
	rx[0].shut = rx[1].shut = true;
	put_batches(2, 5, 5, NULL);
	begin(SENDER_NEVER);
	await_request(&rx[0]);
	await_request(&rx[1]);
	delivery_stop(d, 0);
	ck_assert_uint_eq(counts_of(0).queued, 10);
	ck_assert_uint_eq(counts_of(1).queued, 10);
}
END_TEST

/* A producer that waits for room gets it, and the queue stays within its bounds. */
START_TEST(a_full_queue_blocks)
{
	struct span_set in = { 0 };
	uint64_t used, max;

	qf.set.path = _i ? NULL : qf.path;
	qf.set.max_bytes = (uint64_t)600 << 10;
	qf.set.full = QUEUE_BLOCK;
	queue_reopen();
	begin(SENDER_NEVER);
	for (int i = 0; i < 60; i++) {
		put_batches(1, 10, 10000, &in);
		ok(queue_usage(qf.q, &used, &max, &qf.err));
		ck_assert_uint_le(used, max);
	}
	ck_assert(delivery_wait(d, 60 * SECOND));
	ck_assert(span_set_same(&in, &rx[0].got));
	ck_assert(span_set_same(&in, &rx[1].got));
	check_sums();
	span_set_release(&in);
}
END_TEST

/* All have given up: nobody waits for room that will not come. */
START_TEST(given_up)
{
	struct queue_entry *e;
	enum status st = ST_OK;

	qf.set.path = _i ? NULL : qf.path;
	qf.set.max_bytes = (uint64_t)600 << 10;
	qf.set.full = QUEUE_BLOCK;
	rx[0].class = rx[1].class = SEND_CONFIG;
	queue_reopen();
	begin(60 * SECOND);
	put_batches(1, 10, 10000, NULL);
	ck_assert(delivery_wait(d, 60 * SECOND));
	ck_assert(delivery_halted(d));
	ok(queue_begin(qf.q, &e, &qf.err));
	for (int i = 0; i < 60 && !st; i++)
		st = queue_add(e, make_batch(10, 10000), 10, &qf.err);
	ck_assert_int_eq(st, ST_LIMIT);
	queue_abort(e);
	check_sums();
}
END_TEST

Suite *delivery_suite(void)
{
	Suite *s = suite_create("delivery");
	TCase *t = tcase_create("delivery");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 100);
	tcase_add_loop_test(t, all_arrives_everywhere, 0, 2);
	tcase_add_test(t, one_down_delays_no_other);
	tcase_add_loop_test(t, stop_sends_what_it_can, 0, 2);
	tcase_add_test(t, stop_at_once);
	tcase_add_loop_test(t, a_full_queue_blocks, 0, 2);
	tcase_add_loop_test(t, given_up, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
