#include <errno.h>
#include <stdarg.h>

#include "exporter/queue_db.h"

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
			  " AND mtime_ns = ?4 AND done_s > ?5",
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

/*
 * The errno of what failed, 0 if none did. A commit that fails leaves it with the log's
 * file alone.
 */
static int system_errno(struct queue *q)
{
	int number = sqlite3_system_errno(q->db);
	sqlite3_file *log = NULL;

	if (!number && !sqlite3_file_control(q->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) &&
	    log && log->pMethods)
		log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number);
	return number;
}

enum status db_failed(struct queue *q, int rc, struct err *err)
{
	int primary = rc & 0xff;
	int system = primary == SQLITE_IOERR ? system_errno(q) : 0;

	if (primary == SQLITE_NOMEM)
		return err_nomem(err, "the queue");
	/* SQLITE_ERROR: our statements are right, so the tables are not ours any more. */
	if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR)
		q->damaged = true;
	if (q->damaged)
		snprintf(q->damage, sizeof(q->damage), "queue %s: %s", q->path,
			 sqlite3_errmsg(q->db));
	if (primary == SQLITE_FULL || system == ENOSPC || system == EDQUOT)
		return err_set(err, ST_LIMIT, ERR_NO_OFFSET, "queue %s: no space left", q->path);
	if (primary == SQLITE_BUSY)
		return err_set(err, ST_IO, ERR_NO_OFFSET,
			       "queue %s: another program keeps it locked", q->path);
	return err_set(err, ST_IO, ERR_NO_OFFSET, "queue %s: %s%s%s%s",
		       q->path[0] ? q->path : "in memory", sqlite3_errmsg(q->db),
		       system ? " (" : "", system ? strerror(system) : "", system ? ")" : "");
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
