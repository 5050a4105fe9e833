#include "collector/trace/reader.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/header.h"
#include "collector/trace/reader_loop.h"

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

void reader_take_notes(struct reader *r, size_t bytes)
{
	order_take_notes(&r->order, bytes);
}

void *reader_next_notes(const struct reader *r, size_t *at)
{
	struct order_g *g;
	size_t alive;

	/* Place 0 is that of the one that is dead for the ordering alone. */
	if (!*at) {
		*at = 1;
		if (r->lost_end)
			return r->lost_end;
	}
	alive = *at - 1;
	g = next_g(&r->order, &alive);
	*at = alive + 1;
	return g ? notes_of(g) : NULL;
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
	order_release(&r->order);
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
	r->none.type = SELDOM_TYPE;
	r->top = &r->none;
	order_init(&r->order);
	if (read_header(r, err)) {
		reader_close(r);
		return NULL;
	}
	return r;
}

/* The grammar to read by: a newer version is hoped to have the newest one we know. */
static unsigned int grammar(const struct reader *r)
{
	return r->version > NEWEST_VERSION ? NEWEST_VERSION : r->version;
}

/* A generation's first event, or with NULL the trace's last. */
static const struct event *sync_event(struct reader *r, int64_t time, const struct generation *g)
{
	r->extra = (struct event){
		.kind = EVENT_SYNC,
		.m = NO_THREAD,
		.p = NO_PROC,
		.g = NO_GOROUTINE,
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
	r->top = &r->none;
	return err->code;
}

/* The CPU samples up to the i-th are handed out. */
static void samples_at(struct reader *r, size_t i)
{
	r->next_sample = i;
	r->sample_time = i < r->gen.n_samples ? r->gen.samples[i].time : INT64_MAX;
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
	st = order_keep_names(&r->order, err);
	if (st)
		return fail(r, err);
	/* Below 26 the end of the source behind a generation is a clean end. */
	if (grammar(r) < 26 && r->n_generations && r->feed.ended && !r->feed.failure.code &&
	    r->feed.start == r->feed.end)
		return last_sync(r, ev, NULL);
	st = generation_load(&r->gen, &r->feed, grammar(r), &why);
	if (st)
		return last_sync(r, ev, st == ST_END ? NULL : &why);
	r->n_generations++;
	order_begin_generation(&r->order, r->gen.gen, &r->gen.tables);
	samples_at(r, 0);
	st = start_streams(r, err);
	if (!st && !generation_ns(&r->gen, r->gen.min_time, &first))
		st = err_set(err, ST_FORMAT, 0, "times are out of range");
	if (st) {
		if (err->offset != ERR_NO_OFFSET)
			err->offset += r->feed.base;
		err_wrap(err, "generation %" PRIu64, r->gen.gen);
		return fail(r, err);
	}
	if (r->gen.partial)
		r->salvage = (struct salvage){ .generation = r->gen.gen,
					       .clock_borrowed = r->gen.clock_borrowed };
	*ev = sync_event(r, first, &r->gen);
	return ST_OK;
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
		r->gen.gen, wire_specs[e->wire].name, e->wire_time);
	return fail(r, err);
}

/* One whose ids were not looked at yet, or in vain. */
APART static enum status hand_out(struct reader *r, struct event *e, const struct event **ev,
				  struct err *err)
{
	if (!tables_resolve(e->tables, e, e->ids) && unresolved(r, e, err))
		return err->code;
	*ev = stamp(r, e);
	return ST_OK;
}

static enum status hand_out_sample(struct reader *r, const struct event **ev, struct err *err)
{
	const struct cpu_sample *s = &r->gen.samples[r->next_sample];

	samples_at(r, r->next_sample + 1);
	r->extra = (struct event){
		.kind = EVENT_STACK_SAMPLE,
		.wire = EV_CPU_SAMPLE,
		.m = s->m,
		.p = s->p,
		.g = s->g,
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
		err->offset = (uint64_t)(s->start - s->bytes);
		err_wrap(err, "thread %" PRId64, s->m);
	}
	if (err->offset != ERR_NO_OFFSET)
		err->offset += r->feed.base;
	err_wrap(err, "generation %" PRIu64, r->gen.gen);
	return fail(r, err);
}

/* Something changed that r->top and r->limit follow from. */
static void choose_top(struct reader *r)
{
	r->top = &r->none;
	if (r->frontier.n && !r->n_pending)
		choose_first(r);
}

/*
 * The thread at i cannot go on: its next event is against the rules. It ends here
 * in a generation that was cut; elsewhere the reading does.
 */
COLD static enum status give_up(struct reader *r, size_t i, struct err *err)
{
	if (!r->gen.partial || err->code != ST_FORMAT)
		return broken_at(r, frontier_at(&r->frontier, i), err);
	frontier_remove(&r->frontier, i);
	choose_top(r);
	return ST_OK;
}

/* Was a goroutine's end in an event that nobody gets, or in those pending behind it? Its notes. */
COLD static void *end_in(const struct reader *r, const struct event *first)
{
	for (const struct event *e = first; e <= first + r->n_pending; e++)
		if (e->kind == EVENT_STATE_TRANSITION && e->resource == RESOURCE_GOROUTINE &&
		    e->to == GO_NOT_EXIST)
			return e->notes;
	return NULL;
}

/* The stream at i gave the event `taken` and went on to its next one, with the given outcome. */
static enum status went_on(struct reader *r, size_t i, const struct event *taken, enum status st,
			   struct err *err)
{
	if (st && st != ST_END) {
		/* As in the reference, the event just taken is lost with the one behind it. */
		st = give_up(r, i, err);
		if (st)
			r->lost_end = end_in(r, taken);
		return st;
	}
	if (!st)
		frontier_update(&r->frontier, i);
	else
		frontier_remove(&r->frontier, i);
	choose_top(r);
	return ST_OK;
}

/*
 * What the ordering said of the event at i. *e is that event, or the first of
 * several; it becomes NULL if none came and there may be others.
 */
COLD static enum status took(struct reader *r, size_t i, enum advance a, struct event **e,
			     struct err *err)
{
	struct stream *s = frontier_at(&r->frontier, i);

	if (a == BROKEN) {
		r->salvage.n_stuck++;
		*e = NULL;
		return give_up(r, i, err);
	}
	if (a == EXPANDED) {
		r->pending = order_extra(&r->order, &r->n_pending);
		*e = r->pending++;
		r->n_pending--;
	}
	return went_on(r, i, *e, stream_next(s, err), err);
}

/*
 * Nobody may go on: events are missing. Where a generation was cut that is its
 * end; else tell what the earliest one waits for.
 */
COLD static enum status stuck(struct reader *r, struct event **e, struct err *err)
{
	struct stream *s = frontier_at(&r->frontier, 0);
	char waits[120];

	if (r->gen.partial) {
		r->salvage.n_stuck += r->frontier.n;
		r->frontier.n = 0;
		samples_at(r, r->gen.n_samples);
		choose_top(r);
		*e = NULL;
		return ST_OK;
	}
	order_explain(&r->order, s, waits, sizeof(waits));
	err_set(err, ST_FORMAT, ERR_NO_OFFSET,
		"no event of %zu threads can come next; the earliest, %s at time %" PRId64
		", waits: %s",
		r->frontier.n, wire_specs[stream_type(s)].name, s->time, waits);
	return broken_at(r, s, err);
}

/* The earliest event has to wait for one of another thread: try them by time. */
COLD static enum status offer_others(struct reader *r, struct event **e, struct err *err)
{
	frontier_update(&r->frontier, 0);
	frontier_sort(&r->frontier);
	for (size_t i = 1; i < r->frontier.n; i++) {
		struct stream *s = frontier_at(&r->frontier, i);
		enum advance a;

		*e = order_event(&r->order);
		a = order_advance(&r->order, s, err);
		if (a != MUST_WAIT)
			return took(r, i, a, e, err);
	}
	return stuck(r, e, err);
}

/* What comes when no thread's event is next: a sample, the next generation, the end. */
static enum status between_events(struct reader *r, const struct event **ev, struct err *err)
{
	if (r->phase == DONE)
		return ST_END;
	if (r->next_sample < r->gen.n_samples)
		return hand_out_sample(r, ev, err);
	return next_generation(r, ev, err);
}

/* Whatever may come next, in the reference's order. */
APART static enum status next_of_any(struct reader *r, const struct event **ev, struct err *err)
{
	enum status st;

	if (r->phase == FAILED) {
		*err = r->failure;
		return r->failure.code;
	}
	if (r->n_pending) {
		r->n_pending--;
		st = hand_out(r, r->pending++, ev, err);
	} else {
		st = between_events(r, ev, err);
	}
	if (!st)
		choose_top(r);
	return st;
}

APART enum status reader_otherwise(struct reader *r, enum advance a, const struct event **ev,
				   struct err *err)
{
	while (a != NO_EVENT) {
		struct event *e = order_event(&r->order);
		enum status st = a == MUST_WAIT ? offer_others(r, &e, err) : took(r, 0, a, &e, err);

		if (st)
			return st;
		if (e)
			return hand_out(r, e, ev, err);
		/* A thread of a generation that was cut is at its end: on to the others. */
		a = order_advance(&r->order, r->top, err);
	}
	return next_of_any(r, ev, err);
}

APART enum status reader_seldom(struct reader *r, const struct event **ev, struct err *err)
{
	struct stream *s = r->top;
	enum advance a = order_advance(&r->order, s, err);

	if (UNLIKELY(a != ADVANCED))
		return reader_otherwise(r, a, ev, err);
	*ev = stamp(r, order_event(&r->order));
	return went_on(r, 0, *ev, stream_next(s, err), err);
}

APART enum status reader_next_slowly(struct reader *r, struct err *err)
{
	return went_on(r, 0, order_event(&r->order), stream_next(r->top, err), err);
}

static enum status hand_over(void *to, const struct event *ev, unsigned int type, struct err *err)
{
	const struct event **out = to;

	(void)type;
	(void)err;
	*out = ev;
	return ST_OK;
}

FLAT enum status reader_next(struct reader *r, const struct event **ev, struct err *err)
{
	struct reader_place at = reader_place(r);

	return reader_step(r, &at, hand_over, (void *)ev, err);
}
