/*
 * transport: one destination, one attempt at a time.
 *
 * Hides how a batch gets there: OTLP/HTTP with protobuf or JSON, OTLP/gRPC, or a
 * file. The caller hands in the serialized batch, which is what a queue keeps, and
 * gets a verdict; waiting, trying again, halving and giving up are his. The same
 * batch gives the same bytes on the wire each time. Nothing is logged here, and no
 * text that comes out holds a header's value or a password. What is wrong with
 * certificates, hosts or disks shows in an attempt, not when opening, so that it
 * may be mended meanwhile. A transport belongs to one thread, and is opened after
 * any fork.
 */
#ifndef EXPORTER_TRANSPORT_H
#define EXPORTER_TRANSPORT_H

#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "config/settings.h"
#include "exporter/backoff.h"
#include "exporter/classify.h"

struct transport;

/* What became of one attempt; `hint` and `notice` are constants. */
struct attempt_result {
	enum send_class class;
	uint64_t wait_ns;	 /* what the receiver asks for at least; 0: nothing */
	uint64_t spans_rejected; /* inside an accepted batch; never send them again */
	bool unreadable;	 /* accepted, but the answer's body made no sense */
	int rc;			 /* CURLcode, or errno of a file */
	long http_status;	 /* 0: none came */
	int grpc_status;	 /* -1: none came */
	size_t bytes_sent;	 /* the body as it went out; 0: nothing went out */
	const char *hint;	 /* what usually is wrong then, or NULL */
	const char *notice;	 /* to be told once, such as a change of compression; or NULL */
	char outcome[256];	 /* one line: "HTTP status 503", "connection refused" */
	char text[MAX_SERVER_TEXT + 1]; /* the receiver's words, one clean line, or "" */
};

/*
 * `set` is borrowed until the return. `clock` tells the time for a Retry-After that
 * is a date; NULL is the system's. ST_CONFIG for a wrong endpoint or header. On
 * success *out is the caller's until transport_close().
 */
MUST_CHECK enum status transport_open(struct transport **out, const struct exporter_settings *set,
				      const struct retry_clock *clock, struct err *err);

/*
 * Try to deliver a serialized, uncompressed ExportTraceServiceRequest of `n_spans`
 * (at least 1) spans, borrowed until the return. Takes at most the exporter's
 * timeout, except that one stale connection or one refused compression is mended
 * at once and costs another. *out is always filled.
 */
void transport_attempt(struct transport *t, struct slice batch, size_t n_spans,
		       struct attempt_result *out);

/*
 * An attempt that runs, and any later one, ends without an answer within a second.
 * May be called by another thread.
 */
void transport_interrupt(struct transport *t);

/* The address without user name, password and query, or the file's path. Until close. */
const char *transport_shown(const struct transport *t);

/* NULL is fine. */
void transport_close(struct transport *t);

/*
 * The result as one line for people: the outcome, what usually is wrong, the
 * receiver's words; `attempts` of 0 are not told. Cut between runes at `cap`.
 */
void attempt_describe(const struct attempt_result *r, unsigned int attempts, char *to, size_t cap);

#endif /* EXPORTER_TRANSPORT_H */
