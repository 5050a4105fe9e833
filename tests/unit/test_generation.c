#include "collector/trace/generation.h"

#include "base/mem.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define MIB ((size_t)1 << 20)

/* One generation with `n` batches of 60000 bytes of events. */
static void make(unsigned int n, struct buf *trace)
{
	struct buf text;

	buf_init(&text, 64 * MIB);
	buf_str(&text, "Trace Go1.26\nGeneration gen=1\n");
	for (unsigned int i = 0; i < n; i++) {
		buf_str(&text, "Thread m=1 time=1010\nRaw\ndata=\"");
		for (int k = 0; k < 20000; k++)
			buf_str(&text, "\\x25\\001\\001");
		buf_str(&text, "\"\n");
	}
	assemble(buf_view(&text), trace);
	buf_release(&text);
}

/* Load every generation; the status of the one that ended it, and how many were loaded. */
static enum status load_all(struct memory *m, size_t max, unsigned int version, size_t *n,
			    struct err *err)
{
	struct generation g;
	struct feed f;
	size_t have;
	enum status st;

	generation_init(&g);
	feed_init(&f, memory_source(m));
	if (max)
		f.max_generation = max;
	*n = 0;
	st = feed_need(&f, 0, 16, &have, err);
	f.start = have;
	while (!st) {
		st = generation_load(&g, &f, version, err);
		*n += !st;
		ck_assert((g.gen != 0) == !st);
	}
	generation_release(&g);
	feed_release(&f);
	return st;
}

START_TEST(over_the_maximum)
{
	struct err err = ERR_INIT;
	struct buf trace;
	struct memory m;
	size_t n;

	buf_init(&trace, 0);
	make(40, &trace);
	m = (struct memory){ .in = buf_view(&trace) };
	ck_assert_int_eq(load_all(&m, 4 * MIB, 26, &n, &err), ST_END);
	ck_assert_uint_eq(n, 1);
	m.pos = 0;
	ck_assert_int_eq(load_all(&m, 1 * MIB, 26, &n, &err), ST_LIMIT);
	ck_assert_uint_eq(n, 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "generation is over the maximum of 1048576 bytes"));
	buf_release(&trace);
}
END_TEST

/* The maximum is one of each generation, not of the trace. */
START_TEST(small_ones_pass)
{
	struct err err = ERR_INIT;
	struct buf part, trace;
	struct memory m;
	size_t n;

	buf_init(&part, 0);
	buf_init(&trace, 64 * MIB);
	for (unsigned int gen = 0; gen < 6; gen++) {
		make(10, &part);
		buf_add(&trace, part.ptr + (gen ? 16 : 0), part.len - (gen ? 16 : 0));
	}
	ck_assert_uint_gt(trace.len, 3 * MIB);
	m = (struct memory){ .in = buf_view(&trace) };
	ck_assert_int_eq(load_all(&m, 2 * MIB, 26, &n, &err), ST_END);
	ck_assert_uint_eq(n, 6);
	buf_release(&part);
	buf_release(&trace);
}
END_TEST

static const char three[] =
	"Generation gen=4\nThread m=1 time=4010\nProcStatus dt=0 p=0 pstatus=1\n"
	"Thread m=2 time=4020\nProcStatus dt=0 p=1 pstatus=1\nThread m=1 time=4030\nProcStop dt=1\n"
	"Generation gen=5\nThread m=1 time=5010\nProcStatus dt=0 p=0 pstatus=2\n"
	"Generation gen=6\nThread m=1 time=6010\nProcStatus dt=0 p=0 pstatus=2\n";

/* The bytes may come in pieces of any size. */
START_TEST(in_pieces)
{
	static const unsigned int versions[] = { 22, 23, 25, 26 };

	for (size_t v = 0; v < 4; v++) {
		char text[sizeof(three) + 20];
		struct buf trace, whole, pieces;

		buf_init(&trace, 0);
		buf_init(&whole, MIB);
		buf_init(&pieces, MIB);
		snprintf(text, sizeof(text), "Trace Go1.%u\n%s", versions[v], three);
		assemble(slice_str(text), &trace);
		ck_assert_int_eq(read_trace(buf_view(&trace), &whole).end, ST_END);
		for (size_t step = 1; step < 50; step++) {
			struct memory m = { .in = buf_view(&trace), .step = step };
			struct reading r;

			buf_clear(&pieces);
			r = read_source(memory_source(&m), &pieces);
			ck_assert_int_eq(r.end, ST_END);
			ck_assert_uint_eq(r.n_generations, 3);
			ck_assert(slice_eq(buf_view(&whole), buf_view(&pieces)));
		}
		buf_release(&trace);
		buf_release(&whole);
		buf_release(&pieces);
	}
}
END_TEST

/* A source that fails somewhere: its error comes out, after the generations before. */
START_TEST(source_breaks)
{
	char text[sizeof(three) + 20];
	struct buf trace, whole, got;

	buf_init(&trace, 0);
	buf_init(&whole, MIB);
	buf_init(&got, MIB);
	snprintf(text, sizeof(text), "Trace Go1.26\n%s", three);
	assemble(slice_str(text), &trace);
	ck_assert_int_eq(read_trace(buf_view(&trace), &whole).end, ST_END);
	for (size_t n = 0; n <= trace.len; n++) {
		struct memory m = { .in = { trace.ptr, n }, .fails = true, .step = 1 };
		struct reading r;

		buf_clear(&got);
		r = read_source(memory_source(&m), &got);
		ck_assert_int_eq(r.end, ST_IO);
		ck_assert_ptr_nonnull(strstr(r.err.msg, "the source broke"));
	}
	buf_release(&trace);
	buf_release(&whole);
	buf_release(&got);
}
END_TEST

/* What the first pass finds. */
START_TEST(first_pass)
{
	struct err err = ERR_INIT;
	struct generation g;
	struct memory m;
	struct feed f;
	struct buf trace;
	size_t have;

	buf_init(&trace, 0);
	assemble(SLICE("Trace Go1.26\nGeneration gen=4\n"
		       "Thread m=9 time=4005\nProcStatus dt=0 p=0 pstatus=1\n"
		       "Thread m=-1 time=3990\nGoStatus dt=0 g=1 m=-1 gstatus=4\n"
		       "Thread m=9 time=4050\nProcStop dt=1\nThread m=2 time=4040\n"
		       "EventBatch gen=4 m=-1 time=4000 size=auto\nCPUSamples\n"
		       "CPUSample time=4020 m=1 p=-1 g=0 stack=1\n"
		       "CPUSample time=4010 m=1 p=3 g=5 stack=1\n"),
		 &trace);
	m = (struct memory){ .in = buf_view(&trace) };
	generation_init(&g);
	feed_init(&f, memory_source(&m));
	ck_assert_int_eq(feed_need(&f, 0, 16, &have, &err), ST_OK);
	f.start = have;
	ck_assert_int_eq(generation_load(&g, &f, 26, &err), ST_OK);
	ck_assert_uint_eq(g.gen, 4);
	ck_assert_uint_eq(g.offset, 16);
	ck_assert_uint_eq(g.min_time, 3990);
	ck_assert(g.has_snapshot && g.snapshot.trace_ns == 4000 && g.snapshot.mono_ns == 4000);
	ck_assert_int_eq(g.snapshot.wall_sec, 1700000004);
	ck_assert_uint_eq(g.n_threads, 3);
	ck_assert(g.threads[0].m == 9 && g.threads[1].m == -1 && g.threads[2].m == 2);
	ck_assert(g.batches[g.threads[0].first].next == g.threads[0].last);
	ck_assert_uint_eq(g.batches[g.threads[0].last].next, NO_BATCH);
	ck_assert_uint_eq(g.batches[g.threads[2].first].len, 0);
	ck_assert_uint_eq(g.n_samples, 2);
	ck_assert(g.samples[0].time == 4010 && g.samples[0].g == 5 && g.samples[0].p == 3);
	ck_assert(g.samples[1].g == NO_GOROUTINE && g.samples[1].p == NO_PROC);
	ck_assert(tables_has_string(&g.tables, 5) && !tables_has_string(&g.tables, 6));
	ck_assert_int_eq(generation_load(&g, &f, 26, &err), ST_END);
	ck_assert_uint_eq(g.gen, 0);
	generation_release(&g);
	feed_release(&f);
	buf_release(&trace);
}
END_TEST

START_TEST(window)
{
	static uint8_t bytes[3000];
	struct err err = ERR_INIT;
	struct memory m = { .in = { bytes, sizeof(bytes) }, .step = 7 };
	struct feed f;
	size_t have;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	feed_init(&f, memory_source(&m));
	ck_assert_int_eq(feed_need(&f, 0, 10, &have, &err), ST_OK);
	ck_assert_uint_eq(have, 10);
	ck_assert_int_eq(feed_need(&f, 10, 1000, &have, &err), ST_OK);
	ck_assert_uint_eq(have, 1000);
	ck_assert_int_eq(feed_need(&f, 1010, 1991, &have, &err), ST_OK);
	ck_assert_uint_eq(have, 1990);
	ck_assert_int_eq(feed_need(&f, 3000, 1, &have, &err), ST_OK);
	ck_assert_uint_eq(have, 0);
	ck_assert_uint_eq(f.end, sizeof(bytes));
	ck_assert_int_eq(memcmp(f.bytes, bytes, sizeof(bytes)), 0);
	feed_release(&f);
}
END_TEST

Suite *generation_suite(void)
{
	Suite *s = suite_create("generation");
	TCase *t = tcase_create("generation");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, over_the_maximum);
	tcase_add_test(t, small_ones_pass);
	tcase_add_test(t, in_pieces);
	tcase_add_test(t, source_breaks);
	tcase_add_test(t, first_pass);
	tcase_add_test(t, window);
	suite_add_tcase(s, t);
	return s;
}
