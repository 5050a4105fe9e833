#include "exporter/otlp_json.h"

#include <math.h>

#include "base/utf8.h"
#include "base/version.h"
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

static const char hex_digits[] = "0123456789abcdef";

static uint8_t *put_hex(uint8_t *p, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*p++ = (uint8_t)hex_digits[bytes[i] >> 4];
		*p++ = (uint8_t)hex_digits[bytes[i] & 15];
	}
	return p;
}

static uint8_t *put_escape(uint8_t *p, uint8_t c)
{
	static const char shorts[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};

	*p++ = '\\';
	if (c >= 0x20 || shorts[c]) {
		*p++ = c >= 0x20 ? c : (uint8_t)shorts[c];
		return p;
	}
	p = LIT(p, "u00");
	*p++ = (uint8_t)hex_digits[c >> 4];
	*p++ = (uint8_t)hex_digits[c & 15];
	return p;
}

/*
 * Has one of eight bytes its high bit set, or is a control character, a quote or
 * a backslash? Subtracting borrows through the high bit of just these bytes, and
 * of bytes above such a one.
 */
static inline bool any_special(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t hits =
		w | (w - 0x20 * ones) | ((w ^ '"' * ones) - ones) | ((w ^ '\\' * ones) - ones);

	return hits & (0x80 * ones);
}

/* Everything from the first special byte to the next ASCII one. */
static uint8_t *put_special(uint8_t *p, struct slice s, size_t *at)
{
	size_t from = *at;
	uint8_t c = s.ptr[from];

	if (c < 0x80) {
		++*at;
		if (c >= 0x20 && c != '"' && c != '\\')
			*p++ = c;
		else
			p = put_escape(p, c);
		return p;
	}
	while (*at < s.len && s.ptr[*at] >= 0x80)
		++*at;
	return utf8_put(p, (struct slice){ s.ptr + from, *at - from });
}

static uint8_t *put_string(uint8_t *p, struct slice s)
{
	size_t i = 0;
	uint64_t word;

	*p++ = '"';
	while (i < s.len) {
		if (s.len - i >= sizeof(word)) {
			memcpy(&word, s.ptr + i, sizeof(word));
			if (!any_special(word)) {
				memcpy(p, &word, sizeof(word));
				p += sizeof(word);
				i += sizeof(word);
				continue;
			}
		}
		p = put_special(p, s, &i);
	}
	*p++ = '"';
	return p;
}

/* The shortest of three precisions that reads back as the same number. */
static uint8_t *put_double(uint8_t *p, double d)
{
	char text[32];
	int n = 0;

	if (isnan(d))
		return LIT(p, "\"NaN\"");
	if (isinf(d))
		return d > 0 ? LIT(p, "\"Infinity\"") : LIT(p, "\"-Infinity\"");
	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(text, sizeof(text), "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	p = put_bytes(p, text, (size_t)n);
	/* Some readers take -0 for an integer, which has no sign. */
	return strpbrk(text, ".e") ? p : LIT(p, ".0");
}

static uint8_t *put_value(uint8_t *p, const struct attr *a)
{
	switch (a->type) {
	case ATTR_STRING:
		p = LIT(p, "{\"stringValue\":");
		p = put_string(p, a->str);
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
		p = put_double(p, a->d);
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
		p = put_string(p, attrs[i].key);
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
	p = put_string(p, e->name);
	p = put_attrs(p, e->attrs, e->n_attrs);
	p = COUNT(p, "droppedAttributesCount", e->dropped_attrs);
	*p++ = '}';
	return p;
}

static uint8_t *put_link(uint8_t *p, const struct span_link *l)
{
	p = LIT(p, "{\"traceId\":\"");
	p = put_hex(p, l->trace_id, TRACE_ID_BYTES);
	p = LIT(p, "\",\"spanId\":\"");
	p = put_hex(p, l->span_id, SPAN_ID_BYTES);
	*p++ = '"';
	p = put_attrs(p, l->attrs, l->n_attrs);
	p = COUNT(p, "flags", l->flags);
	*p++ = '}';
	return p;
}

static uint8_t *put_identity(uint8_t *p, const struct span *s)
{
	static const uint8_t none[SPAN_ID_BYTES];

	p = LIT(p, "{\"traceId\":\"");
	p = put_hex(p, s->trace_id, TRACE_ID_BYTES);
	p = LIT(p, "\",\"spanId\":\"");
	p = put_hex(p, s->span_id, SPAN_ID_BYTES);
	if (memcmp(s->parent_id, none, SPAN_ID_BYTES) != 0) {
		p = LIT(p, "\",\"parentSpanId\":\"");
		p = put_hex(p, s->parent_id, SPAN_ID_BYTES);
	}
	p = LIT(p, "\",\"name\":");
	p = put_string(p, s->name);
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
