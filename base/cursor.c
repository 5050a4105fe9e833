#include "base/cursor.h"

#include <assert.h>

void cursor_init(struct cursor *c, struct slice in)
{
	assert(in.ptr || !in.len);
	*c = (struct cursor){ .in = in };
}

size_t cursor_offset(const struct cursor *c)
{
	return c->pos;
}

bool cursor_at_end(const struct cursor *c)
{
	return c->pos == c->in.len;
}

bool cursor_u8(struct cursor *c, uint8_t *out)
{
	if (c->pos == c->in.len)
		return false;
	*out = c->in.ptr[c->pos++];
	return true;
}

bool cursor_uvarint(struct cursor *c, uint64_t *out)
{
	size_t pos = c->pos;
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && pos < c->in.len; shift += 7) {
		uint8_t byte = c->in.ptr[pos++];

		/* The tenth byte has room for bit 63 alone. */
		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			c->pos = pos;
			*out = value;
			return true;
		}
	}
	return false;
}

bool cursor_bytes(struct cursor *c, uint64_t len, struct slice *out)
{
	if (len > c->in.len - c->pos)
		return false;
	*out = (struct slice){ .len = (size_t)len };
	if (len)
		out->ptr = c->in.ptr + c->pos;
	c->pos += (size_t)len;
	return true;
}
