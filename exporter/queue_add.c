#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "exporter/frame.h"
#include "exporter/queue_db.h"

#define SECOND_NS ((uint64_t)1000000000)
#define DAY_S ((int64_t)24 * 3600)

/*
 * Whatever the settings say, this stays free: taking an acknowledged batch out of
 * the database needs a little room, too.
 */
#define DISK_FLOOR_BYTES ((uint64_t)4 << 20)

/* Of one row with its index, generously. */
#define ID_ROW_BYTES 48
#define SNAPSHOT_ROW_BYTES 160

/* Batches that one new batch may push out of a disk that is full. */
#define MAX_PUSHED_OUT 8

struct queue_entry {
	struct queue *q;
	int64_t number;
	unsigned int epoch;
	bool staged; /* there are rows of this number */
	struct frame *packer;
	struct buf frame;
	uint64_t dropped[N_QUEUE_REASONS]; /* spans that did not even get in */
	int64_t *ids;
	size_t n_ids, cap_ids;
};

enum status queue_begin(struct queue *q, struct queue_entry **out, struct err *err)
{
	struct queue_entry *e = mem_zalloc(sizeof(*e));
	enum status st;

	if (!e)
		return err_nomem(err, "a queue entry");
	buf_init(&e->frame, 2 * MAX_BATCH_BYTES);
	e->q = q;
	st = frame_open(&e->packer, err);
	if (!st)
		st = queue_lock(q, err);
	if (st) {
		frame_close(e->packer);
		mem_free(e);
		return st;
	}
	e->number = ++q->last_entry;
	e->epoch = q->epoch;
	queue_unlock(q);
	*out = e;
	return ST_OK;
}

/* Which of the two limits has no room for `need` more bytes, if any. */
static enum status find_limit(struct queue *q, uint64_t need, enum queue_reason *limit,
			      struct err *err)
{
	struct statvfs disk;
	uint64_t used, floor = q->min_free_bytes;
	int64_t unused;
	enum status st = db_used(q, &used, err);

	*limit = N_QUEUE_REASONS;
	if (!st && (used > q->max_bytes || need > q->max_bytes - used))
		*limit = QUEUE_FULL;
	if (st || *limit != N_QUEUE_REASONS || !q->path[0])
		return st;
	st = db_number(q, SQL_FREE_PAGES, &unused, err);
	/* What the file has free already needs no disk. */
	if (st || (uint64_t)(unused * q->page_bytes) >= need || statvfs(q->path, &disk))
		return st;
	if (floor < DISK_FLOOR_BYTES)
		floor = DISK_FLOOR_BYTES;
	if ((uint64_t)disk.f_bavail * disk.f_frsize < need + floor)
		*limit = QUEUE_DISK;
	return ST_OK;
}

/* Is anything queued that a sender of ours may take, and so make room? */
static enum status any_leaving(struct queue *q, bool *any, struct err *err)
{
	*any = false;
	for (size_t i = 0; i < q->n_to && !*any; i++) {
		int rc;

		if (q->to[i].given_up)
			continue;
		rc = db_step(q, SQL_TAKE_OLDEST, err, "ii", q->to[i].id, (int64_t)0);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return err->code;
		*any = rc == SQLITE_ROW;
		db_done(q, SQL_TAKE_OLDEST);
	}
	return ST_OK;
}

static enum status no_room(const struct queue *q, enum queue_reason limit, bool stopped,
			   struct err *err)
{
	if (limit == QUEUE_DISK)
		return err_set(err, ST_LIMIT, ERR_NO_OFFSET, "queue %s: the disk is full", q->path);
	return err_set(
		err, ST_LIMIT, ERR_NO_OFFSET, "queue %s: queue.max_size of %" PRIu64 " bytes is %s",
		q->path[0] ? q->path : "in memory", q->max_bytes,
		stopped ? "reached" : "too small, or full of dead letters (flightspan queue list)");
}

/* Wait until something has left, or a second: others may have freed the disk. */
static enum status wait_for_room(struct queue *q, enum queue_reason limit, struct err *err)
{
	struct timespec until;
	bool any;
	enum status st = any_leaving(q, &any, err);

	if (st)
		return st;
	if (q->stopped || !any)
		return no_room(q, limit, q->stopped, err);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_cond_timedwait(&q->room, &q->mutex, &until);
	return ST_OK;
}

static bool in_hand(const struct queue *q, int64_t batch)
{
	for (size_t i = 0; i < q->n_to * QUEUE_HANDS; i++) {
		if (q->to[i / QUEUE_HANDS].busy[i % QUEUE_HANDS] == batch)
			return true;
	}
	return false;
}

enum status db_drop_oldest(struct queue *q, enum queue_reason why, struct err *err)
{
	int64_t batch = 0;
	enum status st;
	int rc = db_step(q, SQL_OLDEST_BATCHES, err, "");

	for (; rc == SQLITE_ROW && !batch; rc = batch ? rc : db_next(q, SQL_OLDEST_BATCHES, err)) {
		batch = sqlite3_column_int64(db_row(q, SQL_OLDEST_BATCHES), 0);
		if (in_hand(q, batch))
			batch = 0;
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return err->code;
	db_done(q, SQL_OLDEST_BATCHES);
	if (!batch)
		return ST_END;
	st = db_begin(q, err);
	if (st)
		return st;
	st = db_run(q, SQL_DROP_COUNT, err, "it", batch, db_count_name(why));
	if (!st)
		st = db_run(q, SQL_DROP_DELIVERIES, err, "i", batch);
	if (!st)
		st = db_run(q, SQL_DROP_BATCH, err, "i", batch);
	return db_end(q, st, err);
}

/* One try; ST_END: `limit` is in the way. */
static enum status stage(struct queue_entry *e, size_t size, size_t n_spans,
			 enum queue_reason *limit, struct err *err)
{
	struct queue *q = e->q;
	uint64_t need = e->frame.len + e->frame.len / 256 + 8 * (uint64_t)q->page_bytes;
	enum status st;

	if (e->epoch != q->epoch && e->staged)
		return err_set(err, ST_IO, ERR_NO_OFFSET,
			       "queue %s: it was damaged, and what this snapshot had in it is set"
			       " aside",
			       q->path);
	e->epoch = q->epoch;
	st = find_limit(q, need, limit, err);
	if (st || *limit != N_QUEUE_REASONS)
		return st ? st : ST_END;
	st = db_run(q, SQL_STAGE, err, "iiiib", e->number, (int64_t)n_spans, (int64_t)size,
		    q->clock.wall_s(q->clock.arg), buf_view(&e->frame));
	if (st == ST_LIMIT) {
		*limit = QUEUE_DISK;
		return ST_END;
	}
	e->staged |= !st;
	return st;
}

/* ST_OK: try again. ST_END: the new batch cannot be kept either. */
static enum status make_room(struct queue *q, enum queue_reason limit, unsigned int pushed,
			     struct err *err)
{
	struct err why = ERR_INIT;
	enum status st;

	if (q->policy == QUEUE_BLOCK)
		return wait_for_room(q, limit, err);
	if (limit == QUEUE_DISK && pushed >= MAX_PUSHED_OUT)
		return ST_END;
	st = db_drop_oldest(q, limit, &why);
	if (st == ST_LIMIT)
		return ST_END;
	if (st && st != ST_END && err)
		*err = why;
	return st;
}

enum status queue_add(struct queue_entry *e, struct slice batch, size_t n_spans, struct err *err)
{
	struct queue *q = e->q;
	enum queue_reason limit = N_QUEUE_REASONS;
	enum status st = frame_pack(e->packer, batch, &e->frame, err);

	assert(n_spans && n_spans <= UINT32_MAX);
	if (!st)
		st = queue_lock(q, err);
	if (st)
		return st;
	for (unsigned int pushed = 0;; pushed++) {
		st = stage(e, batch.len, n_spans, &limit, err);
		if (st != ST_END)
			break;
		st = make_room(q, limit, pushed, err);
		if (st == ST_END) {
			e->dropped[limit] += n_spans;
			st = ST_OK;
			break;
		}
		if (st)
			break;
	}
	queue_unlock(q);
	return st;
}

enum status queue_add_id(struct queue_entry *e, uint64_t id, struct err *err)
{
	enum status st = mem_grow((void **)&e->ids, &e->cap_ids, e->n_ids + 1, sizeof(*e->ids),
				  MAX_ENTRY_IDS, "ids of one snapshot", err);

	if (!st)
		e->ids[e->n_ids++] = (int64_t)id;
	return st;
}

static enum status count_entry(struct queue_entry *e, int64_t to, int64_t staged, struct err *err)
{
	uint64_t produced = (uint64_t)staged;
	enum status st = ST_OK;

	for (size_t i = 0; i < N_QUEUE_REASONS && !st; i++) {
		produced += e->dropped[i];
		st = db_count(e->q, to, db_count_name((enum queue_reason)i), e->dropped[i], err);
	}
	return st ? st : db_count(e->q, to, "produced", produced, err);
}

static enum status commit_batches(struct queue_entry *e, struct err *err)
{
	struct queue *q = e->q;
	int64_t staged;
	enum status st;
	int rc = db_step(q, SQL_ENTRY_SPANS, err, "i", e->number);

	if (rc != SQLITE_ROW)
		return err->code;
	staged = sqlite3_column_int64(db_row(q, SQL_ENTRY_SPANS), 0);
	db_done(q, SQL_ENTRY_SPANS);
	for (size_t i = 0; i < q->n_to; i++) {
		bool unsent = q->to[i].given_up && !q->path[0];

		st = count_entry(e, q->to[i].id, staged, err);
		if (!st && unsent)
			st = db_count(q, q->to[i].id, db_count_name(QUEUE_UNSENT), (uint64_t)staged,
				      err);
		else if (!st)
			st = db_run(q, SQL_DELIVER, err, "ii", e->number, q->to[i].id);
		if (st)
			return st;
	}
	return db_run(q, SQL_LIVE, err, "i", e->number);
}

/*
 * How many rows may be remembered: what was done must not take the room of what is to
 * be done, so they get an eighth of a small queue.
 */
static int64_t most_rows(const struct queue *q, uint64_t most, uint64_t row_bytes)
{
	uint64_t fit = q->max_bytes / 8 / row_bytes;

	return (int64_t)(most < fit ? most : fit);
}

static enum status commit_ids(struct queue_entry *e, int64_t now, struct err *err)
{
	enum status st = ST_OK;

	for (size_t i = 0; i < e->n_ids && !st; i++)
		st = db_run(e->q, SQL_ID_ADD, err, "ii", e->ids[i], now);
	if (!st && e->n_ids)
		st = db_run(e->q, SQL_ID_EXPIRE, err, "i", now - DAY_S);
	if (!st && e->n_ids)
		st = db_run(e->q, SQL_ID_CAP, err, "i",
			    most_rows(e->q, MAX_SENT_IDS, ID_ROW_BYTES));
	return st;
}

static enum status commit_snapshot(struct queue *q, const struct queue_snapshot *s, int64_t now,
				   struct err *err)
{
	struct slice hash = { (const uint8_t *)s->hash, sizeof(s->hash) };
	enum status st = db_run(q, SQL_SNAPSHOT_ADD, err, "biiiii", hash, (int64_t)s->device,
				(int64_t)s->inode, (int64_t)s->size, s->mtime_ns, now);

	return st ? st
		  : db_run(q, SQL_SNAPSHOT_EXPIRE, err, "i",
			   most_rows(q, MAX_DONE_SNAPSHOTS, SNAPSHOT_ROW_BYTES));
}

static enum status commit(struct queue_entry *e, const struct queue_snapshot *done, struct err *err)
{
	struct queue *q = e->q;
	int64_t now = q->clock.wall_s(q->clock.arg);
	enum status st;

	if (e->staged && e->epoch != q->epoch)
		return err_set(err, ST_IO, ERR_NO_OFFSET,
			       "queue %s: it was damaged, and this snapshot's spans are set aside",
			       q->path);
	st = db_begin(q, err);
	if (st)
		return st;
	st = commit_batches(e, err);
	if (!st)
		st = commit_ids(e, now, err);
	if (!st && done)
		st = commit_snapshot(q, done, now, err);
	return db_end(q, st, err);
}

enum status queue_commit(struct queue_entry *e, const struct queue_snapshot *done, struct err *err)
{
	struct queue *q = e->q;
	enum status st = queue_lock(q, err);

	if (st)
		return st;
	st = commit(e, done, err);
	if (!st) {
		e->number = ++q->last_entry;
		e->epoch = q->epoch;
		e->staged = false;
		e->n_ids = 0;
		memset(e->dropped, 0, sizeof(e->dropped));
		q->generation++;
		pthread_cond_broadcast(&q->changed);
	}
	queue_unlock(q);
	return st;
}

void queue_abort(struct queue_entry *e)
{
	struct err ignored = ERR_INIT;

	if (!e)
		return;
	/* If this fails, the next start does it. */
	if (e->staged && !queue_lock(e->q, &ignored)) {
		if (e->epoch == e->q->epoch)
			(void)!db_run(e->q, SQL_UNSTAGE, &ignored, "i", e->number);
		queue_unlock(e->q);
	}
	frame_close(e->packer);
	buf_release(&e->frame);
	mem_free(e->ids);
	mem_free(e);
}
