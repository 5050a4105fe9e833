/*
 * Reading without memory: each way to read a trace, with each allocation failing
 * in turn. ST_NOMEM has to come of it and nothing else; the sanitizers see leaks.
 */
#include "base/mem.h"
#include "cli/stats_print.h"
#include "collector/source/file.h"
#include "collector/trace/reader.h"
#include "collector/trace/text.h"
#include "collector/trace/wiretext.h"
#include "mapping/mapper.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define MAX_TEXT ((size_t)16 << 20)

typedef enum status way(struct byte_source source, struct err *err);

static enum status ended(enum status st)
{
	return st == ST_END ? ST_OK : st;
}

static enum status read_events(struct byte_source source, bool salvage, struct err *err)
{
	struct reader *r = reader_open(source, err);
	const struct event *ev;
	enum status st;
	struct buf text;

	if (!r)
		return err->code;
	if (salvage)
		reader_salvage(r);
	buf_init(&text, MAX_TEXT);
	while (!(st = reader_next(r, &ev, err)))
		text_event(&text, ev, NULL);
	if (text.failed || st == ST_END)
		st = buf_status(&text, "the text", err);
	buf_release(&text);
	reader_close(r);
	return st;
}

static enum status dump(struct byte_source source, struct err *err)
{
	return read_events(source, false, err);
}

/* The source is cut: the error behind what was salvaged is the good end. */
static enum status salvage(struct byte_source source, struct err *err)
{
	enum status st = read_events(source, true, err);

	return st == ST_FORMAT ? ST_OK : st;
}

static enum status dump_wire(struct byte_source source, struct err *err)
{
	struct wiretext w;
	struct buf text;
	enum status st = wiretext_open(&w, source, err);

	if (st)
		return st;
	buf_init(&text, MAX_TEXT);
	while (!(st = wiretext_next(&w, &text, err)))
		;
	st = st == ST_END ? buf_status(&text, "the text", err) : st;
	buf_release(&text);
	wiretext_close(&w);
	return st;
}

static enum status print_stats(const struct stats *s, struct err *err)
{
	struct stats_source src = { .path = "trace", .version = 26 };
	enum status st;
	struct buf b;

	buf_init(&b, MAX_TEXT);
	stats_print_text(&b, stats_report(s), &src);
	stats_print_json(&b, stats_report(s), &src);
	st = buf_status(&b, "the statistics", err);
	buf_release(&b);
	return st;
}

static enum status stats(struct byte_source source, struct err *err)
{
	struct reader *r = reader_open(source, err);
	struct stats *s = r ? stats_new() : NULL;
	const struct event *ev;
	enum status st = ST_OK;
	void *notes;

	if (r && !s)
		err_nomem(err, "the statistics");
	if (s)
		reader_take_notes(r, stats_note_bytes());
	while (s && !st) {
		st = reader_next(r, &ev, err);
		if (!st)
			st = stats_feed(s, ev, err);
	}
	st = s ? ended(st) : err->code;
	for (size_t at = 0; !st && (notes = reader_next_notes(r, &at));)
		stats_cut(s, notes);
	if (!st)
		st = stats_finish(s, err);
	if (!st)
		st = print_stats(s, err);
	stats_free(s);
	reader_close(r);
	return st;
}

static enum status take_span(void *arg, const struct span *span, struct err *err)
{
	(void)span;
	(void)err;
	++*(uint64_t *)arg;
	return ST_OK;
}

static enum status convert(struct byte_source source, struct err *err)
{
	uint64_t n = 0;
	struct mapper_options o;
	struct reader *r = reader_open(source, err);
	struct mapper *m;
	const struct event *ev;
	enum status st = ST_OK;

	mapper_options_default(&o);
	m = r ? mapper_new(&o, (struct span_sink){ .emit = take_span, .arg = &n }, err) : NULL;
	if (m)
		reader_take_notes(r, mapper_note_bytes());
	while (m && !st) {
		st = reader_next(r, &ev, err);
		if (!st)
			st = mapper_feed(m, ev, err);
	}
	st = m ? ended(st) : err->code;
	if (!st)
		st = mapper_finish(m, err);
	if (!st)
		ck_assert_uint_gt(n, 0);
	mapper_free(m);
	reader_close(r);
	return st;
}

static const struct {
	const char *name, *path;
	way *run;
	size_t cut; /* bytes taken off the end */
	bool cache; /* some of its memory only saves work: it may do without */
} ways[] = {
	{ "dump", "tests/data/good/recorder-go1.26.trace.zst", dump, 0 },
	{ "dump, samples", "tests/data/good/cpuprofile-go1.26.trace.zst", dump, 0 },
	{ "dump, 1.22", "tests/data/good/annotations-go1.22.trace.zst", dump, 0 },
	{ "dump, 1.23", "tests/data/good/generations-go1.23.trace.zst", dump, 0 },
	{ "dump, 1.25", "tests/data/good/gc-go1.25.trace.zst", dump, 0 },
	{ "dump --wire", "tests/data/good/recorder-go1.26.trace.zst", dump_wire, 0 },
	{ "salvage, 1.26", "tests/data/good/annotations-go1.26.trace.zst", salvage, 700 },
	{ "salvage, 1.22", "tests/data/good/generations-go1.22.trace.zst", salvage, 300 },
	{ "salvage, samples", "tests/data/good/cpuprofile-go1.26.trace.zst", salvage, 300 },
	{ "stats", "tests/data/good/gc-go1.25.trace.zst", stats, 0, true },
	{ "stats, tasks", "tests/data/good/annotations-go1.26.trace.zst", stats, 0, true },
	{ "convert", "tests/data/good/annotations-go1.26.trace.zst", convert, 0 },
	{ "convert, generations", "tests/data/good/generations-go1.26.trace.zst", convert, 0 },
};
#define N_WAYS (int)(sizeof(ways) / sizeof(ways[0]))

static enum status run(size_t i, const struct buf *trace, uint64_t fail_at, struct err *err)
{
	struct memory m = { .in = { trace->ptr, trace->len - ways[i].cut } };
	enum status st;

	mem_fail_at(fail_at);
	st = ways[i].run(memory_source(&m), err);
	return st;
}

START_TEST(each_allocation_fails_in_turn)
{
	struct err err = ERR_INIT;
	struct buf trace;
	uint64_t count;

	buf_init(&trace, 0);
	load_file(ways[_i].path, &trace);
	ck_assert_msg(run((size_t)_i, &trace, 0, &err) == ST_OK, "%s: %s", ways[_i].name, err.msg);
	count = mem_count();
	ck_assert_uint_gt(count, 10);
	for (uint64_t n = 1; n <= count; n++) {
		enum status st;

		err = (struct err)ERR_INIT;
		st = run((size_t)_i, &trace, n, &err);
		if (ways[_i].cache && st == ST_OK)
			continue;
		ck_assert_msg(st == ST_NOMEM && err.code == ST_NOMEM && err.msg[0],
			      "%s: allocation %llu of %llu: status %d, '%s'", ways[_i].name,
			      (unsigned long long)n, (unsigned long long)count, st, err.msg);
	}
	ck_assert_int_eq(run((size_t)_i, &trace, count + 1, &err), ST_OK);
	mem_fail_at(0);
	buf_release(&trace);
}
END_TEST

Suite *starved_suite(void)
{
	Suite *s = suite_create("starved");
	TCase *t = tcase_create("starved");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, each_allocation_fails_in_turn, 0, N_WAYS);
	suite_add_tcase(s, t);
	return s;
}
