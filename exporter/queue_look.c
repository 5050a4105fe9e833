#include "exporter/queue_look.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"
#include "exporter/queue_db.h"

/* A queue without destinations, lock and threads: for its statements. */
struct queue_look {
	struct queue q;
};

enum status queue_look_open(struct queue_look **out, const char *path, bool change, struct err *err)
{
	struct queue_look *l;
	enum status st;

	if (access(path, F_OK) && errno == ENOENT)
		return ST_END;
	l = mem_zalloc(sizeof(*l));
	if (!l)
		return err_nomem(err, "the queue");
	snprintf(l->q.path, sizeof(l->q.path), "%s", path);
	st = db_open_file(&l->q.db, path, change ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY,
			  err);
	if (!st)
		st = db_identify(&l->q, err);
	if (!st)
		st = db_number(&l->q, SQL_PAGE_SIZE, &l->q.page_bytes, err);
	if (st) {
		queue_look_close(l);
		return st;
	}
	*out = l;
	return ST_OK;
}

void queue_look_close(struct queue_look *l)
{
	if (!l)
		return;
	db_close(&l->q);
	mem_free(l);
}

/* Asking is trying: whoever has it keeps it. */
static int64_t deliverer(const char *path)
{
	char name[PATH_MAX + 8];
	int64_t pid = 0;
	int fd;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB)) {
		pid = (int64_t)queue_lock_holder(fd);
		pid = pid ? pid : -1;
	}
	close(fd);
	return pid;
}

enum status queue_look_usage(struct queue_look *l, uint64_t *bytes, int64_t *pid, struct err *err)
{
	*pid = deliverer(l->q.path);
	return db_used(&l->q, bytes, err);
}

enum status queue_look_counts(struct queue_look *l,
			      void (*each)(void *arg, const struct queue_counts *c), void *arg,
			      struct err *err)
{
	struct queue *q = &l->q;
	enum status st = ST_OK;
	int rc;

	for (rc = db_step(q, SQL_DESTINATIONS, err, ""); rc == SQLITE_ROW && !st;
	     rc = st ? rc : db_next(q, SQL_DESTINATIONS, err)) {
		sqlite3_stmt *s = db_row(q, SQL_DESTINATIONS);
		const char *name = (const char *)sqlite3_column_text(s, 1);
		struct queue_counts c = { .served = false };

		snprintf(c.name, sizeof(c.name), "%s", name ? name : "");
		st = db_counts(q, sqlite3_column_int64(s, 0), &c, err);
		if (!st)
			each(arg, &c);
	}
	db_done(q, SQL_DESTINATIONS);
	return st || rc == SQLITE_DONE ? st : err->code;
}

enum status queue_look_letters(struct queue_look *l, uint64_t max,
			       void (*each)(void *arg, const struct queue_letter *x), void *arg,
			       struct err *err)
{
	struct queue *q = &l->q;
	int rc;

	for (rc = db_step(q, SQL_LETTERS, err, "i", (int64_t)max); rc == SQLITE_ROW;
	     rc = db_next(q, SQL_LETTERS, err)) {
		sqlite3_stmt *s = db_row(q, SQL_LETTERS);
		const char *to = (const char *)sqlite3_column_text(s, 2);
		const char *why = (const char *)sqlite3_column_text(s, 8);
		struct queue_letter x = {
			.id = sqlite3_column_int64(s, 0),
			.batch = sqlite3_column_int64(s, 1),
			.destination = to ? to : "",
			.damaged = sqlite3_column_int64(s, 3) == STATE_QUARANTINED,
			.spans = (uint32_t)sqlite3_column_int64(s, 4),
			.bytes = (uint64_t)sqlite3_column_int64(s, 5),
			.attempts = (unsigned int)sqlite3_column_int64(s, 6),
			.since_s = sqlite3_column_int64(s, 7),
			.why = why ? why : "",
		};

		each(arg, &x);
	}
	db_done(q, SQL_LETTERS);
	return rc == SQLITE_DONE ? ST_OK : err->code;
}

/* Its row; 0 for all of them. */
static enum status find_destination(struct queue *q, const char *name, int64_t *id, struct err *err)
{
	int rc;

	*id = 0;
	if (!name)
		return ST_OK;
	rc = db_step(q, SQL_DESTINATION, err, "t", name);
	if (rc == SQLITE_ROW)
		*id = sqlite3_column_int64(db_row(q, SQL_DESTINATION), 0);
	db_done(q, SQL_DESTINATION);
	if (rc == SQLITE_DONE)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			       "queue %s: nothing was ever queued for %s", q->path, name);
	return rc == SQLITE_ROW ? ST_OK : err->code;
}

/* Spans of destination `id` (0: all) in states `from` to `to`. */
static enum status count_spans(struct queue *q, int64_t id, int from, int to, uint64_t *spans,
			       struct err *err)
{
	int rc = db_step(q, SQL_STATE_SPANS, err, "iii", id, (int64_t)from, (int64_t)to);

	if (rc != SQLITE_ROW)
		return err->code;
	*spans = (uint64_t)sqlite3_column_int64(db_row(q, SQL_STATE_SPANS), 0);
	db_done(q, SQL_STATE_SPANS);
	return ST_OK;
}

enum status queue_look_retry(struct queue_look *l, const char *destination, uint64_t *spans,
			     struct err *err)
{
	struct queue *q = &l->q;
	int64_t id;
	enum status st = db_begin(q, err);

	if (st)
		return st;
	st = find_destination(q, destination, &id, err);
	if (!st)
		st = count_spans(q, id, STATE_DEAD, STATE_DEAD, spans, err);
	if (!st)
		st = db_run(q, SQL_RETRY, err, "i", id);
	return db_end(q, st, err);
}

enum status queue_look_purge(struct queue_look *l, const char *destination, bool queued,
			     uint64_t *spans, struct err *err)
{
	int64_t from = queued ? STATE_QUEUED : STATE_DEAD;
	struct queue *q = &l->q;
	int64_t id;
	enum status st = db_begin(q, err);

	if (st)
		return st;
	st = find_destination(q, destination, &id, err);
	if (!st)
		st = count_spans(q, id, (int)from, STATE_QUARANTINED, spans, err);
	if (!st)
		st = db_run(q, SQL_PURGE_COUNT, err, "iti", id, db_count_name(QUEUE_PURGED), from);
	if (!st)
		st = db_run(q, SQL_PURGE, err, "ii", id, from);
	if (!st)
		st = db_run(q, SQL_FORGET_ALL, err, "");
	return db_end(q, st, err);
}
