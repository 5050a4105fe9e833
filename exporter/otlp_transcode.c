#include "exporter/otlp_transcode.h"

#include <endian.h>

#include "base/cursor.h"
#include "exporter/json_text.h"
#include "trace_service.pb-c.h"

#define REQUEST                                                                                    \
	(&opentelemetry__proto__collector__trace__v1__export_trace_service_request__descriptor)

/* Attribute values nest; everything else needs seven levels. */
#define MAX_DEPTH 32

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* One field as it stands in the bytes. */
struct field {
	const ProtobufCFieldDescriptor *is; /* NULL: unknown */
	uint64_t number;		    /* VARINT and both FIXED */
	struct slice bytes;		    /* BYTES */
};

static bool put_message(struct buf *out, const ProtobufCMessageDescriptor *type, struct slice bytes,
			unsigned int depth);

static bool read_fixed(struct cursor *c, size_t size, uint64_t *out)
{
	struct slice s;
	uint64_t v = 0;

	if (!cursor_bytes(c, size, &s))
		return false;
	memcpy(&v, s.ptr, size);
	*out = le64toh(v);
	return true;
}

static bool read_field(struct cursor *c, const ProtobufCMessageDescriptor *type, uint64_t *tag,
		       struct field *f)
{
	uint64_t len;

	*f = (struct field){ 0 };
	if (!cursor_uvarint(c, tag) || *tag >> 3 == 0 || *tag >> 3 > UINT32_MAX)
		return false;
	f->is = protobuf_c_message_descriptor_get_field(type, (unsigned int)(*tag >> 3));
	switch (*tag & 7) {
	case WIRE_VARINT:
		return cursor_uvarint(c, &f->number);
	case WIRE_FIXED64:
		return read_fixed(c, 8, &f->number);
	case WIRE_FIXED32:
		return read_fixed(c, 4, &f->number);
	case WIRE_BYTES:
		return cursor_uvarint(c, &len) && cursor_bytes(c, len, &f->bytes);
	default:
		return false;
	}
}

static unsigned int wire_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return WIRE_FIXED64;
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return WIRE_FIXED32;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WIRE_BYTES;
	default:
		return WIRE_VARINT;
	}
}

/* trace_id is "traceId". */
static void put_name(struct buf *out, const char *name)
{
	size_t len = strlen(name);
	uint8_t *p;

	if (!buf_reserve(out, len + 3))
		return;
	p = out->ptr + out->len;
	*p++ = '"';
	for (; *name; name++) {
		if (*name == '_' && name[1])
			*p++ = (uint8_t)(*++name & ~0x20);
		else
			*p++ = (uint8_t)*name;
	}
	*p++ = '"';
	*p++ = ':';
	out->len = (size_t)(p - out->ptr);
}

static bool is_id(const char *name)
{
	return !strcmp(name, "trace_id") || !strcmp(name, "span_id") ||
	       !strcmp(name, "parent_span_id");
}

static void put_bytes(struct buf *out, const struct field *f)
{
	size_t room = 2 * f->bytes.len + 8;
	uint8_t *p;

	if (!buf_reserve(out, room))
		return;
	p = out->ptr + out->len;
	*p++ = '"';
	p = is_id(f->is->name) ? json_put_hex(p, f->bytes) : json_put_base64(p, f->bytes);
	*p++ = '"';
	out->len = (size_t)(p - out->ptr);
}

static void put_text(struct buf *out, struct slice text)
{
	if (buf_reserve(out, JSON_STRING_BOUND(text.len)))
		out->len = (size_t)(json_put_string(out->ptr + out->len, text) - out->ptr);
}

static void put_double(struct buf *out, uint64_t bits)
{
	double d;

	memcpy(&d, &bits, sizeof(d));
	if (buf_reserve(out, JSON_DOUBLE_BOUND))
		out->len = (size_t)(json_put_double(out->ptr + out->len, d) - out->ptr);
}

/* 64-bit integers are texts, since readers of JSON may have only doubles. */
static bool put_number(struct buf *out, const struct field *f)
{
	switch (f->is->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		buf_u8(out, '"');
		buf_i64(out, (int64_t)f->number);
		buf_u8(out, '"');
		return true;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		buf_u8(out, '"');
		buf_u64(out, f->number);
		buf_u8(out, '"');
		return true;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_ENUM:
		buf_i64(out, (int32_t)f->number);
		return true;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		buf_u64(out, (uint32_t)f->number);
		return true;
	case PROTOBUF_C_TYPE_BOOL:
		buf_str(out, f->number ? "true" : "false");
		return true;
	case PROTOBUF_C_TYPE_DOUBLE:
		put_double(out, f->number);
		return true;
	default: /* OTLP has no other for traces */
		return false;
	}
}

static bool put_value(struct buf *out, const struct field *f, unsigned int depth)
{
	switch (f->is->type) {
	case PROTOBUF_C_TYPE_STRING:
		put_text(out, f->bytes);
		return true;
	case PROTOBUF_C_TYPE_BYTES:
		put_bytes(out, f);
		return true;
	case PROTOBUF_C_TYPE_MESSAGE:
		return put_message(out, f->is->descriptor, f->bytes, depth + 1);
	default:
		return put_number(out, f);
	}
}

/*
 * One field of an object. *list is the repeated field that is still open, or NULL;
 * `seen` has the numbers that were there: a list in two parts, or a value twice, would
 * be a member twice.
 */
static bool put_field(struct buf *out, const struct field *f, uint64_t *seen,
		      const ProtobufCFieldDescriptor **list, unsigned int depth)
{
	uint64_t bit = (uint64_t)1 << (f->is->id & 63);

	if (*list == f->is) {
		buf_u8(out, ',');
		return put_value(out, f, depth);
	}
	if (*list)
		buf_u8(out, ']');
	if (*seen & bit)
		return false;
	if (*seen)
		buf_u8(out, ',');
	*seen |= bit;
	*list = f->is->label == PROTOBUF_C_LABEL_REPEATED ? f->is : NULL;
	put_name(out, f->is->name);
	if (*list)
		buf_u8(out, '[');
	return put_value(out, f, depth);
}

static bool put_message(struct buf *out, const ProtobufCMessageDescriptor *type, struct slice bytes,
			unsigned int depth)
{
	const ProtobufCFieldDescriptor *list = NULL;
	uint64_t seen = 0, tag;
	struct cursor c;
	struct field f;

	if (depth > MAX_DEPTH)
		return false;
	cursor_init(&c, bytes);
	buf_u8(out, '{');
	while (!cursor_at_end(&c)) {
		if (!read_field(&c, type, &tag, &f))
			return false;
		if (f.is &&
		    ((tag & 7) != wire_of(f.is->type) || !put_field(out, &f, &seen, &list, depth)))
			return false;
	}
	buf_str(out, list ? "]}" : "}");
	return true;
}

enum status otlp_transcode(struct slice batch, struct buf *out, struct err *err)
{
	size_t before = out->len;
	enum status st = ST_OK;

	if (!put_message(out, REQUEST, batch, 0))
		st = err_set(err, ST_FORMAT, ERR_NO_OFFSET,
			     "a batch is no ExportTraceServiceRequest");
	if (!st)
		st = buf_status(out, "a batch as JSON", err);
	if (st)
		out->len = before;
	return st;
}
