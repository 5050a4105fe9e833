#include "exporter/otlp_http.h"

#include <assert.h>
#include <inttypes.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "exporter/otlp_split.h"
#include "exporter/transport.h"

struct otlp_http {
	struct transport *transport;
	struct buf part; /* a part of a batch that was too large */
	size_t too_big;	 /* a batch of this many bytes was refused; 0: none was */
	uint64_t budget_ns;
	struct retry_clock clock;
	void (*waiting)(void *arg, const char *why, uint64_t wait_ns);
	void *waiting_arg;
	struct otlp_http_stats stats;
	struct attempt_result last;
};

/* One batch or part on its way. */
struct delivery {
	size_t n_spans;
	struct slice bytes;
	unsigned int attempts;
	struct backoff backoff;
	uint64_t deadline_ns;
};

enum status otlp_http_open(struct otlp_http **out, const struct otlp_http_settings *set,
			   struct err *err)
{
	struct otlp_http *s = mem_zalloc(sizeof(*s));
	struct exporter_settings exporter = { .is_otlp = true, .otlp = set->otlp };
	enum status st;

	if (!s)
		return err_nomem(err, "the sender");
	buf_init(&s->part, 2 * MAX_BATCH_BYTES);
	s->budget_ns = set->retry_budget_ns;
	s->clock = set->clock ? *set->clock : retry_clock_system;
	s->waiting = set->waiting;
	s->waiting_arg = set->waiting_arg;
	st = transport_open(&s->transport, &exporter, &s->clock, err);
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
	transport_close(s->transport);
	buf_release(&s->part);
	mem_free(s);
}

const struct otlp_http_stats *otlp_http_stats(const struct otlp_http *s)
{
	return &s->stats;
}

const char *otlp_http_last_words(const struct otlp_http *s)
{
	return s->last.text;
}

const char *otlp_http_url(const struct otlp_http *s)
{
	return transport_shown(s->transport);
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
	char text[sizeof(err->msg)];

	attempt_describe(&s->last, d->attempts, text, sizeof(text));
	err_set(err, ST_REMOTE, ERR_NO_OFFSET, "cannot send %zu span%s to %s: %s", d->n_spans,
		d->n_spans == 1 ? "" : "s", transport_shown(s->transport), text);
	end_at_a_rune(err);
	return ST_REMOTE;
}

static void acknowledge(struct otlp_http *s, const struct delivery *d)
{
	struct otlp_http_stats *stats = &s->stats;

	stats->spans_rejected += s->last.spans_rejected;
	stats->spans_accepted += d->n_spans - s->last.spans_rejected;
	stats->unreadable += s->last.unreadable;
	stats->bytes_plain += d->bytes.len;
	stats->bytes_compressed += s->last.bytes_sent;
	if (s->last.text[0])
		memcpy(stats->message, s->last.text, sizeof(stats->message));
}

static void attempt(struct otlp_http *s, struct delivery *d)
{
	transport_attempt(s->transport, d->bytes, d->n_spans, &s->last);
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
	uint64_t wait = backoff_next_ns(&d->backoff, c->random(c->arg), s->last.wait_ns);
	uint64_t now = c->now_ns(c->arg);
	uint64_t left = now < d->deadline_ns ? d->deadline_ns - now : 0;

	if (wait > left && s->last.wait_ns <= left && left >= BACKOFF_FLOOR_NS)
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
		if (s->last.class == SEND_ACCEPTED) {
			acknowledge(s, d);
			return ST_OK;
		}
		if (s->last.class == SEND_TOO_BIG)
			return ST_END;
		if (s->last.class != SEND_RETRY && s->last.class != SEND_TRANSPORT)
			return give_up(s, d, err);
		if (!wait_to_retry(s, d))
			return give_up(s, d, err);
	}
}

/* As deliver(), but a lone span that is too big has failed. */
static enum status send_bytes(struct otlp_http *s, struct slice bytes, size_t n_spans,
			      struct err *err)
{
	struct delivery d = { .n_spans = n_spans, .bytes = bytes };
	enum status st;

	if (s->too_big && bytes.len >= s->too_big && n_spans > 1)
		return ST_END;
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
