/*
 * queue_look: into a queue's file from outside, also while a process delivers from it.
 *
 * Counts, dead letters, and what a person may do about them. Everything is one
 * transaction; the delivering process sees it within seconds.
 */
#ifndef EXPORTER_QUEUE_LOOK_H
#define EXPORTER_QUEUE_LOOK_H

#include "exporter/queue.h"

struct queue_look;

/* ST_END: there is no such file, so nothing was ever queued. */
MUST_CHECK enum status queue_look_open(struct queue_look **out, const char *path, bool change,
				       struct err *err);
/* NULL is fine. */
void queue_look_close(struct queue_look *l);

/* Bytes in use, and which process delivers from it (0: none, -1: one without a name). */
MUST_CHECK enum status queue_look_usage(struct queue_look *l, uint64_t *bytes, int64_t *pid,
					struct err *err);

/* Each destination that ever was. */
MUST_CHECK enum status queue_look_counts(struct queue_look *l,
					 void (*each)(void *arg, const struct queue_counts *c),
					 void *arg, struct err *err);

struct queue_letter {
	int64_t id, batch;
	const char *destination, *why;
	bool damaged; /* quarantined: its bytes cannot be sent */
	uint32_t spans;
	uint64_t bytes; /* serialized */
	unsigned int attempts;
	int64_t since_s; /* Unix time */
};

/* Dead letters and damaged batches, at most `max`, the newest first. Texts last for the call. */
MUST_CHECK enum status queue_look_letters(struct queue_look *l, uint64_t max,
					  void (*each)(void *arg, const struct queue_letter *x),
					  void *arg, struct err *err);

/*
 * Dead letters are queued again; *spans tells how many. `destination` NULL: of all.
 * ST_CONFIG: no such destination.
 */
MUST_CHECK enum status queue_look_retry(struct queue_look *l, const char *destination,
					uint64_t *spans, struct err *err);
/* They are removed, and counted as dropped; with `queued` what waits is, too. */
MUST_CHECK enum status queue_look_purge(struct queue_look *l, const char *destination, bool queued,
					uint64_t *spans, struct err *err);

#endif /* EXPORTER_QUEUE_LOOK_H */
