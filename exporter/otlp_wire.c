#include "exporter/otlp_wire.h"

#include <assert.h>

#include "base/utf8.h"
#include "base/version.h"
#include "base/wire.h"

/* How texts are written, and what was seen of them on the way. */
struct pass {
	bool repair; /* a constant wherever it matters: everything below is inlined */
	block high;  /* bit 7 of some byte is set if a byte was not ASCII */
};

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
		return put_text(p, WIRE_BYTES(1), a->str, pass);
	case ATTR_BOOL:
		*p++ = WIRE_VARINT(2);
		*p++ = a->b;
		return p;
	case ATTR_INT:
		*p++ = WIRE_VARINT(3);
		return put_varint(p, (uint64_t)a->i);
	case ATTR_DOUBLE:
		memcpy(&bits, &a->d, sizeof(bits));
		*p++ = WIRE_FIXED64(4);
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
	p = put_text_field(p, WIRE_BYTES(1), a->key, pass);
	p = put_head(p, WIRE_BYTES(2), value);
	return put_value(p, a, pass);
}

/* A number under a key that is ready: all lengths are single bytes, filled in at the end. */
HOT uint8_t *put_ready_int(uint8_t *p, uint8_t tag, const struct attr *a)
{
	uint8_t *value = p + 2 + 2 + a->key.len, *end;

	*p = tag;
	memcpy(p + 2, a->key.ptr - 2, sizeof(struct ready_key));
	value[0] = WIRE_BYTES(2);
	value[2] = WIRE_VARINT(3);
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
	p = put_head(p + 2 + a->key.len, WIRE_BYTES(2), value);
	return put_text(p, WIRE_BYTES(1), a->str, pass);
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

static size_t event_size(const struct span_event *e, bool repair)
{
	return time_size(e->time_unix_ns) + text_field_size(e->name, repair) +
	       attrs_size(e->attrs, e->n_attrs, repair) + count_size(e->dropped_attrs);
}

HOT uint8_t *put_event(uint8_t *head, const struct span_event *e, struct pass *pass)
{
	/* A wait has a stack, a log a short message. */
	size_t expected = e->n_attrs > 1 ? 2 : 1;
	uint8_t *p = put_time(head + 1 + expected, WIRE_FIXED64(1), e->time_unix_ns);

	p = put_text_field(p, WIRE_BYTES(2), e->name, pass);
	p = put_attrs(p, WIRE_BYTES(3), e->attrs, e->n_attrs, pass);
	p = put_count(p, WIRE_VARINT(4), e->dropped_attrs);
	return put_head_later(head, WIRE_BYTES(11), expected, p);
}

static size_t link_size(const struct span_link *l, bool repair)
{
	return 2 + TRACE_ID_BYTES + 2 + SPAN_ID_BYTES + attrs_size(l->attrs, l->n_attrs, repair) +
	       count_size(l->dropped_attrs) + (l->flags ? 5 : 0);
}

HOT uint8_t *put_link(uint8_t *p, const struct span_link *l, struct pass *pass)
{
	p = put_head(p, WIRE_BYTES(13), link_size(l, pass->repair));
	p = put_id(p, WIRE_BYTES(1), l->trace_id, TRACE_ID_BYTES);
	p = put_id(p, WIRE_BYTES(2), l->span_id, SPAN_ID_BYTES);
	p = put_attrs(p, WIRE_BYTES(4), l->attrs, l->n_attrs, pass);
	p = put_count(p, WIRE_VARINT(5), l->dropped_attrs);
	if (l->flags) {
		*p++ = WIRE_FIXED32(6);
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
	p = put_id(p, WIRE_BYTES(1), s->trace_id, TRACE_ID_BYTES);
	p = put_id(p, WIRE_BYTES(2), s->span_id, SPAN_ID_BYTES);
	if (has_parent(s))
		p = put_id(p, WIRE_BYTES(4), s->parent_id, SPAN_ID_BYTES);
	p = put_text_field(p, WIRE_BYTES(5), s->name, pass);
	*p++ = WIRE_VARINT(6);
	*p++ = 1; /* SPAN_KIND_INTERNAL */
	p = put_time(p, WIRE_FIXED64(7), s->start_unix_ns);
	return put_time(p, WIRE_FIXED64(8), s->end_unix_ns);
}

HOT uint8_t *put_span(uint8_t *to, const struct span *s, struct pass *pass)
{
	uint8_t *p = put_identity(to, s, pass);

	p = put_attrs(p, WIRE_BYTES(9), s->attrs, s->n_attrs, pass);
	p = put_count(p, WIRE_VARINT(10), s->dropped_attrs);
	for (size_t i = 0; i < s->n_events; i++)
		p = put_event(p, &s->events[i], pass);
	p = put_count(p, WIRE_VARINT(12), s->dropped_events);
	for (size_t i = 0; i < s->n_links; i++)
		p = put_link(p, &s->links[i], pass);
	p = put_count(p, WIRE_VARINT(14), s->dropped_links);
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
	*ascii = !is_high(&pass.high);
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

	to = put_attrs(to, WIRE_BYTES(1), r->attrs, n, &pass);
	return put_count(to, WIRE_VARINT(2), (uint32_t)(r->n_attrs - n));
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

	to = put_text(to, WIRE_BYTES(1), slice_str(scope_name(scope)), &pass);
	return put_text(to, WIRE_BYTES(2), SLICE(FLIGHTSPAN_VERSION), &pass);
}
