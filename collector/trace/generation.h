/*
 * generation: the bytes of one generation, and what a first pass finds in them.
 *
 * Tables come after the events that use them, so a generation is read whole
 * before its first event can be told (trace format section 2.2). It is held in
 * one buffer that later generations reuse: memory is the largest generation plus
 * an index of 24 bytes a batch. Everything handed out points into the buffer
 * and dies with the next generation_load().
 */
#ifndef COLLECTOR_TRACE_GENERATION_H
#define COLLECTOR_TRACE_GENERATION_H

#include "base/err.h"
#include "collector/trace/event.h"
#include "collector/trace/tables.h"

/* Where bytes come from: a file, a pipe, a decompressor, memory. */
struct byte_source {
	/*
	 * Put up to `cap` (> 0) bytes at `dst` and their number in *n; fewer than
	 * asked is normal, 0 means the end and stays so.
	 */
	enum status (*read)(void *arg, uint8_t *dst, size_t cap, size_t *n, struct err *err);
	void *arg;
};

/* So many bytes behind the window may be read; they mean nothing. */
#define FEED_SLACK 8u

/* The trace being read: a window over the source that starts at a generation. */
struct feed {
	struct byte_source source;
	uint8_t *bytes;
	size_t cap;
	size_t start;	       /* first byte not yet consumed by a generation */
	size_t end;	       /* bytes in the window */
	uint64_t base;	       /* offset in the trace of bytes[0] */
	bool ended;	       /* the source has no more, or failed */
	struct err failure;    /* ST_OK: it did not fail */
	size_t max_generation; /* bytes */
};

void feed_init(struct feed *f, struct byte_source source);
void feed_release(struct feed *f);
/*
 * Have the bytes [pos, pos + n) of the window, pos being at most f->end. *have is
 * how many of them there are: fewer only at the end of the source, or with a
 * failure. What came before a failure of the source is there. Moves f->bytes.
 */
MUST_CHECK enum status feed_need(struct feed *f, size_t pos, size_t n, size_t *have,
				 struct err *err);

#define NO_BATCH UINT32_MAX

/* One batch of an M's events; the others are consumed by the first pass. */
struct batch {
	uint64_t time; /* ticks: base of its first event's delta */
	uint32_t off;  /* of its data, in the feed's window */
	uint32_t len;
	uint32_t long_run; /* where in them the first one begins (longrun.h), or len */
	uint32_t next;	   /* the same M's next batch, or NO_BATCH */
};

/* The batches of one thread, in file order. */
struct thread_batches {
	int64_t m;
	uint32_t first, last;
};

struct cpu_sample {
	int64_t time; /* ticks as read, ns after load */
	int64_t m, p, g;
	uint64_t stack;
};

struct generation {
	uint64_t gen;	 /* its number; 0: nothing loaded */
	uint64_t offset; /* of its first byte in the trace */
	double ns_per_tick;
	int shift;	   /* ns_per_tick is 1 << shift, or -1 */
	uint64_t min_time; /* ticks: section 4.3 */
	bool has_freq, has_snapshot;
	uint64_t snapshot_ticks;
	struct clock_snapshot snapshot;
	struct batch *batches;
	size_t n_batches, cap_batches;
	struct thread_batches *threads; /* in order of first appearance */
	size_t n_threads, cap_threads;
	struct map thread_index; /* m -> index in threads + 1 */
	struct table_part *string_parts, *stack_parts;
	size_t n_string_parts, cap_string_parts, n_stack_parts, cap_stack_parts;
	struct cpu_sample *samples;
	size_t n_samples, cap_samples;
	bool samples_sorted; /* and their times are ns */
	struct tables tables;
	/*
	 * Versions below 26: the generation ended because the source was damaged. Any
	 * version, if `salvage`: it is partial.
	 */
	bool damaged;
	struct err damage;
	bool salvage; /* set by the owner: keep what is usable of one that is cut */
	/*
	 * It was cut: batches, strings and stacks are missing, the last batches may be
	 * torn and no clock snapshot needs to be there. `damage` says where and why.
	 */
	bool partial;
	bool clock_borrowed; /* partial, and relies on the clock of the generation before */
	uint64_t n_loaded;   /* generations so far */
};

void generation_init(struct generation *g);
void generation_release(struct generation *g);

/*
 * Read the next generation of a version's trace out of the feed. ST_END: there
 * is none, the trace ends here. On failure the generation is empty.
 * Versions below 26 end a generation by the next one's first batch; what was
 * wrong behind a usable generation is kept in g->damage (section 2.9).
 * With g->salvage one that breaks the rules comes out partial, if it has events
 * and their times are known.
 */
MUST_CHECK enum status generation_load(struct generation *g, struct feed *f, unsigned int version,
				       struct err *err);

/*
 * Ticks to ns by the reference's arithmetic; false: not a sane time (section 4.1).
 * What does not fit is refused: converting it would be undefined in C.
 */
static inline bool generation_ns(const struct generation *g, uint64_t ticks, int64_t *ns)
{
	double product;

	/* Multiplying by a power of two is exact, so a shift gives the same. */
	if (g->shift >= 0 && ticks < (uint64_t)1 << 53) {
		*ns = (int64_t)(ticks << g->shift);
		return true;
	}
	product = (double)ticks * g->ns_per_tick;
	if (!(product < 9.2e18))
		return false;
	*ns = (int64_t)product;
	return true;
}

/*
 * Are all strings and stacks there that the generation's events name? Decodes
 * them all, so it is for a generation in doubt alone. What cannot be decoded is
 * for others to find.
 */
bool generation_has_all_names(const struct generation *g, const uint8_t *bytes);

#endif /* COLLECTOR_TRACE_GENERATION_H */
