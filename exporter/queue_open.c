#include <limits.h>
#include <errno.h>
#include <inttypes.h>

#include "exporter/queue_db.h"

/*
 * Design: batches.entry is the entry that still collects it, 0 once it is
 * committed. A delivery is spans [first, first + n) of its batch. counts holds
 * what is over for good; what is queued or dead is summed up from deliveries.
 */
static const char tables[] =
	"CREATE TABLE destinations (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
	"CREATE TABLE batches (id INTEGER PRIMARY KEY AUTOINCREMENT, entry INTEGER NOT NULL,"
	" spans INTEGER NOT NULL, bytes INTEGER NOT NULL, made_s INTEGER NOT NULL,"
	" frame BLOB NOT NULL) STRICT;"
	"CREATE TABLE deliveries (id INTEGER PRIMARY KEY AUTOINCREMENT, batch INTEGER NOT NULL,"
	" destination INTEGER NOT NULL, first INTEGER NOT NULL, n INTEGER NOT NULL,"
	" state INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
	" since_s INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '') STRICT;"
	"CREATE INDEX deliveries_next ON deliveries (destination, state, batch, first);"
	"CREATE INDEX deliveries_batch ON deliveries (batch);"
	"CREATE TABLE counts (destination INTEGER NOT NULL, what TEXT NOT NULL,"
	" spans INTEGER NOT NULL, PRIMARY KEY (destination, what)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE snapshots (hash BLOB PRIMARY KEY, device INTEGER NOT NULL,"
	" inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
	" done_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX snapshots_age ON snapshots (done_s);"
	"CREATE INDEX snapshots_file ON snapshots (device, inode);"
	"CREATE TABLE ids (id INTEGER PRIMARY KEY, sent_s INTEGER NOT NULL) STRICT;"
	"CREATE INDEX ids_age ON ids (sent_s);";

void db_close(struct queue *q)
{
	for (size_t i = 0; i < N_QUEUE_STMTS; i++) {
		sqlite3_finalize(q->stmt[i]);
		q->stmt[i] = NULL;
	}
	sqlite3_close_v2(q->db);
	q->db = NULL;
}

/*
 * SQLite's temporary files, which a large commit needs, lie beside the queue: no other folder may
 * be written to, or even be there (decision 090). One setting for the process, which has one queue.
 */
static void keep_temporary_beside(const char *path)
{
	static char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	char beside[PATH_MAX] = ".";

	if (!strcmp(path, ":memory:"))
		return;
	if (slash)
		snprintf(beside, sizeof(beside), "%.*s", slash == path ? 1 : (int)(slash - path),
			 path);
	if (strcmp(folder, beside) != 0)
		memcpy(folder, beside, sizeof(folder));
	sqlite3_temp_directory = folder;
}

enum status db_open_file(sqlite3 **db, const char *path, int flags, struct err *err)
{
	int rc;

	keep_temporary_beside(path);
	rc = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (!rc)
		rc = sqlite3_extended_result_codes(*db, 1);
	if (!rc)
		rc = sqlite3_busy_timeout(*db, 10000);
	if (!rc)
		return ST_OK;
	if ((rc & 0xff) == SQLITE_NOMEM || !*db)
		(void)err_nomem(err, "the queue");
	else
		err_set(err, ST_IO, ERR_NO_OFFSET, "queue %s: cannot open: %s", path,
			sqlite3_errmsg(*db));
	sqlite3_close_v2(*db);
	*db = NULL;
	return err->code;
}

static enum status run_text(struct queue *q, const char *text, struct err *err)
{
	int rc = sqlite3_exec(q->db, text, NULL, NULL, NULL);

	return rc ? db_failed(q, rc, err) : ST_OK;
}

/* The first number that the text gives. */
static enum status ask(struct queue *q, const char *text, int64_t *out, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(q->db, text, -1, &s, NULL);
	enum status st = ST_OK;

	if (!rc)
		rc = sqlite3_step(s);
	*out = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		st = db_failed(q, rc, err);
	sqlite3_finalize(s);
	return st;
}

/* Larger files would take seconds; what is wrong with them shows when it is met. */
#define CHECKED_BYTES ((int64_t)256 << 20)

static enum status check(struct queue *q, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int64_t pages = 0;
	enum status st = db_number(q, SQL_PAGES, &pages, err);
	int rc;

	if (st || pages * q->page_bytes > CHECKED_BYTES)
		return st;
	rc = sqlite3_prepare_v2(q->db, "PRAGMA quick_check(1)", -1, &s, NULL);
	if (!rc)
		rc = sqlite3_step(s);
	if (rc != SQLITE_ROW) {
		st = db_failed(q, rc, err);
	} else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0) {
		q->damaged = true;
		st = err_set(err, ST_IO, ERR_NO_OFFSET, "queue %s: %s", q->path,
			     (const char *)sqlite3_column_text(s, 0));
	}
	sqlite3_finalize(s);
	return st;
}

/* Ours, empty, or neither. */
static enum status identify(struct queue *q, bool *empty, struct err *err)
{
	int64_t application, version, things;
	enum status st = ask(q, "PRAGMA application_id", &application, err);

	if (!st)
		st = ask(q, "PRAGMA user_version", &version, err);
	if (!st)
		st = ask(q, "SELECT count(*) FROM sqlite_schema", &things, err);
	if (st)
		return st;
	*empty = !things;
	if (things && application != QUEUE_APPLICATION_ID)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			       "queue %s: this is the database of another program", q->path);
	if (things && version != QUEUE_VERSION) {
		q->damaged = true;
		return err_set(err, ST_IO, ERR_NO_OFFSET,
			       "queue %s: its tables have version %" PRId64
			       ", this program knows %d",
			       q->path, version, QUEUE_VERSION);
	}
	return ST_OK;
}

enum status db_identify(struct queue *q, struct err *err)
{
	bool empty;

	return identify(q, &empty, err);
}

static enum status make_tables(struct queue *q, struct err *err)
{
	char text[128];
	enum status st = db_begin(q, err);

	if (st)
		return st;
	snprintf(text, sizeof(text), "PRAGMA application_id=%d; PRAGMA user_version=%d;",
		 QUEUE_APPLICATION_ID, QUEUE_VERSION);
	st = run_text(q, text, err);
	if (!st)
		st = run_text(q, tables, err);
	return db_end(q, st, err);
}

/* One go at the file that is there. */
static enum status open_once(struct queue *q, struct err *err)
{
	bool memory = !q->path[0];
	bool empty = true;
	enum status st = db_open_file(&q->db, memory ? ":memory:" : q->path,
				      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);

	/* Before the first page is written; without effect afterwards. */
	if (!st)
		st = run_text(q, "PRAGMA auto_vacuum=INCREMENTAL", err);
	if (!st)
		st = identify(q, &empty, err);
	if (!st && !memory)
		st = run_text(q,
			      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			      "PRAGMA journal_size_limit=16777216; PRAGMA cell_size_check=1",
			      err);
	if (!st)
		st = db_number(q, SQL_PAGE_SIZE, &q->page_bytes, err);
	if (!st && empty)
		st = make_tables(q, err);
	else if (!st)
		st = check(q, err);
	/* What an entry had collected when its process ended. */
	if (!st)
		st = run_text(q, "DELETE FROM batches WHERE entry <> 0", err);
	return st;
}

static enum status find_destinations(struct queue *q, struct err *err)
{
	enum status st = ST_OK;
	int rc;

	for (size_t i = 0; i < q->n_to && !st; i++) {
		sqlite3_stmt *s = NULL;

		rc = sqlite3_prepare_v2(q->db,
					"INSERT INTO destinations (name) VALUES (?1)"
					" ON CONFLICT DO UPDATE SET name = name RETURNING id",
					-1, &s, NULL);
		if (!rc)
			rc = sqlite3_bind_text(s, 1, q->to[i].name, -1, SQLITE_STATIC);
		if (!rc)
			rc = sqlite3_step(s);
		if (rc == SQLITE_ROW) {
			q->to[i].id = sqlite3_column_int64(s, 0);
			rc = sqlite3_step(s);
		}
		if (rc != SQLITE_DONE)
			st = db_failed(q, rc, err);
		sqlite3_finalize(s);
		memset(q->to[i].busy, 0, sizeof(q->to[i].busy));
	}
	return st;
}

/* Spans for a destination that nobody has configured wait for ever: say so. */
static enum status tell_orphans(struct queue *q, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(q->db,
				    "SELECT t.id, t.name, sum(d.n) FROM destinations t"
				    " JOIN deliveries d ON d.destination = t.id AND d.state = 0"
				    " GROUP BY t.id",
				    -1, &s, NULL);

	while (!rc && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		size_t i = 0;

		while (i < q->n_to && q->to[i].id != sqlite3_column_int64(s, 0))
			i++;
		if (i == q->n_to)
			queue_tell(q,
				   "queue %s: %" PRId64 " spans wait for %s, which is not among the"
				   " exporters; purge them, or configure it again",
				   q->path, (int64_t)sqlite3_column_int64(s, 2),
				   (const char *)sqlite3_column_text(s, 1));
		rc = SQLITE_OK;
	}
	sqlite3_finalize(s);
	return rc == SQLITE_DONE ? ST_OK : db_failed(q, rc, err);
}

static enum status open_and_look(struct queue *q, struct err *err)
{
	enum status st = open_once(q, err);

	if (!st)
		st = find_destinations(q, err);
	if (!st)
		st = tell_orphans(q, err);
	if (st)
		db_close(q);
	return st;
}

/* Out of the way with it; `why` is told. */
static enum status set_aside(struct queue *q, const char *why, struct err *err)
{
	char aside[PATH_MAX + 64] = "gone";
	enum status st = ST_OK;

	q->damaged = false;
	if (q->path[0])
		st = queue_set_aside(q->path, q->clock.wall_s(q->clock.arg), aside, sizeof(aside),
				     err);
	if (!st)
		queue_tell(q, "%s; the file is now %s, and a new one takes its place", why, aside);
	return st;
}

enum status db_open(struct queue *q, struct err *err)
{
	struct err why = ERR_INIT;
	enum status st = ST_OK;

	q->epoch++;
	/* It was in use when that was found. */
	if (q->damaged)
		st = set_aside(q, q->damage, err);
	if (st)
		return st;
	st = open_and_look(q, &why);
	if (st && q->damaged) {
		st = set_aside(q, why.msg, err);
		if (st)
			return st;
		why = (struct err)ERR_INIT;
		st = open_and_look(q, &why);
	}
	if (st && err)
		*err = why;
	return st;
}
