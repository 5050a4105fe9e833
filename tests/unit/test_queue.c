#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/queue_fixture.h"
#include "tests/unit/suites.h"

static void in_memory(void)
{
	qf.set.path = NULL;
}

/* ---- what goes in comes out ---- */

START_TEST(bytes_come_back)
{
	struct queue_item item;
	struct queue_entry *e;
	struct slice m;
	uint8_t *copy;

	if (_i)
		in_memory();
	queue_reopen();
	ok(queue_begin(qf.q, &e, &qf.err));
	m = make_batch(100, 200);
	copy = malloc(m.len);
	memcpy(copy, m.ptr, m.len);
	ok(queue_add(e, m, 100, &qf.err));
	ok(queue_item_init(&item, 0, &qf.err));
	/* Not before the commit. */
	ck_assert_int_eq(queue_take(qf.q, 0, QUEUE_OLDEST, 0, &item, &qf.err), ST_END);
	ok(queue_commit(e, NULL, &qf.err));
	for (size_t to = 0; to < 2; to++) {
		ok(queue_take(qf.q, to, QUEUE_OLDEST, 0, &item, &qf.err));
		ck_assert_uint_eq(item.n, 100);
		ck_assert(slice_eq(item.bytes, (struct slice){ copy, m.len }));
		ok(queue_acknowledge(qf.q, to, &item, 0, 100, 7, &qf.err));
		ck_assert_uint_eq(counts_of(to).acknowledged, 93);
		ck_assert_uint_eq(counts_of(to).rejected, 7);
		ck_assert_int_eq(queue_take(qf.q, to, QUEUE_OLDEST, 0, &item, &qf.err), ST_END);
		check_sums();
	}
	queue_abort(e);
	queue_item_release(&item);
	free(copy);
}
END_TEST

/* A process that ends in the middle of an entry. */
static void die_with_an_entry(void)
{
	int status;
	pid_t child;

	queue_close(qf.q);
	qf.q = NULL;
	child = fork();
	if (!child) {
		struct queue_entry *e;
		struct queue *q;

		if (queue_open(&q, &qf.set, &qf.err) || queue_begin(q, &e, &qf.err) ||
		    queue_add(e, make_batch(20, 1000), 20, &qf.err))
			_exit(1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	queue_reopen();
}

/* A commit survives, an entry without one leaves nothing, however it ends. */
START_TEST(only_commits_survive)
{
	struct span_set in = { 0 }, out = { 0 };
	struct queue_entry *e;
	uint64_t used[2], max;

	queue_reopen();
	put_batches(3, 20, 10, &in);
	ok(queue_usage(qf.q, &used[0], &max, &qf.err));
	if (_i) {
		ok(queue_begin(qf.q, &e, &qf.err));
		ok(queue_add(e, make_batch(20, 10), 20, &qf.err));
		queue_abort(e);
	} else {
		die_with_an_entry();
	}
	ok(queue_usage(qf.q, &used[1], &max, &qf.err));
	ck_assert_uint_eq(used[0], used[1]);
	/* Nor does it come back with the next entry, which may have the same number. */
	put_batches(1, 20, 10, &in);
	drain(0, &out);
	ck_assert(span_set_same(&in, &out));
	ck_assert_uint_eq(counts_of(0).acknowledged, 80);
	ck_assert_uint_eq(counts_of(1).queued, 80);
	check_sums();
	span_set_release(&in);
	span_set_release(&out);
}
END_TEST

START_TEST(an_entry_is_used_again)
{
	struct span_set in = { 0 }, out = { 0 };
	struct queue_entry *e;

	queue_reopen();
	ok(queue_begin(qf.q, &e, &qf.err));
	for (int i = 0; i < 3; i++) {
		struct slice m = make_batch(5, 5);

		span_set_message(&in, m);
		ok(queue_add(e, m, 5, &qf.err));
		ok(queue_commit(e, NULL, &qf.err));
	}
	queue_abort(e);
	drain(1, &out);
	ck_assert(span_set_same(&in, &out));
	span_set_release(&in);
	span_set_release(&out);
}
END_TEST

/* ---- snapshots and ids ---- */

START_TEST(what_was_done_is_known)
{
	struct queue_snapshot s = { 1, 2, 3, 4, 5, { 5, 6 } }, other = { 1, 2, 3, 4, 5, { 5, 7 } };
	const uint64_t id = 123, id2 = UINT64_MAX;
	struct queue_entry *e;
	bool known;

	queue_reopen();
	ok(queue_begin(qf.q, &e, &qf.err));
	ok(queue_add(e, make_batch(5, 5), 5, &qf.err));
	ok(queue_add_id(e, id, &qf.err));
	ok(queue_id_sent(qf.q, id, &known, &qf.err));
	ck_assert(!known);
	ok(queue_commit(e, &s, &qf.err));
	queue_abort(e);
	queue_reopen();
	ok(queue_snapshot_done(qf.q, &s, &known, &qf.err));
	ck_assert(known);
	ok(queue_snapshot_done(qf.q, &other, &known, &qf.err));
	ck_assert(!known);
	/* The very file, or one that got its number since. */
	s.ctime_s = qf.wall_s - 1;
	ok(queue_file_done(qf.q, &s, &known, &qf.err));
	ck_assert(known);
	s.ctime_s = qf.wall_s;
	ok(queue_file_done(qf.q, &s, &known, &qf.err));
	ck_assert(!known);
	ok(queue_id_sent(qf.q, id, &known, &qf.err));
	ck_assert(known);
	ok(queue_id_sent(qf.q, id2, &known, &qf.err));
	ck_assert(!known);
	/* A day later it is forgotten, with the next id that is added. */
	qf.wall_s += 24 * 3600 + 1;
	ok(queue_begin(qf.q, &e, &qf.err));
	ok(queue_add_id(e, id2, &qf.err));
	ok(queue_commit(e, NULL, &qf.err));
	queue_abort(e);
	ok(queue_id_sent(qf.q, id, &known, &qf.err));
	ck_assert(!known);
	ok(queue_id_sent(qf.q, id2, &known, &qf.err));
	ck_assert(known);
}
END_TEST

START_TEST(ids_have_a_maximum)
{
	struct queue_entry *e;
	uint64_t id;
	bool known;

	in_memory();
	queue_reopen();
	ok(queue_begin(qf.q, &e, &qf.err));
	for (id = 1; id <= 2 * MAX_SENT_IDS; id++) {
		ok(queue_add_id(e, id, &qf.err));
		if (id % MAX_SENT_IDS == 0) {
			ok(queue_commit(e, NULL, &qf.err));
			qf.wall_s++;
		}
	}
	queue_abort(e);
	id = 1;
	ok(queue_id_sent(qf.q, id, &known, &qf.err));
	ck_assert(!known);
	id = MAX_SENT_IDS + 1;
	ok(queue_id_sent(qf.q, id, &known, &qf.err));
	ck_assert(known);
}
END_TEST

/* ---- full ---- */

START_TEST(the_oldest_goes_first)
{
	struct span_set out = { 0 }, last = { 0 }, all = { 0 };
	struct queue_counts c;
	uint64_t used, max;

	if (_i)
		in_memory();
	qf.set.max_bytes = (uint64_t)1 << 20;
	queue_reopen();
	for (int i = 0; i < 40; i++) {
		put_batches(1, 10, 10000, &all);
		ok(queue_usage(qf.q, &used, &max, &qf.err));
		ck_assert_uint_le(used, max);
		check_sums();
	}
	put_batches(1, 10, 10000, &last);
	c = counts_of(0);
	ck_assert_uint_eq(c.produced, 410);
	ck_assert_uint_gt(c.dropped[QUEUE_FULL], 250);
	ck_assert_uint_gt(c.queued, 50);
	drain(0, &out);
	span_set_sort(&out);
	ck_assert_uint_eq(out.n, c.queued);
	ck_assert(span_set_within(&last, &out));
	span_set_join(&all, &last);
	ck_assert(span_set_within(&out, &all));
	span_set_release(&out);
	span_set_release(&last);
	span_set_release(&all);
}
END_TEST

/* What is being sent is not dropped: its acknowledgement still counts. */
START_TEST(what_is_in_hand_stays)
{
	struct queue_item item;

	in_memory();
	qf.set.max_bytes = (uint64_t)1 << 20;
	queue_reopen();
	put_batches(1, 10, 10000, NULL);
	ok(queue_item_init(&item, 0, &qf.err));
	ok(queue_take(qf.q, 0, QUEUE_OLDEST, 0, &item, &qf.err));
	for (int i = 0; i < 40; i++)
		put_batches(1, 10, 10000, NULL);
	ok(queue_acknowledge(qf.q, 0, &item, item.first, item.n, 0, &qf.err));
	ck_assert_uint_eq(counts_of(0).acknowledged, 10);
	check_sums();
	queue_item_release(&item);
}
END_TEST

/* Nothing can leave: there is no use in waiting. */
START_TEST(blocked_for_good)
{
	struct queue_entry *e;
	enum status st = ST_OK;
	int n;

	if (_i)
		in_memory();
	qf.set.max_bytes = (uint64_t)1 << 20;
	qf.set.full = QUEUE_BLOCK;
	queue_reopen();
	ok(queue_begin(qf.q, &e, &qf.err));
	for (n = 0; n < 40 && !st; n++)
		st = queue_add(e, make_batch(10, 10000), 10, &qf.err);
	ck_assert_int_eq(st, ST_LIMIT);
	ck_assert_int_gt(n, 5);
	contains(qf.err.msg, "queue.max_size of 1048576 bytes is too small");
	queue_abort(e);
	ck_assert_uint_eq(counts_of(0).produced, 0);
	/* The room is there again. */
	put_batches(1, 10, 10000, NULL);
	ck_assert_uint_eq(counts_of(0).queued, 10);
}
END_TEST

START_TEST(stopped_while_full)
{
	enum status st = ST_OK;
	struct queue_entry *e;

	in_memory();
	qf.set.max_bytes = (uint64_t)1 << 20;
	qf.set.full = QUEUE_BLOCK;
	queue_reopen();
	put_batches(1, 10, 10000, NULL);
	ok(queue_begin(qf.q, &e, &qf.err));
	queue_stop(qf.q);
	for (int n = 0; n < 40 && !st; n++)
		st = queue_add(e, make_batch(10, 10000), 10, &qf.err);
	ck_assert_int_eq(st, ST_LIMIT);
	contains(qf.err.msg, "is reached");
	queue_abort(e);
}
END_TEST

/* A disk without enough room is full before it is. */
START_TEST(min_free_is_kept)
{
	struct queue_entry *e;

	qf.set.min_free_bytes = UINT64_MAX / 2;
	queue_reopen();
	put_batches(1, 10, 100, NULL);
	ck_assert_uint_eq(counts_of(0).dropped[QUEUE_DISK], 10);
	check_sums();
	qf.set.full = QUEUE_BLOCK;
	queue_reopen();
	ok(queue_begin(qf.q, &e, &qf.err));
	ck_assert_int_eq(queue_add(e, make_batch(1, 1), 1, &qf.err), ST_LIMIT);
	contains(qf.err.msg, "the disk is full");
	queue_abort(e);
}
END_TEST

START_TEST(given_up_in_memory)
{
	struct span_set in = { 0 }, out = { 0 };

	if (!_i)
		in_memory();
	queue_reopen();
	put_batches(2, 10, 10, &in);
	ok(queue_give_up(qf.q, 0, &qf.err));
	put_batches(2, 10, 10, &in);
	ck_assert_uint_eq(counts_of(0).dropped[QUEUE_UNSENT], _i ? 0 : 40);
	ck_assert_uint_eq(counts_of(0).queued, _i ? 40 : 0);
	check_sums();
	drain(1, &out);
	ck_assert(span_set_same(&in, &out));
	check_sums();
	span_set_release(&in);
	span_set_release(&out);
}
END_TEST

Suite *queue_suite(void)
{
	Suite *s = suite_create("queue");
	TCase *t = tcase_create("queue");

	tcase_add_checked_fixture(t, queue_setup, queue_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, bytes_come_back, 0, 2);
	tcase_add_loop_test(t, only_commits_survive, 0, 2);
	tcase_add_test(t, an_entry_is_used_again);
	tcase_add_test(t, what_was_done_is_known);
	tcase_add_test(t, ids_have_a_maximum);
	tcase_add_loop_test(t, the_oldest_goes_first, 0, 2);
	tcase_add_test(t, what_is_in_hand_stays);
	tcase_add_loop_test(t, blocked_for_good, 0, 2);
	tcase_add_test(t, stopped_while_full);
	tcase_add_test(t, min_free_is_kept);
	tcase_add_loop_test(t, given_up_in_memory, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
