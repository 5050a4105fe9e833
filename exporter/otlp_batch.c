#include "exporter/otlp_batch.h"

#include <assert.h>

#include "exporter/otlp_json.h"
#include "exporter/otlp_wire.h"

/*
 * Room for the largest span. JSON reserves six bytes for one of a text and up to
 * 86 for one of an empty event; nobody allocates this much without such a span.
 */
#define SPAN_ROOM (88 * MAX_SPAN_BYTES)

/* Tag and length of a span that is bytes already, and what writing them may touch. */
#define PACKED_HEAD_ROOM 16u

/* Between the parts of the JSON form; the protobuf form has lengths instead. */
#define JSON_HEAD "{\"resourceSpans\":[{\"resource\":"
#define JSON_SCOPES ",\"scopeSpans\":["
#define JSON_SCOPE "{\"scope\":"
#define JSON_SPANS ",\"spans\":["
#define JSON_TAIL "]}]}"

/* At most this much stands around one scope's spans, in both forms. */
#define SCOPE_ROOM (sizeof(JSON_SCOPE JSON_SPANS) + JSON_SCOPE_BOUND + 8)
/* ... and around the resource and the scopes. */
#define MESSAGE_ROOM (sizeof(JSON_HEAD JSON_SCOPES JSON_TAIL) + 32)

void otlp_batch_init(struct otlp_batch *b, enum otlp_format format, size_t max_bytes,
		     size_t max_spans)
{
	assert(max_bytes >= MIN_BATCH_BYTES && max_bytes <= MAX_BATCH_BYTES && max_spans);
	*b = (struct otlp_batch){
		.format = format,
		.max_bytes = max_bytes,
		.max_spans = max_spans,
	};
	buf_init(&b->resource, 8 * MAX_RESOURCE_BYTES);
	for (size_t i = 0; i < N_SCOPES; i++)
		buf_init(&b->body[i], max_bytes + 8 * MAX_RESOURCE_BYTES + SPAN_ROOM);
}

void otlp_batch_release(struct otlp_batch *b)
{
	buf_release(&b->resource);
	for (size_t i = 0; i < N_SCOPES; i++)
		buf_release(&b->body[i]);
	b->gap = 0;
	otlp_batch_clear(b);
}

void otlp_batch_clear(struct otlp_batch *b)
{
	for (size_t i = 0; i < N_SCOPES; i++) {
		buf_clear(&b->body[i]);
		b->body[i].len = b->gap;
	}
	b->n_spans = 0;
	b->finished = false;
}

static void encode_resource(struct otlp_batch *b, const struct resource *r)
{
	size_t n = wire_resource_fit(r, MAX_RESOURCE_BYTES);
	size_t room = b->format == OTLP_JSON ? json_resource_bound(r, n)
					     : wire_resource_size(r, n) + WIRE_SLACK;
	uint8_t *end;

	buf_clear(&b->resource);
	if (!buf_reserve(&b->resource, room))
		return;
	if (b->format == OTLP_JSON)
		end = json_resource_put(b->resource.ptr, r, n);
	else
		end = wire_resource_put(b->resource.ptr, r, n);
	b->resource.len = (size_t)(end - b->resource.ptr);
}

enum status otlp_batch_resource(struct otlp_batch *b, const struct resource *r, struct err *err)
{
	assert(!b->n_spans && !b->finished);
	b->gap = 0;
	encode_resource(b, r);
	if (b->resource.failed)
		return buf_status(&b->resource, "the resource", err);
	b->fixed_bytes = MESSAGE_ROOM + b->resource.len + N_SCOPES * SCOPE_ROOM;
	for (size_t i = 0; i < N_SCOPES; i++) {
		buf_clear(&b->body[i]);
		if (!buf_reserve(&b->body[i], b->fixed_bytes))
			return buf_status(&b->body[i], "a batch", err);
	}
	b->gap = b->fixed_bytes;
	otlp_batch_clear(b);
	return ST_OK;
}

/* Encode one span as a `spans` entry; `room` is what that takes at most. */
static void add_wire(struct buf *body, const struct span *span, size_t room)
{
	bool ascii;
	struct span fit;
	uint8_t *end;

	if (!buf_reserve(body, room))
		return;
	end = wire_span_put(body->ptr + body->len, WIRE_BYTES(2), span, &ascii);
	if (!ascii && !wire_span_clean(span)) {
		/* Rare: something to repair, which makes the span longer. */
		if (wire_span_size(span, true) > MAX_SPAN_BYTES) {
			fit = *span;
			wire_span_trim(&fit, MAX_SPAN_BYTES);
			span = &fit;
		}
		if (!buf_reserve(body, 3 * room))
			return;
		end = wire_span_put_repaired(body->ptr + body->len, WIRE_BYTES(2), span);
	}
	body->len = (size_t)(end - body->ptr);
}

static void add_json(struct buf *body, const struct span *span, size_t size, bool first)
{
	uint8_t *p;

	if (!buf_reserve(body, json_span_bound(span, size) + 1))
		return;
	p = body->ptr + body->len;
	if (!first)
		*p++ = ',';
	p = json_span_put(p, span);
	body->len = (size_t)(p - body->ptr);
}

/* What the message would have now, or a little more. */
static size_t total_bytes(const struct otlp_batch *b)
{
	size_t total = b->fixed_bytes;

	for (size_t i = 0; i < N_SCOPES; i++)
		total += b->body[i].len - b->gap;
	return total;
}

static bool any_bit(const uint8_t *id, size_t len)
{
	static const uint8_t zeros[TRACE_ID_BYTES];

	return memcmp(id, zeros, len) != 0;
}

/* Is what was appended to the body from `start` on in the batch, or has it to go again? */
static enum status added(struct otlp_batch *b, struct buf *body, size_t start, struct err *err)
{
	if (body->failed) {
		enum status st = buf_status(body, "a batch of spans", err);

		body->len = start;
		body->failed = ST_OK;
		return st;
	}
	if (b->n_spans && total_bytes(b) > b->max_bytes) {
		body->len = start;
		return ST_END;
	}
	b->n_spans++;
	return ST_OK;
}

enum status otlp_batch_add(struct otlp_batch *b, const struct span *span, struct err *err)
{
	struct buf *body = &b->body[span->scope];
	size_t start = body->len;
	size_t room = wire_span_room(span);
	struct span fit;

	assert(b->gap && !b->finished && span->scope < N_SCOPES);
	/* One bad id makes some backends refuse the whole batch. */
	assert(any_bit(span->trace_id, TRACE_ID_BYTES) && any_bit(span->span_id, SPAN_ID_BYTES));
	if (b->n_spans == b->max_spans)
		return ST_END;
	/* Nearly all are far below: no need to know it exactly. */
	if (room > MAX_SPAN_BYTES && wire_span_size(span, false) > MAX_SPAN_BYTES) {
		fit = *span;
		wire_span_trim(&fit, MAX_SPAN_BYTES);
		span = &fit;
		room = wire_span_room(span);
	}
	if (b->format == OTLP_JSON)
		add_json(body, span, wire_span_size(span, false), start == b->gap);
	else
		add_wire(body, span, room);
	return added(b, body, start, err);
}

enum status otlp_batch_add_packed(struct otlp_batch *b, const struct packed_span *span,
				  struct err *err)
{
	struct buf *body = &b->body[span->scope];
	size_t start = body->len;
	uint8_t *p;

	assert(b->gap && !b->finished && b->format == OTLP_PROTO && span->bytes.len);
	if (b->n_spans == b->max_spans)
		return ST_END;
	if (buf_reserve(body, span->bytes.len + PACKED_HEAD_ROOM)) {
		p = wire_head_put(body->ptr + start, WIRE_BYTES(2), span->bytes.len);
		memcpy(p, span->bytes.ptr, span->bytes.len);
		body->len = (size_t)(p + span->bytes.len - body->ptr);
	}
	return added(b, body, start, err);
}

/* The length of a ScopeSpans message: its scope, then spans that are there already. */
static size_t scope_size(const struct otlp_batch *b, size_t scope)
{
	size_t name = wire_scope_size((enum span_scope)scope);

	return wire_head_size(name) + name + b->body[scope].len - b->gap;
}

static uint8_t *put_scope_head(const struct otlp_batch *b, uint8_t *p, size_t scope)
{
	size_t name = wire_scope_size((enum span_scope)scope);

	if (b->format == OTLP_JSON) {
		memcpy(p, JSON_SCOPE, sizeof(JSON_SCOPE) - 1);
		p = json_scope_put(p + sizeof(JSON_SCOPE) - 1, (enum span_scope)scope);
		memcpy(p, JSON_SPANS, sizeof(JSON_SPANS) - 1);
		return p + sizeof(JSON_SPANS) - 1;
	}
	p = wire_head_put(p, WIRE_BYTES(2), scope_size(b, scope));
	p = wire_head_put(p, WIRE_BYTES(1), name);
	return wire_scope_put(p, (enum span_scope)scope);
}

static size_t resource_spans_size(const struct otlp_batch *b)
{
	size_t size = wire_head_size(b->resource.len) + b->resource.len;

	for (size_t i = 0; i < N_SCOPES; i++) {
		size_t scope = scope_size(b, i);

		if (b->body[i].len > b->gap)
			size += wire_head_size(scope) + scope;
	}
	return size;
}

static uint8_t *put_message_head(const struct otlp_batch *b, uint8_t *p)
{
	if (b->format == OTLP_JSON) {
		memcpy(p, JSON_HEAD, sizeof(JSON_HEAD) - 1);
		p += sizeof(JSON_HEAD) - 1;
	} else {
		p = wire_head_put(p, WIRE_BYTES(1), resource_spans_size(b));
		p = wire_head_put(p, WIRE_BYTES(1), b->resource.len);
	}
	if (b->resource.len)
		memcpy(p, b->resource.ptr, b->resource.len);
	p += b->resource.len;
	if (b->format == OTLP_JSON) {
		memcpy(p, JSON_SCOPES, sizeof(JSON_SCOPES) - 1);
		p += sizeof(JSON_SCOPES) - 1;
	}
	return p;
}

/* What stands behind the spans of a scope, and behind the last scope. */
static void close_scope(struct otlp_batch *b, size_t scope, bool last)
{
	if (b->format != OTLP_JSON)
		return;
	buf_str(&b->body[scope], "]}");
	if (last)
		buf_str(&b->body[scope], JSON_TAIL);
}

/* A scope with its head, which goes into the gap before the spans, right-aligned. */
static struct slice headed(struct otlp_batch *b, size_t scope, const uint8_t *head, size_t len)
{
	struct buf *body = &b->body[scope];

	assert(len <= b->gap);
	memcpy(body->ptr + b->gap - len, head, len);
	return (struct slice){ body->ptr + b->gap - len, body->len - b->gap + len };
}

/* The scopes that have spans: the largest, then the others as they come. */
static size_t list_scopes(const struct otlp_batch *b, size_t list[static N_SCOPES])
{
	size_t largest = 0, n = 0;

	for (size_t i = 1; i < N_SCOPES; i++)
		if (b->body[i].len > b->body[largest].len)
			largest = i;
	if (b->n_spans)
		list[n++] = largest;
	for (size_t i = 0; i < N_SCOPES; i++)
		if (i != largest && b->body[i].len > b->gap)
			list[n++] = i;
	return n;
}

enum status otlp_batch_parts(struct otlp_batch *b, struct otlp_parts *out, struct err *err)
{
	size_t scopes[N_SCOPES], n = list_scopes(b, scopes);
	enum status st = ST_OK;
	struct buf head;

	assert(!b->finished);
	*out = (struct otlp_parts){ .n = 0 };
	b->finished = true;
	buf_init(&head, b->gap);
	if (n && !buf_reserve(&head, b->gap))
		return buf_status(&head, "a batch header", err);
	for (size_t i = 0; !st && i < n; i++) {
		uint8_t *end = i ? head.ptr : put_message_head(b, head.ptr);

		if (i && b->format == OTLP_JSON)
			*end++ = ',';
		end = put_scope_head(b, end, scopes[i]);
		close_scope(b, scopes[i], i + 1 == n);
		st = buf_status(&b->body[scopes[i]], "a finished batch", err);
		if (!st)
			out->list[out->n++] =
				headed(b, scopes[i], head.ptr, (size_t)(end - head.ptr));
	}
	buf_release(&head);
	return st;
}

/* The largest body becomes the message, so that only the smaller ones are copied. */
enum status otlp_batch_finish(struct otlp_batch *b, struct slice *out, struct err *err)
{
	struct otlp_parts parts;
	enum status st = otlp_batch_parts(b, &parts, err);
	struct buf *whole = b->body; /* of the first part */
	size_t before;

	*out = (struct slice){ 0 };
	if (st || !parts.n)
		return st;
	for (size_t i = 0; i < N_SCOPES; i++)
		if (parts.list[0].ptr + parts.list[0].len == b->body[i].ptr + b->body[i].len)
			whole = &b->body[i];
	before = whole->len - parts.list[0].len;
	for (size_t i = 1; i < parts.n; i++)
		buf_slice(whole, parts.list[i]);
	*out = (struct slice){ whole->ptr + before, whole->len - before };
	return buf_status(whole, "a finished batch", err);
}
