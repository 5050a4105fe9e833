/*
 * attrs: the attributes of one span or event while it is put together.
 *
 * They become either a list of the span model, or at once the bytes that the list would
 * be on the wire (`packed`, a constant wherever this is inlined). The list, or the room
 * for the bytes, is the caller's and fits everything there is; keys and texts are
 * borrowed. Texts are cut to a maximum, and cuts counted.
 */
#ifndef MAPPING_ATTRS_H
#define MAPPING_ATTRS_H

#include <assert.h>

#include "base/utf8.h"
#include "base/wire.h"
#include "mapping/keys.h"
#include "mapping/span.h"
#include "mapping/stackpool.h"

struct attrs {
	struct attr *list;
	size_t n, max;
	size_t text_max; /* bytes */
	uint32_t n_cut;	 /* texts that were longer, stacks that had more frames */
	bool packed;
	uint8_t tag;  /* of each attribute in its message */
	bool damaged; /* a packed text is not UTF-8: the bytes are of no use */
	uint8_t *to;  /* where the next one is packed */
};

/* What an attribute takes at most when packed, its text or long key aside. */
#define PACKED_ATTR_ROOM (sizeof(struct ready_key) + 32u)

static inline struct attr *attrs_next(struct attrs *a)
{
	assert(a->n < a->max);
	return &a->list[a->n++];
}

/* A packed text; what is not known to be UTF-8 is looked at. */
HOT uint8_t *pack_text(struct attrs *a, uint8_t *p, struct slice text, bool valid)
{
	block high = { 0, 0 };

	if (valid && text.len > 4 * sizeof(block)) {
		memcpy(p, text.ptr, text.len);
		return p + text.len;
	}
	p = copy_text(p, text, &high);
	if (!valid && UNLIKELY(is_high(&high)) && !utf8_valid(text))
		a->damaged = true;
	return p;
}

/* All of a ready key; what stands behind a short one is not worth its time. */
HOT void put_ready(uint8_t *p, struct slice key)
{
	const size_t half = sizeof(struct ready_key) / 2;

	memcpy(p, key.ptr - 2, half);
	if (2 + key.len + sizeof(READY_KEY_INT) - 1 > half)
		memcpy(p + half, key.ptr - 2 + half, half);
}

/* All lengths are single bytes, filled in at the end. */
HOT void pack_ready_int(struct attrs *a, struct slice key, int64_t v)
{
	uint8_t *p = a->to, *value = p + 2 + 2 + key.len, *end;

	put_ready(p + 2, key);
	p[0] = a->tag;
	end = put_varint(value + 3, (uint64_t)v);
	value[1] = (uint8_t)(end - value - 2);
	p[1] = (uint8_t)(end - p - 2);
	a->to = end;
}

/* A key that is too long to be ready. */
HOT void pack_int(struct attrs *a, struct slice key, int64_t v)
{
	size_t value = 1 + varint_size((uint64_t)v);
	block ignored = { 0, 0 };
	uint8_t *p = put_head(a->to, a->tag, field_size(key.len) + field_size(value));

	p = put_head(p, WIRE_BYTES(1), key.len);
	p = copy_text(p, key, &ignored);
	p = put_head(p, WIRE_BYTES(2), value);
	*p++ = WIRE_VARINT(3);
	a->to = put_varint(p, (uint64_t)v);
}

HOT void pack_str(struct attrs *a, struct slice key, struct slice text, bool valid)
{
	size_t value = field_size(text.len);
	uint8_t *p = put_head(a->to, a->tag, 2 + key.len + field_size(value));

	put_ready(p, key);
	p = put_head(p + 2 + key.len, WIRE_BYTES(2), value);
	p = put_head(p, WIRE_BYTES(1), text.len);
	a->to = pack_text(a, p, text, valid);
}

/* A key of one of the families, which are ready unless they are long. */
HOT void attrs_named(struct attrs *a, struct slice key, bool ready, int64_t v)
{
	if (!a->packed) {
		*attrs_next(a) =
			(struct attr){ .key = key, .type = ATTR_INT, .ready = ready, .i = v };
		return;
	}
	a->n++;
	if (LIKELY(ready))
		pack_ready_int(a, key, v);
	else
		pack_int(a, key, v);
}

HOT void attrs_int(struct attrs *a, enum attribute_key key, int64_t v)
{
	attrs_named(a, key_names[key], true, v);
}

HOT void attrs_true(struct attrs *a, enum attribute_key key)
{
	struct slice name = key_names[key];
	uint8_t *p = a->to;

	if (!a->packed) {
		*attrs_next(a) =
			(struct attr){ .key = name, .type = ATTR_BOOL, .ready = true, .b = true };
		return;
	}
	a->n++;
	p = put_head(p, a->tag, 2 + name.len + 4);
	put_ready(p, name);
	p = put_head(p + 2 + name.len, WIRE_BYTES(2), 2);
	*p++ = WIRE_VARINT(2);
	*p++ = true;
	a->to = p;
}

/* Most sums are zero: those are not told. */
HOT void attrs_sum(struct attrs *a, enum attribute_key key, uint64_t v)
{
	if (v)
		attrs_int(a, key, (int64_t)v);
}

HOT void attrs_text(struct attrs *a, enum attribute_key key, struct slice v, bool valid)
{
	struct slice text = v.len <= a->text_max ? v : utf8_cut(v, a->text_max);

	a->n_cut += text.len < v.len;
	if (!a->packed) {
		*attrs_next(a) = (struct attr){
			.key = key_names[key], .type = ATTR_STRING, .ready = true, .str = text
		};
		return;
	}
	a->n++;
	pack_str(a, key_names[key], text, valid);
}

HOT void attrs_str(struct attrs *a, enum attribute_key key, struct slice v)
{
	attrs_text(a, key, v, false);
}

/* What it is known to be, valid or not, it still is when it is cut. */
HOT void attrs_pooled(struct attrs *a, enum attribute_key key, const struct pooled *v)
{
	attrs_text(a, key, pooled_slice(v), v && v->valid);
}

#endif /* MAPPING_ATTRS_H */
