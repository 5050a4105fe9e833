/*
 * One generation: its index of batches, and the events of each thread decoded.
 *
 * Input: one byte that chooses the version, then the generation. What loads as a
 * whole loads the same when salvage is on; what does not may come out partial.
 */
#include <inttypes.h>

#include "collector/trace/stream.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/support.h"

static const unsigned int versions[] = { 22, 23, 25, 26 };

struct sum {
	enum status st;
	uint64_t gen, n_events, last;
	size_t n_batches, n_threads, n_samples;
	bool partial, damaged;
};

/* Every batch belongs to one thread, and lies in the window. */
static void check_chains(const struct generation *g, const struct feed *f)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n_threads; i++) {
		uint32_t b = g->threads[i].first, last = b;

		for (; b != NO_BATCH; b = g->batches[b].next, n++) {
			if (b >= g->n_batches || n >= g->n_batches)
				die("a batch of two threads, or of none");
			if ((size_t)g->batches[b].off + g->batches[b].len > f->start)
				die("a batch outside its generation");
			if (g->batches[b].next != NO_BATCH && g->batches[b].next <= b)
				die("batches out of the file's order");
			last = b;
		}
		if (last != g->threads[i].last)
			die("a thread's last batch is another");
	}
	if (n != g->n_batches)
		die("%zu batches in threads, %zu in all", n, g->n_batches);
	for (size_t i = 1; i < g->n_samples; i++)
		if (g->samples[i].time < g->samples[i - 1].time)
			die("samples out of order");
}

/* The short way, if it may be gone, leads to where the long one does. */
static enum status next(struct stream *s, struct err *err)
{
	struct stream before = *s;
	enum status st = stream_next(s, err);
	unsigned int type;
	int64_t time;

	if (stream_next_simply(&before, &type, &time) &&
	    (st || type != stream_type(s) || time != s->time || before.at != s->at))
		die("an event of type %u at %" PRId64 " is another by the short way", type, time);
	return st;
}

static void decode(const struct generation *g, const struct feed *f, struct sum *sum)
{
	for (size_t i = 0; i < g->n_threads; i++) {
		struct err err = ERR_INIT;
		struct stream s;
		struct event ev;
		enum status st;

		stream_init(&s, g, f->bytes, &g->threads[i]);
		while (!(st = next(&s, &err))) {
			sum->n_events++;
			stream_take(&s, stream_type(&s), &ev);
			sum->last = sum->last * 31 + (uint64_t)ev.wire_time + ev.wire;
		}
		if (st != ST_END && (st != ST_FORMAT || !err.msg[0]))
			die("stream: status %d, '%s'", st, err.msg);
	}
}

static struct sum load(struct slice in, unsigned int version, bool salvage)
{
	struct memory m = { .in = in, .step = 1 + in.len / 3 };
	struct err err = ERR_INIT;
	struct generation g;
	struct feed f;
	struct sum sum = { .st = ST_OK };

	feed_init(&f, memory_source(&m));
	generation_init(&g);
	g.salvage = salvage;
	/* The second one may borrow the first one's clock. */
	for (int i = 0; i < 3 && !sum.st; i++) {
		sum.st = generation_load(&g, &f, version, &err);
		if (sum.st < 0 && (sum.st != ST_FORMAT || !err.msg[0]))
			die("generation: status %d, '%s'", sum.st, err.msg);
		if (sum.st)
			break;
		if (g.partial && (!salvage || !g.damaged || !g.damage.msg[0]))
			die("partial, and nobody says why");
		check_chains(&g, &f);
		sum.gen = g.gen;
		sum.n_batches += g.n_batches;
		sum.n_threads += g.n_threads;
		sum.n_samples += g.n_samples;
		sum.partial = g.partial;
		sum.damaged = g.damaged;
		decode(&g, &f, &sum);
		if (g.damaged)
			break;
	}
	generation_release(&g);
	feed_release(&f);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sum plain, salvaged;
	unsigned int version;

	if (!size)
		return 0;
	version = versions[data[0] % 4];
	plain = load((struct slice){ data + 1, size - 1 }, version, false);
	salvaged = load((struct slice){ data + 1, size - 1 }, version, true);
	if (salvaged.partial)
		return 0;
	if (plain.st != salvaged.st || plain.gen != salvaged.gen ||
	    plain.n_events != salvaged.n_events || plain.last != salvaged.last ||
	    plain.n_batches != salvaged.n_batches || plain.n_samples != salvaged.n_samples)
		die("salvage changes a generation that is whole");
	return 0;
}
