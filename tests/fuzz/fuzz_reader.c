/*
 * Any bytes as a trace: events, wire dump, the same again from a source of small
 * pieces, and what is salvaged. tests/support/follow.c checks each event: times
 * rise, and a state begins where the last one of its goroutine or proc ended.
 */
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

/* Where the dump's last line, a sync event of its own, begins; 0: it has none. */
static size_t last_line(struct slice dump)
{
	size_t at = dump.len;

	while (at > 1 && dump.ptr[at - 2] != '\n')
		at--;
	return at ? at - 1 : 0;
}

/*
 * Salvage begins where the reference stops: what the plain dump has before its last
 * sync event, the salvaged one has. A sound trace is dumped the same. Below 1.26 the
 * reference goes into the generation that is cut, with other batches: there the two
 * part at that generation's sync event.
 */
static void check_salvage(struct slice trace, const struct reading *plain, struct slice dump)
{
	struct reading got;
	struct buf text;
	bool newest = trace.len >= 16 && (trace.ptr[5] > '2' || trace.ptr[6] >= '6');

	buf_init(&text, MAX_TEXT);
	got = salvage_trace(trace, &text);
	if (got.end != plain->end || got.n_generations < plain->n_generations)
		die("salvage: status %d, plain %d", got.end, plain->end);
	if (!got.salvaged && !slice_eq(buf_view(&text), dump))
		die("salvage: another dump, and nothing salvaged");
	if (got.salvaged && newest && !text.failed) {
		size_t n = last_line(dump);

		if (text.len < n ||
		    !slice_eq((struct slice){ text.ptr, n }, (struct slice){ dump.ptr, n }))
			die("salvage: the dump does not begin as the plain one");
	}
	buf_release(&text);
}

/* The same trace cut anywhere: what is whole before the cut comes out as it did. */
static void check_cut(struct slice trace, struct slice dump)
{
	uint64_t seed = 0x9e3779b97f4a7c15u ^ trace.len;
	struct slice part = trace;
	struct reading got;
	struct buf text;
	size_t n;

	for (size_t i = 0; i < trace.len; i += 1 + trace.len / 64)
		seed = (seed ^ trace.ptr[i]) * 0x100000001b3u | 1;
	part.len = next_random(&seed) % (trace.len + 1);
	buf_init(&text, MAX_TEXT);
	got = read_trace(part, &text);
	n = got.n_events ? last_line(buf_view(&text)) : 0;
	/* A cut below 1.26 may change the order in the generation it is in. */
	if (part.len >= 16 && part.ptr[6] >= '6' && !text.failed &&
	    (dump.len < n ||
	     !slice_eq((struct slice){ text.ptr, n }, (struct slice){ dump.ptr, n })))
		die("cut at %zu: the dump is no prefix", part.len);
	check_salvage(part, &got, buf_view(&text));
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
	if (!text.failed) {
		check_salvage(trace, &first, buf_view(&text));
		check_cut(trace, buf_view(&text));
	}
	buf_release(&text);
	buf_release(&again);
	dump_wire(trace);
	return 0;
}
