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

/* How texts are written, and what was seen of them on the way. */
struct pass {
	bool repair;
	uint64_t high; /* bit 7 of some byte is set if a byte was not ASCII */
};

static inline size_t varint_size(uint64_t v)
{
	/* Nearly all lengths, so that the branch is worth it. */
	if (v < 0x80)
		return 1;
	/* (index of the highest bit) / 7 + 1, without the division. */
	return ((63 - (size_t)__builtin_clzll(v | 1)) * 9 + 73) / 64;
}

static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

static inline uint8_t *put_fixed64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static inline uint8_t *put_fixed32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

/* Tag, length and content of a field with `len` bytes of content. */
static inline size_t field_size(size_t len)
{
	return 1 + varint_size(len) + len;
}

static inline uint8_t *put_head(uint8_t *p, uint8_t tag, size_t len)
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

static inline size_t text_size(struct slice s, bool repair)
{
	return repair ? utf8_repaired_len(s) : s.len;
}

/* memcpy for short texts that also collects their high bits. */
static inline uint8_t *copy_text(uint8_t *p, struct slice s, uint64_t *high)
{
	uint64_t seen = 0, word;

	if (s.len >= sizeof(word)) {
		size_t last = s.len - sizeof(word);

		for (size_t i = 0; i < last; i += sizeof(word)) {
			memcpy(&word, s.ptr + i, sizeof(word));
			memcpy(p + i, &word, sizeof(word));
			seen |= word;
		}
		/* The last word overlaps the one before it. */
		memcpy(&word, s.ptr + last, sizeof(word));
		memcpy(p + last, &word, sizeof(word));
		seen |= word;
	} else {
		for (size_t i = 0; i < s.len; i++) {
			p[i] = s.ptr[i];
			seen |= s.ptr[i];
		}
	}
	*high |= seen;
	return p + s.len;
}

static inline uint8_t *put_text(uint8_t *p, uint8_t tag, struct slice s, struct pass *pass)
{
	if (pass->repair) {
		p = put_head(p, tag, utf8_repaired_len(s));
		return utf8_put(p, s);
	}
	p = put_head(p, tag, s.len);
	return copy_text(p, s, &pass->high);
}

/* A text field that is left out when empty. */
static inline size_t text_field_size(struct slice s, bool repair)
{
	return s.len ? field_size(text_size(s, repair)) : 0;
}

static inline uint8_t *put_text_field(uint8_t *p, uint8_t tag, struct slice s, struct pass *pass)
{
	return s.len ? put_text(p, tag, s, pass) : p;
}

/* A uint32 field that is left out when zero. */
static inline size_t count_size(uint32_t n)
{
	return n ? 1 + varint_size(n) : 0;
}

/* A fixed64 field that is left out when zero. */
static inline size_t time_size(uint64_t v)
{
	return v ? 9 : 0;
}

static inline uint8_t *put_time(uint8_t *p, uint8_t tag, uint64_t v)
{
	if (!v)
		return p;
	*p++ = tag;
	return put_fixed64(p, v);
}

static inline uint8_t *put_count(uint8_t *p, uint8_t tag, uint32_t n)
{
	return n ? put_head(p, tag, n) : p;
}

/* AnyValue: a oneof, so the member is written whatever its value. */
static inline size_t value_size(const struct attr *a, bool repair)
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

static inline uint8_t *put_value(uint8_t *p, const struct attr *a, struct pass *pass)
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
static inline size_t attr_size(const struct attr *a, bool repair)
{
	return text_field_size(a->key, repair) + field_size(value_size(a, repair));
}

static inline size_t attrs_size(const struct attr *attrs, size_t n, bool repair)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += field_size(attr_size(&attrs[i], repair));
	return size;
}

static uint8_t *put_attrs(uint8_t *p, uint8_t tag, const struct attr *attrs, size_t n,
			  struct pass *pass)
{
	for (size_t i = 0; i < n; i++) {
		const struct attr *a = &attrs[i];
		size_t value = value_size(a, pass->repair);

		p = put_head(p, tag, text_field_size(a->key, pass->repair) + field_size(value));
		p = put_text_field(p, BYTES(1), a->key, pass);
		p = put_head(p, BYTES(2), value);
		p = put_value(p, a, pass);
	}
	return p;
}

static size_t event_size(const struct span_event *e, bool repair)
{
	return time_size(e->time_unix_ns) + text_field_size(e->name, repair) +
	       attrs_size(e->attrs, e->n_attrs, repair) + count_size(e->dropped_attrs);
}

static uint8_t *put_event(uint8_t *p, const struct span_event *e, struct pass *pass)
{
	p = put_head(p, BYTES(11), event_size(e, pass->repair));
	p = put_time(p, FIXED64(1), e->time_unix_ns);
	p = put_text_field(p, BYTES(2), e->name, pass);
	p = put_attrs(p, BYTES(3), e->attrs, e->n_attrs, pass);
	return put_count(p, VARINT(4), e->dropped_attrs);
}

static inline uint8_t *put_id(uint8_t *p, uint8_t tag, const uint8_t *id, size_t len)
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

static uint8_t *put_link(uint8_t *p, const struct span_link *l, struct pass *pass)
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

static inline bool has_parent(const struct span *s)
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
static inline uint8_t *put_identity(uint8_t *p, const struct span *s, struct pass *pass)
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

uint8_t *wire_span_put(uint8_t *to, const struct span *s, bool repair, bool *ascii)
{
	struct pass pass = { .repair = repair };
	uint8_t *p = put_identity(to, s, &pass);

	p = put_attrs(p, BYTES(9), s->attrs, s->n_attrs, &pass);
	p = put_count(p, VARINT(10), s->dropped_attrs);
	for (size_t i = 0; i < s->n_events; i++)
		p = put_event(p, &s->events[i], &pass);
	p = put_count(p, VARINT(12), s->dropped_events);
	for (size_t i = 0; i < s->n_links; i++)
		p = put_link(p, &s->links[i], &pass);
	p = put_count(p, VARINT(14), s->dropped_links);
	if (s->flags) {
		p = put_varint(p, 16 << 3 | 5);
		p = put_fixed32(p, s->flags);
	}
	*ascii = !(pass.high & 0x8080808080808080u);
	return p;
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
