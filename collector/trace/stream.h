/*
 * stream: the events of one thread in one generation, decoded one at a time.
 *
 * A stream always holds its next event, decoded and with its time in ns; the
 * ordering may look at it as often as it needs before stream_next() goes on
 * (peek and consume are apart). The event itself is the
 * public one, completed in place by the ordering: it is never copied. Times are
 * section 4.1 of the trace format.
 */
#ifndef COLLECTOR_TRACE_STREAM_H
#define COLLECTOR_TRACE_STREAM_H

#include <endian.h>

#include "collector/trace/generation.h"

struct order_m; /* the ordering's state of the thread */

struct stream {
	const uint8_t *at;	 /* behind the next event */
	const uint8_t *safe_end; /* up to here any event can be read without looking at `end` */
	int64_t last;		 /* ns: time of the next event, or the batch's base */
	uint64_t max_ticks;	 /* deltas below are a shift away from ns */
	uint32_t shift;
	uint32_t next_batch; /* or NO_BATCH */
	/*
	 * The next event: head, wire_time and args are decoded. The other slot holds
	 * the one before, which may still be on loan to the reader's caller.
	 */
	struct event *ev, *other;
	struct order_m *state; /* filled in by the ordering, NULL at first */
	int64_t m;
	const uint8_t *end;   /* of the current batch */
	const uint8_t *start; /* of the next event, for messages */
	const uint8_t *bytes; /* the window */
	const struct generation *gen;
	struct event slots[2];
};

/* Start before the first event; call stream_next() to have one. */
void stream_init(struct stream *s, const struct generation *gen, const uint8_t *bytes,
		 const struct thread_batches *thread);

/* What stream_next() does at the edges: the rest of a batch, the next one, what is broken. */
MUST_CHECK enum status stream_next_slowly(struct stream *s, struct err *err);

/* A number and what stands behind it; `behind` NULL: it is malformed. Fits two registers. */
struct number {
	uint64_t value;
	const uint8_t *behind;
};

/* A number of nine or ten bytes. */
struct number stream_longest_number(const uint8_t *p);

/* A number of five bytes or more where ten can be read. */
HOT struct number stream_long_number(const uint8_t *p)
{
	uint64_t word, ends;
	unsigned int bits;

	memcpy(&word, p, sizeof(word));
	word = le64toh(word);
	ends = ~word & 0x8080808080808080u;
	if (UNLIKELY(!ends))
		return stream_longest_number(p);
	/* Keep the bytes up to the first without the mark, then close the gaps. */
	bits = (unsigned int)__builtin_ctzll(ends) + 1;
	word &= UINT64_MAX >> (64 - bits) & 0x7f7f7f7f7f7f7f7fu;
	word = (word & 0x007f007f007f007fu) | (word & 0x7f007f007f007f00u) >> 1;
	word = (word & 0x00003fff00003fffu) | (word & 0x3fff00003fff0000u) >> 2;
	word = (word & 0x000000000fffffffu) | (word & 0x0fffffff00000000u) >> 4;
	return (struct number){ word, p + bits / 8 };
}

/*
 * Any number where ten bytes can be read, without a bound to check and the common
 * lengths first; *p goes behind it. False: it is malformed.
 */
HOT bool stream_number(const uint8_t **p, uint64_t *out)
{
	const uint8_t *at = *p;
	struct number n;
	uint32_t word;

	if (LIKELY(at[0] < 0x80)) {
		*out = at[0];
		*p = at + 1;
		return true;
	}
	if (LIKELY(at[1] < 0x80)) {
		*out = (at[0] & 0x7fu) | (uint64_t)at[1] << 7;
		*p = at + 2;
		return true;
	}
	memcpy(&word, at, sizeof(word));
	word = le32toh(word);
	if (LIKELY((word & 0x80800000u) != 0x80800000u)) {
		/* Three or four bytes: which of them is hard to foretell, so without a branch. */
		uint32_t fourth = word >> 23 & 1;

		*out = (word & 0x7fu) | (word >> 1 & 0x3f80u) | (word >> 2 & 0x1fc000u) |
		       (word >> 3 & 0xfe00000u & -fourth);
		*p = at + 3 + fourth;
		return true;
	}
	n = stream_long_number(at);
	*out = n.value;
	*p = n.behind;
	return LIKELY(n.behind != NULL);
}

/* The numbers behind dt; one comparison each, for there are few. False: malformed. */
HOT bool stream_args(const uint8_t **p, unsigned int n, uint64_t args[WIRE_MAX_ARGS - 1])
{
	_Static_assert(WIRE_MAX_ARGS - 1 == 4, "all of them are read");

	return n < 1 || (stream_number(p, &args[0]) &&
			 (n < 2 || (stream_number(p, &args[1]) &&
				    (n < 3 || (stream_number(p, &args[2]) &&
					       (n < 4 || stream_number(p, &args[3])))))));
}

/*
 * Decode the next event into the slot that s->ev is not, and make it s->ev; the
 * former one stays as it is. ST_END: no more; ST_FORMAT: err->offset counts from
 * `bytes`, and s->ev stays. Inline: together with the ordering it is the hot loop
 * of every command.
 */
MUST_CHECK HOT enum status stream_next(struct stream *s, struct err *err)
{
	struct event *ev = s->other;
	const uint8_t *p;
	unsigned int left;
	uint64_t ticks;

	if (UNLIKELY(s->at >= s->safe_end))
		return stream_next_slowly(s, err);
	event_begin(ev, &event_heads[*s->at]);
	left = ev->n_numbers;
	if (UNLIKELY(!left))
		return stream_next_slowly(s, err);
	p = s->at + 1;
	if (UNLIKELY(!stream_number(&p, &ticks) || !stream_args(&p, left - 1, ev->args) ||
		     ticks >= s->max_ticks ||
		     __builtin_add_overflow(s->last, (int64_t)(ticks << s->shift), &ev->wire_time)))
		return stream_next_slowly(s, err);
	s->last = ev->wire_time;
	s->other = s->ev;
	s->ev = ev;
	s->start = s->at;
	s->at = p;
	return ST_OK;
}

#endif /* COLLECTOR_TRACE_STREAM_H */
