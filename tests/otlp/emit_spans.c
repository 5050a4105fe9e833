/*
 * emit_spans: random spans as files, for readers that are not ours.
 *
 *   emit_spans SEED N NAME   writes NAME.jsonl and NAME.pb
 *
 * The same seed gives the same spans in both forms.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/file_out.h"
#include "exporter/otlp_batch.h"
#include "tests/unit/span_gen.h"

static enum status flush(struct otlp_batch *b, struct file_out *out, struct err *err)
{
	struct slice bytes;
	enum status st = otlp_batch_finish(b, &bytes, err);

	if (!st && bytes.len)
		st = file_out_write(out, bytes, err);
	otlp_batch_clear(b);
	return st;
}

static enum status emit(uint64_t seed, uint64_t n, enum otlp_format format, struct file_out *out,
			struct err *err)
{
	static struct span_gen gen;
	struct otlp_batch b;
	struct resource r;
	enum status st;

	span_gen_init(&gen, seed);
	otlp_batch_init(&b, format, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	r = span_gen_resource(&gen, 8);
	st = otlp_batch_resource(&b, &r, err);
	for (uint64_t i = 0; !st && i < n; i++) {
		struct span s = span_gen_next(&gen);

		st = otlp_batch_add(&b, &s, err);
		if (st == ST_END) {
			st = flush(&b, out, err);
			if (!st)
				st = otlp_batch_add(&b, &s, err);
		}
	}
	if (!st)
		st = flush(&b, out, err);
	otlp_batch_release(&b);
	return st;
}

static enum status to_file(uint64_t seed, uint64_t n, enum otlp_format format, const char *name,
			   struct err *err)
{
	char path[PATH_MAX];
	struct file_out *out = NULL;
	enum status st;

	snprintf(path, sizeof(path), "%s.%s", name, format == OTLP_JSON ? "jsonl" : "pb");
	st = file_out_open(&out, path, format, err);
	if (!st)
		st = emit(seed, n, format, out, err);
	if (!st)
		st = file_out_finish(out, err);
	file_out_close(out);
	return st;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	uint64_t seed, n;
	enum status st;

	if (argc != 4)
		return 2;
	seed = strtoumax(argv[1], NULL, 10);
	n = strtoumax(argv[2], NULL, 10);
	st = to_file(seed, n, OTLP_JSON, argv[3], &err);
	if (!st)
		st = to_file(seed, n, OTLP_PROTO, argv[3], &err);
	if (st)
		fprintf(stderr, "emit_spans: %s\n", err.msg);
	return st ? 1 : 0;
}
