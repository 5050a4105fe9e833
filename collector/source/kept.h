/*
 * kept: captures that a source has made itself, until their spans are safe in the queue.
 *
 * Each has a name on the disk (kept_file.h), so that neither a crash nor a stop loses it: the next
 * start takes it up. One that finds no room in the inbox, or that the queue failed to take, which
 * may pass, waits for kept_retry(). At most MAX_KEPT at a time: a source that has as many makes no
 * more. Lost ones are told and counted. Call with the mutex free, from any thread.
 */
#ifndef COLLECTOR_SOURCE_KEPT_H
#define COLLECTOR_SOURCE_KEPT_H

#include <pthread.h>

#include "collector/source/source.h"

#define MAX_KEPT 8u

struct kept_capture;

struct kept {
	/* All borrowed from the source. */
	const struct source_env *env;
	const bool *stop; /* atomic */
	pthread_mutex_t *mutex;
	pthread_cond_t *changed; /* one waits for kept_retry(); NULL: nobody sleeps */
	/* Under the mutex; others may look. */
	struct kept_capture *waiting;
	size_t n;	 /* captures */
	uint64_t n_lost; /* ever */
};

/* Take up what an earlier process left to this source; they wait for kept_retry(). */
void kept_restore(struct kept *k);
/*
 * A capture for this trigger: takes the file, which is wound back, in any case. Nothing is told or
 * counted on failure.
 */
MUST_CHECK enum status kept_add(struct kept *k, const struct trigger_request *r, int fd,
				struct err *err);
/*
 * Put one that waits in again; with `wait` until there is room or the source stops, when it is
 * left to the next start. False: none waits, or there is no room.
 */
bool kept_retry(struct kept *k, bool wait);
/* Those that wait are left to the next start: the source ends. */
void kept_abandon(struct kept *k);

#endif /* COLLECTOR_SOURCE_KEPT_H */
