/*
 * From a node whose ids are final to the bytes of OTLP's Span message, at once: what
 * spans.c and the encoder make of it together, in the order of protobuf's fields.
 */
#include "mapping/describe.h"

/* Everything in a span of numbers alone: two families of sums by reason with long keys, too. */
#define SPAN_ROOM (MAX_SPAN_ATTRS * (PACKED_ATTR_ROOM + 64u))
#define EVENT_ROOM (MAX_EVENT_ATTRS * PACKED_ATTR_ROOM + 64u)

HOT size_t wait_texts(const struct mapper *m, const struct short_wait *w, const struct wait *whole)
{
	const struct reason *reason = reason_of(m, w->reason);

	return reason->word.len + reason->name.len + pooled_slice(w->stack).len +
	       pooled_slice(w->waker_stack).len + (whole ? pooled_slice(whole->waker_name).len : 0);
}

/* What the message takes at most, by the lengths of its texts. */
HOT size_t room_of(const struct mapper *m, const struct node *n)
{
	size_t room = SPAN_ROOM + pooled_slice(n->name).len + n->n_events * EVENT_ROOM;

	if (n->wait) {
		const struct short_wait w = short_wait(n->wait);

		room += MAX_EXPLANATION + wait_texts(m, &w, n->wait);
	}
	for (size_t i = 0; i < n->n_events; i++) {
		const struct pending *p = &n->events[i];

		room += p->message ? p->message->len + pooled_slice(p->category).len
				   : wait_texts(m, &p->wait, p->wait.told);
	}
	return room;
}

HOT uint8_t *put_name(struct attrs *a, uint8_t *p, uint8_t tag, struct slice name, bool valid)
{
	if (!name.len)
		return p;
	return pack_text(a, put_head(p, tag, name.len), name, valid);
}

/* Fields 1 to 8. */
HOT uint8_t *put_identity(struct attrs *a, uint8_t *p, struct mapper *m, const struct node *n)
{
	uint64_t parent;

	memcpy(&parent, n->parent_id, sizeof(parent));
	p = put_id(p, WIRE_BYTES(1), trace_id_of(n), TRACE_ID_BYTES);
	p = put_id(p, WIRE_BYTES(2), n->span_id, SPAN_ID_BYTES);
	if (parent)
		p = put_id(p, WIRE_BYTES(4), n->parent_id, SPAN_ID_BYTES);
	p = put_name(a, p, WIRE_BYTES(5), name_of(m, n), n->name && n->name->valid);
	*p++ = WIRE_VARINT(6);
	*p++ = 1; /* SPAN_KIND_INTERNAL */
	p = put_time(p, WIRE_FIXED64(7), wall_time(n, n->start));
	return put_time(p, WIRE_FIXED64(8), wall_time(n, n->end));
}

HOT bool put_event(uint8_t **to, const struct mapper *m, const struct node *n,
		   const struct pending *event, uint64_t time, size_t *most_attrs)
{
	/* A wait has a stack, a log a short message. */
	size_t expected = event->message ? 1 : 2;
	uint8_t *p = put_time(*to + 1 + expected, WIRE_FIXED64(1), time);
	struct attrs a = { .packed = true,
			   .tag = WIRE_BYTES(3),
			   .text_max = m->opt.attribute_length };

	a.to = put_name(&a, p, WIRE_BYTES(2), event_name_of(m, event),
			event->message && event->category && event->category->valid);
	describe_event(&a, m, n, event, m->hex[0]);
	*to = put_head_later(*to, WIRE_BYTES(11), expected, a.to);
	if (a.n > *most_attrs)
		*most_attrs = a.n;
	return !a.damaged;
}

/* false: they did not come in the order of their times, or have a text that is not UTF-8. */
HOT bool put_events(uint8_t **to, const struct mapper *m, const struct node *n, size_t *most_attrs)
{
	uint64_t before = 0;

	for (size_t i = 0; i < n->n_events; i++) {
		uint64_t time = wall_time(n, n->events[i].time);

		if (UNLIKELY(time < before) ||
		    !put_event(to, m, n, &n->events[i], time, most_attrs))
			return false;
		before = time;
	}
	return true;
}

HOT uint8_t *put_link(uint8_t *p, const struct span_link *l)
{
	p = put_head(p, WIRE_BYTES(13), 2 + TRACE_ID_BYTES + 2 + SPAN_ID_BYTES + 5);
	p = put_id(p, WIRE_BYTES(1), l->trace_id, TRACE_ID_BYTES);
	p = put_id(p, WIRE_BYTES(2), l->span_id, SPAN_ID_BYTES);
	*p++ = WIRE_FIXED32(6);
	return put_fixed32(p, l->flags);
}

HOT uint8_t *put_flags(uint8_t *p, uint32_t flags)
{
	*p++ = (uint8_t)((16 << 3 | 5) | 0x80);
	*p++ = 16 << 3 >> 7;
	return put_fixed32(p, flags);
}

bool node_pack(struct mapper *m, const struct node *n, struct packed_span *out)
{
	struct attrs a = { .packed = true,
			   .tag = WIRE_BYTES(9),
			   .text_max = m->opt.attribute_length };
	struct span_link link;
	uint8_t *p;

	/* The one capture has many links and whatever a sender wrote. */
	if (n->kind == NODE_CAPTURE || !buf_reserve(&m->packed, room_of(m, n))) {
		m->packed.failed = ST_OK;
		return false;
	}
	*out = (struct packed_span){ .scope = scope_of(n), .bytes.ptr = m->packed.ptr };
	a.to = put_identity(&a, m->packed.ptr, m, n);
	describe_node(&a, m, n);
	p = a.to;
	if (a.damaged || !put_events(&p, m, n, &out->most_event_attrs))
		return false;
	p = put_count(p, WIRE_VARINT(12), n->dropped_events);
	if (add_link(n, &link)) {
		p = put_link(p, &link);
		out->n_links = 1;
	}
	p = put_flags(p, SPAN_FLAG_SAMPLED | SPAN_FLAG_HAS_IS_REMOTE);
	out->bytes.len = (size_t)(p - m->packed.ptr);
	out->n_attrs = a.n;
	return out->bytes.len <= MAX_SPAN_BYTES;
}
