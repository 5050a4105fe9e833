/*
 * queue_fixture: a queue in a folder of its own, batches to put into it, a clock.
 *
 * What the tests of queue, sender and delivery share. Spans get ids from a
 * counter, so no two are alike. All state is of the one test that runs.
 */
#ifndef TESTS_UNIT_QUEUE_FIXTURE_H
#define TESTS_UNIT_QUEUE_FIXTURE_H

#include <check.h>

#include "exporter/otlp_batch.h"
#include "exporter/queue.h"
#include "tests/unit/span_set.h"

#define MS ((uint64_t)1000000)
#define SECOND (1000 * MS)

/* The one test's state. */
extern struct queue_fixture {
	char dir[64], path[128];
	struct queue *q;
	struct queue_settings set; /* of the next open; a file unless path is NULL */
	struct otlp_batch batch;
	uint64_t n_spans; /* made so far */
	uint64_t now_ns;  /* the monotonic clock */
	int64_t wall_s;
	uint64_t random; /* what chance says */
	char told[4096]; /* lines of the queue, joined by newlines */
	unsigned int n_told;
	struct err err;
} qf;

extern const struct retry_clock queue_clock;

/* Two destinations, "a" and "b"; nothing is open yet. */
void queue_setup(void);
void queue_teardown(void);

/* Open with qf.set; what was open is closed first. */
void queue_reopen(void);

/* A finished batch of `n` spans with texts of `bytes` bytes; until the next call. */
struct slice make_batch(size_t n, size_t bytes);

/* Begin, add `n_batches` of n spans, commit. `into`: their spans are added; may be NULL. */
void put_batches(size_t n_batches, size_t n, size_t bytes, struct span_set *into);

struct queue_counts counts_of(size_t to);
/* Fail unless produced is the sum of the rest, for both destinations. */
void check_sums(void);

/* Take and acknowledge all that `to` has; their spans. */
void drain(size_t to, struct span_set *into);

/* From now on no transaction that changes a delivery succeeds, or they do again. */
void queue_fail_writes(bool fail);

/* Another program at the file, which is not open. */
void run_sql(const char *sql);

/* Fail unless `part` occurs in `text`. */
void contains(const char *text, const char *part);

#define ok(call) ck_assert_msg((call) == ST_OK, "%s: %s", #call, qf.err.msg)

#endif /* TESTS_UNIT_QUEUE_FIXTURE_H */
