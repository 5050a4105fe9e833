#include "collector/trace/stream.h"

#include <inttypes.h>

#include "collector/trace/longrun.h"

void stream_init(struct stream *s, const struct generation *gen, const uint8_t *bytes,
		 const struct thread_batches *thread)
{
	*s = (struct stream){
		.at = bytes,
		.behind = bytes,
		.start = bytes,
		.risk = bytes,
		.end = bytes,
		.safe_end = bytes,
		.type = SELDOM_TYPE,
		/*
		 * What belongs to no thread never goes the short way: each event of it is a
		 * stranger's.
		 */
		.ns_per_tick =
			gen->shift >= 0 && thread->m != NO_THREAD ? (uint64_t)1 << gen->shift : 0,
		.next_batch = thread->first,
		.m = thread->m,
		.bytes = bytes,
		.gen = gen,
	};
}

/* One LEB128 number that ends before `end`. NULL: cut off, or over 64 bits. */
static const uint8_t *any_number(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && p < end; shift += 7) {
		uint8_t byte = *p++;

		if (shift == 63 && byte > 1)
			return NULL;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*out = value;
			return p;
		}
	}
	return NULL;
}

struct number stream_longest_number(const uint8_t *p)
{
	struct number n = { 0, NULL };

	n.behind = any_number(p, p + 10, &n.value);
	return n;
}

/* Room for the numbers of any event behind its type byte. */
#define EVENT_ROOM ((size_t)10 * WIRE_MAX_ARGS)

/*
 * Events that begin before safe_end lie in the batch, and all their numbers are short: they may go
 * the short way. None does in a stream that never may.
 */
static void set_risk(struct stream *s, const uint8_t *from, const uint8_t *risk)
{
	s->risk = risk;
	s->safe_end =
		s->ns_per_tick && (size_t)(risk - from) > EVENT_ROOM ? risk - EVENT_ROOM : from;
}

/* Go to the next batch that holds anything. */
static enum status next_batch(struct stream *s, struct err *err)
{
	while (s->behind == s->end) {
		const struct batch *b;

		if (s->next_batch == NO_BATCH)
			return ST_END;
		b = &s->gen->batches[s->next_batch];
		if (b->len && !generation_ns(s->gen, b->time, &s->time))
			return err_set(err, ST_FORMAT, b->off, "time of a batch is out of range");
		s->behind = s->bytes + b->off;
		s->end = s->behind + b->len;
		set_risk(s, s->behind, s->behind + b->long_run);
		s->next_batch = b->next;
	}
	return ST_OK;
}

static enum status bad_event(const struct stream *s, uint8_t type, struct err *err)
{
	size_t at = (size_t)(s->behind - s->bytes);

	if (type >= N_WIRE_TYPES)
		return err_set(err, ST_FORMAT, at, "thread %" PRId64 ": event type %u is not known",
			       s->m, type);
	if (!event_heads[type].n_numbers)
		return err_set(err, ST_FORMAT, at,
			       "thread %" PRId64 ": expected a timed event, got event %u", s->m,
			       type);
	return err_set(err, ST_FORMAT, at, "thread %" PRId64 ": %s event is cut off or malformed",
		       s->m, wire_specs[type].name);
}

enum status stream_next(struct stream *s, struct err *err)
{
	const uint8_t *start, *at, *p;
	int64_t ns, time;
	uint64_t dt, ignored;
	unsigned int n;

	if (s->behind == s->end) {
		enum status st = next_batch(s, err);

		if (st)
			return st;
	}
	start = s->behind;
	n = event_heads[*start].n_numbers;
	p = at = n ? any_number(start + 1, s->end, &dt) : NULL;
	for (unsigned int i = 1; p && i < n; i++)
		p = any_number(p, s->end, &ignored);
	if (!p)
		return bad_event(s, *start, err);
	if (!generation_ns(s->gen, dt, &ns) || __builtin_add_overflow(s->time, ns, &time))
		return err_set(err, ST_FORMAT, (size_t)(start - s->bytes),
			       "thread %" PRId64 ": time of an event is out of range", s->m);
	s->type = s->state && may_be_frequent(*start) ? *start : SELDOM_TYPE;
	s->time = time;
	s->start = start;
	s->at = at;
	if (p > s->risk)
		set_risk(s, p, long_run(p, s->end));
	return ST_OK;
}
