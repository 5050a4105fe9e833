/*
 * compress: one message into one gzip member or one zstd frame.
 *
 * gzip is libdeflate's, zstd is libzstd's with the content size and a checksum in
 * the frame and a small window, which every receiver's limits allow. The state is
 * allocated once and reused for every batch. The same input gives the same bytes,
 * which resends rely on. Not thread-safe.
 */
#ifndef EXPORTER_COMPRESS_H
#define EXPORTER_COMPRESS_H

#include "base/buf.h"
#include "config/settings.h"

/* Level 1 of both compresses spans about ten times already. */
#define GZIP_LEVEL 1
#define ZSTD_LEVEL 1
/* 8 MiB windows are what decoders must take at least (RFC 8878); ours is smaller. */
#define ZSTD_WINDOW_LOG 20

struct compressor;

/* On success *out is the caller's until compressor_close(). `kind` is not SETTING_NONE. */
MUST_CHECK enum status compressor_open(struct compressor **out, enum setting_compression kind,
				       struct err *err);

/*
 * Replace the contents of `to` by `head` bytes of room and the compressed `in`; empty
 * on failure. The caller fills the room.
 */
MUST_CHECK enum status compressor_pack(struct compressor *c, struct slice in, size_t head,
				       struct buf *to, struct err *err);

/*
 * Replace the contents of `to` by the unpacked `in`, which came from outside; false
 * if it is not one whole gzip member or zstd frame, does not fit the maximum of `to`,
 * or there is no memory.
 */
bool decompress(enum setting_compression kind, struct slice in, struct buf *to);

/* As Content-Encoding and grpc-encoding have it: "gzip", "zstd", or "identity". */
const char *compression_name(enum setting_compression kind);

/* Whose name this is, in whatever case; false for an unknown one. */
bool compression_by_name(struct slice name, enum setting_compression *kind);

/* NULL is fine. */
void compressor_close(struct compressor *c);

#endif /* EXPORTER_COMPRESS_H */
