/*
 * otlp_wire: one span, resource or scope as OTLP protobuf bytes.
 *
 * The hot path of every export: the bytes are written once, front to back, with no
 * allocation and no bounds check, so the caller makes room first; a length in front
 * of what it counts is filled in afterwards. Fields are written in the order of their
 * numbers and default values are left out, as protobuf-c would: the tests pack
 * again what protobuf-c unpacked and expect the same bytes.
 * Texts are taken as they are (`repair` false) or with every invalid UTF-8 byte
 * replaced (`repair` true).
 */
#ifndef EXPORTER_OTLP_WIRE_H
#define EXPORTER_OTLP_WIRE_H

#include "base/wire.h"
#include "mapping/span.h"

/* The bytes of the Span message itself, without a tag and a length in front. */
size_t wire_span_size(const struct span *s, bool repair);

/*
 * What wire_span_put() may write to, tag, length and some bytes behind the message
 * included; cheaper to tell than the exact size. Repaired, it may be three times that.
 */
size_t wire_span_room(const struct span *s);

/*
 * Write the tag, the length and the message; returns the first byte after it. *ascii
 * tells whether all texts were ASCII; if not, ask wire_span_clean().
 */
uint8_t *wire_span_put(uint8_t *to, uint8_t tag, const struct span *s, bool *ascii);
uint8_t *wire_span_put_repaired(uint8_t *to, uint8_t tag, const struct span *s);

/* Are all texts of the span valid UTF-8? */
bool wire_span_clean(const struct span *s);

/*
 * Make the span fit `max` bytes (at least 1 KiB) however its texts are repaired:
 * the last events go first, then the last attributes, then links, each counted
 * in the span's dropped counts; a name that is still too long is cut.
 * Changes the struct only, never what it points at.
 */
void wire_span_trim(struct span *s, size_t max);

/* How many of the resource's attributes fit `max` bytes. */
size_t wire_resource_fit(const struct resource *r, size_t max);

/*
 * A Resource message of the first `n` attributes, repaired; the others are counted.
 * What stands behind it is written to, WIRE_SLACK bytes at most.
 */
size_t wire_resource_size(const struct resource *r, size_t n);
uint8_t *wire_resource_put(uint8_t *to, const struct resource *r, size_t n);

/* An InstrumentationScope message: "flightspan.task" and the version. */
const char *scope_name(enum span_scope scope);
size_t wire_scope_size(enum span_scope scope);
uint8_t *wire_scope_put(uint8_t *to, enum span_scope scope);

/* A tag byte and a length-delimited field's length, writing at most 11 bytes; and its size. */
uint8_t *wire_head_put(uint8_t *to, uint8_t tag, size_t len);
size_t wire_head_size(size_t len);

#endif /* EXPORTER_OTLP_WIRE_H */
