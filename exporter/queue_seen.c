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

enum status queue_id_sent(struct queue *q, const uint8_t id[static 8], bool *sent, struct err *err)
{
	int64_t number;
	enum status st = queue_lock(q, err);

	if (st)
		return st;
	memcpy(&number, id, sizeof(number));
	return find(q, SQL_ID_FIND, db_step(q, SQL_ID_FIND, err, "i", number), sent, err);
}
