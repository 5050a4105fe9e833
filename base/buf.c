#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){ .max = max_bytes };
}

void buf_release(struct buf *b)
{
	mem_free(b->ptr);
	buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = ST_OK;
}

static bool grow(struct buf *b, size_t more)
{
	size_t want = b->cap + b->cap / 2 + 64;
	uint8_t *grown;

	if (more > b->max || b->len > b->max - more) {
		b->failed = ST_LIMIT;
		return false;
	}
	if (want < b->len + more)
		want = b->len + more;
	if (want > b->max)
		want = b->max;
	grown = mem_realloc(b->ptr, want);
	if (!grown) {
		b->failed = ST_NOMEM;
		return false;
	}
	b->ptr = grown;
	b->cap = want;
	return true;
}

bool buf_reserve(struct buf *b, size_t more)
{
	if (b->failed)
		return false;
	return more <= b->cap - b->len || grow(b, more);
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	if (!len || !buf_reserve(b, len))
		return;
	memcpy(b->ptr + b->len, bytes, len);
	b->len += len;
}

void buf_u8(struct buf *b, uint8_t byte)
{
	if (buf_reserve(b, 1))
		b->ptr[b->len++] = byte;
}

void buf_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(b, digits + i, sizeof(digits) - i);
}

void buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_u8(b, '-');
	buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_hex(struct buf *b, const uint8_t *bytes, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	if (len > SIZE_MAX / 2 || !buf_reserve(b, 2 * len))
		return;
	for (size_t i = 0; i < len; i++) {
		b->ptr[b->len++] = (uint8_t)hex[bytes[i] >> 4];
		b->ptr[b->len++] = (uint8_t)hex[bytes[i] & 15];
	}
}

void buf_uvarint(struct buf *b, uint64_t v)
{
	if (!buf_reserve(b, 10))
		return;
	while (v >= 0x80) {
		b->ptr[b->len++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	b->ptr[b->len++] = (uint8_t)v;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		buf_add(b, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

struct slice buf_view(const struct buf *b)
{
	return (struct slice){ b->ptr, b->len };
}

enum status buf_status(const struct buf *b, const char *what, struct err *err)
{
	if (b->failed == ST_NOMEM)
		return err_nomem(err, what);
	if (b->failed)
		return err_set(err, b->failed, ERR_NO_OFFSET, "%s: over the maximum of %zu bytes",
			       what, b->max);
	return ST_OK;
}
