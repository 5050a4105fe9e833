#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

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

#define COUNT_SPANS(what, condition)                                                               \
	"INSERT INTO counts SELECT destination, " what ", sum(n) FROM deliveries WHERE " condition \
	" GROUP BY destination"                                                                    \
	" ON CONFLICT DO UPDATE SET spans = spans + excluded.spans"
#define TAKE(order)                                                                                \
	"SELECT id, batch, first, n FROM deliveries WHERE destination = ?1 AND state = 0"          \
	" AND id <> ?2 ORDER BY batch " order ", first " order " LIMIT 1"

static const char *const sql[N_QUEUE_STMTS] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_PAGES] = "PRAGMA page_count",
	[SQL_FREE_PAGES] = "PRAGMA freelist_count",
	[SQL_PAGE_SIZE] = "PRAGMA page_size",
	[SQL_SHRINK] = "PRAGMA incremental_vacuum(1024)",
	[SQL_STAGE] = "INSERT INTO batches (entry, spans, bytes, made_s, frame)"
		      " VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_UNSTAGE] = "DELETE FROM batches WHERE entry = ?1",
	[SQL_DELIVER] = "INSERT INTO deliveries (batch, destination, first, n, state)"
			" SELECT id, ?2, 0, spans, 0 FROM batches WHERE entry = ?1 ORDER BY id",
	[SQL_ENTRY_SPANS] = "SELECT coalesce(sum(spans), 0) FROM batches WHERE entry = ?1",
	[SQL_LIVE] = "UPDATE batches SET entry = 0 WHERE entry = ?1",
	[SQL_COUNT] = "INSERT INTO counts VALUES (?1, ?2, ?3)"
		      " ON CONFLICT DO UPDATE SET spans = spans + excluded.spans",
	[SQL_SNAPSHOT_ADD] = "INSERT OR REPLACE INTO snapshots VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_SNAPSHOT_EXPIRE] = "DELETE FROM snapshots WHERE hash IN (SELECT hash FROM snapshots"
				" ORDER BY done_s DESC LIMIT -1 OFFSET ?1)",
	[SQL_SNAPSHOT_FIND] = "SELECT 1 FROM snapshots WHERE hash = ?1",
	[SQL_FILE_FIND] = "SELECT 1 FROM snapshots WHERE device = ?1 AND inode = ?2 AND size = ?3"
			  " AND mtime_ns = ?4",
	[SQL_ID_ADD] = "INSERT OR REPLACE INTO ids VALUES (?1, ?2)",
	[SQL_ID_EXPIRE] = "DELETE FROM ids WHERE sent_s < ?1",
	[SQL_ID_CAP] = "DELETE FROM ids WHERE id IN (SELECT id FROM ids"
		       " ORDER BY sent_s DESC LIMIT -1 OFFSET ?1)",
	[SQL_ID_FIND] = "SELECT 1 FROM ids WHERE id = ?1",
	[SQL_IDS] = "SELECT id FROM ids ORDER BY sent_s",
	[SQL_TAKE_OLDEST] = TAKE("ASC"),
	[SQL_TAKE_NEWEST] = TAKE("DESC"),
	[SQL_FRAME] = "SELECT frame, spans, bytes FROM batches WHERE id = ?1",
	[SQL_REMOVE_DELIVERY] = "DELETE FROM deliveries WHERE id = ?1 AND state = 0",
	[SQL_ADD_DELIVERY] = "INSERT INTO deliveries (batch, destination, first, n, state)"
			     " VALUES (?1, ?2, ?3, ?4, 0)",
	[SQL_BURY] = "UPDATE deliveries SET state = 1, attempts = ?2, why = ?3, since_s = ?4"
		     " WHERE id = ?1 AND state = 0",
	[SQL_FORGET_BATCH] = "DELETE FROM batches WHERE id = ?1 AND entry = 0"
			     " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE batch = ?1)",
	[SQL_QUARANTINE_COUNT] = COUNT_SPANS("'dropped:corrupt'", "batch = ?1 AND state < 2"),
	[SQL_QUARANTINE] = "UPDATE deliveries SET state = 2, why = ?2, since_s = ?3"
			   " WHERE batch = ?1 AND state < 2",
	[SQL_OLDEST_BATCHES] = "SELECT id FROM batches WHERE entry = 0 ORDER BY id",
	[SQL_DROP_COUNT] = COUNT_SPANS("?2", "batch = ?1 AND state < 2"),
	[SQL_DROP_DELIVERIES] = "DELETE FROM deliveries WHERE batch = ?1",
	[SQL_DROP_BATCH] = "DELETE FROM batches WHERE id = ?1",
	[SQL_UNSENT_COUNT] = COUNT_SPANS("?2", "destination = ?1 AND state = 0"),
	[SQL_UNSENT] = "DELETE FROM deliveries WHERE destination = ?1 AND state = 0",
	[SQL_FORGET_ALL] = "DELETE FROM batches WHERE entry = 0"
			   " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE batch = batches.id)",
	[SQL_DESTINATIONS] = "SELECT id, name FROM destinations ORDER BY id",
	[SQL_DESTINATION] = "SELECT id FROM destinations WHERE name = ?1",
	[SQL_LETTERS] = "SELECT d.id, d.batch, t.name, d.state, d.n,"
			" CAST(b.bytes * 1.0 * d.n / max(b.spans, 1) AS INTEGER), d.attempts,"
			" d.since_s, d.why FROM deliveries d"
			" LEFT JOIN destinations t ON t.id = d.destination"
			" LEFT JOIN batches b ON b.id = d.batch WHERE d.state > 0"
			" ORDER BY d.since_s DESC, d.id DESC LIMIT ?1",
	[SQL_STATE_SPANS] = "SELECT coalesce(sum(n), 0) FROM deliveries"
			    " WHERE ?1 IN (0, destination) AND state BETWEEN ?2 AND ?3",
	[SQL_RETRY] = "UPDATE deliveries SET state = 0, why = '', attempts = 0"
		      " WHERE ?1 IN (0, destination) AND state = 1",
	/* What is quarantined was counted when it was found. */
	[SQL_PURGE_COUNT] = COUNT_SPANS("?2", "?1 IN (0, destination) AND state >= ?3"
					      " AND state < 2"),
	[SQL_PURGE] = "DELETE FROM deliveries WHERE ?1 IN (0, destination) AND state >= ?2",
	[SQL_SUMS] = "SELECT coalesce(sum(d.n), 0), count(*), coalesce(min(b.made_s), 0),"
		     " coalesce(sum(CAST(b.bytes * 1.0 * d.n / max(b.spans, 1) AS INTEGER)), 0)"
		     " FROM deliveries d LEFT JOIN batches b ON b.id = d.batch"
		     " WHERE d.destination = ?1 AND d.state = ?2",
	[SQL_TALLY] = "SELECT what, spans FROM counts WHERE destination = ?1",
};

enum status db_failed(struct queue *q, int rc, struct err *err)
{
	int primary = rc & 0xff;
	int system = sqlite3_system_errno(q->db);

	if (primary == SQLITE_NOMEM)
		return err_nomem(err, "the queue");
	/* SQLITE_ERROR: our statements are right, so the tables are not ours any more. */
	if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR)
		q->damaged = true;
	if (q->damaged)
		snprintf(q->damage, sizeof(q->damage), "queue %s: %s", q->path,
			 sqlite3_errmsg(q->db));
	if (primary == SQLITE_FULL ||
	    (primary == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT)))
		return err_set(err, ST_LIMIT, ERR_NO_OFFSET, "queue %s: no space left", q->path);
	if (primary == SQLITE_BUSY)
		return err_set(err, ST_IO, ERR_NO_OFFSET,
			       "queue %s: another program keeps it locked", q->path);
	return err_set(err, ST_IO, ERR_NO_OFFSET, "queue %s: %s",
		       q->path[0] ? q->path : "in memory", sqlite3_errmsg(q->db));
}

sqlite3_stmt *db_row(struct queue *q, enum queue_stmt which)
{
	return q->stmt[which];
}

void db_done(struct queue *q, enum queue_stmt which)
{
	if (q->stmt[which]) {
		sqlite3_reset(q->stmt[which]);
		sqlite3_clear_bindings(q->stmt[which]);
	}
}

static int prepare(struct queue *q, enum queue_stmt which)
{
	if (q->stmt[which])
		return SQLITE_OK;
	return sqlite3_prepare_v3(q->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, &q->stmt[which],
				  NULL);
}

static int bind_blob(sqlite3_stmt *s, int at, struct slice b)
{
	static const uint8_t nothing;

	return sqlite3_bind_blob64(s, at, b.len ? b.ptr : &nothing, b.len, SQLITE_STATIC);
}

int db_step(struct queue *q, enum queue_stmt which, struct err *err, const char *format, ...)
{
	int rc = prepare(q, which);
	va_list ap;

	va_start(ap, format);
	for (int at = 1; !rc && format[at - 1]; at++) {
		if (format[at - 1] == 'i')
			rc = sqlite3_bind_int64(q->stmt[which], at, va_arg(ap, int64_t));
		else if (format[at - 1] == 't')
			rc = sqlite3_bind_text(q->stmt[which], at, va_arg(ap, const char *), -1,
					       SQLITE_STATIC);
		else
			rc = bind_blob(q->stmt[which], at, va_arg(ap, struct slice));
	}
	va_end(ap);
	if (!rc)
		rc = sqlite3_step(q->stmt[which]);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		(void)db_failed(q, rc, err);
		db_done(q, which);
	}
	return rc;
}

int db_next(struct queue *q, enum queue_stmt which, struct err *err)
{
	int rc = sqlite3_step(q->stmt[which]);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		(void)db_failed(q, rc, err);
		db_done(q, which);
	}
	return rc;
}

enum status db_run_result(struct queue *q, enum queue_stmt which, int rc, struct err *err)
{
	/* A pragma may answer with rows before it is done. */
	while (rc == SQLITE_ROW)
		rc = db_next(q, which, err);
	if (rc != SQLITE_DONE)
		return err->code;
	db_done(q, which);
	return ST_OK;
}

enum status db_number(struct queue *q, enum queue_stmt which, int64_t *out, struct err *err)
{
	int rc = db_step(q, which, err, "");

	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(q->stmt[which], 0);
	else if (rc == SQLITE_DONE)
		*out = 0;
	else
		return err->code;
	db_done(q, which);
	return ST_OK;
}

enum status db_begin(struct queue *q, struct err *err)
{
	return db_run(q, SQL_BEGIN, err, "");
}

enum status db_end(struct queue *q, enum status st, struct err *err)
{
	struct err ignored = ERR_INIT;

	if (!st)
		st = db_run(q, SQL_COMMIT, err, "");
	/* Some failures have rolled back already. */
	if (st && !sqlite3_get_autocommit(q->db))
		(void)!db_run(q, SQL_ROLLBACK, &ignored, "");
	return st;
}

enum status db_count(struct queue *q, int64_t id, const char *what, uint64_t n, struct err *err)
{
	return n ? db_run(q, SQL_COUNT, err, "iti", id, what, (int64_t)n) : ST_OK;
}

enum status db_used(struct queue *q, uint64_t *bytes, struct err *err)
{
	int64_t pages = 0, unused = 0;
	enum status st = db_number(q, SQL_PAGES, &pages, err);

	if (!st)
		st = db_number(q, SQL_FREE_PAGES, &unused, err);
	if (!st)
		*bytes = (uint64_t)((pages - unused) * q->page_bytes);
	return st;
}

void db_close(struct queue *q)
{
	for (size_t i = 0; i < N_QUEUE_STMTS; i++) {
		sqlite3_finalize(q->stmt[i]);
		q->stmt[i] = NULL;
	}
	sqlite3_close_v2(q->db);
	q->db = NULL;
}

enum status db_open_file(sqlite3 **db, const char *path, int flags, struct err *err)
{
	int rc = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, NULL);

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
