/*
 * buf: a growable byte buffer with a maximum.
 *
 * The maximum is set at init; growing beyond it is ST_LIMIT, having no memory
 * is ST_NOMEM. So that writers need not check every call, the first failure
 * sticks: later appends do nothing and buf_status() tells. What was appended
 * before the failure stays readable. Not thread-safe.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/slice.h"

struct buf {
	uint8_t *ptr;
	size_t len;
	size_t cap;
	size_t max;
	enum status failed; /* ST_OK, or why an append did not happen */
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_release(struct buf *b);
/* Empty it and forget a failure; the memory stays. */
void buf_clear(struct buf *b);

/* What buf_reserve() does when the memory at hand is not enough. */
COLD bool buf_grow(struct buf *b, size_t more);

/* Make room for `more` bytes after len. False sets b->failed. */
static inline bool buf_reserve(struct buf *b, size_t more)
{
	return LIKELY(!b->failed && more <= b->cap - b->len) || buf_grow(b, more);
}

static inline void buf_add(struct buf *b, const void *bytes, size_t len)
{
	if (!len || !buf_reserve(b, len))
		return;
	memcpy(b->ptr + b->len, bytes, len);
	b->len += len;
}

static inline void buf_u8(struct buf *b, uint8_t byte)
{
	if (buf_reserve(b, 1))
		b->ptr[b->len++] = byte;
}

static inline void buf_slice(struct buf *b, struct slice bytes)
{
	buf_add(b, bytes.ptr, bytes.len);
}

static inline void buf_str(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_u64(struct buf *b, uint64_t v);		       /* decimal */
void buf_i64(struct buf *b, int64_t v);			       /* decimal */
void buf_hex(struct buf *b, const uint8_t *bytes, size_t len); /* lower case */
void buf_uvarint(struct buf *b, uint64_t v);		       /* minimal LEB128 */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The contents, borrowed until the next append. */
struct slice buf_view(const struct buf *b);

/* ST_OK, or the sticky failure told as an error about `what`. */
MUST_CHECK enum status buf_status(const struct buf *b, const char *what, struct err *err);

#endif /* BASE_BUF_H */
