#include "exporter/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

/*
 * Has one of eight bytes its high bit set, or is a control character, a quote or
 * a backslash? Subtracting borrows through the high bit of just these bytes, and
 * of bytes above such a one.
 */
static inline bool any_special(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t hits =
		w | (w - 0x20 * ones) | ((w ^ '"' * ones) - ones) | ((w ^ '\\' * ones) - ones);

	return hits & (0x80 * ones);
}

/* Everything from the first special byte to the next ASCII one. */
static uint8_t *put_special(uint8_t *p, struct slice s, size_t *at)
{
	size_t from = *at;
	uint8_t c = s.ptr[from];

	if (c < 0x80) {
		++*at;
		if (c >= 0x20 && c != '"' && c != '\\')
			*p++ = c;
		else
			p = put_escape(p, c);
		return p;
	}
	while (*at < s.len && s.ptr[*at] >= 0x80)
		++*at;
	return utf8_put(p, (struct slice){ s.ptr + from, *at - from });
}

uint8_t *json_put_string(uint8_t *p, struct slice s)
{
	size_t i = 0;
	uint64_t word;

	*p++ = '"';
	while (i < s.len) {
		if (s.len - i >= sizeof(word)) {
			memcpy(&word, s.ptr + i, sizeof(word));
			if (!any_special(word)) {
				memcpy(p, &word, sizeof(word));
				p += sizeof(word);
				i += sizeof(word);
				continue;
			}
		}
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
