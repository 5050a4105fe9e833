/*
 * metrics_send: metrics on their way from the sidecar to the receivers of its spans.
 *
 * A message is a few hundred bytes a capture and of little use when it is old: it is not written to
 * the queue, but waits in memory, at most MAX_WAITING_METRICS for each receiver, the newest ones,
 * and is tried for up to ten minutes. What is lost is told and counted. Each receiver has a thread
 * of its own, so that nothing waits for one that is away.
 */
#ifndef CLI_METRICS_SEND_H
#define CLI_METRICS_SEND_H

#include "base/err.h"
#include "config/settings.h"
#include "exporter/transport.h"

#define MAX_WAITING_METRICS 64u

struct metrics_send;

/* A transport that takes metrics to this exporter, which is no file. */
MUST_CHECK enum status metrics_transport(struct transport **out, const struct exporter_settings *e,
					 struct err *err);

/* On success *out is the caller's until metrics_send_close(). Nothing of the exporters is kept. */
MUST_CHECK enum status metrics_send_open(struct metrics_send **out,
					 const struct exporter_settings *exporters, size_t n,
					 struct err *err);

/* One message in protobuf, copied. */
void metrics_send_put(struct metrics_send *m, struct slice message);

struct metrics_counts {
	uint64_t sent, lost; /* messages */
};
/* Of exporter i; false: it gets none. */
bool metrics_send_counts(struct metrics_send *m, size_t i, struct metrics_counts *out);

/* No more are put; what waits is sent for as long as this. Does not wait. */
void metrics_send_end(struct metrics_send *m, uint64_t flush_ns);
/* Ends at once, unless metrics_send_end() gave it a time. NULL is fine. */
void metrics_send_close(struct metrics_send *m);

#endif /* CLI_METRICS_SEND_H */
