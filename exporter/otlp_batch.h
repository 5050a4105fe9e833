/*
 * otlp_batch: spans of one resource, collected as one OTLP message.
 *
 * Each added span is encoded at once, into one body per scope; the span and
 * everything it points at may go away afterwards. Finishing puts the resource
 * and the scopes with their exact lengths in front. The protobuf form is an
 * ExportTraceServiceRequest and, byte for byte, a TracesData; the JSON form is
 * a TracesData object on one line, without the newline. One batch holds spans
 * of one resource, is reused after otlp_batch_clear() and is not thread-safe.
 *
 *   add until ST_END, finish, use the bytes, clear, add the same span again
 */
#ifndef EXPORTER_OTLP_BATCH_H
#define EXPORTER_OTLP_BATCH_H

#include "base/buf.h"
#include "base/limits.h"
#include "mapping/span.h"

enum otlp_format { OTLP_PROTO, OTLP_JSON };

struct otlp_batch {
	enum otlp_format format;
	size_t max_bytes; /* of the finished message */
	size_t max_spans;
	size_t n_spans;
	size_t fixed_bytes;	   /* upper bound of all that is not spans */
	size_t gap;		   /* free bytes at the start of each body, for headers */
	struct buf resource;	   /* the encoded resource */
	struct buf body[N_SCOPES]; /* the gap, then encoded spans */
	bool finished;
};

/*
 * An empty batch without a resource. `max_bytes` is between MIN_BATCH_BYTES and
 * MAX_BATCH_BYTES and counts the serialized, uncompressed message; `max_spans`
 * is at least 1.
 */
void otlp_batch_init(struct otlp_batch *b, enum otlp_format format, size_t max_bytes,
		     size_t max_spans);
void otlp_batch_release(struct otlp_batch *b);

/*
 * Whose spans will be added; copied. Needed once before the first add, and
 * allowed only while the batch is empty. Attributes beyond MAX_RESOURCE_BYTES
 * are left out and counted.
 */
MUST_CHECK enum status otlp_batch_resource(struct otlp_batch *b, const struct resource *r,
					   struct err *err);

/*
 * ST_OK: the span is in. ST_END: it would break a limit and is not in; finish
 * first. The first span is always taken: a span over MAX_SPAN_BYTES is trimmed
 * (events, then attributes; counted). Other failures leave the batch as it was.
 */
MUST_CHECK enum status otlp_batch_add(struct otlp_batch *b, const struct span *span,
				      struct err *err);

/* The same of a span that is bytes already, for a batch of OTLP_PROTO. */
MUST_CHECK enum status otlp_batch_add_packed(struct otlp_batch *b, const struct packed_span *span,
					     struct err *err);

/*
 * The finished message, borrowed until clear or release; empty if there are no
 * spans. Afterwards only clear and release are allowed.
 */
MUST_CHECK enum status otlp_batch_finish(struct otlp_batch *b, struct slice *out, struct err *err);

/*
 * The same where the message need not be in one piece: whoever writes it one part after
 * the other spares copying them together.
 */
struct otlp_parts {
	struct slice list[N_SCOPES];
	size_t n;
};
MUST_CHECK enum status otlp_batch_parts(struct otlp_batch *b, struct otlp_parts *out,
					struct err *err);

/* Forget the spans; keep the resource and the memory. */
void otlp_batch_clear(struct otlp_batch *b);

#endif /* EXPORTER_OTLP_BATCH_H */
