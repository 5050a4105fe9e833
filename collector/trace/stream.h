/*
 * stream: the events of one thread in one generation, decoded one at a time.
 *
 * A stream always stands at its next event, of which it tells the type and the time
 * in ns: that is all that says whose turn it is. stream_take() decodes it, as often as
 * the ordering offers it; stream_next() goes on behind it. Whatever can be wrong with the
 * bytes of an event is found when the stream comes to it, as the reference does, so that
 * taking it cannot fail. Times are section 4.1 of the trace format.
 */
#ifndef COLLECTOR_TRACE_STREAM_H
#define COLLECTOR_TRACE_STREAM_H

#include <endian.h>

#include "collector/trace/generation.h"

struct order_m; /* the ordering's state of the thread */

/*
 * The types that nearly all events are of, and their rules (order_state.h): the loop over
 * all events has a way of its own for each.
 */
#define FREQUENT_TYPES(X)                                                                          \
	X(GO_CREATE, on_go_create)                                                                 \
	X(GO_START, on_go_start)                                                                   \
	X(GO_DESTROY, on_go_destroy)                                                               \
	X(GO_STOP, on_go_stop)                                                                     \
	X(GO_BLOCK, on_go_block)                                                                   \
	X(GO_UNBLOCK, on_go_unblock)                                                               \
	X(GO_SYSCALL_BEGIN, on_syscall_begin)                                                      \
	X(GO_SYSCALL_END, on_syscall_end)                                                          \
	X(GC_SWEEP_BEGIN, on_sweep_begin)                                                          \
	X(GC_SWEEP_END, on_sweep_end)                                                              \
	X(GC_MARK_ASSIST_BEGIN, on_go_range_begin)                                                 \
	X(GC_MARK_ASSIST_END, on_go_range_end)                                                     \
	X(HEAP_ALLOC, on_heap_metric)                                                              \
	X(USER_TASK_BEGIN, on_task_begin)                                                          \
	X(USER_TASK_END, on_task_end)                                                              \
	X(USER_REGION_BEGIN, on_region_begin)                                                      \
	X(USER_REGION_END, on_region_end)                                                          \
	X(USER_LOG, on_annotation)

/* The frequent ones lie between these; a thread's events may be of any type there: section 3.2. */
#define SELDOM_TYPE EV_PROC_STATUS /* stands for all that have no way of their own */
#define FIRST_FREQUENT EV_GO_CREATE
#define LAST_FREQUENT EV_USER_LOG
_Static_assert(SELDOM_TYPE < FIRST_FREQUENT, "it has no way of its own");

static inline bool may_be_frequent(uint8_t type)
{
	return (uint8_t)(type - FIRST_FREQUENT) <= LAST_FREQUENT - FIRST_FREQUENT;
}

/* Deltas below need no look at what they come to. */
#define FEW_TICKS ((uint64_t)1 << 48)

struct stream {
	const uint8_t *at;	 /* the numbers of the next event behind its time */
	const uint8_t *behind;	 /* what follows the event that was taken last */
	const uint8_t *safe_end; /* an event that begins before needs no look at its bytes */
	int64_t time;		 /* ns: of the next event, or the batch's base */
	uint64_t ns_per_tick;	 /* a power of two; 0: it is none, or the stream is nobody's */
	uint32_t next_batch;	 /* or NO_BATCH */
	uint8_t type; /* of the next event if it may be frequent, no stranger's; or SELDOM_TYPE */
	struct order_m *state; /* the ordering's own; NULL until it knows the thread */
	int64_t m;
	const uint8_t *start; /* of the next event: its type */
	const uint8_t *risk;  /* here a number of ten bytes may begin, or the batch ends */
	const uint8_t *end;   /* of the current batch */
	const uint8_t *bytes; /* the window */
	const struct generation *gen;
};

/*
 * Start before the first event; call stream_next() to have one. FEED_SLACK bytes behind
 * the last batch must be readable.
 */
void stream_init(struct stream *s, const struct generation *gen, const uint8_t *bytes,
		 const struct thread_batches *thread);

/* A number and what stands behind it. Fits two registers. */
struct number {
	uint64_t value;
	const uint8_t *behind;
};

/* A number of nine or ten bytes. */
struct number stream_longest_number(const uint8_t *p);

/* A number of five bytes or more. */
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
 * A number that is known to be well formed, the common lengths first; returns what is
 * behind it. Reads up to FEED_SLACK - 1 bytes more.
 */
HOT const uint8_t *stream_number(const uint8_t *p, uint64_t *out)
{
	struct number n;
	uint32_t word;

	if (LIKELY(p[0] < 0x80)) {
		*out = p[0];
		return p + 1;
	}
	if (LIKELY(p[1] < 0x80)) {
		*out = (p[0] & 0x7fu) | (uint64_t)p[1] << 7;
		return p + 2;
	}
	memcpy(&word, p, sizeof(word));
	word = le32toh(word);
	if (LIKELY((word & 0x80800000u) != 0x80800000u)) {
		/* Three or four bytes: which of them is hard to foretell, so without a branch. */
		uint32_t fourth = word >> 23 & 1;

		word &= 0x7f7f7fu | (0x7f000000u & -fourth);
		word = (word & 0x007f007fu) | (word & 0x7f007f00u) >> 1;
		*out = (word & 0x3fffu) | word >> 16 << 14;
		return p + 3 + fourth;
	}
	n = stream_long_number(p);
	*out = n.value;
	return n.behind;
}

static inline enum wire_type stream_type(const struct stream *s)
{
	return *s->start;
}

/* Decode the next event, whose type the caller may know at compile time. */
HOT void stream_take(struct stream *s, unsigned int type, struct event *ev)
{
	unsigned int n = event_heads[type].n_numbers - 1u;
	const uint8_t *p = s->at;

	_Static_assert(WIRE_MAX_ARGS - 1 == 4, "all of them are read");
	event_begin(ev, &event_heads[type]);
	ev->wire_time = s->time;
	if (n > 0)
		p = stream_number(p, &ev->args[0]);
	if (n > 1)
		p = stream_number(p, &ev->args[1]);
	if (n > 2)
		p = stream_number(p, &ev->args[2]);
	if (n > 3)
		p = stream_number(p, &ev->args[3]);
	s->behind = p;
}

/*
 * Go to the event behind the one that was taken, if it is one like most: true, its type (one
 * that may be frequent) and its time. False: nothing is done. Inline, and both in registers:
 * together with the ordering it is the hot loop of every command.
 */
HOT bool stream_next_simply(struct stream *s, unsigned int *type, int64_t *time)
{
	const uint8_t *start = s->behind, *at;
	uint64_t ticks;
	int64_t then;
	uint8_t next;

	if (UNLIKELY(start >= s->safe_end))
		return false;
	next = *start;
	if (UNLIKELY(!may_be_frequent(next)))
		return false;
	at = stream_number(start + 1, &ticks);
	if (UNLIKELY(ticks >= FEW_TICKS))
		return false;
	if (UNLIKELY(__builtin_add_overflow(s->time, (int64_t)(ticks * s->ns_per_tick), &then)))
		return false;
	s->type = next;
	s->time = then;
	s->start = start;
	s->at = at;
	*type = next;
	*time = then;
	return true;
}

/*
 * Go to the event behind the one that was taken. ST_END: no more; ST_FORMAT: err->offset
 * counts from `bytes`, and the stream stays.
 */
MUST_CHECK enum status stream_next(struct stream *s, struct err *err);

#endif /* COLLECTOR_TRACE_STREAM_H */
