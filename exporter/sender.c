#include "exporter/sender.h"

#include <assert.h>
#include <inttypes.h>

#include "base/mem.h"
#include "exporter/drain.h"

#define SECOND_NS ((uint64_t)1000000000)
#define HOLD_TELL_NS (60 * SECOND_NS)
#define RECENT_NS (60 * SECOND_NS)
#define SENDER_SUSPECT_AGAIN 2u /* as SENDER_SUSPECT, for parts of a batch that was suspected */
#define RECORD_WAIT_NS (1 * SECOND_NS)

/* Refusals of one batch in a row: from 8192 spans to one, and a few. */
#define MAX_REFUSALS_IN_A_ROW 16u

/* What has happened outside and is not written down yet. */
enum outcome { NOTHING, ACKNOWLEDGE, SPLIT, BURY };

struct record {
	enum outcome what;
	struct queue_item *item;
	uint32_t first, n;
	uint64_t rejected;
	unsigned int attempts;
};

/* A batch under suspicion. */
struct suspect {
	int64_t batch;
	unsigned int refusals, in_a_row;
};

struct sender {
	struct sender_settings set;
	struct retry_clock clock;
	struct queue_item item, other;
	bool in_hand;	       /* `item` is on its way */
	bool probe;	       /* the next attempt is something else */
	unsigned int attempts; /* of `item` */
	uint64_t began_ns;     /* its first attempt */
	uint64_t due_ns;       /* nothing before this time */
	uint64_t turn;
	size_t too_big; /* a request of this many bytes was refused; 0: none was */
	struct backoff backoff;
	unsigned int n_held; /* configuration errors in a row */
	uint64_t told_ns;    /* when the last of them was told */
	bool told;
	struct drain drain;
	struct suspect poison; /* refused */
	int64_t mute;	       /* batch whose parts get no answers while others do */
	int64_t split_next;    /* batch whose next part is halved before it is sent */
	uint64_t success_ns;   /* when something was accepted */
	struct record record;
	struct attempt_result last;
	struct attempt_result failed; /* of `item`, while something else is tried */
	bool halted;
	struct sender_stats stats;
	char line[MAX_SERVER_TEXT + MAX_URL_BYTES];
};

static uint64_t now_ns(const struct sender *s)
{
	return s->clock.now_ns(s->clock.arg);
}

/* What an earlier process has left, perhaps many of them at the same time. */
static enum status look_for_backlog(struct sender *s, struct err *err)
{
	struct queue_counts c;
	enum status st = queue_count(s->set.queue, s->set.to, &c, err);
	uint64_t now = now_ns(s);

	if (st || !c.queued)
		return st;
	drain_start(&s->drain, now);
	if (s->set.spread_ns)
		s->due_ns = now + s->clock.random(s->clock.arg) % s->set.spread_ns;
	return ST_OK;
}

enum status sender_open(struct sender **out, const struct sender_settings *set, struct err *err)
{
	struct sender *s = mem_zalloc(sizeof(*s));
	enum status st;

	if (!s)
		return err_nomem(err, "a sender");
	s->set = *set;
	s->clock = set->clock ? *set->clock : retry_clock_system;
	s->drain.rate = set->drain_bytes;
	st = queue_item_init(&s->item, 0, err);
	if (!st)
		st = queue_item_init(&s->other, 1, err);
	if (!st)
		st = look_for_backlog(s, err);
	if (st) {
		sender_close(s);
		return st;
	}
	*out = s;
	return ST_OK;
}

void sender_close(struct sender *s)
{
	if (!s)
		return;
	queue_item_release(&s->item);
	queue_item_release(&s->other);
	mem_free(s);
}

const struct sender_stats *sender_stats(const struct sender *s)
{
	return &s->stats;
}

static void tell(struct sender *s, const char *line, uint64_t wait_ns)
{
	if (s->set.tell)
		s->set.tell(s->set.tell_arg, line, wait_ns);
}

/* "cannot send 3 spans to URL: what happened", in s->line. */
static const char *describe(struct sender *s, size_t n_spans)
{
	int n = snprintf(s->line, sizeof(s->line), "cannot send %zu span%s to %s: ", n_spans,
			 n_spans == 1 ? "" : "s", s->set.shown);

	if (n > 0 && (size_t)n < sizeof(s->line))
		attempt_describe(&s->last, s->attempts, s->line + n, sizeof(s->line) - (size_t)n);
	return s->line;
}

static void remember_failure(struct sender *s, const char *line)
{
	if (!s->stats.failure[0])
		snprintf(s->stats.failure, sizeof(s->stats.failure), "%.*s", MAX_SERVER_TEXT, line);
}

static enum sender_state wait(struct sender *s, uint64_t ns)
{
	s->due_ns = now_ns(s) + ns;
	return SENDER_WAIT;
}

/* This delivery, whatever becomes of it, is out of hand. */
static void let_go(struct sender *s)
{
	s->in_hand = false;
	s->probe = false;
	s->attempts = 0;
}

/* ---- writing down ---- */

static enum status write_down(struct sender *s, struct err *err)
{
	struct record *r = &s->record;

	switch (r->what) {
	case ACKNOWLEDGE:
		return queue_acknowledge(s->set.queue, s->set.to, r->item, r->first, r->n,
					 r->rejected, err);
	case SPLIT:
		return queue_split(s->set.queue, s->set.to, r->item, err);
	case BURY:
		return queue_bury(s->set.queue, s->set.to, r->item, r->attempts, s->line, err);
	default:
		return ST_OK;
	}
}

/*
 * A disk that is full does not undo what the receiver has: what is not written
 * down is tried again before anything else is sent.
 */
static enum sender_state write_record(struct sender *s)
{
	struct err err = ERR_INIT;

	if (write_down(s, &err)) {
		tell(s, err.msg, RECORD_WAIT_NS);
		return wait(s, RECORD_WAIT_NS);
	}
	s->record.what = NOTHING;
	return SENDER_BUSY;
}

static enum sender_state split(struct sender *s, struct queue_item *item)
{
	s->stats.splits++;
	let_go(s);
	s->record = (struct record){ .what = SPLIT, .item = item };
	return write_record(s);
}

static enum sender_state bury(struct sender *s, struct queue_item *item)
{
	const char *line = describe(s, item->n);

	s->stats.spans_buried += item->n;
	remember_failure(s, line);
	/* Who works to a budget reports at its end. */
	if (s->set.give_up_ns == SENDER_NEVER)
		tell(s, line, 0);
	s->record = (struct record){ .what = BURY, .item = item, .attempts = s->attempts };
	let_go(s);
	return write_record(s);
}

/* Spans [first, first + n) of the item have arrived. */
static enum sender_state acknowledge(struct sender *s, struct queue_item *item, uint32_t first,
				     uint32_t n)
{
	const struct attempt_result *r = &s->last;
	uint64_t rejected = r->spans_rejected < n ? r->spans_rejected : n;

	s->stats.spans_rejected += rejected;
	s->stats.spans_accepted += n - rejected;
	s->stats.unreadable += r->unreadable;
	s->stats.bytes_plain += item->bytes.len;
	s->stats.bytes_sent += r->bytes_sent;
	if (r->text[0])
		snprintf(s->stats.message, sizeof(s->stats.message), "%s", r->text);
	s->backoff = (struct backoff){ 0 };
	s->n_held = 0;
	s->told = false;
	s->success_ns = now_ns(s);
	drain_accepted(&s->drain, item->bytes.len, s->success_ns);
	if (item->batch == s->poison.batch)
		s->poison.in_a_row = 0;
	s->record = (struct record){
		.what = ACKNOWLEDGE, .item = item, .first = first, .n = n, .rejected = rejected
	};
	return write_record(s);
}

/* ---- what failed ---- */

static enum sender_state halt(struct sender *s)
{
	struct err err = ERR_INIT;

	s->halted = true;
	remember_failure(s, describe(s, s->item.n));
	if (queue_give_up(s->set.queue, s->set.to, &err))
		tell(s, err.msg, 0);
	return SENDER_HALTED;
}

/* A sender that never gives up tells at once what is wrong, and then once a minute. */
static void tell_wait(struct sender *s, uint64_t ns)
{
	uint64_t now = now_ns(s);

	if (s->set.give_up_ns == SENDER_NEVER && s->told && now - s->told_ns < HOLD_TELL_NS)
		return;
	s->told = true;
	s->told_ns = now;
	tell(s, describe(s, s->item.n), ns);
}

/* Not the data's fault: wait for somebody to mend it. */
static enum sender_state hold(struct sender *s)
{
	uint64_t ns;

	if (s->set.give_up_ns != SENDER_NEVER)
		return halt(s);
	drain_failed(&s->drain, now_ns(s));
	ns = backoff_hold_ns(s->n_held++, s->clock.random(s->clock.arg));
	tell_wait(s, ns);
	return wait(s, ns);
}

/* One bad span makes some receivers refuse all of its neighbours. */
static bool may_be_one_span(const struct attempt_result *r)
{
	return r->http_status == 400 || r->http_status == 422 || r->grpc_status == 3;
}

static enum sender_state refused(struct sender *s)
{
	struct suspect *p = &s->poison;

	if (p->batch != s->item.batch)
		*p = (struct suspect){ .batch = s->item.batch };
	p->refusals++;
	p->in_a_row++;
	if (s->item.n > 1 && may_be_one_span(&s->last) && p->refusals <= MAX_REFUSALS &&
	    p->in_a_row <= MAX_REFUSALS_IN_A_ROW)
		return split(s, &s->item);
	return bury(s, &s->item);
}

static enum sender_state too_big(struct sender *s)
{
	size_t len = s->item.bytes.len;

	if (s->item.n == 1)
		return bury(s, &s->item);
	if (!s->too_big || len < s->too_big)
		s->too_big = len;
	return split(s, &s->item);
}

/* Others pass and this does not. */
static enum sender_state blame(struct sender *s)
{
	s->last = s->failed;
	s->mute = s->item.batch;
	if (s->item.n > 1)
		return split(s, &s->item);
	if (s->last.class == SEND_TRANSPORT)
		return bury(s, &s->item);
	/* A receiver that asks for patience has said that it will take it. */
	return wait(s,
		    backoff_next_ns(&s->backoff, s->clock.random(s->clock.arg), s->last.wait_ns));
}

static enum sender_state try_later(struct sender *s)
{
	uint64_t asked = s->last.wait_ns;
	uint64_t ns = backoff_next_ns(&s->backoff, s->clock.random(s->clock.arg), asked);
	bool mute = s->item.batch == s->mute;

	drain_failed(&s->drain, now_ns(s));
	/* Nothing else is left to try, but not long ago something passed. */
	if (mute && s->item.n == 1 && s->last.class == SEND_TRANSPORT &&
	    s->attempts >= SENDER_SUSPECT && now_ns(s) - s->success_ns < RECENT_NS)
		return bury(s, &s->item);
	if (s->set.give_up_ns != SENDER_NEVER) {
		uint64_t spent = now_ns(s) - s->began_ns, all = s->set.give_up_ns;

		if (!backoff_fits(&ns, asked, spent < all ? all - spent : 0))
			return halt(s);
	}
	s->probe = s->attempts % (mute ? SENDER_SUSPECT_AGAIN : SENDER_SUSPECT) == 0;
	tell_wait(s, ns);
	return wait(s, ns);
}

/* ---- one attempt ---- */

static void attempt(struct sender *s, const struct queue_item *item, uint32_t n)
{
	s->set.attempt(s->set.arg, item->bytes, n, &s->last);
	s->stats.requests++;
	if (s->last.notice)
		tell(s, s->last.notice, 0);
}

static enum sender_state send_item(struct sender *s)
{
	bool suspected = s->split_next == s->item.batch;

	if (suspected)
		s->split_next = 0;
	if (s->item.n > 1 && (suspected || (s->too_big && s->item.bytes.len >= s->too_big)))
		return split(s, &s->item);
	attempt(s, &s->item, s->item.n);
	s->attempts++;
	s->stats.retries += s->attempts > 1;
	switch (s->last.class) {
	case SEND_ACCEPTED:
		let_go(s);
		return acknowledge(s, &s->item, s->item.first, s->item.n);
	case SEND_RETRY:
	case SEND_TRANSPORT:
		return try_later(s);
	case SEND_TOO_BIG:
		return too_big(s);
	case SEND_PERMANENT:
		return refused(s);
	default:
		return hold(s);
	}
}

/* Did the receiver take it, or at least read it? */
static bool answered(const struct attempt_result *r)
{
	return r->class == SEND_ACCEPTED || r->class == SEND_PERMANENT || r->class == SEND_TOO_BIG;
}

/* There is nothing else: one span of the item itself. */
static enum sender_state probe_part(struct sender *s)
{
	struct err err = ERR_INIT;
	/* Another one each time: this one may be the bad one. */
	uint32_t at = s->item.first + (uint32_t)(s->turn++ % s->item.n);

	if (s->item.n == 1 || queue_item_part(&s->item, at, 1, &err))
		return send_item(s);
	attempt(s, &s->item, 1);
	if (s->last.class == SEND_ACCEPTED) {
		s->mute = s->split_next = s->item.batch;
		let_go(s);
		return acknowledge(s, &s->item, at, 1);
	}
	if (answered(&s->last))
		return blame(s);
	s->attempts++;
	s->stats.retries++;
	if (!queue_item_part(&s->item, s->item.first, s->item.n, &err))
		return try_later(s);
	tell(s, err.msg, 0);
	let_go(s);
	return SENDER_BUSY;
}

static enum sender_state send_probe(struct sender *s)
{
	struct err err = ERR_INIT;
	enum sender_state state;
	enum status st;

	s->probe = false;
	s->failed = s->last;
	st = queue_take(s->set.queue, s->set.to, QUEUE_OLDEST, s->item.id, &s->other, &err);
	if (st == ST_END)
		return probe_part(s);
	if (st) {
		tell(s, err.msg, RECORD_WAIT_NS);
		return wait(s, RECORD_WAIT_NS);
	}
	attempt(s, &s->other, s->other.n);
	if (s->last.class == SEND_ACCEPTED) {
		state = acknowledge(s, &s->other, s->other.first, s->other.n);
		/* The item is blamed when that is written down; until then it waits. */
		return state == SENDER_BUSY ? blame(s) : state;
	}
	if (answered(&s->last))
		return blame(s);
	s->attempts++;
	s->stats.retries++;
	return s->last.class == SEND_RETRY || s->last.class == SEND_TRANSPORT ? try_later(s)
									      : hold(s);
}

static enum sender_state take(struct sender *s)
{
	uint64_t pause = drain_wait_ns(&s->drain, now_ns(s));
	struct err err = ERR_INIT;
	enum queue_pick pick;
	enum status st;

	if (pause)
		return wait(s, pause);
	pick = s->turn++ % 2 ? QUEUE_NEWEST : QUEUE_OLDEST;
	st = queue_take(s->set.queue, s->set.to, pick, 0, &s->item, &err);
	if (st == ST_END) {
		drain_end(&s->drain);
		return SENDER_IDLE;
	}
	if (st) {
		tell(s, err.msg, RECORD_WAIT_NS);
		return wait(s, RECORD_WAIT_NS);
	}
	s->in_hand = true;
	s->probe = false;
	s->attempts = 0;
	s->began_ns = now_ns(s);
	return SENDER_BUSY;
}

static enum sender_state step(struct sender *s)
{
	enum sender_state state;

	if (s->record.what != NOTHING)
		return write_record(s);
	if (!s->in_hand) {
		state = take(s);
		if (state != SENDER_BUSY)
			return state;
	}
	return s->probe ? send_probe(s) : send_item(s);
}

enum sender_state sender_step(struct sender *s, uint64_t *wait_ns)
{
	uint64_t now = now_ns(s);
	enum sender_state state = SENDER_WAIT;

	*wait_ns = 0;
	if (s->halted)
		return SENDER_HALTED;
	if (now >= s->due_ns)
		state = step(s);
	if (state == SENDER_WAIT) {
		now = now_ns(s);
		*wait_ns = s->due_ns > now ? s->due_ns - now : 0;
	}
	return state;
}
