#include "base/utf8.h"

#define HIGH_BITS 0x8080808080808080u

/* What a lead byte promises, and which second bytes keep that promise. */
struct lead {
	uint8_t width;
	uint8_t second_min, second_max;
};

/*
 * The narrow ranges exclude overlong forms (E0, F0), surrogates (ED) and values
 * above U+10FFFF (F4): Unicode 15, table 3-7.
 */
static struct lead lead_of(uint8_t byte)
{
	if (byte >= 0xc2 && byte <= 0xdf)
		return (struct lead){ 2, 0x80, 0xbf };
	if (byte >= 0xe0 && byte <= 0xef)
		return (struct lead){ 3, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf };
	if (byte >= 0xf0 && byte <= 0xf4)
		return (struct lead){ 4, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf };
	return (struct lead){ 0, 0, 0 };
}

struct utf8_rune utf8_decode(struct slice s)
{
	const struct utf8_rune bad = { UTF8_REPLACEMENT, s.len ? 1 : 0, false };
	struct lead lead;
	uint32_t value;

	if (!s.len)
		return bad;
	if (s.ptr[0] < 0x80)
		return (struct utf8_rune){ s.ptr[0], 1, true };
	lead = lead_of(s.ptr[0]);
	if (!lead.width || s.len < lead.width || s.ptr[1] < lead.second_min ||
	    s.ptr[1] > lead.second_max)
		return bad;
	value = s.ptr[0] & (0x7fu >> lead.width);
	for (size_t i = 1; i < lead.width; i++) {
		if ((s.ptr[i] & 0xc0) != 0x80)
			return bad;
		value = value << 6 | (s.ptr[i] & 0x3f);
	}
	return (struct utf8_rune){ value, lead.width, true };
}

static struct slice after(struct slice s, size_t n)
{
	return (struct slice){ n ? s.ptr + n : s.ptr, s.len - n };
}

/* How many bytes from the start are ASCII, eight at a time while that goes. */
static size_t ascii_prefix(struct slice s)
{
	size_t n = 0;
	uint64_t word;

	for (; s.len - n >= sizeof(word); n += sizeof(word)) {
		memcpy(&word, s.ptr + n, sizeof(word));
		if (word & HIGH_BITS)
			break;
	}
	while (n < s.len && s.ptr[n] < 0x80)
		n++;
	return n;
}

size_t utf8_valid_prefix(struct slice s)
{
	size_t n = 0;

	for (;;) {
		struct utf8_rune rune;

		n += ascii_prefix(after(s, n));
		rune = utf8_decode(after(s, n));
		if (!rune.valid)
			return n;
		n += rune.width;
	}
}

bool utf8_valid(struct slice s)
{
	return utf8_valid_prefix(s) == s.len;
}

size_t utf8_repaired_len(struct slice s)
{
	size_t len = s.len;

	for (;;) {
		s = after(s, utf8_valid_prefix(s));
		if (!s.len)
			return len;
		len += sizeof(UTF8_REPLACEMENT_BYTES) - 1 - 1;
		s = after(s, 1);
	}
}

uint8_t *utf8_put(uint8_t *to, struct slice s)
{
	while (s.len) {
		size_t good = utf8_valid_prefix(s);

		if (good)
			memcpy(to, s.ptr, good);
		to += good;
		s = after(s, good);
		if (s.len) {
			memcpy(to, UTF8_REPLACEMENT_BYTES, sizeof(UTF8_REPLACEMENT_BYTES) - 1);
			to += sizeof(UTF8_REPLACEMENT_BYTES) - 1;
			s = after(s, 1);
		}
	}
	return to;
}

void utf8_append(struct buf *b, struct slice s)
{
	size_t len = utf8_repaired_len(s);

	if (!len || !buf_reserve(b, len))
		return;
	utf8_put(b->ptr + b->len, s);
	b->len += len;
}

struct slice utf8_cut(struct slice s, size_t max)
{
	size_t from;

	if (s.len <= max)
		return s;
	/* A rune that spans the cut begins at most three bytes before it. */
	for (from = max > 3 ? max - 3 : 0; from < max; from++) {
		struct utf8_rune rune = utf8_decode(after(s, from));

		if (rune.valid && from + rune.width > max)
			break;
	}
	return (struct slice){ s.ptr, from };
}
