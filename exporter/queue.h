/*
 * queue: batches on their way to several destinations, safe from crashes.
 *
 * One SQLite database in WAL mode with full sync; without a path, the same in
 * memory. A batch is stored once, as the zstd frame of a serialized
 * ExportTraceServiceRequest, with a delivery per destination; a delivery is a
 * range of the batch's spans that this destination still has to take, or has
 * refused for good (a dead letter). What becomes of a delivery and its count are
 * one transaction, so that for each destination at any time
 *
 *	produced = acknowledged + rejected + dead letters + dropped (by reason) + queued
 *
 * A snapshot's batches come in as an entry: written as they are made, invisible
 * until queue_commit() makes all of them deliveries, marks the snapshot done and
 * remembers the ids sent, in one transaction. A crash before that leaves nothing.
 *
 * Opening never fails because of what the file holds: a damaged one is renamed
 * and reported (struct queue_settings.tell), a damaged batch is quarantined when
 * it is met, and told. One process at a time delivers from a file; others may
 * look into it (queue_look.h). All functions may be called by any thread.
 */
#ifndef EXPORTER_QUEUE_H
#define EXPORTER_QUEUE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/limits.h"
#include "exporter/backoff.h"

struct queue;

enum queue_policy {
	QUEUE_DROP_OLDEST, /* a full queue loses its oldest batch, counted */
	QUEUE_BLOCK,	   /* a full queue lets the producer wait */
};

/* Why spans were lost on purpose. */
enum queue_reason {
	QUEUE_FULL,    /* max_bytes */
	QUEUE_DISK,    /* the disk is full, or min_free_bytes */
	QUEUE_CORRUPT, /* the bytes on disk are not those that were written */
	QUEUE_PURGED,  /* the user said so */
	QUEUE_UNSENT,  /* in memory, when its destination was given up */
	N_QUEUE_REASONS
};

/* "queue_full", "disk_full", "corrupt", "purged", "unsent". */
const char *queue_reason_name(enum queue_reason reason);

struct queue_settings {
	const char *path;	 /* NULL: in memory */
	uint64_t max_bytes;	 /* of the database; its log needs a few MiB more */
	uint64_t min_free_bytes; /* that stay free on the disk */
	enum queue_policy full;
	const char *const *destinations; /* names: who gets every batch */
	size_t n_destinations;		 /* 1 to MAX_DESTINATIONS */
	const struct retry_clock *clock; /* NULL: the system's */
	/*
	 * Called with one line about what a person should know (a file set aside, a
	 * batch quarantined), from any thread; may be NULL. `arg` is borrowed until close.
	 */
	void (*tell)(void *arg, const char *line);
	void *tell_arg;
};

/*
 * ST_CONFIG: another process delivers from this file (its pid is in the message),
 * or it is some other program's database. ST_IO: the folder does not let us.
 * On success *out is the caller's until queue_close().
 */
MUST_CHECK enum status queue_open(struct queue **out, const struct queue_settings *set,
				  struct err *err);

/* Nobody uses it any more. NULL is fine. */
void queue_close(struct queue *q);

/* ---- producing ---- */

/* What is produced together: a snapshot's batches. Used by one thread. */
struct queue_entry;

/* Which snapshot was read; zeros where unknown. */
struct queue_snapshot {
	uint64_t device, inode, size;
	int64_t mtime_ns;
	int64_t ctime_s;  /* when its inode changed, Unix seconds; not stored */
	uint64_t hash[2]; /* of its bytes: XXH3, 128 bits */
};

MUST_CHECK enum status queue_begin(struct queue *q, struct queue_entry **out, struct err *err);

/*
 * Store one finished protobuf batch. With QUEUE_BLOCK this waits for room;
 * ST_LIMIT: no room can come (the entry alone is too large, or queue_stop() was
 * called). With QUEUE_DROP_OLDEST what does not fit at all is dropped, counted.
 */
MUST_CHECK enum status queue_add(struct queue_entry *e, struct slice batch, size_t n_spans,
				 struct err *err);

/* Remember the id of something that is sent, such as a whole task, with the commit. */
MUST_CHECK enum status queue_add_id(struct queue_entry *e, uint64_t id, struct err *err);

/*
 * All or nothing: deliveries, snapshot (may be NULL) and ids; the senders wake.
 * On failure the entry is as before: commit again, or abort. An entry that was
 * committed is empty and can be used for the next.
 */
MUST_CHECK enum status queue_commit(struct queue_entry *e, const struct queue_snapshot *done,
				    struct err *err);

/* Throw away what was not committed and the entry. NULL is fine. */
void queue_abort(struct queue_entry *e);

/* ---- what was done before ---- */

/* ST_OK: *done tells; the same bytes count, whatever the file is called. */
MUST_CHECK enum status queue_snapshot_done(struct queue *q, const struct queue_snapshot *s,
					   bool *done, struct err *err);

/*
 * The same by device, inode, size and time alone: for a file whose bytes need no look. One whose
 * inode changed in the second in which it was done, or later, may be another file with its number.
 */
MUST_CHECK enum status queue_file_done(struct queue *q, const struct queue_snapshot *s, bool *done,
				       struct err *err);

/*
 * Was this id committed before? Ids are forgotten after a day, or when MAX_SENT_IDS
 * newer ones came, or as many as fit into an eighth of a small queue.
 */
MUST_CHECK enum status queue_id_sent(struct queue *q, uint64_t id, bool *sent, struct err *err);
/* All of them, the oldest first, while the queue stands still: `fn` must not use it. */
MUST_CHECK enum status queue_ids_each(struct queue *q,
				      enum status (*fn)(void *arg, uint64_t id, struct err *err),
				      void *arg, struct err *err);

/* ---- delivering; used by sender.c ---- */

/* How many deliveries one destination may have in hand at once. */
#define QUEUE_HANDS 2u

/* One delivery in hand. */
struct queue_item {
	unsigned int hand; /* which one, below QUEUE_HANDS */
	int64_t id, batch;
	uint32_t first, n;  /* spans of the batch */
	unsigned int epoch; /* of the database that it came from */
	bool whole;	    /* all of the batch */
	struct slice bytes; /* the request, borrowed from the item */
	struct buf frame, plain, part;
	struct frame *packer;
};

MUST_CHECK enum status queue_item_init(struct queue_item *item, unsigned int hand, struct err *err);
void queue_item_release(struct queue_item *item);

/* QUEUE_NEWEST: what is new does not wait behind a backlog; without one, the oldest. */
enum queue_pick { QUEUE_OLDEST, QUEUE_NEWEST };

/*
 * Take a delivery of destination number `to`, but not that with the id `except`
 * (0: any). ST_END: there is none. Until the next take or one of the three below,
 * its batch is not dropped. What is damaged is quarantined on the way.
 */
MUST_CHECK enum status queue_take(struct queue *q, size_t to, enum queue_pick pick, int64_t except,
				  struct queue_item *item, struct err *err);

/* Make item->bytes the request of the spans [first, first + n) of its batch only. */
MUST_CHECK enum status queue_item_part(struct queue_item *item, uint32_t first, uint32_t n,
				       struct err *err);

/*
 * Spans [first, first + n) of the item are acknowledged, `rejected` of them not
 * stored; what is left of the item stays queued.
 */
MUST_CHECK enum status queue_acknowledge(struct queue *q, size_t to, const struct queue_item *item,
					 uint32_t first, uint32_t n, uint64_t rejected,
					 struct err *err);
/* Two deliveries of half the spans each take its place. The item has two spans at least. */
MUST_CHECK enum status queue_split(struct queue *q, size_t to, const struct queue_item *item,
				   struct err *err);
/* It will never be taken: keep it, and why. */
MUST_CHECK enum status queue_bury(struct queue *q, size_t to, const struct queue_item *item,
				  unsigned int attempts, const char *why, struct err *err);

/*
 * This process delivers no more to `to`. A file keeps what is queued; in memory it
 * is dropped as unsent, and so is what comes later.
 */
MUST_CHECK enum status queue_give_up(struct queue *q, size_t to, struct err *err);

/* ---- waiting ---- */

/* A number that changes with every commit and every queue_wake(). */
uint64_t queue_generation(struct queue *q);
/* Wait until the generation is not `seen`, at most `ns`. */
void queue_wait(struct queue *q, uint64_t seen, uint64_t ns);
void queue_wake(struct queue *q);
/* No more waiting for room: queue_add() of a full queue fails from now on. */
void queue_stop(struct queue *q);

/* ---- counting ---- */

struct queue_counts {
	char name[MAX_DESTINATION_NAME];
	uint64_t produced, acknowledged, rejected; /* spans, since the file was made */
	uint64_t dropped[N_QUEUE_REASONS];
	uint64_t queued, dead;	    /* spans, now */
	uint64_t queued_deliveries; /* requests to make, at least */
	uint64_t queued_bytes;	    /* serialized */
	int64_t oldest_s;	    /* Unix time of the oldest that is queued; 0: none */
	bool served;		    /* one of this process's destinations */
};

/* Destination number `to`. */
MUST_CHECK enum status queue_count(struct queue *q, size_t to, struct queue_counts *out,
				   struct err *err);

/* Size of the database in bytes, without free pages, and the maximum. */
MUST_CHECK enum status queue_usage(struct queue *q, uint64_t *used, uint64_t *max, struct err *err);

#endif /* EXPORTER_QUEUE_H */
