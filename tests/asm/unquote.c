#include "tests/asm/asm.h"

static void add_rune(struct buf *out, uint32_t rune)
{
	if (rune < 0x80) {
		buf_u8(out, (uint8_t)rune);
		return;
	}
	if (rune < 0x800) {
		buf_u8(out, (uint8_t)(0xc0 | rune >> 6));
	} else {
		if (rune < 0x10000) {
			buf_u8(out, (uint8_t)(0xe0 | rune >> 12));
		} else {
			buf_u8(out, (uint8_t)(0xf0 | rune >> 18));
			buf_u8(out, (uint8_t)(0x80 | (rune >> 12 & 0x3f)));
		}
		buf_u8(out, (uint8_t)(0x80 | (rune >> 6 & 0x3f)));
	}
	buf_u8(out, (uint8_t)(0x80 | (rune & 0x3f)));
}

/* `n` digits of base 8 or 16 at *at; moves it behind them. */
static bool read_digits(struct slice s, size_t *at, size_t n, unsigned int base, uint32_t *out)
{
	uint32_t v = 0;

	if (s.len - *at < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = s.ptr[(*at)++];
		unsigned int digit = 16;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (c | 0x20u) - 'a' + 10;
		if (digit >= base)
			return false;
		v = v * base + digit;
	}
	*out = v;
	return true;
}

/* What follows a backslash; *at is behind it. */
static bool read_escape(struct slice s, size_t *at, struct buf *out)
{
	static const char names[] = "abfnrtv\\\"";
	static const char values[] = "\a\b\f\n\r\t\v\\\"";
	const char *name;
	uint32_t v;
	uint8_t c;

	if (*at == s.len)
		return false;
	c = s.ptr[(*at)++];
	name = c ? strchr(names, c) : NULL;
	if (name) {
		buf_u8(out, (uint8_t)values[name - names]);
		return true;
	}
	if (c == 'x' || (c >= '0' && c <= '7')) {
		if (c != 'x')
			--*at;
		if (!read_digits(s, at, c == 'x' ? 2 : 3, c == 'x' ? 16 : 8, &v) || v > 255)
			return false;
		buf_u8(out, (uint8_t)v);
		return true;
	}
	if ((c != 'u' && c != 'U') || !read_digits(s, at, c == 'u' ? 4 : 8, 16, &v))
		return false;
	if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return false;
	add_rune(out, v);
	return true;
}

bool asm_unquote(struct slice literal, struct buf *out)
{
	struct slice s;

	if (literal.len < 2 || literal.ptr[0] != '"' || literal.ptr[literal.len - 1] != '"')
		return false;
	s = (struct slice){ literal.ptr + 1, literal.len - 2 };
	for (size_t at = 0; at < s.len;) {
		uint8_t c = s.ptr[at++];

		if (c == '"' || c == '\n')
			return false;
		if (c != '\\')
			buf_u8(out, c);
		else if (!read_escape(s, &at, out))
			return false;
	}
	return true;
}
