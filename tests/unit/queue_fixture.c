#include "tests/unit/queue_fixture.h"

#include <dirent.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

struct queue_fixture qf;

static uint64_t clock_now(void *arg)
{
	(void)arg;
	return qf.now_ns;
}

static int64_t clock_wall(void *arg)
{
	(void)arg;
	return qf.wall_s;
}

static void clock_sleep(void *arg, uint64_t ns)
{
	(void)arg;
	qf.now_ns += ns;
}

static uint64_t clock_random(void *arg)
{
	(void)arg;
	return qf.random;
}

const struct retry_clock queue_clock = { clock_now, clock_wall, clock_sleep, clock_random, NULL };

static void told(void *arg, const char *line)
{
	size_t len = strlen(qf.told);

	(void)arg;
	qf.n_told++;
	snprintf(qf.told + len, sizeof(qf.told) - len, "%s\n", line);
}

void queue_setup(void)
{
	static const char *const names[] = { "a", "b" };
	const struct attr service = { .key = SLICE("service.name"), .str = SLICE("orders") };

	qf = (struct queue_fixture){
		.now_ns = 1000, .wall_s = 1800000000, .random = 400 * MS, .err = ERR_INIT
	};
	/* Memory is as good as a disk here, and does not take its time. */
	snprintf(qf.dir, sizeof(qf.dir), "%s/flightspan-queue-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	ck_assert_ptr_nonnull(mkdtemp(qf.dir));
	snprintf(qf.path, sizeof(qf.path), "%s/queue.db", qf.dir);
	qf.set = (struct queue_settings){ .path = qf.path,
					  .max_bytes = (uint64_t)1 << 30,
					  .destinations = names,
					  .n_destinations = 2,
					  .clock = &queue_clock,
					  .tell = told };
	otlp_batch_init(&qf.batch, OTLP_PROTO, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	ok(otlp_batch_resource(&qf.batch, &(struct resource){ &service, 1 }, &qf.err));
}

void queue_teardown(void)
{
	DIR *d = opendir(qf.dir);
	struct dirent *e;
	char path[512];

	queue_close(qf.q);
	qf.q = NULL;
	otlp_batch_release(&qf.batch);
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", qf.dir, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(qf.dir);
}

void queue_reopen(void)
{
	queue_close(qf.q);
	qf.q = NULL;
	ok(queue_open(&qf.q, &qf.set, &qf.err));
}

struct slice make_batch(size_t n, size_t bytes)
{
	static uint8_t text[(size_t)1 << 19];
	static uint64_t noise = 88172645463325252u;
	struct slice message;

	ck_assert_uint_le(bytes, sizeof(text));
	otlp_batch_clear(&qf.batch);
	for (size_t i = 0; i < n; i++) {
		struct attr a = { .key = SLICE("k"), .str = { text, bytes } };
		struct span s = { .trace_id = { 7 },
				  .name = SLICE("GET /"),
				  .start_unix_ns = 5,
				  .attrs = &a,
				  .n_attrs = 1 };

		for (size_t b = 0; b < bytes; b++) {
			noise ^= noise << 13, noise ^= noise >> 7, noise ^= noise << 17;
			text[b] = (uint8_t)(' ' + noise % 90);
		}
		qf.n_spans++;
		memcpy(s.span_id, &qf.n_spans, sizeof(qf.n_spans));
		s.scope = (enum span_scope)(qf.n_spans % N_SCOPES);
		ok(otlp_batch_add(&qf.batch, &s, &qf.err));
	}
	ok(otlp_batch_finish(&qf.batch, &message, &qf.err));
	return message;
}

void put_batches(size_t n_batches, size_t n, size_t bytes, struct span_set *into)
{
	struct queue_entry *e;

	ok(queue_begin(qf.q, &e, &qf.err));
	for (size_t i = 0; i < n_batches; i++) {
		struct slice m = make_batch(n, bytes);

		if (into)
			span_set_message(into, m);
		ok(queue_add(e, m, n, &qf.err));
	}
	ok(queue_commit(e, NULL, &qf.err));
	queue_abort(e);
}

struct queue_counts counts_of(size_t to)
{
	struct queue_counts c;

	ok(queue_count(qf.q, to, &c, &qf.err));
	return c;
}

void check_sums(void)
{
	for (size_t to = 0; to < 2; to++) {
		struct queue_counts c = counts_of(to);
		uint64_t sum = c.acknowledged + c.rejected + c.dead + c.queued;

		for (size_t i = 0; i < N_QUEUE_REASONS; i++)
			sum += c.dropped[i];
		ck_assert_uint_eq(c.produced, sum);
	}
}

void drain(size_t to, struct span_set *into)
{
	struct queue_item item;
	enum status st;

	ok(queue_item_init(&item, 0, &qf.err));
	while (!(st = queue_take(qf.q, to, QUEUE_OLDEST, 0, &item, &qf.err))) {
		size_t n = span_set_message(into, item.bytes);

		ck_assert_uint_eq(n, item.n);
		ok(queue_acknowledge(qf.q, to, &item, item.first, item.n, 0, &qf.err));
	}
	ck_assert_msg(st == ST_END, "%s", qf.err.msg);
	queue_item_release(&item);
}

void contains(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in: %s", part, text);
}

void run_sql(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(qf.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* By a trigger, which another program at the file sets. */
void queue_fail_writes(bool fail)
{
	run_sql(fail ? "CREATE TRIGGER no BEFORE DELETE ON deliveries BEGIN"
		       " SELECT raise(ABORT, 'not now'); END"
		     : "DROP TRIGGER no");
}
