#include "tests/diff/clocks.h"

#include "base/cursor.h"
#include "tests/support/support.h"

#define MAX_BATCH ((size_t)1 << 20)

enum { BATCH = 0x01, STACKS = 0x02, SAMPLES = 0x06, FREQUENCY = 0x08 };
enum { EXPERIMENTAL_BATCH = 0x31, SYNC = 0x32, END_OF_GENERATION = 0x34 };

/* How the clocks of one variant go wrong. Ticks are those of the trace. */
struct clocks {
	uint64_t seed;
	uint64_t frequency;  /* 0: as it was */
	uint64_t skew;	     /* a thread is off by at most this many ticks */
	uint64_t jitter;     /* and a batch of it by as many more */
	uint64_t drift_ppm;  /* and it gains or loses as much */
	unsigned int coarse; /* batches begin at multiples of two to the power of this */
	bool thin;	     /* stacks lose all frames but the first: less to print */
	uint64_t origin;     /* time of the first batch */
};

/* Where a trace is being read and what it becomes. */
struct rewrite {
	struct cursor in;
	struct buf *out;
	struct buf data; /* of the batch at hand */
	struct clocks clocks;
	uint64_t n_batches;
};

/* A number that depends on all three and looks random (the end of splitmix64). */
static uint64_t draw(uint64_t seed, uint64_t what, uint64_t which)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15 + what * 0xd1b54a32d192ed03 + which;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

enum {
	FOR_FREQUENCY = 1,
	FOR_SKEW,
	FOR_JITTER,
	FOR_DRIFT,
	FOR_COARSE,
	FOR_THIN,
	FOR_THREAD = 16,
	FOR_BATCH,
	FOR_THREAD_DRIFT
};

/*
 * Frequencies: the usual one; of a measured clock, where a tick is no whole number of ns; and so
 * high that many ticks are one ns, which makes all threads equal again and again.
 */
static uint64_t draw_frequency(uint64_t v)
{
	uint64_t random = draw(v, FOR_FREQUENCY, 0);

	switch (random % 8) {
	case 0:
	case 1:
		return 0;
	case 2:
		return 11234567;
	case 3:
	case 4:
		return 1000003 + random / 8 % 30000000;
	case 5:
		return 1000000007 + random / 8 % 5000000000;
	case 6:
		return 100000000007 + random / 8 % 10000000000000;
	default:
		return (uint64_t)1 << (20 + random / 8 % 25);
	}
}

/* Up to two to the power of `bits`, small numbers as often as large ones; often none. */
static uint64_t draw_size(uint64_t v, uint64_t what, unsigned int bits)
{
	uint64_t random = draw(v, what, 0);
	unsigned int shift = (unsigned int)(random % (bits + 1));

	return draw(v, what, 1) % 4 ? ((uint64_t)1 << shift) + random / 64 % ((uint64_t)1 << shift)
				    : 0;
}

static struct clocks draw_clocks(uint64_t v)
{
	return (struct clocks){
		.seed = v,
		.frequency = draw_frequency(v),
		.skew = draw_size(v, FOR_SKEW, 20),
		.jitter = draw(v, FOR_JITTER, 2) % 4 ? 0 : draw_size(v, FOR_JITTER, 14),
		.drift_ppm = draw(v, FOR_DRIFT, 2) % 3 ? 0 : draw_size(v, FOR_DRIFT, 16),
		.coarse = (unsigned int)(draw(v, FOR_COARSE, 0) % 4 ? 0
								    : draw(v, FOR_COARSE, 1) % 16),
		.thin = draw(v, FOR_THIN, 0) % 16 != 0,
	};
}

/* From -most to most. */
static int64_t spread(uint64_t random, uint64_t most)
{
	return (int64_t)(random % (2 * most + 1)) - (int64_t)most;
}

/* What the clock of thread `m` says at `time`; never 0, which stands for no time at all. */
static uint64_t shift_time(const struct clocks *c, uint64_t m, uint64_t time, uint64_t batch)
{
	int64_t since = (int64_t)(time - c->origin);
	int64_t off = spread(draw(c->seed, FOR_THREAD, m), c->skew);

	off += spread(draw(c->seed, FOR_THREAD_DRIFT, m), c->drift_ppm) * (since / 1000000);
	if (batch)
		off += spread(draw(c->seed, FOR_BATCH, batch), c->jitter);
	time = off < 0 && (uint64_t)-off >= time ? 1 : time + (uint64_t)off;
	time = time >> c->coarse << c->coarse;
	return time ? time : 1;
}

/* Every number of a trace goes through here: a base trace that is no trace ends the program. */
static uint64_t number(struct cursor *in)
{
	uint64_t n;

	if (!cursor_uvarint(in, &n))
		die("no number at %zu", cursor_offset(in));
	return n;
}

static uint8_t byte(struct cursor *in)
{
	uint8_t b;

	if (!cursor_u8(in, &b))
		die("no byte at %zu", cursor_offset(in));
	return b;
}

static uint64_t copy_number(struct cursor *in, struct buf *out)
{
	uint64_t n = number(in);

	buf_uvarint(out, n);
	return n;
}

static void thin_stacks(struct cursor *in, struct buf *out)
{
	while (!cursor_at_end(in)) {
		uint64_t n;

		buf_u8(out, byte(in));
		copy_number(in, out);
		n = number(in);
		buf_uvarint(out, n ? 1 : 0);
		for (uint64_t i = 0; i < 4 * n; i++)
			if (i < 4)
				copy_number(in, out);
			else
				number(in);
	}
}

static void shift_samples(const struct clocks *c, struct cursor *in, struct buf *out)
{
	while (!cursor_at_end(in)) {
		uint64_t time, m;

		buf_u8(out, byte(in));
		time = number(in);
		m = number(in);
		buf_uvarint(out, shift_time(c, m, time, 0));
		buf_uvarint(out, m);
		for (int i = 0; i < 3; i++)
			copy_number(in, out);
	}
}

/* `in` is behind the type byte of the one record in front, which is the frequency. */
static void change_frequency(const struct clocks *c, struct cursor *in, struct buf *out)
{
	uint64_t was = number(in);

	buf_uvarint(out, c->frequency ? c->frequency : was);
}

static void rewrite_data(const struct clocks *c, struct slice data, struct buf *out)
{
	struct cursor in;
	uint8_t kind;

	cursor_init(&in, data);
	kind = byte(&in);
	buf_u8(out, kind);
	if (kind == STACKS && c->thin)
		thin_stacks(&in, out);
	else if (kind == SAMPLES)
		shift_samples(c, &in, out);
	else if (kind == FREQUENCY)
		change_frequency(c, &in, out);
	else if (kind == SYNC && byte(&in) == FREQUENCY) {
		buf_u8(out, FREQUENCY);
		change_frequency(c, &in, out);
	} else if (kind == SYNC)
		die("a sync batch without its frequency in front");
	buf_add(out, data.ptr + in.pos, data.len - in.pos);
}

static void rewrite_batch(struct rewrite *w, uint8_t head)
{
	uint64_t m, time, len;
	struct slice data;

	buf_u8(w->out, head);
	if (head == EXPERIMENTAL_BATCH)
		buf_u8(w->out, byte(&w->in));
	copy_number(&w->in, w->out); /* generation */
	m = copy_number(&w->in, w->out);
	time = number(&w->in);
	len = number(&w->in);
	if (!cursor_bytes(&w->in, len, &data))
		die("a batch of %llu bytes is cut off", (unsigned long long)len);
	if (!w->n_batches++)
		w->clocks.origin = time;
	buf_clear(&w->data);
	if (head == BATCH && len)
		rewrite_data(&w->clocks, data, &w->data);
	else
		buf_slice(&w->data, data);
	buf_uvarint(w->out, shift_time(&w->clocks, m, time, w->n_batches));
	buf_uvarint(w->out, w->data.len);
	buf_slice(w->out, buf_view(&w->data));
}

void clocks_rewrite(uint64_t v, struct slice trace, struct buf *out)
{
	struct rewrite w = { .out = out, .clocks = draw_clocks(v) };
	struct slice header;

	buf_init(&w.data, MAX_BATCH);
	cursor_init(&w.in, trace);
	if (!cursor_bytes(&w.in, 16, &header))
		die("no header");
	buf_slice(out, header);
	while (!cursor_at_end(&w.in)) {
		uint8_t head = byte(&w.in);

		if (head == BATCH || head == EXPERIMENTAL_BATCH)
			rewrite_batch(&w, head);
		else if (head == END_OF_GENERATION)
			buf_u8(out, head);
		else
			die("byte %u between batches", head);
	}
	if (w.data.failed)
		die("out of memory");
	buf_release(&w.data);
}
