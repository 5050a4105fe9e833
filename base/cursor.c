#include "base/cursor.h"

#include <assert.h>

void cursor_init(struct cursor *c, struct slice in)
{
	assert(in.ptr || !in.len);
	*c = (struct cursor){ .in = in };
}

bool cursor_long_uvarint(struct cursor *c, uint64_t *out)
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
