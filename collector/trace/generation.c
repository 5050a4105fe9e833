#include "collector/trace/generation.h"

#include <inttypes.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/timesort.h"

/* A batch header: type, experiment, then four numbers of at most ten bytes. */
#define HEADER_MAX 42

struct batch_header {
	uint64_t start; /* offset in the trace, for messages */
	uint64_t gen, m, time, size;
	size_t data; /* position of the data in the window */
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

/* CPU sample batch: section 2.6. */
static enum status read_samples(struct generation *g, struct cursor *c, struct err *err)
{
	while (!cursor_at_end(c)) {
		size_t at = cursor_offset(c);
		uint64_t time, m, p, goid, stack;
		uint8_t type;
		enum status st;

		if (!cursor_u8(c, &type) || type != EV_CPU_SAMPLE)
			return err_set(err, ST_FORMAT, at, "expected a CPU sample");
		if (!cursor_uvarint(c, &time) || !cursor_uvarint(c, &m) || !cursor_uvarint(c, &p) ||
		    !cursor_uvarint(c, &goid) || !cursor_uvarint(c, &stack))
			return err_set(err, ST_FORMAT, at, "CPU sample is cut off");
		st = mem_grow((void **)&g->samples, &g->cap_samples, g->n_samples + 1,
			      sizeof(*g->samples), MAX_CPU_SAMPLES, "CPU samples", err);
		if (st)
			return st;
		g->samples[g->n_samples++] = (struct cpu_sample){
			.time = (int64_t)time,
			.m = (int64_t)m,
			.p = (int64_t)p,
			.g = goid ? (int64_t)goid : NO_GOROUTINE,
			.stack = stack,
		};
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

/* Append to the batches of its thread: file order is the truth (section 2.2). */
static enum status add_events(struct generation *g, const struct batch_header *h, struct err *err)
{
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
		st = read_samples(g, &c, err);
		break;
	case EV_FREQUENCY:
		if (version >= 25)
			return add_events(g, h, err);
		st = read_sync(g, &c, h->time, version, err);
		break;
	case EV_SYNC:
		if (version < 25)
			return add_events(g, h, err);
		c.pos++;
		st = read_sync(g, &c, h->time, version, err);
		break;
	case EV_END_OF_GENERATION:
		return err_set(err, ST_FORMAT, h->data, "end of generation inside a batch");
	default:
		return add_events(g, h, err);
	}
	return st;
}

/* Read the header and make sure that the data is in the window. */
static enum status read_header(struct feed *f, size_t pos, struct batch_header *h, struct err *err)
{
	struct cursor c;
	size_t have;
	enum status st = feed_need(f, pos, HEADER_MAX, &have, err);

	if (st)
		return st;
	*h = (struct batch_header){ .start = f->base + pos };
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
	    !cursor_uvarint(&c, &h->time) || !cursor_uvarint(&c, &h->size))
		return err_set(err, ST_FORMAT, pos,
			       have < HEADER_MAX ? "the file ends inside a batch header"
						 : "batch header has a malformed number");
	if (h->size > WIRE_BATCH_BYTES)
		return err_set(err, ST_FORMAT, pos, "batch of %" PRIu64 " bytes, the maximum is %u",
			       h->size, WIRE_BATCH_BYTES);
	h->data = c.pos;
	st = feed_need(f, h->data, h->size, &have, err);
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

/*
 * Index the batches of one generation. *end is where it ends in the window.
 * ST_END: the trace ended before it began.
 */
static enum status index_batches(struct generation *g, struct feed *f, unsigned int version,
				 size_t *end, struct err *err)
{
	size_t pos = f->start;

	for (size_t n = 0;; n++) {
		struct batch_header h;
		enum status st = read_header(f, pos, &h, err);

		*end = pos;
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
			*end = h.data + h.size;
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
	}
}

/* Times to ns, sorted as the reference sorts: section 2.6. */
static enum status finish_samples(struct generation *g, struct err *err)
{
	struct timed *order;
	struct cpu_sample *sorted;

	if (!g->n_samples)
		return ST_OK;
	order = mem_alloc(g->n_samples * sizeof(*order));
	sorted = mem_alloc(g->cap_samples * sizeof(*sorted));
	if (!order || !sorted) {
		mem_free(order);
		mem_free(sorted);
		return err_nomem(err, "CPU samples");
	}
	for (size_t i = 0; i < g->n_samples; i++) {
		struct cpu_sample *s = &g->samples[i];

		if (!generation_ns(g, (uint64_t)s->time, &s->time)) {
			mem_free(order);
			mem_free(sorted);
			return err_set(err, ST_FORMAT, ERR_NO_OFFSET,
				       "time of a CPU sample is out of range");
		}
		order[i] = (struct timed){ s->time, s };
	}
	timesort(order, g->n_samples);
	for (size_t i = 0; i < g->n_samples; i++)
		sorted[i] = *(const struct cpu_sample *)order[i].item;
	mem_free(order);
	mem_free(g->samples);
	g->samples = sorted;
	return ST_OK;
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
	return st ? st : finish_samples(g, err);
}

/* The bytes of the generation before go; those behind it move to the front. */
static void drop_consumed(struct feed *f)
{
	memmove(f->bytes, f->bytes + f->start, f->end - f->start);
	f->base += f->start;
	f->end -= f->start;
	f->start = 0;
}

enum status generation_load(struct generation *g, struct feed *f, unsigned int version,
			    struct err *err)
{
	size_t end = 0;
	enum status st;

	generation_clear(g);
	if (f->start)
		drop_consumed(f);
	g->offset = f->base;
	st = index_batches(g, f, version, &end, err);
	if (!st)
		st = finish(g, f, end, version, err);
	if (st) {
		/* Offsets above count from the window. */
		if (st < 0 && err && err->offset != ERR_NO_OFFSET)
			err->offset += f->base;
		if (st < 0 && g->gen)
			err_wrap(err, "generation %" PRIu64, g->gen);
		generation_clear(g);
		return st;
	}
	if (g->damaged && g->damage.offset != ERR_NO_OFFSET)
		g->damage.offset += f->base;
	f->start = end;
	return ST_OK;
}
