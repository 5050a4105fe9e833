#include "collector/trace/stream.h"

#include "collector/trace/longrun.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_BATCHES 4

/* A generation with one thread whose batches are given as bytes. */
struct making {
	struct generation gen;
	struct batch batches[MAX_BATCHES];
	struct buf bytes;
	struct thread_batches thread;
	struct stream stream;
	struct event ev; /* the one that next() went to */
	struct err err;
};

static void init(struct making *k, uint64_t freq)
{
	*k = (struct making){ .err = ERR_INIT, .thread = { 7, NO_BATCH, NO_BATCH } };
	buf_init(&k->bytes, 1 << 20);
	ck_assert(buf_reserve(&k->bytes, 1));
	k->gen.ns_per_tick = 1.0 / ((double)freq / 1e9);
	k->gen.shift = freq == 1000000000 ? 0 : freq == 15625000 ? 6 : -1;
	k->gen.batches = k->batches;
}

static void add_batch(struct making *k, uint64_t time, struct slice data)
{
	uint32_t i = (uint32_t)k->gen.n_batches++;

	ck_assert_uint_lt(i, MAX_BATCHES);
	k->batches[i] = (struct batch){
		.time = time,
		.off = (uint32_t)k->bytes.len,
		.len = (uint32_t)data.len,
		.long_run = (uint32_t)(long_run(data.ptr, data.ptr + data.len) - data.ptr),
		.next = NO_BATCH
	};
	if (i)
		k->batches[i - 1].next = i;
	else
		k->thread.first = 0;
	k->thread.last = i;
	buf_slice(&k->bytes, data);
}

static void start(struct making *k)
{
	ck_assert(buf_reserve(&k->bytes, FEED_SLACK));
	memset(k->bytes.ptr + k->bytes.len, 0xff, FEED_SLACK);
	stream_init(&k->stream, &k->gen, k->bytes.ptr, &k->thread);
}

/* The short way, if it may be gone, leads to where the long one does. */
static enum status next(struct making *k)
{
	struct stream before = k->stream;
	enum status st = stream_next(&k->stream, &k->err);
	unsigned int type;
	int64_t time;

	if (stream_next_simply(&before, &type, &time)) {
		ck_assert_int_eq(st, ST_OK);
		ck_assert_uint_eq(type, stream_type(&k->stream));
		ck_assert_int_eq(time, k->stream.time);
		ck_assert_int_eq(before.time, time);
		ck_assert_ptr_eq(before.start, k->stream.start);
		ck_assert_ptr_eq(before.at, k->stream.at);
	}
	if (!st)
		stream_take(&k->stream, stream_type(&k->stream), &k->ev);
	return st;
}

static const struct {
	const char *name;
	struct slice data;
	bool ok;
	uint8_t type;
	int64_t time; /* batch at 100, 1 ns a tick */
	uint64_t last_arg;
} events[] = {
	{ "no arguments", SLICE("\x0b\x05"), true, EV_PROC_STOP, 105, 0 },
	{ "no delta", SLICE("\x0b\0"), true, EV_PROC_STOP, 100, 0 },
	{ "one argument", SLICE("\x25\x01\x7f"), true, EV_HEAP_ALLOC, 101, 127 },
	{ "two bytes", SLICE("\x25\x80\x01\xff\x7f"), true, EV_HEAP_ALLOC, 228, 16383 },
	{ "three bytes", SLICE("\x25\x01\x80\x80\x01"), true, EV_HEAP_ALLOC, 101, 16384 },
	{ "three bytes, all set", SLICE("\x25\xff\xff\x7f\xff\xff\x7f"), true, EV_HEAP_ALLOC,
	  100 + 0x1fffff, 0x1fffff },
	{ "four bytes", SLICE("\x25\x80\x80\x80\x01\xff\xff\xff\x7f"), true, EV_HEAP_ALLOC,
	  100 + 0x200000, 0xfffffff },
	{ "five bytes", SLICE("\x25\x01\x81\x80\x80\x80\x01"), true, EV_HEAP_ALLOC, 101,
	  0x10000001 },
	{ "padded to four", SLICE("\x25\x81\x80\0\x85\x80\x80\0"), true, EV_HEAP_ALLOC, 101, 5 },
	{ "padded", SLICE("\x25\x81\0\x85\x80\x80\x80\x80\x80\x80\x80\x80\0"), true, EV_HEAP_ALLOC,
	  101, 5 },
	{ "largest", SLICE("\x25\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), true, EV_HEAP_ALLOC,
	  101, UINT64_MAX },
	{ "tenth byte of 2", SLICE("\x25\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), false, 0, 0,
	  0 },
	{ "eleventh byte", SLICE("\x25\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0"), false, 0, 0,
	  0 },
	{ "delta over 64 bits", SLICE("\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), false, 0, 0,
	  0 },
	{ "five arguments", SLICE("\x2c\x01\x02\x03\x04\x05"), true, EV_USER_LOG, 101, 5 },
	{ "newest", SLICE("\x30\x01\x02\x03\x04\x05"), true, EV_GO_STATUS_STACK, 101, 5 },
	{ "experiment", SLICE("\x80\x01\x02\x03\x04"), true, EV_SPAN, 101, 4 },
	{ "last experiment", SLICE("\x88\x01\x02"), true, EV_GOROUTINE_STACK_FREE, 101, 2 },
	{ "behind the last", SLICE("\x89\x01\x02\x03\x04\x05"), false, 0, 0, 0 },
	{ "between families", SLICE("\x35\x01\x02\x03\x04\x05"), false, 0, 0, 0 },
	{ "none", SLICE("\0\x01"), false, 0, 0, 0 },
	{ "structural", SLICE("\x05\x01\x02"), false, 0, 0, 0 },
	{ "end of generation", SLICE("\x34"), false, 0, 0, 0 },
	{ "only a type", SLICE("\x0b"), false, 0, 0, 0 },
	{ "cut in the delta", SLICE("\x0b\x80"), false, 0, 0, 0 },
	{ "cut in an argument", SLICE("\x25\x01\x80"), false, 0, 0, 0 },
	{ "cut before an argument", SLICE("\x2c\x01\x02\x03\x04"), false, 0, 0, 0 },
};

START_TEST(event)
{
	struct making k;
	uint8_t type = events[_i].type;

	init(&k, 1000000000);
	/* What stands behind the batch must not be read. */
	add_batch(&k, 100, events[_i].data);
	buf_str(&k.bytes, "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01");
	start(&k);
	ck_assert_msg(next(&k) == (events[_i].ok ? ST_OK : ST_FORMAT), "%s", events[_i].name);
	if (events[_i].ok) {
		ck_assert_msg(k.ev.wire == type && k.ev.wire_time == events[_i].time, "%s",
			      events[_i].name);
		if (wire_specs[type].n_args > 1)
			ck_assert_uint_eq(k.ev.args[wire_specs[type].n_args - 2],
					  events[_i].last_arg);
		ck_assert_int_eq(next(&k), ST_END);
		ck_assert_int_eq(next(&k), ST_END);
	} else {
		ck_assert_uint_eq(k.err.offset, 0);
		ck_assert_ptr_nonnull(strstr(k.err.msg, "thread 7"));
	}
	buf_release(&k.bytes);
}
END_TEST

/* The same far from the ends of its batch: not the first, and bounds need no check. */
START_TEST(event_in_the_middle)
{
	struct making k;
	struct buf data;
	bool cut = strncmp(events[_i].name, "cut ", 4) == 0 ||
		   strcmp(events[_i].name, "only a type") == 0;

	if (cut)
		return;
	init(&k, 1000000000);
	buf_init(&data, 1000);
	buf_add(&data, "\x0b\0", 2);
	buf_slice(&data, events[_i].data);
	for (int i = 0; i < 100; i++)
		buf_str(&data, "\x0b\x01");
	add_batch(&k, 100, (struct slice){ data.ptr, data.len });
	start(&k);
	ck_assert_int_eq(next(&k), ST_OK);
	ck_assert_msg(next(&k) == (events[_i].ok ? ST_OK : ST_FORMAT), "%s", events[_i].name);
	if (events[_i].ok) {
		const struct event *ev = &k.ev;

		ck_assert_uint_eq(ev->wire, events[_i].type);
		ck_assert_int_eq(ev->wire_time, events[_i].time);
		if (wire_specs[ev->wire].n_args > 1)
			ck_assert_uint_eq(ev->args[wire_specs[ev->wire].n_args - 2],
					  events[_i].last_arg);
		/* Offered again it is the same, and then comes the one behind it. */
		stream_take(&k.stream, stream_type(&k.stream), &k.ev);
		ck_assert_int_eq(ev->wire_time, events[_i].time);
		ck_assert_int_eq(next(&k), ST_OK);
		ck_assert_int_eq(ev->wire_time, events[_i].time + 1);
	} else {
		ck_assert_uint_eq(k.err.offset, 2);
	}
	buf_release(&data);
	buf_release(&k.bytes);
}
END_TEST

/* What the decoder copies into an event is what the format's tables say. */
START_TEST(heads)
{
	for (unsigned int type = 0; type < 256; type++) {
		const struct event_head *h = &event_heads[type];
		struct wire_ids ids = type < N_WIRE_TYPES ? wire_ids[type] : (struct wire_ids){ 0 };
		unsigned int want = 0;

		ck_assert_uint_eq(h->n_numbers, type < N_WIRE_TYPES && wire_specs[type].timed
							? wire_specs[type].n_args
							: 0);
		/* Such a type goes the short way before anybody looks whether it is legal. */
		ck_assert_msg(!may_be_frequent((uint8_t)type) || h->n_numbers, "type %u", type);
		if (h->n_numbers)
			ck_assert_uint_eq(h->wire, type);
		want |= ids.string1 ? 1u << (ids.string1 - 1) : 0;
		want |= ids.string2 ? 1u << (ids.string2 - 1) : 0;
		want |= ids.stack ? 16u << (ids.stack - 1) : 0;
		want |= ids.start_stack ? 16u << (ids.start_stack - 1) : 0;
		ck_assert_msg(h->ids == want, "type %u: ids %x, want %x", type, h->ids, want);
		if (type != EV_CPU_SAMPLE)
			ck_assert_uint_eq(h->stack_arg, ids.stack);
	}
}
END_TEST

static void add_heap_alloc(struct buf *b, const char *value, size_t len)
{
	buf_add(b, "\x25\x01", 2);
	buf_add(b, value, len);
}

/*
 * A number of ten bytes, good or bad, wherever it stands in a batch: it is found when its
 * event is come to, not before and not after, and the events around it are as ever.
 */
START_TEST(ten_bytes_anywhere)
{
	bool good = _i % 2;
	size_t before = (size_t)_i / 2;
	struct making k;
	struct buf data;

	init(&k, 1000000000);
	buf_init(&data, 4000);
	for (size_t i = 0; i < before; i++)
		add_heap_alloc(&data, i % 3 ? "\x7f" : "\xff\x7f", i % 3 ? 1 : 2);
	add_heap_alloc(&data,
		       good ? "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
			    : "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
		       10);
	for (size_t i = 0; i < 200; i++)
		add_heap_alloc(&data, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9);
	add_batch(&k, 100, (struct slice){ data.ptr, data.len });
	start(&k);
	for (size_t i = 0; i < before; i++) {
		ck_assert_int_eq(next(&k), ST_OK);
		ck_assert_uint_eq(k.ev.args[0], i % 3 ? 127 : 16383);
	}
	if (!good) {
		ck_assert_int_eq(next(&k), ST_FORMAT);
		ck_assert_uint_eq(k.err.offset, before * 3 + (before + 2) / 3);
	} else {
		ck_assert_int_eq(next(&k), ST_OK);
		ck_assert_uint_eq(k.ev.args[0], UINT64_MAX);
		for (size_t i = 0; i < 200; i++) {
			ck_assert_int_eq(next(&k), ST_OK);
			ck_assert_uint_eq(k.ev.args[0], UINT64_MAX >> 1);
			ck_assert_int_eq(k.ev.wire_time, (int64_t)(102 + before + i));
		}
		ck_assert_int_eq(next(&k), ST_END);
	}
	buf_release(&data);
	buf_release(&k.bytes);
}
END_TEST

/* Each timed event of the format takes as many numbers as its description has. */
START_TEST(argument_counts)
{
	for (unsigned int type = 0; type < 256; type++) {
		bool known = type < N_WIRE_TYPES && wire_specs[type].timed;
		size_t n = known ? wire_specs[type].n_args : 0;

		for (size_t have = 0; have < 8; have++) {
			uint8_t data[16] = { (uint8_t)type };
			struct making k;
			bool want = known && have >= n;

			memset(data + 1, 1, have);
			init(&k, 1000000000);
			add_batch(&k, 5, (struct slice){ data, 1 + n });
			k.batches[0].len = (uint32_t)(have < n ? 1 + have : 1 + n);
			start(&k);
			ck_assert_msg((next(&k) == ST_OK) == want, "type %u with %zu", type, have);
			buf_release(&k.bytes);
		}
	}
}
END_TEST

START_TEST(several_batches)
{
	static const int64_t want[] = { 101, 103, 51, 200 };
	struct making k;

	init(&k, 1000000000);
	add_batch(&k, 100, SLICE("\x0b\x01\x0b\x02"));
	add_batch(&k, 500, SLICE(""));
	add_batch(&k, 50, SLICE("\x0b\x01"));
	add_batch(&k, 200, SLICE("\x0b\0"));
	start(&k);
	for (size_t i = 0; i < LEN(want); i++) {
		ck_assert_int_eq(next(&k), ST_OK);
		ck_assert_int_eq(k.ev.wire_time, want[i]);
	}
	ck_assert_int_eq(next(&k), ST_END);
	buf_release(&k.bytes);
}
END_TEST

START_TEST(no_batches)
{
	struct making k;

	init(&k, 1000000000);
	add_batch(&k, 100, SLICE(""));
	start(&k);
	ck_assert_int_eq(next(&k), ST_END);
	buf_release(&k.bytes);
}
END_TEST

/* Section 4.1: every delta is cut by itself, every batch starts anew. */
START_TEST(times_accumulate)
{
	const double ns_per_tick = 1.0 / (11234567.0 / 1e9);
	int64_t want = (int64_t)(1000.0 * ns_per_tick);
	struct making k;

	init(&k, 11234567);
	add_batch(&k, 1000, SLICE("\x0b\x03\x0b\x03\x0b\x03\x0b\x03"));
	add_batch(&k, 1012, SLICE("\x0b\0"));
	start(&k);
	for (int i = 0; i < 4; i++) {
		want += (int64_t)(3.0 * ns_per_tick);
		ck_assert_int_eq(next(&k), ST_OK);
		ck_assert_int_eq(k.ev.wire_time, want);
	}
	ck_assert_int_eq(next(&k), ST_OK);
	ck_assert_int_eq(k.ev.wire_time, (int64_t)(1012.0 * ns_per_tick));
	ck_assert_int_lt(want, k.ev.wire_time);
	buf_release(&k.bytes);
}
END_TEST

static const struct {
	uint64_t freq, ticks;
	bool ok;
	int64_t want;
} conversions[] = {
	{ 1000000000, 0, true, 0 },
	{ 1000000000, 12345, true, 12345 },
	{ 1000000000, ((uint64_t)1 << 53) + 1, true, (int64_t)1 << 53 }, /* as a double */
	{ 1000000000, (uint64_t)9200000000 * 1000000000 - 2048, true, 9199999999999997952 },
	{ 1000000000, (uint64_t)9200000000 * 1000000000, false, 0 },
	{ 1000000000, UINT64_MAX, false, 0 },
	{ 15625000, 10, true, 640 },
	{ 15625000, ((uint64_t)1 << 53) - 1, true, (((int64_t)1 << 53) - 1) * 64 },
	{ 15625000, (uint64_t)1 << 62, false, 0 },
	{ 1, 9, true, 8999999999 },
	{ 1, UINT64_MAX, false, 0 },
	{ 3, 1, true, 333333333 },
	{ UINT64_MAX, 1000000000000, true, 54 },
};

START_TEST(conversion)
{
	struct making k;
	int64_t got = -1;

	init(&k, conversions[_i].freq);
	ck_assert_int_eq(generation_ns(&k.gen, conversions[_i].ticks, &got), conversions[_i].ok);
	ck_assert_int_eq(got, conversions[_i].ok ? conversions[_i].want : -1);
	buf_release(&k.bytes);
}
END_TEST

START_TEST(times_out_of_range)
{
	struct making k;

	init(&k, 1000000000);
	add_batch(&k, UINT64_MAX, SLICE("\x0b\x01"));
	start(&k);
	ck_assert_int_eq(next(&k), ST_FORMAT);
	buf_release(&k.bytes);

	init(&k, 1000000000);
	/* 2^62 twice: in range each, but not together. */
	add_batch(&k, (uint64_t)1 << 62,
		  SLICE("\x0b\x80\x80\x80\x80\x80\x80\x80\x80\x20"
			"\x0b\x80\x80\x80\x80\x80\x80\x80\x80\x40"));
	start(&k);
	ck_assert_int_eq(next(&k), ST_OK);
	ck_assert_int_eq(next(&k), ST_FORMAT);
	ck_assert_uint_eq(k.err.offset, 10);
	buf_release(&k.bytes);
}
END_TEST

Suite *stream_suite(void)
{
	Suite *s = suite_create("stream");
	TCase *t = tcase_create("stream");

	tcase_add_loop_test(t, event, 0, LEN(events));
	tcase_add_loop_test(t, event_in_the_middle, 0, LEN(events));
	tcase_add_loop_test(t, ten_bytes_anywhere, 0, 2 * 130);
	tcase_add_test(t, heads);
	tcase_add_test(t, argument_counts);
	tcase_add_test(t, several_batches);
	tcase_add_test(t, no_batches);
	tcase_add_test(t, times_accumulate);
	tcase_add_loop_test(t, conversion, 0, LEN(conversions));
	tcase_add_test(t, times_out_of_range);
	suite_add_tcase(s, t);
	return s;
}
