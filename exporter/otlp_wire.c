#include "exporter/otlp_wire.h"

#include <assert.h>
#include <endian.h>

#include "base/utf8.h"
#include "base/version.h"

/*
 * Field numbers are those of exporter/proto/. Tags of numbers below 16 are one
 * byte: number << 3 | wire type (0 varint, 1 fixed64, 2 bytes, 5 fixed32).
 */
#define VARINT(field) ((uint8_t)((field) << 3))
#define FIXED64(field) ((uint8_t)((field) << 3 | 1))
#define BYTES(field) WIRE_TAG(field)
#define FIXED32(field) ((uint8_t)((field) << 3 | 5))

/* Sixteen bytes at a time. */
typedef uint64_t block __attribute__((vector_size(16)));

/* How texts are written, and what was seen of them on the way. */
struct pass {
	bool repair; /* a constant wherever it matters: everything below is inlined */
	block high;  /* bit 7 of some byte is set if a byte was not ASCII */
};

HOT size_t varint_size(uint64_t v)
{
	/* Nearly all lengths, so that the branch is worth it. */
	if (v < 0x80)
		return 1;
	/* (index of the highest bit) / 7 + 1, without the division. */
	return ((63 - (size_t)__builtin_clzll(v | 1)) * 9 + 73) / 64;
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
	if (v < (uint64_t)1 << 56) {
		size_t n = varint_size(v);

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

size_t wire_head_size(size_t len)
{
	return 1 + varint_size(len);
}

uint8_t *wire_head_put(uint8_t *to, uint8_t tag, size_t len)
{
	return put_head(to, tag, len);
}

HOT size_t text_size(struct slice s, bool repair)
{
	return repair ? utf8_repaired_len(s) : s.len;
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

HOT uint8_t *put_text(uint8_t *p, uint8_t tag, struct slice s, struct pass *pass)
{
	if (pass->repair) {
		p = put_head(p, tag, utf8_repaired_len(s));
		return utf8_put(p, s);
	}
	p = put_head(p, tag, s.len);
	return copy_text(p, s, &pass->high);
}

/* A text field that is left out when empty. */
HOT size_t text_field_size(struct slice s, bool repair)
{
	return s.len ? field_size(text_size(s, repair)) : 0;
}

HOT uint8_t *put_text_field(uint8_t *p, uint8_t tag, struct slice s, struct pass *pass)
{
	return s.len ? put_text(p, tag, s, pass) : p;
}

/* A uint32 field that is left out when zero. */
HOT size_t count_size(uint32_t n)
{
	return n ? 1 + varint_size(n) : 0;
}

/* A fixed64 field that is left out when zero. */
HOT size_t time_size(uint64_t v)
{
	return v ? 9 : 0;
}

HOT uint8_t *put_time(uint8_t *p, uint8_t tag, uint64_t v)
{
	if (!v)
		return p;
	*p++ = tag;
	return put_fixed64(p, v);
}

HOT uint8_t *put_count(uint8_t *p, uint8_t tag, uint32_t n)
{
	return n ? put_head(p, tag, n) : p;
}

/* AnyValue: a oneof, so the member is written whatever its value. */
HOT size_t value_size(const struct attr *a, bool repair)
{
	switch (a->type) {
	case ATTR_STRING:
		return field_size(text_size(a->str, repair));
	case ATTR_INT:
		return 1 + varint_size((uint64_t)a->i);
	case ATTR_BOOL:
		return 2;
	case ATTR_DOUBLE:
		return 9;
	}
	return 0;
}

HOT uint8_t *put_value(uint8_t *p, const struct attr *a, struct pass *pass)
{
	uint64_t bits;

	switch (a->type) {
	case ATTR_STRING:
		return put_text(p, BYTES(1), a->str, pass);
	case ATTR_BOOL:
		*p++ = VARINT(2);
		*p++ = a->b;
		return p;
	case ATTR_INT:
		*p++ = VARINT(3);
		return put_varint(p, (uint64_t)a->i);
	case ATTR_DOUBLE:
		memcpy(&bits, &a->d, sizeof(bits));
		*p++ = FIXED64(4);
		return put_fixed64(p, bits);
	}
	return p;
}

/* KeyValue. */
HOT size_t attr_size(const struct attr *a, bool repair)
{
	return text_field_size(a->key, repair) + field_size(value_size(a, repair));
}

HOT size_t attrs_size(const struct attr *attrs, size_t n, bool repair)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += field_size(attr_size(&attrs[i], repair));
	return size;
}

HOT uint8_t *put_plain_attr(uint8_t *p, uint8_t tag, const struct attr *a, struct pass *pass)
{
	size_t value = value_size(a, pass->repair);

	p = put_head(p, tag, text_field_size(a->key, pass->repair) + field_size(value));
	p = put_text_field(p, BYTES(1), a->key, pass);
	p = put_head(p, BYTES(2), value);
	return put_value(p, a, pass);
}

/* A number under a key that is ready: all lengths are single bytes, filled in at the end. */
HOT uint8_t *put_ready_int(uint8_t *p, uint8_t tag, const struct attr *a)
{
	uint8_t *value = p + 2 + 2 + a->key.len, *end;

	*p = tag;
	memcpy(p + 2, a->key.ptr - 2, sizeof(struct ready_key));
	value[0] = BYTES(2);
	value[2] = VARINT(3);
	end = put_varint(value + 3, (uint64_t)a->i);
	value[1] = (uint8_t)(end - value - 2);
	p[1] = (uint8_t)(end - p - 2);
	return end;
}

HOT uint8_t *put_ready_text(uint8_t *p, uint8_t tag, const struct attr *a, struct pass *pass)
{
	size_t value = field_size(a->str.len);

	p = put_head(p, tag, 2 + a->key.len + field_size(value));
	memcpy(p, a->key.ptr - 2, sizeof(struct ready_key));
	p = put_head(p + 2 + a->key.len, BYTES(2), value);
	return put_text(p, BYTES(1), a->str, pass);
}

HOT uint8_t *put_attrs(uint8_t *p, uint8_t tag, const struct attr *attrs, size_t n,
		       struct pass *pass)
{
	for (size_t i = 0; i < n; i++) {
		const struct attr *a = &attrs[i];

		if (a->ready && a->type == ATTR_INT)
			p = put_ready_int(p, tag, a);
		else if (!pass->repair && a->ready && a->type == ATTR_STRING)
			p = put_ready_text(p, tag, a, pass);
		else
			p = put_plain_attr(p, tag, a, pass);
	}
	return p;
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

static size_t event_size(const struct span_event *e, bool repair)
{
	return time_size(e->time_unix_ns) + text_field_size(e->name, repair) +
	       attrs_size(e->attrs, e->n_attrs, repair) + count_size(e->dropped_attrs);
}

HOT uint8_t *put_event(uint8_t *head, const struct span_event *e, struct pass *pass)
{
	/* A wait has a stack, a log a short message. */
	size_t expected = e->n_attrs > 1 ? 2 : 1;
	uint8_t *p = put_time(head + 1 + expected, FIXED64(1), e->time_unix_ns);

	p = put_text_field(p, BYTES(2), e->name, pass);
	p = put_attrs(p, BYTES(3), e->attrs, e->n_attrs, pass);
	p = put_count(p, VARINT(4), e->dropped_attrs);
	return put_head_later(head, BYTES(11), expected, p);
}

HOT uint8_t *put_id(uint8_t *p, uint8_t tag, const uint8_t *id, size_t len)
{
	*p++ = tag;
	*p++ = (uint8_t)len;
	memcpy(p, id, len);
	return p + len;
}

static size_t link_size(const struct span_link *l, bool repair)
{
	return 2 + TRACE_ID_BYTES + 2 + SPAN_ID_BYTES + attrs_size(l->attrs, l->n_attrs, repair) +
	       count_size(l->dropped_attrs) + (l->flags ? 5 : 0);
}

HOT uint8_t *put_link(uint8_t *p, const struct span_link *l, struct pass *pass)
{
	p = put_head(p, BYTES(13), link_size(l, pass->repair));
	p = put_id(p, BYTES(1), l->trace_id, TRACE_ID_BYTES);
	p = put_id(p, BYTES(2), l->span_id, SPAN_ID_BYTES);
	p = put_attrs(p, BYTES(4), l->attrs, l->n_attrs, pass);
	p = put_count(p, VARINT(5), l->dropped_attrs);
	if (l->flags) {
		*p++ = FIXED32(6);
		p = put_fixed32(p, l->flags);
	}
	return p;
}

HOT bool has_parent(const struct span *s)
{
	static const uint8_t none[SPAN_ID_BYTES];

	return memcmp(s->parent_id, none, SPAN_ID_BYTES) != 0;
}

size_t wire_span_size(const struct span *s, bool repair)
{
	size_t size = 2 + TRACE_ID_BYTES + 2 + SPAN_ID_BYTES + 2 /* kind */;

	size += has_parent(s) ? 2 + SPAN_ID_BYTES : 0;
	size += text_field_size(s->name, repair);
	size += time_size(s->start_unix_ns) + time_size(s->end_unix_ns);
	size += attrs_size(s->attrs, s->n_attrs, repair);
	for (size_t i = 0; i < s->n_events; i++)
		size += field_size(event_size(&s->events[i], repair));
	for (size_t i = 0; i < s->n_links; i++)
		size += field_size(link_size(&s->links[i], repair));
	size += count_size(s->dropped_attrs) + count_size(s->dropped_events) +
		count_size(s->dropped_links);
	return size + (s->flags ? 6 : 0);
}

/* Fields 1 to 8. */
HOT uint8_t *put_identity(uint8_t *p, const struct span *s, struct pass *pass)
{
	p = put_id(p, BYTES(1), s->trace_id, TRACE_ID_BYTES);
	p = put_id(p, BYTES(2), s->span_id, SPAN_ID_BYTES);
	if (has_parent(s))
		p = put_id(p, BYTES(4), s->parent_id, SPAN_ID_BYTES);
	p = put_text_field(p, BYTES(5), s->name, pass);
	*p++ = VARINT(6);
	*p++ = 1; /* SPAN_KIND_INTERNAL */
	p = put_time(p, FIXED64(7), s->start_unix_ns);
	return put_time(p, FIXED64(8), s->end_unix_ns);
}

HOT uint8_t *put_span(uint8_t *to, const struct span *s, struct pass *pass)
{
	uint8_t *p = put_identity(to, s, pass);

	p = put_attrs(p, BYTES(9), s->attrs, s->n_attrs, pass);
	p = put_count(p, VARINT(10), s->dropped_attrs);
	for (size_t i = 0; i < s->n_events; i++)
		p = put_event(p, &s->events[i], pass);
	p = put_count(p, VARINT(12), s->dropped_events);
	for (size_t i = 0; i < s->n_links; i++)
		p = put_link(p, &s->links[i], pass);
	p = put_count(p, VARINT(14), s->dropped_links);
	if (s->flags) {
		*p++ = (uint8_t)((16 << 3 | 5) | 0x80);
		*p++ = 16 << 3 >> 7;
		p = put_fixed32(p, s->flags);
	}
	return p;
}

HOT uint8_t *put_entry(uint8_t *to, uint8_t tag, const struct span *s, struct pass *pass)
{
	return put_head_later(to, tag, 2, put_span(to + 3, s, pass));
}

uint8_t *wire_span_put(uint8_t *to, uint8_t tag, const struct span *s, bool *ascii)
{
	struct pass pass = { .repair = false };

	to = put_entry(to, tag, s, &pass);
	*ascii = !((pass.high[0] | pass.high[1]) & 0x8080808080808080u);
	return to;
}

uint8_t *wire_span_put_repaired(uint8_t *to, uint8_t tag, const struct span *s)
{
	struct pass pass = { .repair = true };

	return put_entry(to, tag, s, &pass);
}

/* What an attribute, an event and a link take beside their texts and lists. */
#define ATTR_ROOM 32u
#define EVENT_ROOM 48u
#define LINK_ROOM 64u
#define SPAN_ROOM (128u + sizeof(struct ready_key))

HOT size_t attrs_room(const struct attr *attrs, size_t n)
{
	size_t size = n * ATTR_ROOM;

	for (size_t i = 0; i < n; i++)
		size += attrs[i].key.len + (attrs[i].type == ATTR_STRING ? attrs[i].str.len : 0);
	return size;
}

size_t wire_span_room(const struct span *s)
{
	size_t size = SPAN_ROOM + s->name.len + attrs_room(s->attrs, s->n_attrs) +
		      s->n_events * EVENT_ROOM + s->n_links * LINK_ROOM;

	for (size_t i = 0; i < s->n_events; i++)
		size += s->events[i].name.len +
			attrs_room(s->events[i].attrs, s->events[i].n_attrs);
	for (size_t i = 0; i < s->n_links; i++)
		size += attrs_room(s->links[i].attrs, s->links[i].n_attrs);
	return size;
}

static bool attrs_clean(const struct attr *attrs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!utf8_valid(attrs[i].key))
			return false;
		if (attrs[i].type == ATTR_STRING && !utf8_valid(attrs[i].str))
			return false;
	}
	return true;
}

bool wire_span_clean(const struct span *s)
{
	bool clean = utf8_valid(s->name) && attrs_clean(s->attrs, s->n_attrs);

	for (size_t i = 0; clean && i < s->n_events; i++)
		clean = utf8_valid(s->events[i].name) &&
			attrs_clean(s->events[i].attrs, s->events[i].n_attrs);
	for (size_t i = 0; clean && i < s->n_links; i++)
		clean = attrs_clean(s->links[i].attrs, s->links[i].n_attrs);
	return clean;
}

static void count_up(uint32_t *dropped)
{
	if (*dropped < UINT32_MAX)
		++*dropped;
}

void wire_span_trim(struct span *s, size_t max)
{
	/* Everything but texts and lists: ids, times, counts, flags. */
	const size_t rest = 128;
	size_t size = wire_span_size(s, true) + 15 /* three counts may appear */;

	assert(max >= 1024);
	for (; size > max && s->n_events; count_up(&s->dropped_events))
		size -= field_size(event_size(&s->events[--s->n_events], true));
	for (; size > max && s->n_attrs; count_up(&s->dropped_attrs))
		size -= field_size(attr_size(&s->attrs[--s->n_attrs], true));
	for (; size > max && s->n_links; count_up(&s->dropped_links))
		size -= field_size(link_size(&s->links[--s->n_links], true));
	if (size > max)
		s->name = utf8_cut(s->name, (max - rest) / 3);
}

size_t wire_resource_fit(const struct resource *r, size_t max)
{
	size_t size = 6; /* the count of those left out */
	size_t n = 0;

	for (; n < r->n_attrs; n++) {
		size += field_size(attr_size(&r->attrs[n], true));
		if (size > max)
			break;
	}
	return n;
}

size_t wire_resource_size(const struct resource *r, size_t n)
{
	return attrs_size(r->attrs, n, true) + count_size((uint32_t)(r->n_attrs - n));
}

uint8_t *wire_resource_put(uint8_t *to, const struct resource *r, size_t n)
{
	struct pass pass = { .repair = true };

	to = put_attrs(to, BYTES(1), r->attrs, n, &pass);
	return put_count(to, VARINT(2), (uint32_t)(r->n_attrs - n));
}

const char *scope_name(enum span_scope scope)
{
	static const char *const names[N_SCOPES] = {
		[SCOPE_TASK] = "flightspan.task",
		[SCOPE_SCHED] = "flightspan.sched",
		[SCOPE_RUNTIME] = "flightspan.runtime",
	};

	return names[scope];
}

size_t wire_scope_size(enum span_scope scope)
{
	return field_size(strlen(scope_name(scope))) + field_size(sizeof(FLIGHTSPAN_VERSION) - 1);
}

uint8_t *wire_scope_put(uint8_t *to, enum span_scope scope)
{
	struct pass pass = { .repair = false };

	to = put_text(to, BYTES(1), slice_str(scope_name(scope)), &pass);
	return put_text(to, BYTES(2), SLICE(FLIGHTSPAN_VERSION), &pass);
}
