#include "tests/asm/asm.h"

#include <glob.h>

#include "collector/trace/wiretext.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIB ((size_t)1 << 20)
#define HEAD "go 1.26 trace\0\0\0"

static const struct {
	const char *text;
	struct slice want;
} good[] = {
	{ "Trace Go1.26", SLICE(HEAD) },
	{ "\n # why\nTrace Go1.26 # not\n\n", SLICE(HEAD) },
	{ "Trace Go1.26\nEndOfGeneration", SLICE(HEAD "\x34") },
	{ "Trace Go1.26\n\tProcStop  dt=300#x\r\n", SLICE(HEAD "\x0b\xac\x02") },
	{ "Trace Go1.26\nHeapAlloc dt=0 heapalloc_value=18446744073709551615",
	  SLICE(HEAD "\x25\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") },
	{ "Trace Go1.26\nEventBatch gen=1 m=-1 time=2 size=3",
	  SLICE(HEAD "\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03") },
	{ "Trace Go1.26\nString id=7\n  data=\"a # b\\x00\\u00fc\\n\\\"\" \nStrings",
	  SLICE(HEAD "\x05\x07\x0a"
		     "a # b\0\xc3\xbc\n\"\x04") },
	{ "Trace Go1.26\nString id=7\nString id=8", SLICE(HEAD "\x05\x07\0\x05\x08\0") },
	{ "Trace Go1.26\nStack id=1 nframes=2\n pc=1 func=2 file=3 line=4\n#\n"
	  "pc=5 func=6 file=7 line=8\nStacks",
	  SLICE(HEAD "\x03\x01\x02\x01\x02\x03\x04\x05\x06\x07\x08\x02") },
	{ "Trace Go1.26\nExperimentalBatch exp=1 gen=2 m=3 time=4\ndata=\"xyz\"",
	  SLICE(HEAD "\x31\x01\x02\x03\x04\x03xyz") },
	{ "Trace Go1.26\nEventBatch gen=1 m=2 time=3 size=auto\nProcStop dt=1\nEndOfGeneration",
	  SLICE(HEAD "\x01\x01\x02\x03\x02\x0b\x01\x34") },
	{ "Trace Go1.26\nEventBatch gen=1 m=2 time=3 size=auto10\nProcStop dt=1",
	  SLICE(HEAD "\x01\x01\x02\x03\x82\x80\x80\x80\x80\x80\x80\x80\x80\0\x0b\x01") },
	{ "Trace Go1.26\nEventBatch gen=1 m=2 time=3 size=auto\nEndBatch\nRaw\ndata=\"\\xff\"",
	  SLICE(HEAD "\x01\x01\x02\x03\0\xff") },
	{ "Trace Go1.26\nEventBatch gen=1 m=2 time=3 size=auto\n"
	  "EventBatch gen=1 m=2 time=3 size=auto10",
	  SLICE(HEAD "\x01\x01\x02\x03\0\x01\x01\x02\x03"
		     "\x80\x80\x80\x80\x80\x80\x80\x80\x80\0") },
	{ "Trace Go1.99\nRaw", SLICE("go 1.99 trace\0\0\0") },
};

START_TEST(assembles)
{
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 1000);
	ck_assert_msg(asm_assemble(slice_str(good[_i].text), &out, &err) == ST_OK, "%s: %s",
		      good[_i].text, err.msg);
	ck_assert_msg(slice_eq(buf_view(&out), good[_i].want), "%s", good[_i].text);
	buf_release(&out);
}
END_TEST

static const struct {
	const char *text, *want;
} bad[] = {
	{ "", "line 0: expected Trace Go1.NN" },
	{ "trace Go1.26", "line 1: expected Trace Go1.NN, got 'trace'" },
	{ "Trace Go1.2", "line 1: expected Trace Go1.NN" },
	{ "Trace Go1.2x", "line 1: expected Trace Go1.NN" },
	{ "Trace Go1.26 more", "line 1: unexpected text at the end of the line: 'more'" },
	{ "Trace Go1.26\n\nProcStp dt=1", "line 3: no record is named 'ProcStp'" },
	{ "Trace Go1.26\nProcStop", "line 2: expected another argument, got ''" },
	{ "Trace Go1.26\nProcStop td=1", "line 2: expected another argument, got 'td=1'" },
	{ "Trace Go1.26\nProcStop dt", "line 2: expected another argument, got 'dt'" },
	{ "Trace Go1.26\nProcStop dt=", "line 2: not a number: ''" },
	{ "Trace Go1.26\nProcStop dt=0x1", "line 2: not a number: '0x1'" },
	{ "Trace Go1.26\nProcStop dt=-2", "line 2: not a number: '-2'" },
	{ "Trace Go1.26\nProcStop dt=18446744073709551616", "line 2: not a number" },
	{ "Trace Go1.26\nProcStop dt=1 p=1", "line 2: unexpected text at the end" },
	{ "Trace Go1.26\nEventBatch gen=1 m=2 time=3 size=automatic", "line 2: not a size" },
	{ "Trace Go1.26\nEventBatch gen=1 m=2 time=3", "line 2: expected another argument" },
	{ "Trace Go1.26\nString id=1\ndata=x", "line 3: not a quoted string: 'x'" },
	{ "Trace Go1.26\nString id=1\ndata=\"x\" # y", "line 3: not a quoted string" },
	{ "Trace Go1.26\nString id=1\ndata=\"\\q\"", "line 3: not a quoted string" },
	{ "Trace Go1.26\nStack id=1 nframes=1", "line 2: the text ends inside a stack" },
	{ "Trace Go1.26\nStack id=1 nframes=2\npc=1 func=1 file=1 line=1\nStacks",
	  "line 4: expected another argument, got 'Stacks'" },
	{ "Trace Go1.26\nStack id=1 nframes=1\npc=1 func=1 file=1",
	  "line 3: expected another argument" },
};

START_TEST(refuses)
{
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 1000);
	ck_assert_int_eq(asm_assemble(slice_str(bad[_i].text), &out, &err), ST_FORMAT);
	ck_assert_msg(!strncmp(err.msg, bad[_i].want, strlen(bad[_i].want)), "%s, expected %s",
		      err.msg, bad[_i].want);
	buf_release(&out);
}
END_TEST

START_TEST(bounded)
{
	static const char text[] = "Trace Go1.26\nGeneration gen=1\n";
	struct err err = ERR_INIT;
	struct buf out;

	for (size_t max = 0; max < 100; max += 7) {
		buf_init(&out, max);
		ck_assert_int_eq(asm_assemble(slice_str(text), &out, &err), ST_LIMIT);
		ck_assert_uint_le(out.len, max);
		buf_release(&out);
	}
}
END_TEST

static const struct {
	struct slice literal;
	bool ok;
	struct slice want;
} literals[] = {
	{ SLICE("\"\""), true, SLICE("") },
	{ SLICE("\"a'b\""), true, SLICE("a'b") },
	{ SLICE("\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\""), true, SLICE("\a\b\f\n\r\t\v\\\"") },
	{ SLICE("\"\\x00\\xfF\\101\\377\""), true, SLICE("\0\xff\101\377") },
	{ SLICE("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\""), true,
	  SLICE("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf") },
	{ SLICE("\"\\U00010000\\U0010ffff\""), true, SLICE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") },
	{ SLICE("\"\xc3\xbc\""), true, SLICE("\xc3\xbc") },
	{ SLICE("\""), false, SLICE("") },
	{ SLICE("x\""), false, SLICE("") },
	{ SLICE("\"a\"b\""), false, SLICE("") },
	{ SLICE("\"\\\""), false, SLICE("") },
	{ SLICE("\"\\'\""), false, SLICE("") },
	{ SLICE("\"\\x1\""), false, SLICE("") },
	{ SLICE("\"\\x1g\""), false, SLICE("") },
	{ SLICE("\"\\400\""), false, SLICE("") },
	{ SLICE("\"\\18\""), false, SLICE("") },
	{ SLICE("\"\\ud800\""), false, SLICE("") },
	{ SLICE("\"\\U00110000\""), false, SLICE("") },
	{ SLICE("\"\\u12\""), false, SLICE("") },
	{ SLICE("\"a\nb\""), false, SLICE("") },
};

START_TEST(unquotes)
{
	struct buf out;

	buf_init(&out, 100);
	ck_assert_msg(asm_unquote(literals[_i].literal, &out) == literals[_i].ok, "%.*s",
		      SLICE_ARG(literals[_i].literal));
	if (literals[_i].ok)
		ck_assert_msg(slice_eq(buf_view(&out), literals[_i].want), "%.*s",
			      SLICE_ARG(literals[_i].literal));
	buf_release(&out);
}
END_TEST

/* The wire dump of a trace. */
static void wire(struct slice trace, unsigned int *version, struct buf *text)
{
	struct err err = ERR_INIT;
	struct memory m = { .in = trace };
	struct wiretext w;
	enum status st = wiretext_open(&w, memory_source(&m), &err);

	if (st)
		die("%s", err.msg);
	*version = w.version;
	buf_printf(text, "Trace Go1.%u\n", w.version);
	while (!(st = wiretext_next(&w, text, &err)))
		;
	if (st != ST_END)
		die("%s", err.msg);
	wiretext_close(&w);
}

/*
 * What the wire dump of a real trace assembles to is the same trace: same wire
 * dump, same events. Only the padding of the batch sizes is gone.
 */
START_TEST(round_trip)
{
	struct buf trace, text, again, text_again, dump, dump_again;
	unsigned int version, version_again;
	struct reading r;
	glob_t files;

	setenv("TZ", "UTC", 1);
	buf_init(&trace, 0);
	buf_init(&again, 0);
	buf_init(&text, 64 * MIB);
	buf_init(&text_again, 64 * MIB);
	buf_init(&dump, 64 * MIB);
	buf_init(&dump_again, 64 * MIB);
	ck_assert_int_eq(glob("tests/data/good/*.trace.zst", 0, NULL, &files), 0);
	ck_assert_uint_gt(files.gl_pathc, 60);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		buf_clear(&text);
		buf_clear(&text_again);
		buf_clear(&dump);
		buf_clear(&dump_again);
		load_file(files.gl_pathv[i], &trace);
		wire(buf_view(&trace), &version, &text);
		assemble(buf_view(&text), &again);
		wire(buf_view(&again), &version_again, &text_again);
		ck_assert_uint_eq(version, version_again);
		ck_assert_msg(slice_eq(buf_view(&text), buf_view(&text_again)), "%s",
			      files.gl_pathv[i]);
		r = read_trace(buf_view(&trace), &dump);
		ck_assert(r.end == ST_END && !r.n_late);
		ck_assert_int_eq(read_trace(buf_view(&again), &dump_again).end, ST_END);
		ck_assert_msg(slice_eq(buf_view(&dump), buf_view(&dump_again)), "%s",
			      files.gl_pathv[i]);
		ck_assert_uint_lt(again.len, trace.len);
	}
	globfree(&files);
	buf_release(&trace);
	buf_release(&again);
	buf_release(&text);
	buf_release(&text_again);
	buf_release(&dump);
	buf_release(&dump_again);
}
END_TEST

Suite *asm_suite(void)
{
	Suite *s = suite_create("asm");
	TCase *t = tcase_create("asm");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, assembles, 0, LEN(good));
	tcase_add_loop_test(t, refuses, 0, LEN(bad));
	tcase_add_test(t, bounded);
	tcase_add_loop_test(t, unquotes, 0, LEN(literals));
	tcase_add_test(t, round_trip);
	suite_add_tcase(s, t);
	return s;
}
