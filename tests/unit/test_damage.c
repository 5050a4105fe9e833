/*
 * Damaged traces: cut at every byte, every byte changed, many
 * changed in large ones. Whatever happens, every generation that is whole before the damage
 * comes out as it does from the undamaged trace, then at most one error.
 */
#include "collector/trace/reader.h"
#include "collector/trace/text.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define MIB ((size_t)1 << 20)
#define MAX_GENERATIONS 16
/* Below 1.26 the header of the batch behind a generation may still move into it. */
#define BATCH_HEADER 43

/* A trace and its dump, with the places where each generation is over. */
struct original {
	struct buf trace, dump;
	unsigned int version;
	size_t n;
	uint64_t trace_end[MAX_GENERATIONS]; /* byte of the trace */
	size_t dump_end[MAX_GENERATIONS];    /* byte of the dump */
};

static void survey(struct original *o)
{
	struct memory m = { .in = buf_view(&o->trace) };
	struct err err = ERR_INIT;
	struct reader *r = reader_open(memory_source(&m), &err);
	const struct event *ev;
	enum status st;

	ck_assert_ptr_nonnull(r);
	o->version = reader_version(r);
	o->n = 0;
	buf_init(&o->dump, 16 * MIB);
	while (!(st = reader_next(r, &ev, &err))) {
		/* A sync event begins a generation, or ends the trace. */
		if (ev->kind == EVENT_SYNC && o->n)
			o->dump_end[o->n - 1] = o->dump.len;
		if (ev->kind == EVENT_SYNC && reader_generations(r) > o->n)
			o->trace_end[o->n++] = reader_bytes(r);
		text_event(&o->dump, ev, NULL);
	}
	ck_assert_int_eq(st, ST_END);
	ck_assert_uint_lt(o->n, MAX_GENERATIONS);
	reader_close(r);
}

static void load_text(struct original *o, const char *path)
{
	struct buf text;

	setenv("TZ", "UTC", 1);
	tzset();
	*o = (struct original){ .version = 0 };
	buf_init(&text, 0);
	load_file(path, &text);
	assemble(buf_view(&text), &o->trace);
	buf_release(&text);
	survey(o);
}

static void load_trace(struct original *o, const char *path)
{
	*o = (struct original){ .version = 0 };
	load_file(path, &o->trace);
	survey(o);
}

static void release(struct original *o)
{
	buf_release(&o->trace);
	buf_release(&o->dump);
}

/* Bytes of the dump that damage at byte `at` cannot touch. */
static size_t safe_dump(const struct original *o, size_t at, size_t reach)
{
	size_t safe = 0;

	for (size_t i = 0; i < o->n; i++)
		if (o->trace_end[i] + reach <= at)
			safe = o->dump_end[i];
	return safe;
}

static struct reading check_read(const struct original *o, struct slice trace, size_t at,
				 size_t reach, bool salvage, struct buf *dump)
{
	size_t safe = safe_dump(o, at, reach);
	struct reading got;

	buf_clear(dump);
	got = salvage ? salvage_trace(trace, dump) : read_trace(trace, dump);
	ck_assert_int_eq(dump->failed, ST_OK);
	ck_assert_msg(dump->len >= safe && slice_eq((struct slice){ dump->ptr, safe },
						    (struct slice){ o->dump.ptr, safe }),
		      "damage at byte %zu: the first %zu bytes of the dump are not there", at,
		      safe);
	ck_assert_msg(got.end == ST_END || got.end == ST_FORMAT, "damage at byte %zu: %s", at,
		      got.err.msg);
	return got;
}

static struct reading check(const struct original *o, struct slice trace, size_t at, size_t reach,
			    struct buf *dump)
{
	(void)check_read(o, trace, at, reach, true, dump);
	return check_read(o, trace, at, reach, false, dump);
}

static const char *const texts[] = {
	"tests/data/asm/three-generations-22.txt",
	"tests/data/asm/three-generations-23.txt",
	"tests/data/asm/three-generations-25.txt",
	"tests/data/asm/three-generations-26.txt",
};

static const char *const recordings[] = {
	"tests/data/good/late-go1.22.trace.zst",
	"tests/data/good/late-go1.24.trace.zst",
	"tests/data/good/late-go1.25.trace.zst",
	"tests/data/good/recorder-go1.26.trace.zst",
};

/* Cut at every byte. Only a cut between generations may pass for the end. */
static void cut_everywhere(struct original *o)
{
	size_t clean = 0;
	struct buf dump;

	buf_init(&dump, 16 * MIB);
	for (size_t n = 0; n < o->trace.len; n++) {
		struct slice trace = { o->trace.ptr, n };
		struct reading got = check(o, trace, n, 0, &dump);

		clean += got.end == ST_END;
		if (n < 16)
			ck_assert_int_eq(got.end, ST_FORMAT);
	}
	/* A batch has a dozen bytes: so most cuts must be noticed. */
	ck_assert_msg(clean < o->trace.len / 10, "%zu of %zu cuts pass", clean, o->trace.len);
	buf_release(&dump);
}

START_TEST(cut_text)
{
	struct original o;

	load_text(&o, texts[_i]);
	ck_assert_uint_eq(o.n, 3);
	ck_assert_uint_eq(safe_dump(&o, o.trace.len, 0), o.dump_end[2]);
	cut_everywhere(&o);
	release(&o);
}
END_TEST

START_TEST(cut_recording)
{
	struct original o;

	load_trace(&o, recordings[_i]);
	cut_everywhere(&o);
	release(&o);
}
END_TEST

/* From 1.26 on a cut leaves whole generations and nothing else, or ends cleanly before one. */
START_TEST(cut_leaves_whole_generations)
{
	struct original o;
	struct buf dump;

	load_text(&o, texts[3]);
	buf_init(&dump, 16 * MIB);
	for (size_t n = 16; n < o.trace.len; n++) {
		struct reading got = check(&o, (struct slice){ o.trace.ptr, n }, n, 0, &dump);
		size_t whole = 0;

		while (whole < o.n && o.trace_end[whole] <= n)
			whole++;
		ck_assert_uint_eq(got.n_generations, whole);
		/* The last line is the final sync event. */
		ck_assert_uint_lt(dump.len - safe_dump(&o, n, 0), 40);
	}
	buf_release(&dump);
	release(&o);
}
END_TEST

/* Every byte becomes each of these, and itself with each of those flipped. */
static const uint8_t values[] = { 0x00, 0x01, 0x02, 0x04, 0x06, 0x08, 0x31, 0x32,
				  0x33, 0x34, 0x35, 0x7f, 0x80, 0x88, 0x89, 0xff };
static const uint8_t flips[] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff };

static void change_everywhere(struct original *o, size_t step)
{
	size_t reach = o->version < 26 ? BATCH_HEADER : 0;
	struct buf dump;

	buf_init(&dump, 64 * MIB);
	for (size_t at = 0; at < o->trace.len; at += step) {
		uint8_t was = o->trace.ptr[at];

		for (size_t i = 0; i < sizeof(flips); i++) {
			o->trace.ptr[at] = was ^ flips[i];
			check(o, buf_view(&o->trace), at, reach, &dump);
		}
		for (size_t i = 0; i < sizeof(values); i++) {
			o->trace.ptr[at] = values[i];
			check(o, buf_view(&o->trace), at, reach, &dump);
		}
		o->trace.ptr[at] = was;
	}
	ck_assert_int_eq(read_trace(buf_view(&o->trace), NULL).end, ST_END);
	buf_release(&dump);
}

START_TEST(changed_text)
{
	struct original o;

	load_text(&o, texts[_i]);
	change_everywhere(&o, 1);
	release(&o);
}
END_TEST

START_TEST(changed_recording)
{
	struct original o;

	load_trace(&o, "tests/data/good/recorder-go1.26.trace.zst");
	change_everywhere(&o, 7);
	release(&o);
}
END_TEST

/* Every byte becomes every other one. */
START_TEST(changed_to_anything)
{
	struct original o;
	struct buf dump;
	size_t reach;

	load_text(&o, texts[(size_t)_i * 3]);
	reach = o.version < 26 ? BATCH_HEADER : 0;
	buf_init(&dump, 64 * MIB);
	for (size_t at = 0; at < o.trace.len; at++) {
		uint8_t was = o.trace.ptr[at];

		for (unsigned int i = 1; i < 256; i++) {
			o.trace.ptr[at] = was ^ (uint8_t)i;
			check_read(&o, buf_view(&o.trace), at, reach, i % 2, &dump);
		}
		o.trace.ptr[at] = was;
	}
	buf_release(&dump);
	release(&o);
}
END_TEST

/* The larger recordings, with one to sixteen bytes changed at random. */
static const char *const large[] = {
	"deploy/example/demo.trace.zst",
	"tests/data/good/gc-go1.22.trace.zst",
	"tests/data/good/gc-go1.25.trace.zst",
	"tests/data/good/gc-go1.26.trace.zst",
	"tests/data/good/preempt-go1.26.trace.zst",
	"tests/data/good/generations-go1.27.trace.zst",
};
#define N_LARGE (int)(sizeof(large) / sizeof(large[0]))

START_TEST(changed_at_random)
{
	uint64_t state = 4242 + (uint64_t)_i;
	struct original o;
	struct buf trace, dump;

	load_trace(&o, large[_i]);
	buf_init(&trace, 64 * MIB);
	buf_init(&dump, 256 * MIB);
	for (int round = 0; round < 150; round++) {
		size_t at = o.trace.len;

		buf_clear(&trace);
		buf_add(&trace, o.trace.ptr, o.trace.len);
		for (uint64_t n = 1 + next_random(&state) % 16; n > 0; n--) {
			size_t where = next_random(&state) % trace.len;

			trace.ptr[where] = (uint8_t)next_random(&state);
			at = where < at ? where : at;
		}
		check_read(&o, buf_view(&trace), at, o.version < 26 ? BATCH_HEADER : 0, round % 2,
			   &dump);
	}
	buf_release(&trace);
	buf_release(&dump);
	release(&o);
}
END_TEST

/* A batch taken out, doubled, or two swapped: refused or not, but never a crash. */
START_TEST(pieces_moved)
{
	uint64_t state = 777 + (uint64_t)_i;
	struct original o;
	struct buf trace, dump;

	load_text(&o, texts[_i % 4]);
	buf_init(&trace, MIB);
	buf_init(&dump, 64 * MIB);
	for (int round = 0; round < 2000; round++) {
		size_t from = 16 + next_random(&state) % (o.trace.len - 16);
		size_t n = 1 + next_random(&state) % (o.trace.len - from);
		size_t to = 16 + next_random(&state) % (o.trace.len - 16);
		size_t at = from < to ? from : to;

		buf_clear(&trace);
		buf_add(&trace, o.trace.ptr, to);
		if (round % 3)
			buf_add(&trace, o.trace.ptr + from, n);
		else
			at = to;
		if (round % 3 == 0 && to + n < o.trace.len)
			buf_add(&trace, o.trace.ptr + to + n, o.trace.len - to - n);
		else
			buf_add(&trace, o.trace.ptr + to, o.trace.len - to);
		check(&o, buf_view(&trace), at, o.version < 26 ? BATCH_HEADER : 0, &dump);
	}
	buf_release(&trace);
	buf_release(&dump);
	release(&o);
}
END_TEST

Suite *damage_suite(void)
{
	Suite *s = suite_create("damage");
	TCase *t = tcase_create("damage");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, cut_text, 0, 4);
	tcase_add_loop_test(t, cut_recording, 0, 4);
	tcase_add_test(t, cut_leaves_whole_generations);
	tcase_add_loop_test(t, changed_text, 0, 4);
	tcase_add_test(t, changed_recording);
	tcase_add_loop_test(t, changed_to_anything, 0, 2);
	tcase_add_loop_test(t, changed_at_random, 0, N_LARGE);
	tcase_add_loop_test(t, pieces_moved, 0, 8);
	suite_add_tcase(s, t);
	return s;
}
