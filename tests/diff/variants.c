/*
 * variants KIND FIRST N TRACE...: N traces made from real ones, and our reading of each.
 *
 * KIND is clocks (see clocks.h) or damage: a byte or a few changed, or the end cut off. Variant
 * number v, from FIRST on, is made from trace v modulo their number, and the same in every run.
 * They go to standard output for reference/main.go, each as six 64-bit little-endian numbers
 * (index of the trace, v, 1 if we refuse it, lengths of the trace, of our dump and of our error
 * message) and these bytes.
 */
#include "base/num.h"
#include "tests/diff/clocks.h"
#include "tests/support/support.h"

#define MAX_TRACE ((size_t)64 << 20)
#define MAX_DUMP ((size_t)256 << 20)
#define MAX_TRACES 256

/* Nothing is done to the header: that has cases of its own. */
#define HEADER_BYTES 16

static void damage(uint64_t v, struct slice trace, struct buf *out)
{
	uint64_t random = v * 0x9e3779b97f4a7c15 + 1;
	uint64_t changes = next_random(&random) % 4;

	buf_slice(out, trace);
	if (trace.len <= HEADER_BYTES || out->failed)
		return;
	if (!changes)
		out->len = HEADER_BYTES + next_random(&random) % (trace.len - HEADER_BYTES);
	while (changes--) {
		size_t at = HEADER_BYTES + next_random(&random) % (trace.len - HEADER_BYTES);
		uint8_t was = out->ptr[at];

		switch (next_random(&random) % 4) {
		case 0: /* another number near by */
			out->ptr[at] = (uint8_t)(was + 1);
			break;
		case 1: /* a longer or shorter number */
			out->ptr[at] = was ^ 0x80;
			break;
		default:
			out->ptr[at] = (uint8_t)next_random(&random);
		}
	}
}

static void put(const void *bytes, size_t len)
{
	if (len && fwrite(bytes, 1, len, stdout) != len)
		exit(1); /* whoever reads them has said why */
}

static uint64_t argument(const char *text)
{
	uint64_t n;

	if (!num_u64((struct slice){ (const uint8_t *)text, strlen(text) }, UINT32_MAX, &n))
		die("variants: '%s' is no number up to %u", text, UINT32_MAX);
	return n;
}

/* Read one variant and pass it on, with what became of it. */
static void pass_on(uint64_t base, uint64_t v, struct slice trace, struct buf *dump)
{
	struct reading r;
	size_t message_len;

	buf_clear(dump);
	r = read_trace(trace, dump);
	if (dump->failed)
		die("out of memory");
	message_len = r.end == ST_END ? 0 : strlen(r.err.msg);
	put((uint64_t[]){ base, v, r.end != ST_END, trace.len, dump->len, message_len },
	    6 * sizeof(uint64_t));
	put(trace.ptr, trace.len);
	put(dump->ptr, dump->len);
	put(r.err.msg, message_len);
}

int main(int argc, char **argv)
{
	static struct buf bases[MAX_TRACES];
	int n_bases = argc - 4;
	void (*make)(uint64_t v, struct slice trace, struct buf * out);
	struct buf trace, dump;
	uint64_t first, n;

	if (n_bases < 1 || n_bases > MAX_TRACES)
		die("usage: variants clocks|damage FIRST N TRACE...");
	make = strcmp(argv[1], "clocks") ? damage : clocks_rewrite;
	first = argument(argv[2]);
	n = argument(argv[3]);
	buf_init(&trace, MAX_TRACE);
	buf_init(&dump, MAX_DUMP);
	for (int i = 0; i < n_bases; i++)
		load_file(argv[4 + i], &bases[i]);
	for (uint64_t v = first; v < first + n; v++) {
		uint64_t base = v % (uint64_t)n_bases;

		buf_clear(&trace);
		make(v, buf_view(&bases[base]), &trace);
		if (trace.failed)
			die("out of memory");
		pass_on(base, v, buf_view(&trace), &dump);
	}
	for (int i = 0; i < n_bases; i++)
		buf_release(&bases[i]);
	buf_release(&trace);
	buf_release(&dump);
	return fflush(stdout) ? 1 : 0;
}
