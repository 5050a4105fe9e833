/*
 * output: where converted spans go: a file, standard output, destinations, or both
 * a file and destinations.
 *
 * A span_sink for the mapper. Spans are batched as OTLP messages; a full batch is
 * written, and queued for the destinations (send.h), whose threads send it. In
 * memory each batch is on its way at once; with a queue on disk, all of a snapshot
 * or none of it, once output_end() has committed it.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/send.h"
#include "exporter/file_out.h"
#include "exporter/span_limit.h"
#include "mapping/sent.h"
#include "mapping/span.h"

struct output;

struct output_options {
	const char *path; /* NULL: no file; "-": standard output */
	enum otlp_format format;
	struct send *send;	  /* NULL: no destinations; borrowed until close */
	struct resource resource; /* copied */
	struct span_limits limits;
};

/* On success *out is the caller's until output_close(). */
MUST_CHECK enum status output_open(struct output **out, const struct output_options *o,
				   struct err *err);
struct span_sink output_sink(struct output *o);
/* A whole line for the file, after the spans so far; the file is of JSON lines. */
MUST_CHECK enum status output_line(struct output *o, struct slice line, struct err *err);
/* Has a span been refused by the sink? Then it takes no more, and is not finished. */
bool output_failed(const struct output *o);

/* The keys that `sent` has noted are remembered with the next output_end(). */
MUST_CHECK enum status output_remember(struct output *o, const struct sent_set *sent,
				       struct err *err);

/*
 * A snapshot is over. `good`: its spans count; else what is not on its way yet is
 * thrown away. `snapshot` (may be NULL) is remembered as done.
 */
MUST_CHECK enum status output_end(struct output *o, bool good,
				  const struct queue_snapshot *snapshot, struct err *err);
/* Write what is left and give the file its name; queue what is left. */
MUST_CHECK enum status output_finish(struct output *o, struct err *err);
/* Without output_finish() before, a named file does not come into being. */
void output_close(struct output *o);

uint64_t output_file_bytes(const struct output *o);

#endif /* CLI_OUTPUT_H */
