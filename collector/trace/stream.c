#include "collector/trace/stream.h"

#include <inttypes.h>

/* Uvarints behind the type byte, dt included; 0: not legal in a stream (section 3.2). */
static const uint8_t n_numbers[N_WIRE_TYPES] = {
	[EV_PROCS_CHANGE] = 3,
	[EV_PROC_START] = 3,
	[EV_PROC_STOP] = 1,
	[EV_PROC_STEAL] = 4,
	[EV_PROC_STATUS] = 3,
	[EV_GO_CREATE] = 4,
	[EV_GO_CREATE_SYSCALL] = 2,
	[EV_GO_START] = 3,
	[EV_GO_DESTROY] = 1,
	[EV_GO_DESTROY_SYSCALL] = 1,
	[EV_GO_STOP] = 3,
	[EV_GO_BLOCK] = 3,
	[EV_GO_UNBLOCK] = 4,
	[EV_GO_SYSCALL_BEGIN] = 3,
	[EV_GO_SYSCALL_END] = 1,
	[EV_GO_SYSCALL_END_BLOCKED] = 1,
	[EV_GO_STATUS] = 4,
	[EV_STW_BEGIN] = 3,
	[EV_STW_END] = 1,
	[EV_GC_ACTIVE] = 2,
	[EV_GC_BEGIN] = 3,
	[EV_GC_END] = 2,
	[EV_GC_SWEEP_ACTIVE] = 2,
	[EV_GC_SWEEP_BEGIN] = 2,
	[EV_GC_SWEEP_END] = 3,
	[EV_GC_MARK_ASSIST_ACTIVE] = 2,
	[EV_GC_MARK_ASSIST_BEGIN] = 2,
	[EV_GC_MARK_ASSIST_END] = 1,
	[EV_HEAP_ALLOC] = 2,
	[EV_HEAP_GOAL] = 2,
	[EV_GO_LABEL] = 2,
	[EV_USER_TASK_BEGIN] = 5,
	[EV_USER_TASK_END] = 3,
	[EV_USER_REGION_BEGIN] = 4,
	[EV_USER_REGION_END] = 4,
	[EV_USER_LOG] = 5,
	[EV_GO_SWITCH] = 3,
	[EV_GO_SWITCH_DESTROY] = 3,
	[EV_GO_CREATE_BLOCKED] = 4,
	[EV_GO_STATUS_STACK] = 5,
	[EV_CLOCK_SNAPSHOT] = 4,
	[EV_SPAN] = 4,
	[EV_SPAN_ALLOC] = 4,
	[EV_SPAN_FREE] = 2,
	[EV_HEAP_OBJECT] = 3,
	[EV_HEAP_OBJECT_ALLOC] = 3,
	[EV_HEAP_OBJECT_FREE] = 2,
	[EV_GOROUTINE_STACK] = 3,
	[EV_GOROUTINE_STACK_ALLOC] = 3,
	[EV_GOROUTINE_STACK_FREE] = 2,
};

void stream_init(struct stream *s, const struct generation *gen, const uint8_t *bytes,
		 const struct thread_batches *thread)
{
	*s = (struct stream){
		.gen = gen,
		.bytes = bytes,
		.at = bytes,
		.end = bytes,
		.next_batch = thread->first,
		.m = thread->m,
	};
}

/* One LEB128 number that ends before `end`. NULL: cut off, or over 64 bits. */
COLD static const uint8_t *any_number(const uint8_t *p, const uint8_t *end, uint64_t *out)
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

/*
 * The same where ten bytes from `p` on can be read: no bound to check, and the
 * common lengths first. The hot loop of the whole reader.
 */
static inline const uint8_t *near_number(const uint8_t *p, uint64_t *out)
{
	uint64_t value = p[0];

	if (value < 0x80) {
		*out = value;
		return p + 1;
	}
	value = (value & 0x7f) | (uint64_t)p[1] << 7;
	if (p[1] < 0x80) {
		*out = value;
		return p + 2;
	}
	value = (value & 0x3fff) | (uint64_t)p[2] << 14;
	if (p[2] < 0x80) {
		*out = value;
		return p + 3;
	}
	return any_number(p, p + 10, out);
}

/* All numbers of an event, dt first; NULL: one is malformed. */
static inline const uint8_t *near_numbers(const uint8_t *p, unsigned int n, uint64_t *dt,
					  uint64_t args[WIRE_MAX_ARGS - 1])
{
	p = near_number(p, dt);
	for (unsigned int i = 0; p && i + 1 < n; i++)
		p = near_number(p, &args[i]);
	return p;
}

/* The same near the end of a batch. */
COLD static const uint8_t *last_numbers(const uint8_t *p, const uint8_t *end, unsigned int n,
					uint64_t *dt, uint64_t args[WIRE_MAX_ARGS - 1])
{
	p = any_number(p, end, dt);
	for (unsigned int i = 0; p && i + 1 < n; i++)
		p = any_number(p, end, &args[i]);
	return p;
}

/* Go to the next batch that holds anything. */
COLD static enum status next_batch(struct stream *s, struct err *err)
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
		s->next_batch = b->next;
	}
	return ST_OK;
}

COLD static enum status bad_event(const struct stream *s, uint8_t type, struct err *err)
{
	size_t at = (size_t)(s->at - s->bytes);

	if (type >= N_WIRE_TYPES)
		return err_set(err, ST_FORMAT, at, "thread %" PRId64 ": event type %u is not known",
			       s->m, type);
	if (!n_numbers[type])
		return err_set(err, ST_FORMAT, at,
			       "thread %" PRId64 ": expected a timed event, got event %u", s->m,
			       type);
	return err_set(err, ST_FORMAT, at, "thread %" PRId64 ": %s event is cut off or malformed",
		       s->m, wire_specs[type].name);
}

enum status stream_next(struct stream *s, struct err *err)
{
	const uint8_t *p = NULL;
	unsigned int n;
	uint64_t dt;
	int64_t ns;
	uint8_t type;

	if (s->at == s->end) {
		enum status st = next_batch(s, err);

		if (st)
			return st;
	}
	type = *s->at;
	n = type < N_WIRE_TYPES ? n_numbers[type] : 0;
	if (n && s->end - s->at > (ptrdiff_t)10 * WIRE_MAX_ARGS)
		p = near_numbers(s->at + 1, n, &dt, s->ev.args);
	else if (n)
		p = last_numbers(s->at + 1, s->end, n, &dt, s->ev.args);
	if (!p)
		return bad_event(s, type, err);
	if (!generation_ns(s->gen, dt, &ns) || __builtin_add_overflow(s->last, ns, &s->last))
		return err_set(err, ST_FORMAT, (size_t)(s->at - s->bytes),
			       "thread %" PRId64 ": time of an event is out of range", s->m);
	s->ev.type = type;
	s->ev.time = s->last;
	s->event = s->at;
	s->at = p;
	return ST_OK;
}
