/*
 * sender: what becomes of one destination's deliveries, one attempt at a time.
 *
 * A state machine over the queue: it takes a delivery, hands its bytes to the
 * attempt function and writes down what came of it. Who calls sender_step() is
 * the thread of delivery.c, or a test that scripts the answers.
 *
 * - accepted: acknowledged, and the next one at once; rejected spans are counted
 * - patience asked for, or no answer: the same bytes again after full jitter
 *   below 0.5 s to 30 s, at least what the receiver asks for
 * - too big: halved, down to single spans, and later batches of that size before
 *   they are sent; refused (HTTP 400, gRPC 3): halved as well, as one bad span
 *   may be to blame, for MAX_REFUSALS times; a lone span is buried
 * - refused otherwise: buried; the next one at once
 * - five times in vain: something else is tried in between. If that passes, it is
 *   these bytes: they are halved, and a lone span without an answer is buried
 * - what an outage of ten seconds or an earlier process has left: at most drain_bytes
 *   a second, twice that after each minute, until nothing is queued; so many senders
 *   do not fall upon a receiver that is back, and a limit below what is produced
 *   does not fill the queue
 * - address, credentials, certificates: nobody's data is to blame. Held and tried
 *   again after 5 s to two minutes, told once a minute
 *
 * With a budget (give_up_ns) the last rule is other: the sender halts at once, and
 * when a delivery's budget is spent.
 */
#ifndef EXPORTER_SENDER_H
#define EXPORTER_SENDER_H

#include "exporter/queue.h"
#include "exporter/transport.h"

#define SENDER_NEVER UINT64_MAX

/* Failed attempts of one delivery after which something else is tried. */
#define SENDER_SUSPECT 5u

struct sender_settings {
	struct queue *queue; /* borrowed until close */
	size_t to;	     /* number of the destination */
	const char *shown;   /* address for messages; borrowed until close */
	/* One attempt; both borrowed until close. */
	void (*attempt)(void *arg, struct slice batch, size_t n_spans, struct attempt_result *out);
	void *arg;
	const struct retry_clock *clock; /* NULL: the system's */
	uint64_t give_up_ns;		 /* of one delivery; SENDER_NEVER: keep at it */
	uint64_t spread_ns;   /* with a backlog, the first attempt is within this time, by chance */
	uint64_t drain_bytes; /* a second while there is a backlog; 0: no limit */
	/*
	 * One line: what failed, or is worth knowing. `wait_ns`: when it goes on, 0 if
	 * that is no question. May be NULL; called by who calls sender_step().
	 */
	void (*tell)(void *arg, const char *line, uint64_t wait_ns);
	void *tell_arg;
};

struct sender_stats {
	uint64_t spans_accepted; /* acknowledged and not rejected */
	uint64_t spans_rejected;
	uint64_t spans_buried;
	uint64_t requests, retries; /* attempts; of these, on a delivery that had failed */
	uint64_t splits;
	uint64_t unreadable;		   /* acknowledgements that made no sense */
	uint64_t bytes_plain;		   /* acknowledged, serialized */
	uint64_t bytes_sent;		   /* the same as sent */
	char message[MAX_SERVER_TEXT + 1]; /* last words about an accepted batch, or "" */
	char failure[MAX_SERVER_TEXT + 1]; /* why the first spans were buried, or it halted */
};

enum sender_state {
	SENDER_BUSY,   /* step again */
	SENDER_WAIT,   /* nothing to do before the time told */
	SENDER_IDLE,   /* nothing is queued */
	SENDER_HALTED, /* given up */
};

struct sender;

MUST_CHECK enum status sender_open(struct sender **out, const struct sender_settings *set,
				   struct err *err);
/* Do one thing. *wait_ns is set for SENDER_WAIT. */
enum sender_state sender_step(struct sender *s, uint64_t *wait_ns);
/* Borrowed until the next step. */
const struct sender_stats *sender_stats(const struct sender *s);
/* NULL is fine. */
void sender_close(struct sender *s);

#endif /* EXPORTER_SENDER_H */
