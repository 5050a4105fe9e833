/*
 * drain: how fast a backlog may go out.
 *
 * After an outage many senders have much to send at the same moment, to a receiver
 * that has just come back. So a sender that was without its receiver for ten seconds,
 * or found a backlog when it started, sends at most so many bytes a second until
 * nothing is queued. The rate doubles with each minute, so that a limit below what is
 * produced does not fill the queue. Times are nanoseconds of the monotonic clock.
 */
#ifndef EXPORTER_DRAIN_H
#define EXPORTER_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#define DRAIN_OUTAGE_NS ((uint64_t)10 * 1000000000)
#define DRAIN_DOUBLES_NS ((uint64_t)60 * 1000000000)

/* Zero-initialised but for the rate: no limit now. */
struct drain {
	uint64_t rate;	   /* bytes a second; 0: never a limit */
	bool down;	   /* the last attempts failed */
	uint64_t down_ns;  /* the first of them */
	bool on;	   /* there is a limit now */
	uint64_t since_ns; /* it is on */
	uint64_t next_ns;  /* nothing before this time */
};

/* There is a backlog. */
void drain_start(struct drain *d, uint64_t now_ns);
/* Nothing is queued any more. */
void drain_end(struct drain *d);
void drain_failed(struct drain *d, uint64_t now_ns);
void drain_accepted(struct drain *d, uint64_t bytes, uint64_t now_ns);
/* How long the next request has to wait. */
uint64_t drain_wait_ns(const struct drain *d, uint64_t now_ns);

#endif /* EXPORTER_DRAIN_H */
