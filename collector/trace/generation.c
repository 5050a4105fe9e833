#include "collector/trace/generation.h"

#include <inttypes.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/longrun.h"
#include "collector/trace/samples.h"

/* A batch header: type, experiment, then four numbers of at most ten bytes. */
#define HEADER_MAX 42

struct batch_header {
	uint64_t start; /* offset in the trace, for messages */
	uint64_t gen, m, time, size;
	size_t data; /* position of the data in the window */
	size_t have; /* bytes of the data that are there */
	uint8_t type, experiment;
};

void generation_init(struct generation *g)
{
	*g = (struct generation){ .gen = 0 };
	tables_init(&g->tables);
	map_init(&g->thread_index, MAX_THREADS, "threads");
}

void generation_release(struct generation *g)
{
	tables_release(&g->tables);
	map_release(&g->thread_index);
	mem_free(g->batches);
	mem_free(g->threads);
	mem_free(g->string_parts);
	mem_free(g->stack_parts);
	mem_free(g->samples);
	generation_init(g);
}

/* Empty, but the arrays stay. */
static void generation_clear(struct generation *g)
{
	g->gen = 0;
	g->min_time = 0;
	g->has_freq = g->has_snapshot = g->damaged = false;
	g->partial = g->clock_borrowed = g->samples_sorted = false;
	g->n_batches = g->n_threads = g->n_samples = 0;
	g->n_string_parts = g->n_stack_parts = 0;
	tables_clear(&g->tables);
	map_clear(&g->thread_index);
}

static enum status set_frequency(struct generation *g, uint64_t freq, size_t at, struct err *err)
{
	if (g->has_freq)
		return err_set(err, ST_FORMAT, at, "a second frequency event");
	if (!freq)
		return err_set(err, ST_FORMAT, at, "frequency of 0 ticks per second");
	g->has_freq = true;
	/* Exactly this order of operations, to be bit-identical (section 4.1). */
	g->ns_per_tick = 1.0 / ((double)freq / 1e9);
	g->shift = -1;
	for (int s = 0; s < 10; s++)
		if (g->ns_per_tick == (double)(1 << s))
			g->shift = s;
	return ST_OK;
}

/* Sync batch: section 2.7. The cursor is behind the 0x32 marker, if there is one. */
static enum status read_sync(struct generation *g, struct cursor *c, uint64_t time,
			     unsigned int version, struct err *err)
{
	while (!cursor_at_end(c)) {
		size_t at = cursor_offset(c);
		uint64_t a, mono, sec, nsec;
		uint8_t type = 0;
		enum status st = ST_OK;

		if (cursor_u8(c, &type) && type == EV_FREQUENCY) {
			if (!cursor_uvarint(c, &a))
				return err_set(err, ST_FORMAT, at, "frequency is cut off");
			st = set_frequency(g, a, at, err);
		} else if (type == EV_CLOCK_SNAPSHOT && version >= 25) {
			if (g->has_snapshot)
				return err_set(err, ST_FORMAT, at, "a second clock snapshot");
			if (!cursor_uvarint(c, &a) || !cursor_uvarint(c, &mono) ||
			    !cursor_uvarint(c, &sec) || !cursor_uvarint(c, &nsec))
				return err_set(err, ST_FORMAT, at, "clock snapshot is cut off");
			g->has_snapshot = true;
			g->snapshot_ticks = time + a;
			g->snapshot.mono_ns = mono;
			g->snapshot.wall_sec = (int64_t)sec;
			g->snapshot.wall_nsec = nsec;
		} else {
			return err_set(err, ST_FORMAT, at,
				       "expected a frequency or clock snapshot, got event %u",
				       type);
		}
		if (st)
			return st;
	}
	return ST_OK;
}

static enum status add_part(struct table_part **parts, size_t *n, size_t *cap, size_t off,
			    size_t len, struct err *err)
{
	enum status st = mem_grow((void **)parts, cap, *n + 1, sizeof(**parts), MAX_BATCHES,
				  "table batches", err);

	if (!st)
		(*parts)[(*n)++] = (struct table_part){ (uint32_t)off, (uint32_t)len };
	return st;
}

/*
 * Append to the batches of its thread: file order is the truth (section 2.2). What must be looked
 * at in all its bytes is done here, where they just came in.
 */
static enum status add_events(struct generation *g, const struct feed *f,
			      const struct batch_header *h, struct err *err)
{
	const uint8_t *bytes = f->bytes + h->data;
	size_t sound = (size_t)(long_run(bytes, bytes + h->size) - bytes);
	uintptr_t slot = (uintptr_t)map_get(&g->thread_index, h->m);
	uint32_t index = (uint32_t)g->n_batches;
	enum status st;

	st = mem_grow((void **)&g->batches, &g->cap_batches, g->n_batches + 1, sizeof(*g->batches),
		      MAX_BATCHES, "batches", err);
	if (st)
		return st;
	if (slot) {
		struct thread_batches *t = &g->threads[slot - 1];

		g->batches[t->last].next = index;
		t->last = index;
	} else {
		st = mem_grow((void **)&g->threads, &g->cap_threads, g->n_threads + 1,
			      sizeof(*g->threads), MAX_THREADS, "threads", err);
		if (!st)
			st = map_put(
				&g->thread_index, h->m,
				(void *)(g->n_threads + 1), // NOLINT(performance-no-int-to-ptr)
				err);
		if (st)
			return st;
		g->threads[g->n_threads++] = (struct thread_batches){ (int64_t)h->m, index, index };
	}
	g->batches[g->n_batches++] = (struct batch){ .time = h->time,
						     .off = (uint32_t)h->data,
						     .len = (uint32_t)h->size,
						     .long_run = (uint32_t)sound,
						     .next = NO_BATCH };
	return ST_OK;
}

/* Sort a batch into the generation by its first byte: section 2.2. */
static enum status add_batch(struct generation *g, const struct feed *f,
			     const struct batch_header *h, unsigned int version, struct err *err)
{
	struct cursor c = { .in = { f->bytes, h->data + h->size }, .pos = h->data };
	uint8_t kind = h->size ? f->bytes[h->data] : EV_NONE;
	enum status st;

	if (!g->min_time || h->time < g->min_time)
		g->min_time = h->time;
	if (h->experiment)
		return ST_OK; /* raw data that nobody reads yet: section 2.8 */
	switch (kind) {
	case EV_STRINGS:
		return add_part(&g->string_parts, &g->n_string_parts, &g->cap_string_parts,
				h->data + 1, h->size - 1, err);
	case EV_STACKS:
		return add_part(&g->stack_parts, &g->n_stack_parts, &g->cap_stack_parts,
				h->data + 1, h->size - 1, err);
	case EV_CPU_SAMPLES:
		c.pos++;
		st = samples_read(g, &c, err);
		break;
	case EV_FREQUENCY:
		if (version >= 25)
			return add_events(g, f, h, err);
		st = read_sync(g, &c, h->time, version, err);
		break;
	case EV_SYNC:
		if (version < 25)
			return add_events(g, f, h, err);
		c.pos++;
		st = read_sync(g, &c, h->time, version, err);
		break;
	case EV_END_OF_GENERATION:
		return err_set(err, ST_FORMAT, h->data, "end of generation inside a batch");
	default:
		return add_events(g, f, h, err);
	}
	return st;
}

/* Read the header and make sure that the data is in the window. */
static enum status read_header(struct feed *f, size_t pos, struct batch_header *h, struct err *err)
{
	struct err failure = ERR_INIT;
	struct cursor c;
	size_t have;
	enum status st = feed_need(f, pos, HEADER_MAX, &have, &failure);

	*h = (struct batch_header){ .start = f->base + pos };
	/* The end of a generation is shorter: what is there may be enough. */
	if (st && !(f->failure.code && have)) {
		*err = failure;
		return st;
	}
	if (!have)
		return ST_END;
	c = (struct cursor){ .in = { f->bytes, pos + have }, .pos = pos };
	if (!cursor_u8(&c, &h->type) ||
	    (h->type != EV_EVENT_BATCH && h->type != EV_EXPERIMENTAL_BATCH &&
	     h->type != EV_END_OF_GENERATION))
		return err_set(err, ST_FORMAT, pos, "expected a batch, got event %u", h->type);
	h->data = c.pos;
	if (h->type == EV_END_OF_GENERATION)
		return ST_OK;
	if ((h->type == EV_EXPERIMENTAL_BATCH && !cursor_u8(&c, &h->experiment)) ||
	    !cursor_uvarint(&c, &h->gen) || !cursor_uvarint(&c, &h->m) ||
	    !cursor_uvarint(&c, &h->time) || !cursor_uvarint(&c, &h->size)) {
		if (st) {
			*err = failure;
			return st;
		}
		return err_set(err, ST_FORMAT, pos,
			       have < HEADER_MAX ? "the file ends inside a batch header"
						 : "batch header has a malformed number");
	}
	if (h->size > WIRE_BATCH_BYTES)
		return err_set(err, ST_FORMAT, pos, "batch of %" PRIu64 " bytes, the maximum is %u",
			       h->size, WIRE_BATCH_BYTES);
	h->data = c.pos;
	st = feed_need(f, h->data, h->size, &have, err);
	h->have = have;
	if (!st && have < h->size)
		return err_set(err, ST_FORMAT, pos,
			       "the file ends inside a batch: %zu of %" PRIu64 " bytes", have,
			       h->size);
	return st;
}

/* What the end of the source means, with `n` batches of the generation read. */
static enum status at_end(const struct generation *g, const struct feed *f, unsigned int version,
			  size_t n, struct err *err)
{
	if (version >= 26) {
		if (g->n_batches)
			return err_set(err, ST_FORMAT, f->start,
				       "the last generation is incomplete, the trace was cut");
		return ST_END;
	}
	/* A header alone: the reference wants at least a frequency. */
	if (!n)
		return err_set(err, ST_FORMAT, f->end, "no frequency event found");
	return ST_OK;
}

/* May the batch belong to this generation? ST_END: it starts the next one. */
static enum status check_gen(struct generation *g, const struct batch_header *h,
			     unsigned int version, size_t pos, struct err *err)
{
	if (!h->gen)
		return err_set(err, ST_FORMAT, pos, "generation number 0");
	if (!g->gen)
		g->gen = h->gen;
	if (h->gen == g->gen)
		return ST_OK;
	if (version < 26 && h->gen == g->gen + 1)
		return ST_END;
	return err_set(err, ST_FORMAT, pos,
		       "batch of generation %" PRIu64 " inside generation %" PRIu64, h->gen,
		       g->gen);
}

/* The mark of section 2.9; a batch that begins with it counts as one, as in the reference. */
static bool is_end_mark(const struct feed *f, const struct batch_header *h)
{
	return h->type == EV_END_OF_GENERATION ||
	       (!h->experiment && h->size && f->bytes[h->data] == EV_END_OF_GENERATION);
}

static bool is_strings(const struct feed *f, const struct batch_header *h)
{
	return !h->experiment && h->size && f->bytes[h->data] == EV_STRINGS;
}

/* Where the first pass stopped. */
struct stop {
	struct batch_header at; /* the batch that is none of the generation's, or is broken */
	size_t end;		/* of the generation, in the window */
	bool strings_last;	/* the batch before was one of strings */
};

/*
 * Index the batches of one generation. ST_END: the trace ended before it began.
 */
static enum status index_batches(struct generation *g, struct feed *f, unsigned int version,
				 struct stop *stop, struct err *err)
{
	struct batch_header h = { .start = f->base };
	size_t pos = f->start;

	*stop = (struct stop){ .end = pos };
	for (size_t n = 0;; n++) {
		enum status st = read_header(f, pos, &h, err);

		stop->at = h;
		stop->end = pos;
		if (st == ST_END)
			return at_end(g, f, version, n, err);
		if (st && version < 26 && g->gen && st == ST_FORMAT) {
			/* The damage may be the next generation's: use what there is. */
			g->damaged = true;
			g->damage = *err;
			return ST_OK;
		}
		if (st)
			return st;
		if (version >= 26 && is_end_mark(f, &h)) {
			stop->end = h.data + h.size;
			return ST_OK;
		}
		st = check_gen(g, &h, version, pos, err);
		if (st == ST_END)
			return ST_OK;
		if (!st)
			st = add_batch(g, f, &h, version, err);
		if (st)
			return st;
		pos = h.data + h.size;
		stop->strings_last = is_strings(f, &h);
	}
}

/* Section 2.10, after all batches are in. */
static enum status finish(struct generation *g, const struct feed *f, size_t end,
			  unsigned int version, struct err *err)
{
	enum status st;

	if (!g->has_freq)
		return err_set(err, ST_FORMAT, end, "no frequency event found");
	if (version >= 25 && !g->has_snapshot)
		return err_set(err, ST_FORMAT, end, "no clock snapshot event found");
	if (g->has_snapshot && !generation_ns(g, g->snapshot_ticks, &g->snapshot.trace_ns))
		return err_set(err, ST_FORMAT, f->start,
			       "time of the clock snapshot is out of range");
	st = tables_load(&g->tables, f->bytes, end, g->string_parts, g->n_string_parts,
			 g->stack_parts, g->n_stack_parts, err);
	return st ? st : samples_sort(g, err);
}

/*
 * Below 26 nothing marks the end of a generation; the runtime writes its strings
 * last. So what ends with the source, but not so, is cut if it lacks a name too.
 */
static bool looks_cut(const struct generation *g, const struct feed *f, const struct stop *stop)
{
	if (stop->strings_last)
		return false;
	return g->damaged ||
	       (f->ended && stop->end == f->end && !generation_has_all_names(g, f->bytes));
}

/* What is there of the batch in which the generation was cut. */
static enum status add_torn(struct generation *g, const struct feed *f, unsigned int version,
			    struct stop *stop)
{
	struct batch_header h = stop->at;
	struct err ignored = ERR_INIT;

	if (!h.have || h.have == h.size || h.gen != g->gen || is_end_mark(f, &h))
		return ST_OK;
	h.size = h.have;
	stop->end = h.data + h.size;
	return add_batch(g, f, &h, version, &ignored);
}

/* Keep what is usable of a generation that failed with *why. */
static enum status rescue(struct generation *g, const struct feed *f, unsigned int version,
			  struct stop *stop, struct err *why)
{
	struct err ignored = ERR_INIT;

	if (add_torn(g, f, version, stop) == ST_NOMEM)
		return err_nomem(why, "a generation");
	/* The frequency of the generation before is still there. */
	g->clock_borrowed = !g->has_freq || (version >= 25 && !g->has_snapshot);
	if ((g->clock_borrowed && !g->n_loaded) || !(g->n_batches || g->n_samples))
		return why->code;
	if (g->has_snapshot && !generation_ns(g, g->snapshot_ticks, &g->snapshot.trace_ns))
		g->has_snapshot = false;
	switch (tables_load_partial(&g->tables, f->bytes, stop->end, g->string_parts,
				    g->n_string_parts, g->stack_parts, g->n_stack_parts,
				    &ignored)) {
	case ST_OK:
		break;
	case ST_NOMEM:
		return err_nomem(why, "strings and stacks");
	default:
		return why->code;
	}
	switch (samples_sort(g, &ignored)) {
	case ST_OK:
		break;
	case ST_NOMEM:
		return err_nomem(why, "CPU samples");
	default:
		g->n_samples = 0;
	}
	g->partial = g->damaged = true;
	g->damage = *why;
	return ST_OK;
}

/* The bytes of the generation before go; those behind it move to the front. */
static void drop_consumed(struct feed *f)
{
	memmove(f->bytes, f->bytes + f->start, f->end - f->start);
	f->base += f->start;
	f->end -= f->start;
	f->start = 0;
}

static enum status load(struct generation *g, struct feed *f, unsigned int version,
			struct stop *stop, struct err *err)
{
	enum status st = index_batches(g, f, version, stop, err);
	bool doubtful = g->salvage && version < 26 && (g->n_batches || g->n_samples);

	/* In one of its own batches: that is no matter of the next generation. */
	if (!st && doubtful && g->damaged && stop->at.have && stop->at.gen == g->gen) {
		*err = g->damage;
		return err->code;
	}
	if (!st)
		st = finish(g, f, stop->end, version, err);
	if (st || !doubtful || !looks_cut(g, f, stop))
		return st;
	if (!g->damaged)
		return err_set(err, ST_FORMAT, stop->end,
			       "the last generation is incomplete, the trace was cut");
	*err = g->damage;
	return err->code;
}

enum status generation_load(struct generation *g, struct feed *f, unsigned int version,
			    struct err *err)
{
	struct err why = ERR_INIT;
	struct stop stop;
	enum status st;

	generation_clear(g);
	if (f->start)
		drop_consumed(f);
	g->offset = f->base;
	st = load(g, f, version, &stop, &why);
	/* Offsets above count from the window. */
	if (st < 0 && why.offset != ERR_NO_OFFSET)
		why.offset += f->base;
	if (st < 0 && g->gen)
		err_wrap(&why, "generation %" PRIu64, g->gen);
	if (!st && g->damaged && g->damage.offset != ERR_NO_OFFSET)
		g->damage.offset += f->base;
	if (g->salvage && (st == ST_FORMAT || st == ST_LIMIT))
		st = rescue(g, f, version, &stop, &why);
	if (st) {
		generation_clear(g);
		if (st < 0 && err)
			*err = why;
		return st;
	}
	g->n_loaded++;
	f->start = stop.end;
	return ST_OK;
}
