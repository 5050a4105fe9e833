/*
 * output: where converted spans go: a file, standard output, a receiver, or both
 * a file and a receiver.
 *
 * A span_sink for the mapper. Spans are batched as OTLP messages; a full batch is
 * written or sent, and acknowledged, before the next span is taken. Counts are
 * kept for the final report.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "exporter/file_out.h"
#include "exporter/otlp_http.h"
#include "exporter/span_limit.h"
#include "mapping/span.h"

struct output;

struct output_options {
	const char *path; /* NULL: no file; "-": standard output */
	enum otlp_format format;
	const struct otlp_http_settings *http; /* NULL: no receiver */
	struct resource resource;	       /* borrowed */
	struct span_limits limits;
};

/* On success *out is the caller's until output_close(). */
MUST_CHECK enum status output_open(struct output **out, const struct output_options *o,
				   struct err *err);
struct span_sink output_sink(struct output *o);
/*
 * Metrics go where the spans go: as lines between theirs in a JSON file, into PATH.metrics
 * beside a protobuf one, which has nothing that would tell them apart, to the receiver.
 */
struct metrics_sink output_metrics_sink(struct output *o);
/* Has a span been refused by the sink? Then it takes no more, and is not finished. */
bool output_failed(const struct output *o);
/*
 * Write what is left, give the file its name, then send what is left. ST_REMOTE:
 * the receiver did not take all, but the file, if there is one, is whole.
 */
MUST_CHECK enum status output_finish(struct output *o, struct err *err);
/* Without output_finish() before, a named file does not come into being. */
void output_close(struct output *o);

/* For the report; NULL without a receiver. */
const struct otlp_http_stats *output_http_stats(const struct output *o);
const char *output_url(const struct output *o);
/* Metrics that the receiver has acknowledged. */
uint64_t output_metrics_sent(const struct output *o);
uint64_t output_file_bytes(const struct output *o);

#endif /* CLI_OUTPUT_H */
