/*
 * metrics_out: where the metrics of converted captures go.
 *
 * To the receivers of the spans, at once and acknowledged: they are a few hundred bytes a
 * capture, are not queued, and a receiver that is away loses them, which is told. In a
 * protobuf file nothing would tell them from spans by their bytes: they have one of their
 * own, PATH.metrics. Lines of JSON go between those of the spans, through the output.
 */
#ifndef CLI_METRICS_OUT_H
#define CLI_METRICS_OUT_H

#include "cli/output.h"
#include "config/settings.h"
#include "mapping/metric.h"

struct metrics_out;

struct metrics_out_options {
	struct output *output; /* of the spans, as the next three; borrowed */
	const char *path;      /* NULL: no file */
	enum otlp_format format;
	struct resource resource;		   /* borrowed */
	const struct exporter_settings *exporters; /* borrowed; those that are files get none */
	size_t n_exporters;
	uint64_t give_up_ns; /* of one message */
};

/* On success *out is the caller's until metrics_out_close(). */
MUST_CHECK enum status metrics_out_open(struct metrics_out **out,
					const struct metrics_out_options *o, struct err *err);
/* A receiver's failure is no failure of the sink: it is logged, once for each receiver. */
struct metrics_sink metrics_out_sink(struct metrics_out *m);
/* Give the file its name; false if that, or a receiver, failed: an error line tells. */
bool metrics_out_finish(struct metrics_out *m);
/* NULL is fine. */
void metrics_out_close(struct metrics_out *m);

#endif /* CLI_METRICS_OUT_H */
