#include <assert.h>

#include "exporter/queue_db.h"

/* Sum and number of the deliveries in one state; their age and bytes go into `out` if queued. */
static enum status sum(struct queue *q, int64_t to, int state, struct queue_counts *out,
		       struct err *err)
{
	int rc = db_step(q, SQL_SUMS, err, "ii", to, (int64_t)state);
	sqlite3_stmt *s = db_row(q, SQL_SUMS);

	if (rc != SQLITE_ROW)
		return err->code;
	if (state == STATE_QUEUED) {
		out->queued = (uint64_t)sqlite3_column_int64(s, 0);
		out->queued_deliveries = (uint64_t)sqlite3_column_int64(s, 1);
		out->oldest_s = sqlite3_column_int64(s, 2);
		out->queued_bytes = (uint64_t)sqlite3_column_int64(s, 3);
	} else {
		out->dead = (uint64_t)sqlite3_column_int64(s, 0);
	}
	db_done(q, SQL_SUMS);
	return ST_OK;
}

static void add(struct queue_counts *c, const char *what, uint64_t n)
{
	if (!strcmp(what, "produced"))
		c->produced = n;
	else if (!strcmp(what, "acknowledged"))
		c->acknowledged = n;
	else if (!strcmp(what, "rejected"))
		c->rejected = n;
	for (size_t i = 0; i < N_QUEUE_REASONS; i++) {
		if (!strcmp(what, db_count_name((enum queue_reason)i)))
			c->dropped[i] = n;
	}
}

enum status db_counts(struct queue *q, int64_t to, struct queue_counts *out, struct err *err)
{
	enum status st;
	int rc;

	st = sum(q, to, STATE_QUEUED, out, err);
	if (!st)
		st = sum(q, to, STATE_DEAD, out, err);
	if (st)
		return st;
	for (rc = db_step(q, SQL_TALLY, err, "i", to); rc == SQLITE_ROW;
	     rc = db_next(q, SQL_TALLY, err)) {
		sqlite3_stmt *s = db_row(q, SQL_TALLY);
		const char *what = (const char *)sqlite3_column_text(s, 0);

		if (what)
			add(out, what, (uint64_t)sqlite3_column_int64(s, 1));
	}
	if (rc != SQLITE_DONE)
		return err->code;
	db_done(q, SQL_TALLY);
	return ST_OK;
}

enum status queue_count(struct queue *q, size_t to, struct queue_counts *out, struct err *err)
{
	enum status st = queue_lock(q, err);

	if (st)
		return st;
	assert(to < q->n_to);
	*out = (struct queue_counts){ .served = true };
	snprintf(out->name, sizeof(out->name), "%s", q->to[to].name);
	st = db_counts(q, q->to[to].id, out, err);
	queue_unlock(q);
	return st;
}
