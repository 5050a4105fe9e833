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

bool buf_grow(struct buf *b, size_t more)
{
	size_t want = b->cap + b->cap / 2 + 64;
	uint8_t *grown;

	if (b->failed)
		return false;
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

/* Two digits a step: half the divisions. */
void buf_u64(struct buf *b, uint64_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	char digits[20];
	size_t i = sizeof(digits);

	while (v >= 100) {
		i -= 2;
		memcpy(digits + i, pairs + v % 100 * 2, 2);
		v /= 100;
	}
	if (v >= 10) {
		i -= 2;
		memcpy(digits + i, pairs + v * 2, 2);
	} else {
		digits[--i] = (char)('0' + v);
	}
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
