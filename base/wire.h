/*
 * wire: the pieces of protobuf's wire format, written front to back.
 *
 * Each function writes at `p` and returns the first byte after what it wrote. Nothing is
 * checked: the caller has made room, and WIRE_SLACK bytes more, since numbers and ready
 * keys are written in one piece, whatever they take. Header only: all of it is inlined
 * into the loops that write spans.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <endian.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * Tags of fields whose numbers are below 16 are one byte:
 * number << 3 | wire type (0 varint, 1 fixed64, 2 bytes, 5 fixed32).
 */
#define WIRE_VARINT(field) ((uint8_t)((field) << 3))
#define WIRE_FIXED64(field) ((uint8_t)((field) << 3 | 1))
#define WIRE_BYTES(field) ((uint8_t)((field) << 3 | 2))
#define WIRE_FIXED32(field) ((uint8_t)((field) << 3 | 5))

/* What may be written to behind the end of a message. */
#define WIRE_SLACK 8u

/* Sixteen bytes at a time. */
typedef uint64_t block __attribute__((vector_size(16)));

/* Some of the bytes that were collected in `high` by copy_text() was not ASCII. */
HOT bool is_high(const block *high)
{
	return ((*high)[0] | (*high)[1]) & 0x8080808080808080u;
}

HOT size_t varint_size(uint64_t v)
{
	/* Nearly all lengths, so that the branch is worth it. */
	if (v < 0x80)
		return 1;
	/* (index of the highest bit) / 7 + 1, without the division. */
	return ((63 - (size_t)__builtin_clzll(v | 1)) * 9 + 73) / 64;
}

/* Numbers of 2^28 and more. */
__attribute__((unused)) APART static uint8_t *put_large_varint(uint8_t *p, uint64_t v)
{
	size_t n = varint_size(v);

	if (v < (uint64_t)1 << 56) {
		v = (v & 0xfffffff) | (v & 0xfffffff0000000) << 4;
		v = (v & 0x3fff00003fff) | (v & 0xfffc0000fffc000) << 2;
		v = (v & 0x7f007f007f007f) | (v & 0x3f803f803f803f80) << 1;
		v = htole64(v | (0x8080808080808080 & (((uint64_t)1 << (8 * n - 8)) - 1)));
		memcpy(p, &v, sizeof(v));
		return p + n;
	}
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

/*
 * As bytes of seven bits. May write up to eight bytes, whatever the number takes:
 * all the bytes are there at once, and only the pointer depends on how many count.
 */
HOT uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	if (v < 0x80) {
		*p = (uint8_t)v;
		return p + 1;
	}
	/* Most times and lengths: half of the steps of what follows. */
	if (LIKELY(v < 1u << 28)) {
		/* By the index of the highest bit: of seven bits each, how many bytes. */
		static const struct {
			uint32_t more, n;
		} sizes[28] = {
			[0 ... 6] = { 0, 1 },
			[7 ... 13] = { 0x80, 2 },
			[14 ... 20] = { 0x8080, 3 },
			[21 ... 27] = { 0x808080, 4 },
		};
		uint32_t x = (uint32_t)v;
		unsigned int top = 31 - (unsigned int)__builtin_clz(x);

		x = (x & 0x3fff) | (x & 0xfffc000) << 2;
		x = (x & 0x7f007f) | (x & 0x3f803f80) << 1;
		x = htole32(x | sizes[top].more);
		memcpy(p, &x, sizeof(x));
		return p + sizes[top].n;
	}
	return put_large_varint(p, v);
}

HOT uint8_t *put_fixed64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

HOT uint8_t *put_fixed32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

/* Tag, length and content of a field with `len` bytes of content. */
HOT size_t field_size(size_t len)
{
	return 1 + varint_size(len) + len;
}

HOT uint8_t *put_head(uint8_t *p, uint8_t tag, size_t len)
{
	*p++ = tag;
	return put_varint(p, len);
}

/* memcpy for short texts that also collects their high bits. */
HOT uint8_t *copy_text(uint8_t *p, struct slice s, block *high)
{
	if (s.len >= sizeof(block)) {
		size_t last = s.len - sizeof(block);
		block b;

		for (size_t i = 0; i < last; i += sizeof(b)) {
			memcpy(&b, s.ptr + i, sizeof(b));
			memcpy(p + i, &b, sizeof(b));
			*high |= b;
		}
		/* The last block overlaps the one before it. */
		memcpy(&b, s.ptr + last, sizeof(b));
		memcpy(p + last, &b, sizeof(b));
		*high |= b;
	} else if (s.len >= sizeof(uint64_t)) {
		uint64_t words[2];

		memcpy(&words[0], s.ptr, sizeof(words[0]));
		memcpy(&words[1], s.ptr + s.len - sizeof(words[1]), sizeof(words[1]));
		memcpy(p, &words[0], sizeof(words[0]));
		memcpy(p + s.len - sizeof(words[1]), &words[1], sizeof(words[1]));
		*high |= (block){ words[0], words[1] };
	} else if (s.len >= sizeof(uint32_t)) {
		uint32_t words[2];

		memcpy(&words[0], s.ptr, sizeof(words[0]));
		memcpy(&words[1], s.ptr + s.len - sizeof(words[1]), sizeof(words[1]));
		memcpy(p, &words[0], sizeof(words[0]));
		memcpy(p + s.len - sizeof(words[1]), &words[1], sizeof(words[1]));
		*high |= (block){ words[0] | words[1], 0 };
	} else {
		uint8_t seen = 0;

		for (size_t i = 0; i < s.len; i++) {
			p[i] = s.ptr[i];
			seen |= s.ptr[i];
		}
		*high |= (block){ seen, 0 };
	}
	return p + s.len;
}

/* A fixed64 field that is left out when zero. */
HOT uint8_t *put_time(uint8_t *p, uint8_t tag, uint64_t v)
{
	if (!v)
		return p;
	*p++ = tag;
	return put_fixed64(p, v);
}

/* A uint32 field that is left out when zero. */
HOT uint8_t *put_count(uint8_t *p, uint8_t tag, uint32_t n)
{
	return n ? put_head(p, tag, n) : p;
}

/*
 * A message whose length is known only when it is there: room for a tag and a length
 * of `expected` bytes stays in front. A length of another size moves the message.
 */
HOT uint8_t *put_head_later(uint8_t *head, uint8_t tag, size_t expected, uint8_t *end)
{
	uint8_t *body = head + 1 + expected;
	size_t len = (size_t)(end - body), n = varint_size(len);

	*head = tag;
	if (n != expected) {
		memmove(head + 1 + n, body, len);
		end = head + 1 + n + len;
	}
	/* put_varint() may write beyond what it returns. */
	for (size_t i = 1; i < n; i++, len >>= 7)
		head[i] = (uint8_t)(len | 0x80);
	head[n] = (uint8_t)len;
	return end;
}

HOT uint8_t *put_id(uint8_t *p, uint8_t tag, const uint8_t *id, size_t len)
{
	*p++ = tag;
	*p++ = (uint8_t)len;
	memcpy(p, id, len);
	return p + len;
}

#endif /* BASE_WIRE_H */
