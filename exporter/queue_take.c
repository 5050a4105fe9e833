#include <assert.h>
#include <inttypes.h>

#include "exporter/frame.h"
#include "exporter/otlp_split.h"
#include "exporter/queue_db.h"

/* Between the newest and the oldest batch, before the newest may go first. */
#define BACKLOG_BATCHES 16

enum status queue_item_init(struct queue_item *item, unsigned int hand, struct err *err)
{
	assert(hand < QUEUE_HANDS);
	*item = (struct queue_item){ .hand = hand };
	buf_init(&item->frame, 2 * MAX_BATCH_BYTES);
	buf_init(&item->plain, 2 * MAX_BATCH_BYTES);
	buf_init(&item->part, 2 * MAX_BATCH_BYTES);
	return frame_open(&item->packer, err);
}

void queue_item_release(struct queue_item *item)
{
	buf_release(&item->frame);
	buf_release(&item->plain);
	buf_release(&item->part);
	frame_close(item->packer);
	item->packer = NULL;
}

/* What the row of the batch says; ST_FORMAT if there is none. */
static enum status read_frame(struct queue *q, struct queue_item *item, int64_t *spans,
			      int64_t *bytes, struct err *err)
{
	int rc = db_step(q, SQL_FRAME, err, "i", item->batch);
	sqlite3_stmt *s = db_row(q, SQL_FRAME);
	const void *frame;
	int len;

	if (rc == SQLITE_DONE) {
		db_done(q, SQL_FRAME);
		return err_set(err, ST_FORMAT, ERR_NO_OFFSET, "its batch is missing");
	}
	if (rc != SQLITE_ROW)
		return err->code;
	frame = sqlite3_column_blob(s, 0);
	len = sqlite3_column_bytes(s, 0);
	*spans = sqlite3_column_int64(s, 1);
	*bytes = sqlite3_column_int64(s, 2);
	buf_clear(&item->frame);
	/* NULL without a length of 0 is SQLite out of memory. */
	if (frame && len > 0)
		buf_add(&item->frame, frame, (size_t)len);
	db_done(q, SQL_FRAME);
	return buf_status(&item->frame, "a queued batch", err);
}

/* From the frame to the request. ST_FORMAT: damaged. */
static enum status unpack(struct queue_item *item, int64_t spans, int64_t bytes, struct err *err)
{
	enum status st;

	if (bytes <= 0 || (uint64_t)bytes > MAX_BATCH_BYTES || spans <= 0 || spans > UINT32_MAX ||
	    !item->n || item->first >= spans || item->n > spans - item->first)
		return err_set(err, ST_FORMAT, ERR_NO_OFFSET, "its row makes no sense");
	st = frame_unpack(item->packer, buf_view(&item->frame), (size_t)bytes, &item->plain, err);
	item->whole = item->n == spans;
	return st ? st : queue_item_part(item, item->first, item->n, err);
}

enum status queue_item_part(struct queue_item *item, uint32_t first, uint32_t n, struct err *err)
{
	enum status st;

	if (item->whole && first == item->first && n == item->n) {
		item->bytes = buf_view(&item->plain);
		return ST_OK;
	}
	st = otlp_split(buf_view(&item->plain), first, n, &item->part, err);
	item->bytes = buf_view(&item->part);
	return st;
}

/* The batch is of no use to anybody: keep it aside, count it for everybody. */
static enum status quarantine(struct queue *q, const struct queue_item *item, const char *why,
			      struct err *err)
{
	enum status st = db_begin(q, err);

	if (st)
		return st;
	st = db_run(q, SQL_QUARANTINE_COUNT, err, "i", item->batch);
	if (!st)
		st = db_run(q, SQL_QUARANTINE, err, "iti", item->batch, why,
			    q->clock.wall_s(q->clock.arg));
	st = db_end(q, st, err);
	if (!st)
		queue_tell(q,
			   "queue %s: batch %" PRId64 " is damaged (%s); its spans are lost, the"
			   " others are not",
			   q->path, item->batch, why);
	return st;
}

static enum status row_at(struct queue *q, enum queue_stmt which, size_t to, int64_t except,
			  struct queue_item *item, struct err *err)
{
	int rc = db_step(q, which, err, "ii", q->to[to].id, except);
	sqlite3_stmt *s = db_row(q, which);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return err->code;
	if (rc == SQLITE_ROW) {
		item->id = sqlite3_column_int64(s, 0);
		item->batch = sqlite3_column_int64(s, 1);
		item->first = (uint32_t)sqlite3_column_int64(s, 2);
		item->n = (uint32_t)sqlite3_column_int64(s, 3);
		item->epoch = q->epoch;
	}
	db_done(q, which);
	return rc == SQLITE_ROW ? ST_OK : ST_END;
}

/* The row of the next delivery. */
static enum status next_row(struct queue *q, size_t to, enum queue_pick pick, int64_t except,
			    struct queue_item *item, struct err *err)
{
	enum status st = row_at(q, SQL_TAKE_OLDEST, to, except, item, err);
	int64_t oldest = item->batch;

	if (st || pick == QUEUE_OLDEST)
		return st;
	st = row_at(q, SQL_TAKE_NEWEST, to, except, item, err);
	if (!st && item->batch - oldest < BACKLOG_BATCHES)
		st = row_at(q, SQL_TAKE_OLDEST, to, except, item, err);
	return st;
}

enum status queue_take(struct queue *q, size_t to, enum queue_pick pick, int64_t except,
		       struct queue_item *item, struct err *err)
{
	struct err why;
	int64_t spans = 0, bytes = 0;
	enum status st;

	assert(to < q->n_to);
	for (;;) {
		why = (struct err)ERR_INIT;
		st = queue_lock(q, err);
		if (st)
			return st;
		q->to[to].busy[item->hand] = 0;
		st = next_row(q, to, pick, except, item, &why);
		if (!st)
			st = read_frame(q, item, &spans, &bytes, &why);
		if (!st)
			q->to[to].busy[item->hand] = item->batch;
		queue_unlock(q);
		/* The long part is nobody else's time. */
		if (!st)
			st = unpack(item, spans, bytes, &why);
		if (st != ST_FORMAT)
			break;
		st = queue_lock(q, err);
		if (st)
			return st;
		if (item->epoch == q->epoch)
			st = quarantine(q, item, why.msg, err);
		queue_unlock(q);
		if (st)
			return st;
	}
	if (st < 0 && err)
		*err = why;
	return st;
}

/* A delivery or its batch has left: the batch goes with its last one. */
static enum status leave(struct queue *q, size_t to, const struct queue_item *item, enum status st,
			 struct err *err)
{
	int64_t unused;

	st = db_end(q, st, err);
	if (st)
		return st;
	q->to[to].busy[item->hand] = 0;
	pthread_cond_broadcast(&q->room);
	/* A backlog that is gone gives its disk back, a little at a time. */
	if (!db_number(q, SQL_FREE_PAGES, &unused, err) && unused > 4096)
		(void)!db_run(q, SQL_SHRINK, err, "");
	return ST_OK;
}

/* ST_END: the item is of a database that is gone. Else there is a transaction. */
static enum status begin_item(struct queue *q, const struct queue_item *item, struct err *err)
{
	enum status st = queue_lock(q, err);

	if (st)
		return st;
	st = item->epoch == q->epoch ? db_begin(q, err) : ST_END;
	if (st)
		queue_unlock(q);
	return st;
}

/* Did the last statement find its row? Somebody may have purged it meanwhile. */
static bool found(const struct queue *q)
{
	return sqlite3_changes(q->db) > 0;
}

/* Put the rest of the item, before and behind what was taken out, back. */
static enum status put_rest(struct queue *q, size_t to, const struct queue_item *item,
			    uint32_t first, uint32_t n, struct err *err)
{
	uint32_t before = first - item->first;
	uint32_t behind = item->n - before - n;
	enum status st = ST_OK;

	if (before)
		st = db_run(q, SQL_ADD_DELIVERY, err, "iiii", item->batch, q->to[to].id,
			    (int64_t)item->first, (int64_t)before);
	if (!st && behind)
		st = db_run(q, SQL_ADD_DELIVERY, err, "iiii", item->batch, q->to[to].id,
			    (int64_t)first + n, (int64_t)behind);
	return st;
}

enum status queue_acknowledge(struct queue *q, size_t to, const struct queue_item *item,
			      uint32_t first, uint32_t n, uint64_t rejected, struct err *err)
{
	enum status st = begin_item(q, item, err);

	if (st)
		return st == ST_END ? ST_OK : st;
	assert(first >= item->first && n && first + n <= item->first + item->n && rejected <= n);
	st = db_run(q, SQL_REMOVE_DELIVERY, err, "i", item->id);
	if (!st && found(q)) {
		st = put_rest(q, to, item, first, n, err);
		if (!st)
			st = db_count(q, q->to[to].id, "acknowledged", n - rejected, err);
		if (!st)
			st = db_count(q, q->to[to].id, "rejected", rejected, err);
		if (!st)
			st = db_run(q, SQL_FORGET_BATCH, err, "i", item->batch);
	}
	st = leave(q, to, item, st, err);
	queue_unlock(q);
	return st;
}

enum status queue_split(struct queue *q, size_t to, const struct queue_item *item, struct err *err)
{
	enum status st = begin_item(q, item, err);

	if (st)
		return st == ST_END ? ST_OK : st;
	assert(item->n > 1);
	st = db_run(q, SQL_REMOVE_DELIVERY, err, "i", item->id);
	if (!st && found(q)) {
		/* Two neighbours with nothing taken out between them. */
		st = put_rest(q, to, item, item->first + item->n / 2, 0, err);
	}
	st = leave(q, to, item, st, err);
	queue_unlock(q);
	return st;
}

enum status queue_bury(struct queue *q, size_t to, const struct queue_item *item,
		       unsigned int attempts, const char *why, struct err *err)
{
	enum status st = begin_item(q, item, err);

	if (st)
		return st == ST_END ? ST_OK : st;
	st = db_run(q, SQL_BURY, err, "iiti", item->id, (int64_t)attempts, why,
		    q->clock.wall_s(q->clock.arg));
	st = leave(q, to, item, st, err);
	queue_unlock(q);
	return st;
}

enum status queue_give_up(struct queue *q, size_t to, struct err *err)
{
	enum status st = queue_lock(q, err);

	if (st)
		return st;
	q->to[to].given_up = true;
	if (!q->path[0]) {
		st = db_begin(q, err);
		if (!st) {
			st = db_run(q, SQL_UNSENT_COUNT, err, "it", q->to[to].id,
				    db_count_name(QUEUE_UNSENT));
			if (!st)
				st = db_run(q, SQL_UNSENT, err, "i", q->to[to].id);
			if (!st)
				st = db_run(q, SQL_FORGET_ALL, err, "");
			st = db_end(q, st, err);
		}
	}
	pthread_cond_broadcast(&q->room);
	queue_unlock(q);
	return st;
}
