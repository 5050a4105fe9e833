#include "collector/trace/stream.h"

#include <inttypes.h>

void stream_init(struct stream *s, const struct generation *gen, const uint8_t *bytes,
		 const struct thread_batches *thread)
{
	*s = (struct stream){
		.at = bytes,
		.start = bytes,
		.end = bytes,
		.safe_end = bytes,
		/* A time below 2^62 and such a delta never overflow. */
		.max_ticks = gen->shift >= 0 ? (uint64_t)1 << 48 : 0,
		.shift = gen->shift >= 0 ? (uint32_t)gen->shift : 0,
		.next_batch = thread->first,
		.m = thread->m,
		.bytes = bytes,
		.gen = gen,
	};
	s->ev = &s->slots[0];
	s->other = &s->slots[1];
	s->slots[0].tables = s->slots[1].tables = &gen->tables;
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

/* All numbers of an event, none beyond `end`; NULL: one is malformed or cut off. */
static const uint8_t *read_numbers(const uint8_t *p, const uint8_t *end, unsigned int n,
				   uint64_t *dt, uint64_t args[WIRE_MAX_ARGS - 1])
{
	p = any_number(p, end, dt);
	for (unsigned int i = 0; p && i + 1 < n; i++)
		p = any_number(p, end, &args[i]);
	return p;
}

/* Room for the numbers of any event behind its type byte. */
#define EVENT_ROOM ((size_t)10 * WIRE_MAX_ARGS)

/* Go to the next batch that holds anything. */
static enum status next_batch(struct stream *s, struct err *err)
{
	while (s->at == s->end) {
		const struct batch *b;

		if (s->next_batch == NO_BATCH)
			return ST_END;
		b = &s->gen->batches[s->next_batch];
		if (b->len && !generation_ns(s->gen, b->time, &s->last))
			return err_set(err, ST_FORMAT, b->off, "time of a batch is out of range");
		s->at = s->bytes + b->off;
		s->end = s->at + b->len;
		s->safe_end = b->len > EVENT_ROOM ? s->end - EVENT_ROOM : s->at;
		s->next_batch = b->next;
	}
	return ST_OK;
}

static enum status bad_event(const struct stream *s, uint8_t type, struct err *err)
{
	size_t at = (size_t)(s->at - s->bytes);

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

APART enum status stream_next_slowly(struct stream *s, struct err *err)
{
	struct event *ev = s->other;
	const uint8_t *p = NULL;
	int64_t ns;
	uint64_t dt;

	if (s->at == s->end) {
		enum status st = next_batch(s, err);

		if (st)
			return st;
	}
	event_begin(ev, &event_heads[*s->at]);
	if (ev->n_numbers)
		p = read_numbers(s->at + 1, s->end, ev->n_numbers, &dt, ev->args);
	if (!p)
		return bad_event(s, *s->at, err);
	if (!generation_ns(s->gen, dt, &ns) || __builtin_add_overflow(s->last, ns, &ev->wire_time))
		return err_set(err, ST_FORMAT, (size_t)(s->at - s->bytes),
			       "thread %" PRId64 ": time of an event is out of range", s->m);
	s->last = ev->wire_time;
	s->other = s->ev;
	s->ev = ev;
	s->start = s->at;
	s->at = p;
	return ST_OK;
}
