#include "exporter/otlp_split.h"

#include "base/cursor.h"
#include "exporter/otlp_wire.h"

/* What is taken of one ScopeSpans; both hold whole fields, tags included. */
struct part {
	struct slice head;  /* the scope */
	struct slice spans; /* neighbours in the message, so one range */
};

struct parts {
	struct slice resource; /* the whole field */
	struct part scope[N_SCOPES];
	size_t n_scopes;
	size_t at;	/* number of the next span of the message */
	size_t n_taken; /* spans */
};

/* The next field, all of which are length-delimited here. */
static bool next_field(struct cursor *c, uint8_t *tag, struct slice *whole, struct slice *content)
{
	size_t start = c->pos;
	uint64_t len;

	if (!cursor_u8(c, tag) || !cursor_uvarint(c, &len) || !cursor_bytes(c, len, content))
		return false;
	*whole = (struct slice){ c->in.ptr + start, c->pos - start };
	return true;
}

/* Neighbours grow into one range. */
static void extend(struct slice *range, struct slice more)
{
	if (!range->len)
		range->ptr = more.ptr;
	range->len += more.len;
}

static bool take_scope(struct parts *p, struct slice scope, size_t first, size_t n)
{
	struct part part = { 0 };
	struct slice whole, content;
	struct cursor c;
	uint8_t tag;

	cursor_init(&c, scope);
	while (!cursor_at_end(&c)) {
		if (!next_field(&c, &tag, &whole, &content))
			return false;
		if (tag == WIRE_BYTES(1)) {
			part.head = whole;
		} else if (tag == WIRE_BYTES(2)) {
			if (p->at >= first && p->at - first < n) {
				extend(&part.spans, whole);
				p->n_taken++;
			}
			p->at++;
		} else {
			return false;
		}
	}
	if (part.spans.len) {
		if (p->n_scopes == N_SCOPES)
			return false;
		p->scope[p->n_scopes++] = part;
	}
	return true;
}

static bool take(struct parts *p, struct slice message, size_t first, size_t n)
{
	struct slice whole, content;
	struct cursor c;
	uint8_t tag;

	cursor_init(&c, message);
	if (!next_field(&c, &tag, &whole, &content) || tag != WIRE_BYTES(1) || !cursor_at_end(&c))
		return false;
	cursor_init(&c, content);
	while (!cursor_at_end(&c)) {
		if (!next_field(&c, &tag, &whole, &content))
			return false;
		if (tag == WIRE_BYTES(1))
			p->resource = whole;
		else if (tag != WIRE_BYTES(2) || !take_scope(p, content, first, n))
			return false;
	}
	return p->n_taken == n;
}

static void put_field_head(struct buf *out, uint8_t tag, size_t len)
{
	buf_u8(out, tag);
	buf_uvarint(out, len);
}

enum status otlp_split(struct slice message, size_t first, size_t n, struct buf *out,
		       struct err *err)
{
	struct parts p = { 0 };
	enum status st;
	size_t size;

	buf_clear(out);
	if (!take(&p, message, first, n))
		return err_set(err, ST_FORMAT, ERR_NO_OFFSET,
			       "cannot take spans %zu to %zu out of a batch", first, first + n);
	size = p.resource.len;
	for (size_t i = 0; i < p.n_scopes; i++) {
		size_t scope = p.scope[i].head.len + p.scope[i].spans.len;

		size += wire_head_size(scope) + scope;
	}
	put_field_head(out, WIRE_BYTES(1), size);
	buf_slice(out, p.resource);
	for (size_t i = 0; i < p.n_scopes; i++) {
		put_field_head(out, WIRE_BYTES(2), p.scope[i].head.len + p.scope[i].spans.len);
		buf_slice(out, p.scope[i].head);
		buf_slice(out, p.scope[i].spans);
	}
	st = buf_status(out, "part of a batch", err);
	if (st)
		buf_clear(out);
	return st;
}
