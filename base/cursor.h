/*
 * cursor: a bounds-checked read position in bytes somebody else owns.
 *
 * It never allocates. Each reader stores its result and moves forward, or
 * returns false and changes nothing: calls chain with &&, and after a failure
 * cursor_offset() is where the refused item starts.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/slice.h"

struct cursor {
	struct slice in; /* the whole input */
	size_t pos;	 /* offset of the next unread byte, <= in.len */
};

/* Start at the first byte of `in`; `in.ptr` may be NULL if it is empty. */
void cursor_init(struct cursor *c, struct slice in);

static inline size_t cursor_offset(const struct cursor *c)
{
	return c->pos;
}

static inline bool cursor_at_end(const struct cursor *c)
{
	return c->pos == c->in.len;
}

static inline bool cursor_u8(struct cursor *c, uint8_t *out)
{
	if (c->pos == c->in.len)
		return false;
	*out = c->in.ptr[c->pos++];
	return true;
}

/* The same as below, of more than one byte or at the end of the input. */
bool cursor_long_uvarint(struct cursor *c, uint64_t *out);

/*
 * An unsigned LEB128 number of at most ten bytes that fits 64 bits.
 * Zero-padded encodings are legal (trace-format: batch sizes always are).
 */
static inline bool cursor_uvarint(struct cursor *c, uint64_t *out)
{
	if (c->pos == c->in.len || c->in.ptr[c->pos] >= 0x80)
		return cursor_long_uvarint(c, out);
	*out = c->in.ptr[c->pos++];
	return true;
}

/* The next `len` bytes, borrowed from the cursor's input. */
static inline bool cursor_bytes(struct cursor *c, uint64_t len, struct slice *out)
{
	if (len > c->in.len - c->pos)
		return false;
	*out = (struct slice){ .len = (size_t)len };
	if (len)
		out->ptr = c->in.ptr + c->pos;
	c->pos += (size_t)len;
	return true;
}

#endif /* BASE_CURSOR_H */
