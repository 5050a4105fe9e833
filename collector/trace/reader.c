#include "collector/trace/reader.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/frontier.h"
#include "collector/trace/header.h"
#include "collector/trace/order.h"
#include "collector/trace/tables.h"

/* What the next call does when the generation at hand has nothing left. */
enum phase {
	GENERATIONS, /* read the next one */
	FAILED,	     /* the final sync was handed out: tell the error */
	DONE,
};

struct reader {
	unsigned int version;
	struct feed feed;
	struct generation gen;
	struct order *order;
	struct frontier frontier;
	struct stream *streams; /* one per thread of the generation */
	size_t cap_streams;
	size_t next_sample; /* of gen.samples */
	int64_t last_time;  /* of the last event handed out */
	uint64_t n_syncs, n_generations;
	struct event *pending; /* events of the last advance not yet handed out */
	unsigned int n_pending;
	enum phase phase;
	struct err failure; /* in phase FAILED */
	struct event extra; /* the sync event or CPU sample handed out last */
	struct salvage salvage;
};

unsigned int reader_version(const struct reader *r)
{
	return r->version;
}

uint64_t reader_bytes(const struct reader *r)
{
	return r->feed.base + r->feed.start;
}

uint64_t reader_generations(const struct reader *r)
{
	return r->n_generations;
}

void reader_salvage(struct reader *r)
{
	r->gen.salvage = true;
}

const struct salvage *reader_salvaged(const struct reader *r)
{
	return r->salvage.generation ? &r->salvage : NULL;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	feed_release(&r->feed);
	generation_release(&r->gen);
	order_free(r->order);
	frontier_release(&r->frontier);
	mem_free(r->streams);
	mem_free(r);
}

static enum status read_header(struct reader *r, struct err *err)
{
	size_t have;
	enum status st = feed_need(&r->feed, 0, TRACE_HEADER_BYTES, &have, err);

	if (!st)
		st = header_parse((struct slice){ r->feed.bytes, have }, &r->version, err);
	r->feed.start = have;
	return st;
}

struct reader *reader_open(struct byte_source source, struct err *err)
{
	struct reader *r = mem_zalloc(sizeof(*r));

	if (!r) {
		err_nomem(err, "the reader");
		return NULL;
	}
	feed_init(&r->feed, source);
	generation_init(&r->gen);
	r->order = order_new();
	if (!r->order) {
		err_nomem(err, "the reader");
		goto fail;
	}
	if (read_header(r, err))
		goto fail;
	return r;
fail:
	reader_close(r);
	return NULL;
}

/* The grammar to read by: a newer version is hoped to have the newest one we know. */
static unsigned int grammar(const struct reader *r)
{
	return r->version > NEWEST_VERSION ? NEWEST_VERSION : r->version;
}

/* Public times strictly increase: section 4.2. */
static inline const struct event *stamp(struct reader *r, struct event *ev)
{
	if (ev->time <= r->last_time)
		ev->time = r->last_time + 1;
	r->last_time = ev->time;
	return ev;
}

/* A generation's first event, or with NULL the trace's last. */
static const struct event *sync_event(struct reader *r, int64_t time, const struct generation *g)
{
	r->extra = (struct event){
		.kind = EVENT_SYNC,
		.m = NO_THREAD,
		.p = NO_PROC,
		.g = NO_GOROUTINE,
		.time = time,
		.wire_time = time,
		.args = { ++r->n_syncs, g && g->partial ? reader_bytes(r) : 0 },
		.snapshot = g && g->has_snapshot ? &g->snapshot : NULL,
		.tables = g ? &g->tables : NULL,
	};
	return stamp(r, &r->extra);
}

/* Errors are final: from now on this one is all there is. */
COLD static enum status fail(struct reader *r, const struct err *err)
{
	r->phase = FAILED;
	r->failure = *err;
	return err->code;
}

static enum status start_streams(struct reader *r, struct err *err)
{
	const struct generation *g = &r->gen;
	enum status st = mem_grow((void **)&r->streams, &r->cap_streams, g->n_threads,
				  sizeof(*r->streams), MAX_THREADS, "threads", err);

	r->frontier.n = 0;
	for (size_t i = 0; !st && i < g->n_threads; i++) {
		struct stream *s = &r->streams[i];

		stream_init(s, g, r->feed.bytes, &g->threads[i]);
		st = stream_next(s, err);
		if (st == ST_END || (st == ST_FORMAT && g->partial))
			st = ST_OK;
		else if (!st)
			st = frontier_add(&r->frontier, s, err);
	}
	return st;
}

/* A trace ends with a sync event of its own; an error behind it is told next. */
static enum status last_sync(struct reader *r, const struct event **ev, const struct err *failure)
{
	r->phase = failure ? FAILED : DONE;
	if (failure)
		r->failure = *failure;
	*ev = sync_event(r, r->last_time, NULL);
	return ST_OK;
}

static enum status next_generation(struct reader *r, const struct event **ev, struct err *err)
{
	struct err why = ERR_INIT;
	int64_t first = 0;
	enum status st;

	/* What was wrong behind the generation just finished (versions below 26). */
	if (r->gen.damaged)
		return last_sync(r, ev, &r->gen.damage);
	st = order_keep_names(r->order, err);
	if (st)
		return fail(r, err);
	/* Below 26 the end of the source behind a generation is a clean end. */
	if (grammar(r) < 26 && r->n_generations && r->feed.ended && r->feed.start == r->feed.end)
		return last_sync(r, ev, NULL);
	st = generation_load(&r->gen, &r->feed, grammar(r), &why);
	if (st)
		return last_sync(r, ev, st == ST_END ? NULL : &why);
	r->n_generations++;
	if (r->gen.partial)
		r->salvage = (struct salvage){ .generation = r->gen.gen,
					       .clock_borrowed = r->gen.clock_borrowed };
	order_begin_generation(r->order, r->gen.gen, &r->gen.tables);
	r->next_sample = 0;
	st = start_streams(r, err);
	if (!st && !generation_ns(&r->gen, r->gen.min_time, &first))
		st = err_set(err, ST_FORMAT, 0, "times are out of range");
	if (st) {
		if (err->offset != ERR_NO_OFFSET)
			err->offset += r->feed.base;
		err_wrap(err, "generation %" PRIu64, r->gen.gen);
		return fail(r, err);
	}
	*ev = sync_event(r, first, &r->gen);
	return ST_OK;
}

/* The rarer ids: strings, and the start stack of a new goroutine. */
static bool rare_ids_resolve(const struct event *ev, const struct wire_ids *ids)
{
	const struct tables *t = ev->tables;

	return (!ids->string1 || tables_has_string(t, ev->args[ids->string1 - 1])) &&
	       (!ids->start_stack || tables_has_stack(t, ev->args[ids->start_stack - 1])) &&
	       (!ids->string2 || tables_has_string(t, ev->args[ids->string2 - 1]));
}

/* Every id that an event carries; most carry a stack alone, or none. */
static inline bool ids_resolve(const struct event *ev)
{
	const struct wire_ids *ids = &wire_ids[ev->wire];

	if (ids->stack && !tables_has_stack(ev->tables, ev->args[ids->stack - 1]))
		return false;
	return (!ids->string1 && !ids->start_stack) || rare_ids_resolve(ev, ids);
}

COLD static enum status unresolved(struct reader *r, const struct event *e, struct err *err)
{
	if (r->gen.partial) {
		r->salvage.nameless++;
		return ST_OK;
	}
	err_set(err, ST_FORMAT, r->feed.base,
		"generation %" PRIu64 ": %s event at time %" PRId64
		" names a string or stack that does not exist",
		r->gen.gen, wire_specs[e->wire].name, e->time);
	return fail(r, err);
}

/* The next pending event. Its ids are checked now: section 3.3. */
static inline enum status hand_out(struct reader *r, const struct event **ev, struct err *err)
{
	struct event *e = r->pending++;

	r->n_pending--;
	if (!ids_resolve(e) && unresolved(r, e, err))
		return err->code;
	*ev = stamp(r, e);
	return ST_OK;
}

static enum status hand_out_sample(struct reader *r, const struct event **ev, struct err *err)
{
	const struct cpu_sample *s = &r->gen.samples[r->next_sample++];

	r->extra = (struct event){
		.kind = EVENT_STACK_SAMPLE,
		.wire = EV_CPU_SAMPLE,
		.m = s->m,
		.p = s->p,
		.g = s->g,
		.time = s->time,
		.wire_time = s->time,
		.args = { s->stack },
		.tables = &r->gen.tables,
	};
	if (!tables_has_stack(&r->gen.tables, s->stack)) {
		if (!r->gen.partial) {
			err_set(err, ST_FORMAT, r->gen.offset,
				"generation %" PRIu64 ": a CPU sample names stack %" PRIu64
				", which does not exist",
				r->gen.gen, s->stack);
			return fail(r, err);
		}
		r->salvage.nameless++;
	}
	*ev = stamp(r, &r->extra);
	return ST_OK;
}

/* Complete an error about a stream's event with its place and finish. */
COLD static enum status broken_at(struct reader *r, const struct stream *s, struct err *err)
{
	if (err->offset == ERR_NO_OFFSET && err->code == ST_FORMAT) {
		err->offset = (uint64_t)(s->event - s->bytes);
		err_wrap(err, "thread %" PRId64, s->m);
	}
	if (err->offset != ERR_NO_OFFSET)
		err->offset += r->feed.base;
	err_wrap(err, "generation %" PRIu64, r->gen.gen);
	return fail(r, err);
}

/* What an offer comes to. LEFT: the thread has nothing more to give, try the others. */
enum outcome { TAKEN, WAITS, FAILS, LEFT };

/* The event at i is against the rules. In a generation that was cut its thread ends here. */
COLD static enum outcome refuse(struct reader *r, size_t i, struct err *err)
{
	if (r->gen.partial && err->code == ST_FORMAT) {
		r->salvage.n_stuck++;
		r->n_pending = 0;
		frontier_remove(&r->frontier, i);
		return LEFT;
	}
	(void)broken_at(r, frontier_at(&r->frontier, i), err);
	return FAILS;
}

/* The event behind the one just taken cannot be decoded. */
COLD static enum outcome refuse_next(struct reader *r, size_t i, struct err *err)
{
	if (r->gen.partial && err->code == ST_FORMAT) {
		frontier_remove(&r->frontier, i);
		return TAKEN;
	}
	/* As in the reference, the event just taken is lost with the one behind it. */
	(void)broken_at(r, frontier_at(&r->frontier, i), err);
	return FAILS;
}

/* Offer the event at i of the frontier and, if it is taken, decode the one behind it. */
static inline enum outcome offer(struct reader *r, size_t i, struct err *err)
{
	struct stream *s = frontier_at(&r->frontier, i);
	enum advance a = order_advance(r->order, s, &r->pending, &r->n_pending, err);
	enum status st;

	if (a != ADVANCED)
		return a == BROKEN ? refuse(r, i, err) : WAITS;
	st = stream_next(s, err);
	if (!st)
		frontier_update(&r->frontier, i);
	else if (st == ST_END)
		frontier_remove(&r->frontier, i);
	else
		return refuse_next(r, i, err);
	return TAKEN;
}

/*
 * Nobody may go on: events are missing. Tell what the earliest one waits for;
 * where a generation was cut that is its end.
 */
COLD static enum outcome stuck(struct reader *r, struct err *err)
{
	const struct stream *s = frontier_at(&r->frontier, 0);
	char waits[120];

	if (r->gen.partial) {
		r->salvage.n_stuck += r->frontier.n;
		r->frontier.n = 0;
		r->next_sample = r->gen.n_samples;
		return LEFT;
	}
	order_explain(r->order, s, waits, sizeof(waits));
	err_set(err, ST_FORMAT, ERR_NO_OFFSET,
		"no event of %zu threads can come next; the earliest, %s at time %" PRId64
		", waits: %s",
		r->frontier.n, wire_specs[s->ev.type].name, s->ev.time, waits);
	(void)broken_at(r, s, err);
	return FAILS;
}

/* The earliest event has to wait for one of another thread: try them by time. */
COLD static enum outcome offer_others(struct reader *r, struct err *err)
{
	frontier_sort(&r->frontier);
	for (size_t i = 1; i < r->frontier.n; i++) {
		enum outcome got = offer(r, i, err);

		if (got != WAITS)
			return got;
	}
	return stuck(r, err);
}

/* What comes when no thread's event is next: a sample, the next generation, the end. */
COLD static enum status between_events(struct reader *r, const struct event **ev, struct err *err)
{
	if (r->phase == DONE)
		return ST_END;
	if (r->next_sample < r->gen.n_samples)
		return hand_out_sample(r, ev, err);
	return next_generation(r, ev, err);
}

/* Does a CPU sample come before the earliest event? */
static inline bool sample_is_next(const struct reader *r)
{
	return r->next_sample < r->gen.n_samples &&
	       r->gen.samples[r->next_sample].time < r->frontier.heap[0].time;
}

enum status reader_next(struct reader *r, const struct event **ev, struct err *err)
{
	if (r->phase == FAILED) {
		*err = r->failure;
		return r->failure.code;
	}
	if (r->n_pending)
		return hand_out(r, ev, err);
	while (r->frontier.n && !sample_is_next(r)) {
		enum outcome got = offer(r, 0, err);

		if (got == WAITS)
			got = offer_others(r, err);
		if (got == TAKEN)
			return hand_out(r, ev, err);
		if (got == FAILS)
			return err->code;
	}
	return between_events(r, ev, err);
}
