/*
 * span_limit: OpenTelemetry's span limits on the way to a sink.
 *
 * A sink in front of another: attributes of a span, of its events and of its links,
 * and links themselves, are cut to their numbers, the last ones first, and what went
 * is counted where OTLP has a count. Spans inside the limits pass untouched. (Events
 * and lengths of texts are the mapper's business, which knows what matters.)
 */
#ifndef EXPORTER_SPAN_LIMIT_H
#define EXPORTER_SPAN_LIMIT_H

#include "mapping/span.h"

struct span_limits {
	uint64_t attributes; /* of a span */
	uint64_t links;
	uint64_t event_attributes; /* of each event */
	uint64_t link_attributes;  /* of each link */
};

struct span_limiter {
	struct span_limits limits;
	struct span_sink next;
	struct span_event *events; /* copies for the span at hand; allocated */
	size_t cap_events;
	struct span_link *links;
	size_t cap_links;
};

void span_limiter_init(struct span_limiter *l, const struct span_limits *limits,
		       struct span_sink next);
void span_limiter_release(struct span_limiter *l);

/* The sink in front; `l` is borrowed until its last span. */
struct span_sink span_limiter_sink(struct span_limiter *l);

#endif /* EXPORTER_SPAN_LIMIT_H */
