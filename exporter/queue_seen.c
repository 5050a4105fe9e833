#include "exporter/queue_db.h"

static enum status find(struct queue *q, enum queue_stmt which, int rc, bool *found,
			struct err *err)
{
	enum status st = rc == SQLITE_ROW || rc == SQLITE_DONE ? ST_OK : err->code;

	*found = rc == SQLITE_ROW;
	db_done(q, which);
	queue_unlock(q);
	return st;
}

enum status queue_snapshot_done(struct queue *q, const struct queue_snapshot *s, bool *done,
				struct err *err)
{
	struct slice hash = { (const uint8_t *)s->hash, sizeof(s->hash) };
	enum status st = queue_lock(q, err);

	if (st)
		return st;
	return find(q, SQL_SNAPSHOT_FIND, db_step(q, SQL_SNAPSHOT_FIND, err, "b", hash), done, err);
}

enum status queue_file_done(struct queue *q, const struct queue_snapshot *s, bool *done,
			    struct err *err)
{
	enum status st = queue_lock(q, err);
	int rc;

	if (st)
		return st;
	rc = db_step(q, SQL_FILE_FIND, err, "iiiii", (int64_t)s->device, (int64_t)s->inode,
		     (int64_t)s->size, s->mtime_ns, s->ctime_s);
	return find(q, SQL_FILE_FIND, rc, done, err);
}

enum status queue_id_sent(struct queue *q, uint64_t id, bool *sent, struct err *err)
{
	enum status st = queue_lock(q, err);

	if (st)
		return st;
	return find(q, SQL_ID_FIND, db_step(q, SQL_ID_FIND, err, "i", (int64_t)id), sent, err);
}

enum status queue_ids_each(struct queue *q,
			   enum status (*fn)(void *arg, uint64_t id, struct err *err), void *arg,
			   struct err *err)
{
	enum status st = queue_lock(q, err);
	int rc;

	if (st)
		return st;
	for (rc = db_step(q, SQL_IDS, err, ""); rc == SQLITE_ROW && !st;
	     rc = st ? rc : db_next(q, SQL_IDS, err))
		st = fn(arg, (uint64_t)sqlite3_column_int64(db_row(q, SQL_IDS), 0), err);
	db_done(q, SQL_IDS);
	queue_unlock(q);
	return st || rc == SQLITE_DONE ? st : err->code;
}
