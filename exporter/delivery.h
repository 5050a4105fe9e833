/*
 * delivery: a thread for each destination, so that none waits for another.
 *
 * Runs the senders over one queue until they are told to stop. Settings and
 * transports are borrowed until delivery_close(); a transport is used by the
 * thread of its destination alone.
 */
#ifndef EXPORTER_DELIVERY_H
#define EXPORTER_DELIVERY_H

#include "exporter/sender.h"

struct delivery;

/* Destinations in the order of the queue's. */
struct delivery_target {
	const char *shown; /* address for messages */
	void (*attempt)(void *arg, struct slice batch, size_t n_spans, struct attempt_result *out);
	/* Make a running attempt end soon; called by another thread. NULL: cannot. */
	void (*interrupt)(void *arg);
	void *arg;
};

struct delivery_settings {
	struct queue *queue;
	const struct delivery_target *targets;
	size_t n_targets;		 /* as many as the queue has destinations */
	const struct retry_clock *clock; /* NULL: the system's */
	uint64_t give_up_ns;		 /* see sender.h */
	uint64_t spread_ns, drain_bytes;
	/* See sender.h; called by any of the threads. */
	void (*tell)(void *arg, size_t to, const char *line, uint64_t wait_ns);
	void *tell_arg;
};

struct delivery_status {
	enum sender_state state;
	struct sender_stats stats;
};

/* On success the threads run, and *out is the caller's. */
MUST_CHECK enum status delivery_start(struct delivery **out, const struct delivery_settings *set,
				      struct err *err);

/*
 * Wait, at most `ns`, until each destination has taken all that was committed
 * before the call, or has halted. False: not yet.
 */
bool delivery_wait(struct delivery *d, uint64_t ns);

/* Has every destination halted? Then what is still queued stays there. */
bool delivery_halted(struct delivery *d);

/*
 * Send on for at most `flush_ns`, then stop, and wait for the threads: what is not
 * acknowledged by then stays queued. Attempts that run are interrupted.
 */
void delivery_stop(struct delivery *d, uint64_t flush_ns);

void delivery_status(struct delivery *d, size_t to, struct delivery_status *out);

/* Stops at once if nobody did. NULL is fine. */
void delivery_close(struct delivery *d);

#endif /* EXPORTER_DELIVERY_H */
