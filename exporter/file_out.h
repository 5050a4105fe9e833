/*
 * file_out: finished batches into a file or to standard output.
 *
 * JSON: one TracesData object a line, the OpenTelemetry file exporter's form.
 * Protobuf: each TracesData preceded by its length as four bytes, big-endian,
 * which is the framing of the Collector's file exporter (`format: proto`).
 * A named regular file gets its name only in file_out_finish(): the bytes go to
 * "NAME.<pid>.tmp" beside it, so a failed run leaves whatever was there before.
 * Standard output, pipes and devices are written directly. SIGPIPE must be
 * ignored by the program; then a reader that went away is an ordinary ST_IO.
 */
#ifndef EXPORTER_FILE_OUT_H
#define EXPORTER_FILE_OUT_H

#include "base/err.h"
#include "base/slice.h"
#include "exporter/otlp_batch.h"

struct file_out;

/*
 * `path` NULL or "-" is standard output. On success *out is the caller's until
 * file_out_close(); on failure there is neither an object nor a new file.
 */
MUST_CHECK enum status file_out_open(struct file_out **out, const char *path,
				     enum otlp_format format, struct err *err);

/* One finished batch. After a failure only file_out_close() makes sense. */
MUST_CHECK enum status file_out_write(struct file_out *f, struct slice message, struct err *err);

/* The same of a message in pieces, at most MAX_FILE_PARTS. */
#define MAX_FILE_PARTS 4u
MUST_CHECK enum status file_out_write_parts(struct file_out *f, const struct slice *parts, size_t n,
					    struct err *err);

/* Bytes written so far, framing included. */
uint64_t file_out_bytes(const struct file_out *f);

/* Push everything to the device and give the file its name; nothing can be added after. */
MUST_CHECK enum status file_out_finish(struct file_out *f, struct err *err);

/* Throws away what was not finished. NULL is fine. */
void file_out_close(struct file_out *f);

#endif /* EXPORTER_FILE_OUT_H */
