/* Any bytes as the text of a trace: so the fuzzer can change events as a whole. */
#include "tests/asm/asm.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/support.h"

#define MAX_TRACE ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct buf trace;
	enum status st;

	buf_init(&trace, MAX_TRACE);
	st = asm_assemble((struct slice){ data, size }, &trace, &err);
	if (st && (st != err.code || !err.msg[0]))
		die("status %d without an error", st);
	if (trace.len >= 16) {
		struct reading r = read_trace(buf_view(&trace), NULL);

		if (r.end != ST_END && r.end != ST_FORMAT)
			die("status %d: %s", r.end, r.err.msg);
	}
	buf_release(&trace);
	return 0;
}
