/*
 * otlp_transcode: a serialized batch as OTLP JSON.
 *
 * A queue keeps batches as protobuf; a receiver that takes JSON gets them written
 * anew from the bytes, in one pass, without a tree. Fields come in the order in which
 * they stand, so that the same batch is the same text each time, and the text of what
 * otlp_batch.c writes is what it writes as JSON. Names and types are those of
 * protoc-c's descriptors; the exceptions of OTLP (hex ids, numbers for enums, texts
 * for 64-bit integers) are here.
 */
#ifndef EXPORTER_OTLP_TRANSCODE_H
#define EXPORTER_OTLP_TRANSCODE_H

#include "base/buf.h"

/*
 * Append the JSON of an ExportTraceServiceRequest to `out`. Unknown fields are left
 * out. ST_FORMAT if it is none; then, and after other failures, `out` is as before.
 */
MUST_CHECK enum status otlp_transcode(struct slice batch, struct buf *out, struct err *err);

#endif /* EXPORTER_OTLP_TRANSCODE_H */
