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
size_t cursor_offset(const struct cursor *c);
bool cursor_at_end(const struct cursor *c);

bool cursor_u8(struct cursor *c, uint8_t *out);

/*
 * An unsigned LEB128 number of at most ten bytes that fits 64 bits.
 * Zero-padded encodings are legal (trace-format: batch sizes always are).
 */
bool cursor_uvarint(struct cursor *c, uint64_t *out);

/* The next `len` bytes, borrowed from the cursor's input. */
bool cursor_bytes(struct cursor *c, uint64_t len, struct slice *out);

#endif /* BASE_CURSOR_H */
