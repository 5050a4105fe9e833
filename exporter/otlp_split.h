/*
 * otlp_split: a smaller message out of a finished one.
 *
 * A receiver that finds a batch too large gets it in parts. The spans are long
 * encoded by then, so the parts are cut from the bytes: the same resource, the
 * same scopes, a range of the same spans in the same order, new lengths. Works
 * on what otlp_batch.c writes (one resource) and refuses anything else.
 */
#ifndef EXPORTER_OTLP_SPLIT_H
#define EXPORTER_OTLP_SPLIT_H

#include "base/buf.h"

/*
 * Replace the contents of `out` by a message of the spans [first, first + n) of
 * `message`, counted through its scopes. ST_FORMAT if the message is not ours or
 * has no such spans; `out` is empty after a failure.
 */
MUST_CHECK enum status otlp_split(struct slice message, size_t first, size_t n, struct buf *out,
				  struct err *err);

#endif /* EXPORTER_OTLP_SPLIT_H */
