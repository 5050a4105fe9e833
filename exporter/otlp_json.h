/*
 * otlp_json: one span, resource or scope as OTLP JSON text.
 *
 * The mapping is proto3 JSON with OTLP's exceptions: ids in hex, enums as
 * numbers, 64-bit integers as decimal strings, keys in lowerCamelCase. Fields
 * with default values are left out, as in the protobuf form. Written straight
 * into memory that the caller reserved: nothing allocates and nothing fails.
 * Control characters, quotes and backslashes are escaped, invalid UTF-8 is
 * repaired, everything else is written as it is.
 */
#ifndef EXPORTER_OTLP_JSON_H
#define EXPORTER_OTLP_JSON_H

#include "mapping/span.h"

/*
 * No less than json_span_put() writes: about six times `wire_bytes`, which is
 * what wire_span_size() says of the span.
 */
size_t json_span_bound(const struct span *s, size_t wire_bytes);
/* The object {...} of one span; returns the first byte after it. */
uint8_t *json_span_put(uint8_t *to, const struct span *s);

/* The Resource object of the first `n` attributes; the others are counted. */
size_t json_resource_bound(const struct resource *r, size_t n);
uint8_t *json_resource_put(uint8_t *to, const struct resource *r, size_t n);

/* The InstrumentationScope object: at most JSON_SCOPE_BOUND bytes. */
#define JSON_SCOPE_BOUND 128
uint8_t *json_scope_put(uint8_t *to, enum span_scope scope);

#endif /* EXPORTER_OTLP_JSON_H */
