/*
 * retry: one message to one destination, tried again until a budget is spent.
 *
 * For what has no queue and cannot be halved, such as a message of metrics; spans
 * go through queue and sender. The caller's thread waits.
 */
#ifndef EXPORTER_RETRY_H
#define EXPORTER_RETRY_H

#include "exporter/transport.h"

struct retry_settings {
	const struct retry_clock *clock; /* NULL: the system's */
	uint64_t budget_ns;		 /* no attempt begins later than this */
	/* What is sent, for the error: "metrics". Borrowed for the call. */
	const char *what;
};

/*
 * ST_OK: acknowledged; *last has what the receiver said. ST_REMOTE: not, and the
 * error is one line: what, where, the outcome, the attempts, a hint.
 */
MUST_CHECK enum status retry_send(struct transport *t, const struct retry_settings *set,
				  struct slice message, size_t n, struct attempt_result *last,
				  struct err *err);

#endif /* EXPORTER_RETRY_H */
