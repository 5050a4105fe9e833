#include "exporter/otlp_json.h"

#include "base/version.h"
#include "exporter/json_text.h"
#include "exporter/otlp_wire.h"

/* Append a literal; the compiler turns the copy into stores. */
#define LIT(p, text) put_bytes((p), "" text, sizeof(text) - 1)

static inline uint8_t *put_bytes(uint8_t *p, const char *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

static inline uint8_t *put_u64(uint8_t *p, uint64_t v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	char digits[20];
	size_t i = sizeof(digits);

	for (; v >= 100; v /= 100)
		memcpy(digits + (i -= 2), pairs + 2 * (v % 100), 2);
	memcpy(digits + (i -= 2), pairs + 2 * v, 2);
	if (v < 10)
		i++;
	return put_bytes(p, digits + i, sizeof(digits) - i);
}

static inline uint8_t *put_i64(uint8_t *p, int64_t v)
{
	if (v >= 0)
		return put_u64(p, (uint64_t)v);
	*p++ = '-';
	return put_u64(p, 0 - (uint64_t)v);
}

static uint8_t *put_value(uint8_t *p, const struct attr *a)
{
	switch (a->type) {
	case ATTR_STRING:
		p = LIT(p, "{\"stringValue\":");
		p = json_put_string(p, a->str);
		break;
	case ATTR_BOOL:
		p = LIT(p, "{\"boolValue\":");
		p = a->b ? LIT(p, "true") : LIT(p, "false");
		break;
	case ATTR_INT:
		p = LIT(p, "{\"intValue\":\"");
		p = put_i64(p, a->i);
		*p++ = '"';
		break;
	case ATTR_DOUBLE:
		p = LIT(p, "{\"doubleValue\":");
		p = json_put_double(p, a->d);
		break;
	}
	*p++ = '}';
	return p;
}

static uint8_t *put_list(uint8_t *p, const struct attr *attrs, size_t n)
{
	p = LIT(p, "\"attributes\":[");
	for (size_t i = 0; i < n; i++) {
		p = i ? LIT(p, ",{\"key\":") : LIT(p, "{\"key\":");
		p = json_put_string(p, attrs[i].key);
		p = LIT(p, ",\"value\":");
		p = put_value(p, &attrs[i]);
		*p++ = '}';
	}
	*p++ = ']';
	return p;
}

/* The member of an object that has one already; nothing if there are none. */
static uint8_t *put_attrs(uint8_t *p, const struct attr *attrs, size_t n)
{
	return n ? put_list(LIT(p, ","), attrs, n) : p;
}

#define COUNT(p, name, n) ((n) ? put_u64(LIT((p), ",\"" name "\":"), (n)) : (p))

static uint8_t *put_event(uint8_t *p, const struct span_event *e)
{
	p = LIT(p, "{\"timeUnixNano\":\"");
	p = put_u64(p, e->time_unix_ns);
	p = LIT(p, "\",\"name\":");
	p = json_put_string(p, e->name);
	p = put_attrs(p, e->attrs, e->n_attrs);
	p = COUNT(p, "droppedAttributesCount", e->dropped_attrs);
	*p++ = '}';
	return p;
}

static uint8_t *put_link(uint8_t *p, const struct span_link *l)
{
	p = LIT(p, "{\"traceId\":\"");
	p = json_put_hex(p, (struct slice){ l->trace_id, TRACE_ID_BYTES });
	p = LIT(p, "\",\"spanId\":\"");
	p = json_put_hex(p, (struct slice){ l->span_id, SPAN_ID_BYTES });
	*p++ = '"';
	p = put_attrs(p, l->attrs, l->n_attrs);
	p = COUNT(p, "droppedAttributesCount", l->dropped_attrs);
	p = COUNT(p, "flags", l->flags);
	*p++ = '}';
	return p;
}

static uint8_t *put_identity(uint8_t *p, const struct span *s)
{
	static const uint8_t none[SPAN_ID_BYTES];

	p = LIT(p, "{\"traceId\":\"");
	p = json_put_hex(p, (struct slice){ s->trace_id, TRACE_ID_BYTES });
	p = LIT(p, "\",\"spanId\":\"");
	p = json_put_hex(p, (struct slice){ s->span_id, SPAN_ID_BYTES });
	if (memcmp(s->parent_id, none, SPAN_ID_BYTES) != 0) {
		p = LIT(p, "\",\"parentSpanId\":\"");
		p = json_put_hex(p, (struct slice){ s->parent_id, SPAN_ID_BYTES });
	}
	p = LIT(p, "\",\"name\":");
	p = json_put_string(p, s->name);
	p = LIT(p, ",\"kind\":1,\"startTimeUnixNano\":\"");
	p = put_u64(p, s->start_unix_ns);
	p = LIT(p, "\",\"endTimeUnixNano\":\"");
	p = put_u64(p, s->end_unix_ns);
	*p++ = '"';
	return p;
}

uint8_t *json_span_put(uint8_t *to, const struct span *s)
{
	uint8_t *p = put_identity(to, s);

	p = put_attrs(p, s->attrs, s->n_attrs);
	p = COUNT(p, "droppedAttributesCount", s->dropped_attrs);
	for (size_t i = 0; i < s->n_events; i++) {
		p = i ? LIT(p, ",") : LIT(p, ",\"events\":[");
		p = put_event(p, &s->events[i]);
	}
	if (s->n_events)
		*p++ = ']';
	p = COUNT(p, "droppedEventsCount", s->dropped_events);
	for (size_t i = 0; i < s->n_links; i++) {
		p = i ? LIT(p, ",") : LIT(p, ",\"links\":[");
		p = put_link(p, &s->links[i]);
	}
	if (s->n_links)
		*p++ = ']';
	p = COUNT(p, "droppedLinksCount", s->dropped_links);
	p = COUNT(p, "flags", s->flags);
	*p++ = '}';
	return p;
}

/*
 * A text byte becomes at most six (\u0001), and the protobuf size holds every
 * text byte once. On top come the fixed words and digits: under 100 bytes per
 * attribute, 160 per event, 160 per link and 400 per span.
 */
size_t json_span_bound(const struct span *s, size_t wire_bytes)
{
	size_t attrs = s->n_attrs;

	for (size_t i = 0; i < s->n_events; i++)
		attrs += s->events[i].n_attrs;
	for (size_t i = 0; i < s->n_links; i++)
		attrs += s->links[i].n_attrs;
	return 6 * wire_bytes + 100 * attrs + 160 * (s->n_events + s->n_links) + 400;
}

size_t json_resource_bound(const struct resource *r, size_t n)
{
	return 6 * wire_resource_size(r, n) + 100 * n + 100;
}

uint8_t *json_resource_put(uint8_t *to, const struct resource *r, size_t n)
{
	uint8_t *p = put_list(LIT(to, "{"), r->attrs, n);

	p = COUNT(p, "droppedAttributesCount", r->n_attrs - n);
	*p++ = '}';
	return p;
}

uint8_t *json_scope_put(uint8_t *to, enum span_scope scope)
{
	uint8_t *p = LIT(to, "{\"name\":\"");
	const char *name = scope_name(scope);

	p = put_bytes(p, name, strlen(name));
	return LIT(p, "\",\"version\":\"" FLIGHTSPAN_VERSION "\"}");
}
