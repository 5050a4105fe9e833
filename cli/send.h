/*
 * send: the destinations of one run, from settings to the final account.
 *
 * Owns the queue, a transport per exporter and the threads between them; says on
 * stderr what a person should know meanwhile. SIGTERM and SIGINT (or its owner, who then
 * takes care of signals) ask it to stop: send_stopped() is true from then on; a second
 * one ends the program at once.
 */
#ifndef CLI_SEND_H
#define CLI_SEND_H

#include <stdio.h>

#include "config/settings.h"
#include "exporter/delivery.h"
#include "exporter/queue.h"

struct send;

struct send_options {
	const struct exporter_settings *exporters; /* borrowed until close */
	size_t n_exporters;
	const struct queue_config *queue; /* NULL: in memory */
	uint64_t give_up_ns;		  /* of one batch; UINT64_MAX: never */
	bool quiet;			  /* no word on retries */
	bool own_signals;		  /* leave signals alone: send_stop() says when */
	bool may_drop;			  /* queue->full counts: else it always waits for room */
};

/* On success *out is the caller's until send_close(), and the threads run. */
MUST_CHECK enum status send_open(struct send **out, const struct send_options *o, struct err *err);

struct queue *send_queue(const struct send *s);
bool send_durable(const struct send *s);
/* What a signal would do. */
void send_stop(struct send *s);
/* Destination i, from 0; false: there is no such. Any thread. */
bool send_status(const struct send *s, size_t i, const char **shown, struct delivery_status *out);
/* Was the program asked to stop? */
bool send_stopped(void);
/* Has every destination given up? */
bool send_given_up(const struct send *s);

/*
 * Wait until all that was committed is taken, given up, or the program is asked to
 * stop; then send on for the flush time at most, and end the threads. True if all
 * of it was acknowledged; else there is an error line per destination. `may_wait`: what
 * stays in a queue on disk is no failure.
 */
bool send_finish(struct send *s, bool may_wait);

/* After send_finish(): who got how many, and where every span is; to a file, or logged. */
void send_report(const struct send *s, FILE *out);
void send_log_report(const struct send *s);

/* NULL is fine. */
void send_close(struct send *s);

#endif /* CLI_SEND_H */
