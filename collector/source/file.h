/*
 * file: a snapshot in a file, a pipe or standard input, compressed or not.
 *
 * What the bytes are is told by their first ones: a zstd or gzip frame is
 * decompressed on the way, anything else passes as it is. Memory is two small
 * buffers and the decompressor's window. Not thread-safe.
 */
#ifndef COLLECTOR_SOURCE_FILE_H
#define COLLECTOR_SOURCE_FILE_H

#include "base/err.h"
#include "collector/trace/generation.h"

struct file_source;

/* Open `path`, "-" being standard input. NULL: err tells, without the path. */
struct file_source *file_source_open(const char *path, struct err *err);
/* The same of an open file, from its first byte on; closed with the source, also on failure. */
struct file_source *file_source_open_fd(int fd, struct err *err);
void file_source_close(struct file_source *f);

/* The decompressed bytes; valid until file_source_close(). */
struct byte_source file_source_bytes(struct file_source *f);

/* The first decompressed bytes, at most FILE_HEAD_BYTES; they are read again later. */
#define FILE_HEAD_BYTES ((size_t)16)
MUST_CHECK enum status file_source_peek(struct file_source *f, struct slice *out, struct err *err);

/*
 * Copy what a pipe brings into a nameless temporary file, so that it can be read
 * twice. Nothing may have been read before, but peeked.
 */
MUST_CHECK enum status file_source_spool(struct file_source *f, struct err *err);

/* Start again at the first byte; ST_IO where that is impossible (a pipe). */
MUST_CHECK enum status file_source_rewind(struct file_source *f, struct err *err);
bool file_source_seekable(const struct file_source *f);

/* When the file was last written, Unix ns; for a pipe, when it was opened or spooled. */
uint64_t file_source_mtime_ns(const struct file_source *f);
/* Size of the file as it lies there, 0 if unknown; and how much of it is read. */
uint64_t file_source_size(const struct file_source *f);
uint64_t file_source_consumed(const struct file_source *f);

#endif /* COLLECTOR_SOURCE_FILE_H */
