/*
 * utf8: reading text that claims to be UTF-8, and repairing it where it is not.
 *
 * Names from the traced program may hold any bytes, while OTLP and JSON demand
 * UTF-8. This is the only place where invalid bytes are replaced. The rules are
 * Go's: overlong forms, surrogates and values above U+10FFFF are invalid, and
 * an invalid sequence costs one byte at a time, each becoming one U+FFFD.
 * Nothing here keeps state.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"
#include "base/slice.h"

#define UTF8_REPLACEMENT 0xfffdu
#define UTF8_REPLACEMENT_BYTES "\xef\xbf\xbd"

struct utf8_rune {
	uint32_t value; /* UTF8_REPLACEMENT if invalid */
	uint8_t width;	/* bytes consumed: 0 only of the empty slice, 1 if invalid */
	bool valid;	/* tells a real U+FFFD from a bad byte */
};

/* Decode the first rune of `s`. */
struct utf8_rune utf8_decode(struct slice s);

/* How many bytes from the start are valid; s.len if all are. */
size_t utf8_valid_prefix(struct slice s);
bool utf8_valid(struct slice s);

/* The length `s` has once repaired: each invalid byte counts three. */
size_t utf8_repaired_len(struct slice s);

/* Append `s`, repaired. Failures stick in `b` as for every append. */
void utf8_append(struct buf *b, struct slice s);

/*
 * Write `s`, repaired, to `to`, which has room for utf8_repaired_len(s) bytes.
 * Returns the first byte after it.
 */
uint8_t *utf8_put(uint8_t *to, struct slice s);

/*
 * The longest start of `s` of at most `max` bytes that does not split a rune.
 * Invalid bytes are runes of their own and may be cut anywhere.
 */
struct slice utf8_cut(struct slice s, size_t max);

#endif /* BASE_UTF8_H */
