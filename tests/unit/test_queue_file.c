#include <fcntl.h>
#include <glob.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/queue_fixture.h"
#include "tests/unit/suites.h"

static unsigned int n_damaged(void)
{
	char pattern[160];
	glob_t g;
	unsigned int n;

	snprintf(pattern, sizeof(pattern), "%s.damaged-*", qf.path);
	if (glob(pattern, 0, NULL, &g))
		return 0;
	n = 0;
	for (size_t i = 0; i < g.gl_pathc; i++)
		n += !strstr(g.gl_pathv[i], "-wal") && !strstr(g.gl_pathv[i], "-shm");
	globfree(&g);
	return n;
}

/* ---- whose file it is ---- */

START_TEST(one_process_at_a_time)
{
	struct queue *second;
	int status;
	pid_t child;

	queue_reopen();
	child = fork();
	if (!child) {
		char want[64];
		struct err err = ERR_INIT;
		enum status st = queue_open(&second, &qf.set, &err);

		snprintf(want, sizeof(want), "process %ld delivers from it", (long)getppid());
		_exit(st == ST_CONFIG && strstr(err.msg, want) ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	/* Whoever ends, in whatever way, leaves it to the next. */
	queue_reopen();
}
END_TEST

static void write_file(const void *bytes, size_t len)
{
	int fd = open(qf.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static const struct {
	const char *name;
	const char *bytes, *sql;
	const char *told; /* NULL: nothing is set aside */
} files[] = {
	{ "empty", "", NULL, NULL },
	{ "text",
	  "to whom it may concern, this is no database at all.............................."
	  "......................................................",
	  NULL, "file is not a database" },
	{ "newer", NULL, "PRAGMA user_version=99",
	  "its tables have version 99, this program knows" },
	{ "no table", NULL, "DROP TABLE destinations", "no such table" },
};

START_TEST(whatever_the_file_holds)
{
	struct span_set in = { 0 }, out = { 0 };
	unsigned int aside = files[_i].told ? 1 : 0;

	if (files[_i].bytes) {
		write_file(files[_i].bytes, strlen(files[_i].bytes));
	} else {
		queue_reopen();
		queue_close(qf.q);
		qf.q = NULL;
		run_sql(files[_i].sql);
	}
	queue_reopen();
	ck_assert_uint_eq(n_damaged(), aside);
	ck_assert_uint_eq(qf.n_told, aside);
	if (files[_i].told) {
		contains(qf.told, files[_i].told);
		contains(qf.told, "the file is now ");
	}
	put_batches(1, 10, 10, &in);
	drain(0, &out);
	ck_assert(span_set_same(&in, &out));
	span_set_release(&in);
	span_set_release(&out);
}
END_TEST

START_TEST(another_programs_database)
{
	struct queue *q = NULL;

	run_sql("CREATE TABLE precious (x)");
	ck_assert_int_eq(queue_open(&q, &qf.set, &qf.err), ST_CONFIG);
	contains(qf.err.msg, "the database of another program");
	ck_assert_uint_eq(n_damaged(), 0);
	run_sql("SELECT * FROM precious");
}
END_TEST

START_TEST(the_file_is_private)
{
	struct stat st;

	queue_reopen();
	ck_assert_int_eq(stat(qf.path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(no_folder)
{
	struct queue *q = NULL;

	qf.set.path = "/nonexistent/folder/queue.db";
	ck_assert_int_eq(queue_open(&q, &qf.set, &qf.err), ST_IO);
	contains(qf.err.msg, "/nonexistent/folder/queue.db");
	contains(qf.err.msg, "No such file or directory");
}
END_TEST

START_TEST(spans_of_a_destination_that_is_gone)
{
	static const char *const other[] = { "c", "b" };

	queue_reopen();
	put_batches(1, 10, 10, NULL);
	qf.set.destinations = other;
	queue_reopen();
	ck_assert_uint_eq(qf.n_told, 1);
	contains(qf.told, "10 spans wait for a, which is not among the exporters");
	ck_assert_uint_eq(counts_of(0).queued, 0);
	ck_assert_uint_eq(counts_of(1).queued, 10);
}
END_TEST

/* ---- memory ---- */

/* A bit of everything. The message is made before: its memory is not the queue's. */
static enum status a_life(struct queue **q, struct slice message)
{
	struct queue_item item = { 0 };
	struct queue_entry *e = NULL;
	struct queue_snapshot s = { 0 };
	struct queue_counts c;
	enum status st = queue_open(q, &qf.set, &qf.err);

	if (!st)
		st = queue_item_init(&item, 0, &qf.err);
	if (!st)
		st = queue_begin(*q, &e, &qf.err);
	if (!st)
		st = queue_add(e, message, 4, &qf.err);
	if (!st)
		st = queue_add_id(e, 12345678, &qf.err);
	if (!st)
		st = queue_commit(e, &s, &qf.err);
	if (!st)
		st = queue_take(*q, 0, QUEUE_NEWEST, 0, &item, &qf.err);
	if (!st)
		st = queue_split(*q, 0, &item, &qf.err);
	if (!st)
		st = queue_take(*q, 0, QUEUE_OLDEST, 0, &item, &qf.err);
	if (!st)
		st = queue_bury(*q, 0, &item, 1, "why", &qf.err);
	if (!st)
		st = queue_take(*q, 1, QUEUE_OLDEST, 0, &item, &qf.err);
	if (!st)
		st = queue_acknowledge(*q, 1, &item, 1, 2, 0, &qf.err);
	if (!st)
		st = queue_count(*q, 0, &c, &qf.err);
	queue_abort(e);
	queue_item_release(&item);
	return st;
}

START_TEST(survives_no_memory)
{
	struct slice message = make_batch(4, 4);
	enum status st = ST_NOMEM;

	for (uint64_t n = 1; st; n++) {
		struct queue *q = NULL;

		mem_fail_at(n);
		st = a_life(&q, message);
		mem_fail_at(0);
		ck_assert_msg(!st || st == ST_NOMEM, "%d: %s", st, qf.err.msg);
		queue_close(q);
		ck_assert_uint_lt(n, 200);
	}
}
END_TEST

/* The same for SQLite's own memory. */
static uint64_t sqlite_count, sqlite_fail_at;
static sqlite3_mem_methods sqlite_memory;

static void *failing_malloc(int n)
{
	return ++sqlite_count == sqlite_fail_at ? NULL : sqlite_memory.xMalloc(n);
}

static void *failing_realloc(void *p, int n)
{
	return ++sqlite_count == sqlite_fail_at ? NULL : sqlite_memory.xRealloc(p, n);
}

START_TEST(survives_no_memory_in_sqlite)
{
	struct slice message = make_batch(4, 4);
	sqlite3_mem_methods failing;
	enum status st = ST_NOMEM;
	uint64_t n;

	sqlite3_shutdown();
	ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory), SQLITE_OK);
	failing = sqlite_memory;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing), SQLITE_OK);
	for (n = 1; st; n += 1 + n / 16) {
		struct queue *q = NULL;

		sqlite_count = 0;
		sqlite_fail_at = n;
		st = a_life(&q, message);
		sqlite_fail_at = 0;
		/* Nothing else than that: above all no damage, nothing set aside. */
		ck_assert_msg(!st || st == ST_NOMEM, "%d: %s", st, qf.err.msg);
		ck_assert_uint_eq(n_damaged(), 0);
		queue_close(q);
		ck_assert_uint_lt(n, 200000);
		if (sqlite_count < n)
			break;
	}
	ck_assert_int_eq(st, ST_OK);
	sqlite3_shutdown();
	sqlite3_config(SQLITE_CONFIG_MALLOC, &sqlite_memory);
}
END_TEST

Suite *queue_file_suite(void)
{
	Suite *s = suite_create("queue_file");
	TCase *t = tcase_create("queue_file");

	tcase_add_checked_fixture(t, queue_setup, queue_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, one_process_at_a_time);
	tcase_add_loop_test(t, whatever_the_file_holds, 0, sizeof(files) / sizeof(files[0]));
	tcase_add_test(t, another_programs_database);
	tcase_add_test(t, the_file_is_private);
	tcase_add_test(t, no_folder);
	tcase_add_test(t, spans_of_a_destination_that_is_gone);
	tcase_add_test(t, survives_no_memory);
	tcase_add_test(t, survives_no_memory_in_sqlite);
	suite_add_tcase(s, t);
	return s;
}
