#include "exporter/otlp_http.h"

#include <assert.h>
#include <curl/curl.h>
#include <inttypes.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "exporter/classify.h"
#include "exporter/endpoint.h"
#include "exporter/gzip.h"
#include "exporter/http.h"
#include "exporter/otlp_reply.h"
#include "exporter/otlp_split.h"

struct otlp_http {
	struct http *http;
	struct gzip *gzip; /* NULL: bodies are sent as they are */
	struct buf packed; /* the compressed batch */
	struct buf part;   /* a part of a batch that was too large */
	size_t too_big;	   /* a batch of this many bytes was refused; 0: none was */
	uint64_t budget_ns;
	struct retry_clock clock;
	void (*waiting)(void *arg, const char *why, uint64_t wait_ns);
	void *waiting_arg;
	struct endpoint endpoint;
	struct otlp_http_stats stats;
	struct otlp_reply reply; /* the last answer's words */
};

/* One batch or part on its way. */
struct delivery {
	size_t n_spans;
	struct slice plain, body;
	unsigned int attempts;
	struct backoff backoff;
	uint64_t deadline_ns;
	struct http_reply http;
	struct verdict verdict;
};

enum status otlp_http_open(struct otlp_http **out, const struct otlp_http_settings *set,
			   struct err *err)
{
	struct otlp_http *s = mem_zalloc(sizeof(*s));
	struct http_settings http = {
		.content_type = "application/x-protobuf",
		.content_encoding = set->gzip ? "gzip" : NULL,
		.headers = set->headers,
		.n_headers = set->n_headers,
		.timeout_ns = set->timeout_ns,
		.ca_file = set->ca_file,
		.cert_file = set->cert_file,
		.key_file = set->key_file,
	};
	enum status st;

	if (!s)
		return err_nomem(err, "the sender");
	buf_init(&s->packed, 2 * MAX_BATCH_BYTES);
	buf_init(&s->part, 2 * MAX_BATCH_BYTES);
	s->budget_ns = set->retry_budget_ns;
	s->clock = set->clock ? *set->clock : retry_clock_system;
	s->waiting = set->waiting;
	s->waiting_arg = set->waiting_arg;
	st = endpoint_parse(&s->endpoint, set->endpoint, err);
	http.url = s->endpoint.url;
	if (!st)
		st = http_open(&s->http, &http, err);
	if (!st && set->gzip)
		st = gzip_open(&s->gzip, GZIP_LEVEL, err);
	if (st) {
		otlp_http_close(s);
		return st;
	}
	*out = s;
	return ST_OK;
}

void otlp_http_close(struct otlp_http *s)
{
	if (!s)
		return;
	http_close(s->http);
	gzip_close(s->gzip);
	buf_release(&s->packed);
	buf_release(&s->part);
	mem_free(s);
}

const struct otlp_http_stats *otlp_http_stats(const struct otlp_http *s)
{
	return &s->stats;
}

const char *otlp_http_last_words(const struct otlp_http *s)
{
	return s->reply.text;
}

const char *otlp_http_url(const struct otlp_http *s)
{
	return s->endpoint.shown;
}

/* What usually is wrong. First match; 0 in a column matches anything. */
static const struct {
	int rc;
	long status;
	const char *hint;
} hints[] = {
	{ CURLE_COULDNT_CONNECT, 0, "is the receiver listening? 4318 is OTLP/HTTP, 4317 is gRPC" },
	{ CURLE_UNSUPPORTED_PROTOCOL, 0,
	  "this looks like a gRPC port (4317); OTLP/HTTP is usually 4318" },
	{ CURLE_WEIRD_SERVER_REPLY, 0,
	  "this looks like a gRPC port (4317); OTLP/HTTP is usually 4318" },
	{ CURLE_SEND_ERROR, 0, "if this is a gRPC port (4317): OTLP/HTTP is usually 4318" },
	{ CURLE_RECV_ERROR, 0, "if this is a gRPC port (4317): OTLP/HTTP is usually 4318" },
	{ CURLE_GOT_NOTHING, 0, "if this is a gRPC port (4317): OTLP/HTTP is usually 4318" },
	{ CURLE_COULDNT_RESOLVE_HOST, 0, "is the host name right?" },
	{ CURLE_SSL_CONNECT_ERROR, 0, "does this port speak TLS? if not, the URL begins http://" },
	{ CURLE_PEER_FAILED_VERIFICATION, 0, "does the CA file fit the receiver's certificate?" },
	{ 0, 401, "check the credentials in the headers" },
	{ 0, 403, "check the credentials in the headers" },
	{ 0, 404, "check the path; OTLP/HTTP is usually BASE/v1/traces" },
	{ 0, 405, "check the path; OTLP/HTTP is usually BASE/v1/traces" },
	{ 0, 413, "a single span is too large for this receiver" },
	{ 0, 415, "does this port speak OTLP/HTTP with protobuf?" },
};

static const char *hint_for(const struct http_reply *r)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (hints[i].rc ? hints[i].rc == r->rc : !r->rc && hints[i].status == r->status)
			return hints[i].hint;
	}
	if (!r->rc && r->status >= 300 && r->status < 400)
		return "redirects are not followed; give the final URL";
	return NULL;
}

/* A cut message must not end within a rune. */
static void end_at_a_rune(struct err *err)
{
	size_t valid;

	if (!err)
		return;
	valid = utf8_valid_prefix(slice_str(err->msg));
	if (strlen(err->msg) - valid < 4)
		err->msg[valid] = '\0';
}

/* One line: what, where, the outcome, the attempts, a hint, the server's words. */
static enum status give_up(const struct otlp_http *s, const struct delivery *d, struct err *err)
{
	const char *hint = hint_for(&d->http);
	char outcome[CURL_ERROR_SIZE];

	if (d->http.rc)
		snprintf(outcome, sizeof(outcome), "%s", d->http.error);
	else
		snprintf(outcome, sizeof(outcome), "HTTP status %ld", d->http.status);
	err_set(err, ST_REMOTE, ERR_NO_OFFSET,
		"cannot send %zu span%s to %s: %s (%u attempt%s)%s%s%s%s", d->n_spans,
		d->n_spans == 1 ? "" : "s", s->endpoint.shown, outcome, d->attempts,
		d->attempts == 1 ? "" : "s", hint ? "; " : "", hint ? hint : "",
		s->reply.text[0] ? "; the server says: " : "", s->reply.text);
	end_at_a_rune(err);
	return ST_REMOTE;
}

static void acknowledge(struct otlp_http *s, const struct delivery *d)
{
	struct otlp_http_stats *stats = &s->stats;

	otlp_reply_accepted(&s->reply, d->http.body, d->verdict.protobuf, d->n_spans);
	stats->spans_rejected += s->reply.rejected;
	stats->spans_accepted += d->n_spans - s->reply.rejected;
	stats->unreadable += s->reply.unreadable || d->http.rc != CURLE_OK;
	stats->bytes_plain += d->plain.len;
	stats->bytes_compressed += d->body.len;
	if (s->reply.text[0])
		memcpy(stats->message, s->reply.text, sizeof(stats->message));
}

static void attempt(struct otlp_http *s, struct delivery *d)
{
	struct attempt a;

	http_post(s->http, d->body, &d->http);
	a = (struct attempt){
		.rc = d->http.rc,
		.status = d->http.status,
		.content_type = d->http.content_type,
		.retry_after = d->http.retry_after,
		.body = d->http.body,
		.now_s = s->clock.wall_s(s->clock.arg),
	};
	d->verdict = classify(&a);
	d->attempts++;
	s->stats.requests++;
	s->stats.retries += d->attempts > 1;
}

/*
 * Wait for the next attempt; false if the budget does not allow one. A long wait
 * that chance has drawn is cut, so that the last attempt comes at the budget's
 * end; one that the receiver asks for is not.
 */
static bool wait_to_retry(const struct otlp_http *s, struct delivery *d)
{
	const struct retry_clock *c = &s->clock;
	uint64_t wait = backoff_next_ns(&d->backoff, c->random(c->arg), d->verdict.wait_ns);
	uint64_t now = c->now_ns(c->arg);
	uint64_t left = now < d->deadline_ns ? d->deadline_ns - now : 0;

	if (wait > left && d->verdict.wait_ns <= left && left >= BACKOFF_FLOOR_NS)
		wait = left;
	if (wait > left)
		return false;
	if (s->waiting) {
		struct err why = ERR_INIT;

		(void)give_up(s, d, &why);
		s->waiting(s->waiting_arg, why.msg, wait);
	}
	c->sleep_ns(c->arg, wait);
	return true;
}

/* ST_OK: acknowledged. ST_END: too big as a whole, nobody was told yet. Else failed. */
static enum status deliver(struct otlp_http *s, struct delivery *d, struct err *err)
{
	d->deadline_ns = s->clock.now_ns(s->clock.arg) + s->budget_ns;
	for (;;) {
		attempt(s, d);
		if (d->verdict.class == SEND_ACCEPTED) {
			acknowledge(s, d);
			return ST_OK;
		}
		otlp_reply_refused(&s->reply, d->http.body, d->verdict.protobuf);
		if (d->verdict.class == SEND_TOO_BIG)
			return ST_END;
		if (d->verdict.class != SEND_RETRY && d->verdict.class != SEND_TRANSPORT)
			return give_up(s, d, err);
		if (!wait_to_retry(s, d))
			return give_up(s, d, err);
	}
}

/* As deliver(), but a lone span that is too big has failed. */
static enum status send_bytes(struct otlp_http *s, struct slice bytes, size_t n_spans,
			      struct err *err)
{
	struct delivery d = { .n_spans = n_spans, .plain = bytes, .body = bytes };
	enum status st;

	if (s->too_big && bytes.len >= s->too_big && n_spans > 1)
		return ST_END;
	if (s->gzip) {
		st = gzip_pack(s->gzip, bytes, &s->packed, err);
		if (st)
			return st;
		d.body = buf_view(&s->packed);
	}
	st = deliver(s, &d, err);
	if (st != ST_END)
		return st;
	if (n_spans == 1)
		return give_up(s, &d, err);
	if (!s->too_big || bytes.len < s->too_big)
		s->too_big = bytes.len;
	return ST_END;
}

/* The spans [first, first + n) of the batch, in halves if need be: 13 levels for 8192. */
static enum status send_range(struct otlp_http *s, struct slice batch, bool whole, size_t first,
			      size_t n, struct err *err)
{
	struct slice bytes = batch;
	enum status st;

	if (!whole) {
		st = otlp_split(batch, first, n, &s->part, err);
		if (st)
			return st;
		bytes = buf_view(&s->part);
	}
	st = send_bytes(s, bytes, n, err);
	if (st != ST_END)
		return st;
	s->stats.splits++;
	st = send_range(s, batch, false, first, n / 2, err);
	return st ? st : send_range(s, batch, false, first + n / 2, n - n / 2, err);
}

enum status otlp_http_send(struct otlp_http *s, struct slice batch, size_t n_spans, struct err *err)
{
	assert(batch.len && n_spans);
	return send_range(s, batch, true, 0, n_spans, err);
}
