/*
 * emit_spans: random spans as files, for readers that are not ours.
 *
 *   emit_spans SEED N NAME        writes NAME.jsonl and NAME.pb
 *   emit_spans SEED N - ENDPOINT  posts them, prints the sender's counts
 *
 * The same seed gives the same spans in all forms.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/file_out.h"
#include "exporter/otlp_batch.h"
#include "exporter/otlp_http.h"
#include "tests/unit/span_gen.h"

struct sink {
	struct file_out *file;
	struct otlp_http *http;
};

static enum status flush(struct otlp_batch *b, struct sink *sink, struct err *err)
{
	struct slice bytes;
	enum status st = otlp_batch_finish(b, &bytes, err);

	if (!st && bytes.len)
		st = sink->http ? otlp_http_send(sink->http, bytes, b->n_spans, err)
				: file_out_write(sink->file, bytes, err);
	otlp_batch_clear(b);
	return st;
}

static enum status emit(uint64_t seed, uint64_t n, enum otlp_format format, struct sink *sink,
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
			st = flush(&b, sink, err);
			if (!st)
				st = otlp_batch_add(&b, &s, err);
		}
	}
	if (!st)
		st = flush(&b, sink, err);
	otlp_batch_release(&b);
	return st;
}

static enum status to_file(uint64_t seed, uint64_t n, enum otlp_format format, const char *name,
			   struct err *err)
{
	char path[PATH_MAX];
	struct sink sink = { 0 };
	enum status st;

	snprintf(path, sizeof(path), "%s.%s", name, format == OTLP_JSON ? "jsonl" : "pb");
	st = file_out_open(&sink.file, path, format, err);
	if (!st)
		st = emit(seed, n, format, &sink, err);
	if (!st)
		st = file_out_finish(sink.file, err);
	file_out_close(sink.file);
	return st;
}

static enum status to_endpoint(uint64_t seed, uint64_t n, const char *endpoint, struct err *err)
{
	const struct otlp_http_settings set = { OTLP_HTTP_DEFAULTS, .otlp.endpoint = endpoint };
	const struct otlp_http_stats *stats;
	struct sink sink = { 0 };
	enum status st = otlp_http_open(&sink.http, &set, err);

	if (st)
		return st;
	st = emit(seed, n, OTLP_PROTO, &sink, err);
	stats = otlp_http_stats(sink.http);
	printf("accepted=%" PRIu64 " rejected=%" PRIu64 " requests=%" PRIu64 " retries=%" PRIu64
	       " splits=%" PRIu64 " plain=%" PRIu64 " compressed=%" PRIu64 " message=%s\n",
	       stats->spans_accepted, stats->spans_rejected, stats->requests, stats->retries,
	       stats->splits, stats->bytes_plain, stats->bytes_compressed, stats->message);
	otlp_http_close(sink.http);
	return st;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	uint64_t seed, n;
	enum status st;

	if (argc < 4)
		return 2;
	seed = strtoumax(argv[1], NULL, 10);
	n = strtoumax(argv[2], NULL, 10);
	if (argc > 4) {
		st = to_endpoint(seed, n, argv[4], &err);
	} else {
		st = to_file(seed, n, OTLP_JSON, argv[3], &err);
		if (!st)
			st = to_file(seed, n, OTLP_PROTO, argv[3], &err);
	}
	if (st)
		fprintf(stderr, "emit_spans: %s\n", err.msg);
	return st ? 1 : 0;
}
