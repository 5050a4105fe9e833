/*
 * queue_db: what the files of the queue share; for exporter/queue*.c alone.
 *
 * One connection, one mutex. Functions named db_* want the mutex held (or, while
 * the queue is opened, nobody else there). Statements are prepared when first
 * used and kept; one that returned a row has to be reset by db_done().
 */
#ifndef EXPORTER_QUEUE_DB_H
#define EXPORTER_QUEUE_DB_H

#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>

#include "exporter/queue.h"

/* What stands in the database's header: "flsq", and the version of the tables. */
#define QUEUE_APPLICATION_ID 0x666c7371
#define QUEUE_VERSION 1

/* Of deliveries.state. */
enum { STATE_QUEUED = 0, STATE_DEAD = 1, STATE_QUARANTINED = 2 };

/* Rows of queue_sql.c, in its order. */
enum queue_stmt {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_PAGES,
	SQL_FREE_PAGES,
	SQL_PAGE_SIZE,
	SQL_SHRINK,
	SQL_STAGE,
	SQL_UNSTAGE,
	SQL_DELIVER,
	SQL_ENTRY_SPANS,
	SQL_LIVE,
	SQL_COUNT,
	SQL_SNAPSHOT_ADD,
	SQL_SNAPSHOT_EXPIRE,
	SQL_SNAPSHOT_FIND,
	SQL_FILE_FIND,
	SQL_ID_ADD,
	SQL_ID_EXPIRE,
	SQL_ID_CAP,
	SQL_ID_FIND,
	SQL_IDS,
	SQL_TAKE_OLDEST,
	SQL_TAKE_NEWEST,
	SQL_FRAME,
	SQL_REMOVE_DELIVERY,
	SQL_ADD_DELIVERY,
	SQL_BURY,
	SQL_FORGET_BATCH,
	SQL_QUARANTINE_COUNT,
	SQL_QUARANTINE,
	SQL_OLDEST_BATCHES,
	SQL_DROP_COUNT,
	SQL_DROP_DELIVERIES,
	SQL_DROP_BATCH,
	SQL_UNSENT_COUNT,
	SQL_UNSENT,
	SQL_FORGET_ALL,
	SQL_DESTINATIONS,
	SQL_DESTINATION,
	SQL_LETTERS,
	SQL_STATE_SPANS,
	SQL_RETRY,
	SQL_PURGE_COUNT,
	SQL_PURGE,
	SQL_SUMS,
	SQL_TALLY,
	N_QUEUE_STMTS
};

struct queue {
	sqlite3 *db;
	sqlite3_stmt *stmt[N_QUEUE_STMTS];
	char path[PATH_MAX]; /* "": in memory */
	int lock_fd;	     /* of PATH.lock, -1 without */
	uint64_t max_bytes, min_free_bytes;
	enum queue_policy policy;
	struct retry_clock clock;
	void (*tell)(void *arg, const char *line);
	void *tell_arg;

	pthread_mutex_t mutex;
	pthread_cond_t changed; /* there is more to deliver, or to stop */
	pthread_cond_t room;	/* something has left */
	uint64_t generation;
	bool stopped;
	bool damaged;		     /* SQLite said so: set aside before the next use */
	char damage[PATH_MAX + 256]; /* what it said */
	unsigned int epoch;	     /* databases since open */
	int64_t last_entry;	     /* numbers of entries */
	int64_t page_bytes;
	size_t n_to;
	struct {
		char name[MAX_DESTINATION_NAME];
		int64_t id;		   /* row of destinations */
		int64_t busy[QUEUE_HANDS]; /* batches in hand, 0: none */
		bool given_up;
	} to[MAX_DESTINATIONS];
};

/* Lock, and mend first what was found damaged. On failure nothing is locked. */
MUST_CHECK enum status queue_lock(struct queue *q, struct err *err);
void queue_unlock(struct queue *q);

/* Tell a person, if anybody listens. */
void queue_tell(struct queue *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Open q->db and make its tables; a file that cannot be used is set aside first. */
MUST_CHECK enum status db_open(struct queue *q, struct err *err);
void db_close(struct queue *q);

/* Open `path` as it is. `flags` are SQLite's. Used by queue_look.c, too. */
MUST_CHECK enum status db_open_file(sqlite3 **db, const char *path, int flags, struct err *err);

/* Is it a queue of ours that we can read? */
MUST_CHECK enum status db_identify(struct queue *q, struct err *err);

/*
 * Bind: `format` has a letter per argument: i int64_t, t const char *, b struct
 * slice (not copied). Then step once: SQLITE_ROW, SQLITE_DONE or an error, which
 * is in err then.
 */
int db_step(struct queue *q, enum queue_stmt which, struct err *err, const char *format, ...);
/* The next row. */
int db_next(struct queue *q, enum queue_stmt which, struct err *err);
sqlite3_stmt *db_row(struct queue *q, enum queue_stmt which);
void db_done(struct queue *q, enum queue_stmt which);

/* A statement without rows, from begin to reset. Arguments as of db_step(). */
#define db_run(q, which, err, ...) db_run_result(q, which, db_step(q, which, err, __VA_ARGS__), err)
MUST_CHECK enum status db_run_result(struct queue *q, enum queue_stmt which, int rc,
				     struct err *err);

/* A statement whose first row has one number. */
MUST_CHECK enum status db_number(struct queue *q, enum queue_stmt which, int64_t *out,
				 struct err *err);

/* The error of the last failed call, in words; ST_NOMEM, ST_LIMIT (disk full) or ST_IO. */
enum status db_failed(struct queue *q, int rc, struct err *err);

/* BEGIN; then COMMIT if `st` is ST_OK, else ROLLBACK. Returns what came of it. */
MUST_CHECK enum status db_begin(struct queue *q, struct err *err);
MUST_CHECK enum status db_end(struct queue *q, enum status st, struct err *err);

/* counts: what of destination `id` grew by n. */
MUST_CHECK enum status db_count(struct queue *q, int64_t id, const char *what, uint64_t n,
				struct err *err);

/* Bytes of the pages in use. */
MUST_CHECK enum status db_used(struct queue *q, uint64_t *bytes, struct err *err);

/* Drop the oldest batch that is not in hand. ST_END: there is none. */
MUST_CHECK enum status db_drop_oldest(struct queue *q, enum queue_reason why, struct err *err);

/* All figures of the destination with this row. */
MUST_CHECK enum status db_counts(struct queue *q, int64_t to, struct queue_counts *out,
				 struct err *err);

/* What a reason is called in the counts table. */
const char *db_count_name(enum queue_reason reason);

/*
 * Who delivers from `path`: lock "PATH.lock" and write our pid into it. ST_CONFIG
 * with the pid if somebody has it. *fd is -1 after a failure.
 */
MUST_CHECK enum status queue_lock_file(const char *path, int *fd, struct err *err);

/* The pid in a lock file; 0 if there is none. */
uint64_t queue_lock_holder(int fd);

/* Give file, log and index other names, of which *aside gets the first. */
MUST_CHECK enum status queue_set_aside(const char *path, int64_t now_s, char *aside, size_t cap,
				       struct err *err);

#endif /* EXPORTER_QUEUE_DB_H */
