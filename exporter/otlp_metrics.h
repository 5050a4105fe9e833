/*
 * otlp_metrics: the metrics of one capture as one OTLP message.
 *
 * A few hundred bytes a capture, so nothing here is in a hurry: the protobuf form
 * (MetricsData, the same bytes as an ExportMetricsServiceRequest) is packed by
 * protobuf-c, the JSON form is one line without the newline.
 */
#ifndef EXPORTER_OTLP_METRICS_H
#define EXPORTER_OTLP_METRICS_H

#include "base/buf.h"
#include "exporter/otlp_batch.h"
#include "mapping/metric.h"

/* Replaces what is in `out`, which was made with buf_init(); m->n is not 0. */
MUST_CHECK enum status otlp_metrics_put(struct buf *out, enum otlp_format format,
					const struct resource *resource, const struct metrics *m,
					struct err *err);

#endif /* EXPORTER_OTLP_METRICS_H */
