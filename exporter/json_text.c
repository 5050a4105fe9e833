#include "exporter/json_text.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/utf8.h"

/* Append a literal; the compiler turns the copy into stores. */
#define LIT(p, text) put_bytes((p), "" text, sizeof(text) - 1)

static inline uint8_t *put_bytes(uint8_t *p, const char *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

static const char hex_digits[] = "0123456789abcdef";

uint8_t *json_put_hex(uint8_t *p, struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		*p++ = (uint8_t)hex_digits[bytes.ptr[i] >> 4];
		*p++ = (uint8_t)hex_digits[bytes.ptr[i] & 15];
	}
	return p;
}

static uint8_t *put_escape(uint8_t *p, uint8_t c)
{
	static const char shorts[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};

	*p++ = '\\';
	if (c >= 0x20 || shorts[c]) {
		*p++ = c >= 0x20 ? c : (uint8_t)shorts[c];
		return p;
	}
	p = LIT(p, "u00");
	*p++ = (uint8_t)hex_digits[c >> 4];
	*p++ = (uint8_t)hex_digits[c & 15];
	return p;
}

#define WORD sizeof(uint64_t)

/*
 * How many of these eight bytes come before the first that has its high bit set, or is a
 * control character, a quote or a backslash? Subtracting borrows through the high bit of just
 * these bytes, and of bytes above such a one.
 */
static inline unsigned int plain_bytes(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t hits =
		w | (w - 0x20 * ones) | ((w ^ '"' * ones) - ones) | ((w ^ '\\' * ones) - ones);

	hits &= 0x80 * ones;
	return hits ? (unsigned int)__builtin_ctzll(hits) / 8 : WORD;
}

static inline uint32_t load_half(const uint8_t *p)
{
	uint32_t half;

	memcpy(&half, p, sizeof(half));
	return le32toh(half);
}

/* Copy `n` bytes, 1 to WORD of them; how many of them come before the first special one? */
static inline unsigned int copy_word(uint8_t *to, const uint8_t *from, size_t n)
{
	uint64_t word;

	if (LIKELY(n == WORD)) {
		memcpy(&word, from, WORD);
		memcpy(to, from, WORD);
		word = le64toh(word);
	} else if (n >= WORD / 2) {
		size_t last = n - WORD / 2;

		word = load_half(from) | (uint64_t)load_half(from + last) << 8 * last;
		memcpy(to, from, WORD / 2);
		memcpy(to + last, from + last, WORD / 2);
	} else {
		/* The first, the middle and the last, which may be the same. */
		size_t middle = n / 2, last = n - 1;

		word = from[0] | (uint64_t)from[middle] << 8 * middle |
		       (uint64_t)from[last] << 8 * last;
		to[0] = from[0];
		to[middle] = from[middle];
		to[last] = from[last];
	}
	/* Bytes that are not there are 0: special. */
	return plain_bytes(word);
}

/* Everything from the special byte at *at to the next ASCII one. */
static uint8_t *put_special(uint8_t *p, struct slice s, size_t *at)
{
	size_t from = *at;
	uint8_t c = s.ptr[from];

	if (c < 0x80) {
		++*at;
		return put_escape(p, c);
	}
	while (*at < s.len && s.ptr[*at] >= 0x80)
		++*at;
	return utf8_put(p, (struct slice){ s.ptr + from, *at - from });
}

uint8_t *json_put_string(uint8_t *p, struct slice s)
{
	size_t i = 0;

	*p++ = '"';
	while (i < s.len) {
		size_t n = s.len - i < WORD ? s.len - i : WORD;
		unsigned int plain = copy_word(p, s.ptr + i, n);

		p += plain;
		i += plain;
		if (plain < n)
			p = put_special(p, s, &i);
	}
	*p++ = '"';
	return p;
}

/* The shortest of three precisions that reads back as the same number. */
uint8_t *json_put_double(uint8_t *p, double d)
{
	char text[32];
	int n = 0;

	if (isnan(d))
		return LIT(p, "\"NaN\"");
	if (isinf(d))
		return d > 0 ? LIT(p, "\"Infinity\"") : LIT(p, "\"-Infinity\"");
	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(text, sizeof(text), "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	p = put_bytes(p, text, (size_t)n);
	/* Some readers take -0 for an integer, which has no sign. */
	return strpbrk(text, ".e") ? p : LIT(p, ".0");
}

uint8_t *json_put_base64(uint8_t *p, struct slice bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t bits = (uint32_t)bytes.ptr[i] << 16;

		bits |= n > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0;
		bits |= n > 2 ? bytes.ptr[i + 2] : 0;
		*p++ = (uint8_t)digits[bits >> 18];
		*p++ = (uint8_t)digits[bits >> 12 & 63];
		*p++ = n > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=';
		*p++ = n > 2 ? (uint8_t)digits[bits & 63] : '=';
	}
	return p;
}
