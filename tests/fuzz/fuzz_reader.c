/* Any bytes as a trace: events, wire dump, and the same again from a source of small pieces. */
#include "collector/trace/wiretext.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/support.h"

#define MAX_TEXT ((size_t)16 << 20)

static void dump_wire(struct slice trace)
{
	struct memory m = { .in = trace };
	struct err err = ERR_INIT;
	struct wiretext w;
	struct buf text;
	enum status st = wiretext_open(&w, memory_source(&m), &err);

	if (st)
		return;
	buf_init(&text, MAX_TEXT);
	while (!(st = wiretext_next(&w, &text, &err)))
		buf_clear(&text);
	if (st != ST_END && (st != err.code || !err.msg[0]))
		die("wire dump: status %d, error '%s'", st, err.msg);
	wiretext_close(&w);
	buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice trace = { data, size };
	struct memory pieces = { .in = trace, .step = 1 + size / 50 };
	struct buf text, again;
	struct reading first, second;

	buf_init(&text, MAX_TEXT);
	buf_init(&again, MAX_TEXT);
	first = read_trace(trace, &text);
	second = read_source(memory_source(&pieces), &again);
	if (first.end != second.end || first.n_events != second.n_events ||
	    strcmp(first.err.msg, second.err.msg) != 0 || first.err.offset != second.err.offset ||
	    !slice_eq(buf_view(&text), buf_view(&again)))
		die("another result from small pieces: '%s', '%s'", first.err.msg, second.err.msg);
	if (first.end != ST_END && first.end != ST_FORMAT)
		die("status %d: %s", first.end, first.err.msg);
	if (first.err.offset != ERR_NO_OFFSET && first.err.offset > size)
		die("an error at byte %llu of %zu", (unsigned long long)first.err.offset, size);
	buf_release(&text);
	buf_release(&again);
	dump_wire(trace);
	return 0;
}
