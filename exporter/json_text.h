/*
 * json_text: the pieces of JSON that take more than a printf.
 *
 * Written straight into memory that the caller reserved: nothing allocates and
 * nothing fails. Each returns the first byte after what it wrote.
 */
#ifndef EXPORTER_JSON_TEXT_H
#define EXPORTER_JSON_TEXT_H

#include "base/slice.h"

/* Room for a string of `len` bytes: each may become \u0001, and quotes. */
#define JSON_STRING_BOUND(len) (6 * (len) + 2)
#define JSON_DOUBLE_BOUND 32

/*
 * With quotes; control characters, quotes and backslashes escaped, invalid UTF-8
 * repaired, everything else as it is.
 */
uint8_t *json_put_string(uint8_t *to, struct slice s);

/* Lower case, without quotes: two bytes for one. */
uint8_t *json_put_hex(uint8_t *to, struct slice bytes);

/* With padding, without quotes: four bytes for three. */
uint8_t *json_put_base64(uint8_t *to, struct slice bytes);

/* The shortest text that reads back as the same number; "NaN" and "Infinity" in quotes. */
uint8_t *json_put_double(uint8_t *to, double d);

#endif /* EXPORTER_JSON_TEXT_H */
