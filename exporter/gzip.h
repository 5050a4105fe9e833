/*
 * gzip: one message into one gzip member, through libdeflate.
 *
 * The compressor's state is allocated once and reused for every batch. The same
 * input and level give the same bytes, which resends rely on. Not thread-safe.
 */
#ifndef EXPORTER_GZIP_H
#define EXPORTER_GZIP_H

#include "base/buf.h"

#define GZIP_LEVEL 1 /* 1 to 12; 1 compresses spans about ten times already */

struct gzip;

/* On success *out is the caller's until gzip_close(). */
MUST_CHECK enum status gzip_open(struct gzip **out, int level, struct err *err);

/* Replace the contents of `to` by the compressed `in`; empty on failure. */
MUST_CHECK enum status gzip_pack(struct gzip *z, struct slice in, struct buf *to, struct err *err);

/* NULL is fine. */
void gzip_close(struct gzip *z);

#endif /* EXPORTER_GZIP_H */
