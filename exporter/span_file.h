/*
 * span_file: batches appended to a file that is rotated.
 *
 * JSON: one TracesData object a line. Protobuf: each TracesData behind its length in
 * four bytes, big-endian. Both are the Collector's file exporter's forms; its
 * otlpjsonfile receiver follows the first. A batch is on the device before it counts
 * as taken, and what a crash left of one is cut off before the next is written. At
 * `rotate_bytes` the file gets the time into its name as the Collector does it,
 * spans-2026-11-25T15-04-05.000.jsonl, is compressed if that is asked for (whole
 * frames, so that zstdcat and zcat read it), and only `keep` of them stay. The file
 * in use is never compressed: it can be followed.
 * One file has one writer (an advisory lock), one object one thread.
 */
#ifndef EXPORTER_SPAN_FILE_H
#define EXPORTER_SPAN_FILE_H

#include "base/err.h"
#include "base/slice.h"
#include "config/settings.h"
#include "exporter/backoff.h"

struct span_file;

/* Nothing is opened yet. On success *out is the caller's until span_file_close(). */
MUST_CHECK enum status span_file_open(struct span_file **out, const struct file_settings *set,
				      const struct retry_clock *clock, struct err *err);

/*
 * Append one message, as it shall stand there but for its framing. After ST_IO *code is
 * the errno and the file is as it was; another attempt may fare better.
 */
MUST_CHECK enum status span_file_add(struct span_file *f, struct slice message, int *code,
				     struct err *err);

/* NULL is fine. */
void span_file_close(struct span_file *f);

#endif /* EXPORTER_SPAN_FILE_H */
