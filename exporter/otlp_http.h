/*
 * otlp_http: sends finished batches and waits until each is acknowledged.
 *
 * The one-shot sender of `convert --endpoint`. A batch is compressed once and
 * resent byte for byte; waits are full-jitter backoff with Retry-After as a
 * floor, until the retry budget of that batch is spent. A receiver that finds a
 * batch too large gets halves of it, down to single spans, and later batches of
 * that size are halved before they are sent. Wrong settings and refusals fail at
 * once. Rejected spans of an accepted batch are counted, never resent.
 * One thread; nothing is logged here: errors and otlp_http_stats() tell all.
 */
#ifndef EXPORTER_OTLP_HTTP_H
#define EXPORTER_OTLP_HTTP_H

#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "config/settings.h"
#include "exporter/backoff.h"

struct otlp_http;

/* Borrowed during otlp_http_open(), except the clock's argument. */
struct otlp_http_settings {
	struct otlp_settings otlp;
	uint64_t retry_budget_ns;	 /* of one batch: no attempt begins later than this */
	const struct retry_clock *clock; /* NULL: the system's */
	/*
	 * Called before each wait with one line (URL, what happened, the hint) and the
	 * length of the wait; may be NULL. `arg` is borrowed until close.
	 */
	void (*waiting)(void *arg, const char *why, uint64_t wait_ns);
	void *waiting_arg;
};

#define OTLP_HTTP_DEFAULTS                                                                         \
	.otlp = { .compression = SETTING_GZIP, .timeout_ns = (uint64_t)10 * 1000000000 },          \
	.retry_budget_ns = (uint64_t)60 * 1000000000

struct otlp_http_stats {
	uint64_t spans_accepted;   /* acknowledged and not rejected */
	uint64_t spans_rejected;   /* rejected inside an acknowledged batch */
	uint64_t requests;	   /* attempts made */
	uint64_t retries;	   /* of these, attempts after the first of a batch */
	uint64_t splits;	   /* batches that were halved */
	uint64_t unreadable;	   /* acknowledgements with a body that made no sense */
	uint64_t bytes_plain;	   /* acknowledged batches, serialized */
	uint64_t bytes_compressed; /* the same as sent, bodies only */
	/* The receiver's last words about an accepted batch, one clean line, or "". */
	char message[MAX_SERVER_TEXT + 1];
};

/* ST_CONFIG for a wrong endpoint or header. On success *out is the caller's. */
MUST_CHECK enum status otlp_http_open(struct otlp_http **out, const struct otlp_http_settings *set,
				      struct err *err);

/*
 * Send one finished protobuf batch of `n_spans` spans. ST_OK: acknowledged, all
 * of it. ST_REMOTE: not, or not all (the stats know); the error is one line with
 * the URL, the attempts, the last outcome and a hint. The sender stays usable.
 */
MUST_CHECK enum status otlp_http_send(struct otlp_http *s, struct slice batch, size_t n_spans,
				      struct err *err);

/* Borrowed until close; counts since open. */
const struct otlp_http_stats *otlp_http_stats(const struct otlp_http *s);

/* The URL without user name, password and query; borrowed until close. */
const char *otlp_http_url(const struct otlp_http *s);

/*
 * What the receiver said in its last answer, one clean line of at most
 * MAX_SERVER_TEXT bytes, or ""; an error message may hold only its beginning.
 * Borrowed until the next send or close.
 */
const char *otlp_http_last_words(const struct otlp_http *s);

/* NULL is fine. */
void otlp_http_close(struct otlp_http *s);

#endif /* EXPORTER_OTLP_HTTP_H */
