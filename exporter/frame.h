/*
 * frame: one message as a zstd frame that knows its length and its checksum.
 *
 * What lies in the queue. The frame holds the content's size and an XXH64 of it,
 * so that a flipped bit is an error and not another span. The same input gives
 * the same bytes back, which resends rely on. Not thread-safe.
 */
#ifndef EXPORTER_FRAME_H
#define EXPORTER_FRAME_H

#include "base/buf.h"

struct frame;

/* On success *out is the caller's until frame_close(). */
MUST_CHECK enum status frame_open(struct frame **out, struct err *err);

/* Replace the contents of `to` by the packed `in`; empty on failure. */
MUST_CHECK enum status frame_pack(struct frame *f, struct slice in, struct buf *to,
				  struct err *err);

/*
 * Replace the contents of `to` by what was packed, which has to be `size` bytes.
 * ST_FORMAT: these are not the bytes that frame_pack() made; `to` is empty.
 */
MUST_CHECK enum status frame_unpack(struct frame *f, struct slice in, size_t size, struct buf *to,
				    struct err *err);

/* NULL is fine. */
void frame_close(struct frame *f);

#endif /* EXPORTER_FRAME_H */
