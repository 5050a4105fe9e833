#include "tests/unit/map_record.h"

#include <stdlib.h>

#include "exporter/otlp_wire.h"
#include "tests/unit/suites.h"

static void *keep(struct records *r, const void *bytes, size_t len)
{
	void *copy = calloc(1, len ? len : 1);

	/* No assertion, which costs a system call each time it holds. */
	if (!copy)
		ck_abort_msg("no memory");
	if (bytes)
		memcpy(copy, bytes, len);
	if (r->n_memory == r->cap_memory) {
		r->cap_memory = 2 * r->cap_memory + 64;
		r->memory = (void **)realloc((void *)r->memory, r->cap_memory * sizeof(void *));
		ck_assert_ptr_nonnull(r->memory);
	}
	r->memory[r->n_memory++] = copy;
	return copy;
}

static struct slice keep_slice(struct records *r, struct slice s)
{
	return (struct slice){ keep(r, s.ptr, s.len), s.len };
}

static const struct attr *keep_attrs(struct records *r, const struct attr *attrs, size_t n)
{
	struct attr *copy = keep(r, attrs, n * sizeof(*attrs));

	for (size_t i = 0; i < n; i++) {
		copy[i].key = keep_slice(r, attrs[i].key);
		if (attrs[i].type == ATTR_STRING)
			copy[i].str = keep_slice(r, attrs[i].str);
	}
	return copy;
}

/* Next it is asked for as a span: what becomes of that is what the bytes have to be. */
static enum status record_packed(void *arg, const struct packed_span *span, bool *taken,
				 struct err *err)
{
	struct records *r = arg;

	(void)err;
	*taken = false;
	r->packed = *span;
	r->packed.bytes = keep_slice(r, span->bytes);
	return ST_OK;
}

static void same_packed(struct records *r, const struct span *s)
{
	const struct packed_span *p = &r->packed;
	uint8_t *whole = keep(r, NULL, wire_span_room(s)), *end;
	size_t most_attrs = 0, head = wire_head_size(p->bytes.len);
	bool ascii;

	end = wire_span_put(whole, WIRE_BYTES(2), s, &ascii);
	ck_assert_uint_eq((size_t)(end - whole), head + p->bytes.len);
	ck_assert_mem_eq(whole + head, p->bytes.ptr, p->bytes.len);
	ck_assert(wire_span_clean(s));
	for (size_t i = 0; i < s->n_events; i++)
		if (s->events[i].n_attrs > most_attrs)
			most_attrs = s->events[i].n_attrs;
	ck_assert_uint_eq(p->n_attrs, s->n_attrs);
	ck_assert_uint_eq(p->n_links, s->n_links);
	ck_assert_uint_eq(p->most_event_attrs, most_attrs);
	ck_assert_uint_eq(p->scope, s->scope);
	r->packed.bytes.len = 0;
	r->n_packed++;
}

static enum status record(void *arg, const struct span *span, struct err *err)
{
	struct records *r = arg;
	struct span_event *events;
	struct span_link *links;
	struct span *s;

	if (r->packed.bytes.len)
		same_packed(r, span);
	if (r->refuse_after && r->n >= r->refuse_after) {
		r->n_refused++;
		return err_set(err, ST_REMOTE, ERR_NO_OFFSET, "refused");
	}
	if (r->n == r->cap) {
		r->cap = 2 * r->cap + 64;
		r->list = realloc(r->list, r->cap * sizeof(*r->list));
		ck_assert_ptr_nonnull(r->list);
	}
	s = &r->list[r->n++];
	*s = *span;
	s->name = keep_slice(r, span->name);
	s->attrs = keep_attrs(r, span->attrs, span->n_attrs);
	s->events = events = keep(r, span->events, span->n_events * sizeof(*events));
	for (size_t i = 0; i < span->n_events; i++) {
		events[i].name = keep_slice(r, events[i].name);
		events[i].attrs = keep_attrs(r, events[i].attrs, events[i].n_attrs);
	}
	s->links = links = keep(r, span->links, span->n_links * sizeof(*links));
	for (size_t i = 0; i < span->n_links; i++)
		links[i].attrs = keep_attrs(r, links[i].attrs, links[i].n_attrs);
	return ST_OK;
}

struct span_sink records_sink(struct records *r)
{
	return (struct span_sink){ record, r, record_packed };
}

void records_release(struct records *r)
{
	for (size_t i = 0; i < r->n_memory; i++)
		free(r->memory[i]);
	free((void *)r->memory);
	free(r->list);
	*r = (struct records){ .n = 0 };
}

const struct span *records_find(const struct records *r, const char *name)
{
	const struct span *found = NULL;

	for (size_t i = 0; i < r->n; i++) {
		if (!slice_is(r->list[i].name, name))
			continue;
		ck_assert_msg(!found, "two spans are named %s", name);
		found = &r->list[i];
	}
	ck_assert_msg(found, "no span is named %s", name);
	return found;
}

const struct attr *span_attr(const struct span *s, const char *key)
{
	for (size_t i = 0; i < s->n_attrs; i++)
		if (slice_is(s->attrs[i].key, key))
			return &s->attrs[i];
	return NULL;
}

const struct span *records_by_id(const struct records *r, const uint8_t *trace, const uint8_t *span)
{
	for (size_t i = 0; i < r->n; i++)
		if (!memcmp(r->list[i].trace_id, trace, TRACE_ID_BYTES) &&
		    !memcmp(r->list[i].span_id, span, SPAN_ID_BYTES))
			return &r->list[i];
	return NULL;
}

const struct span *records_parent(const struct records *r, const struct span *s)
{
	return records_by_id(r, s->trace_id, s->parent_id);
}

static bool is_root(const struct span *s)
{
	static const uint8_t none[SPAN_ID_BYTES];

	return !memcmp(s->parent_id, none, SPAN_ID_BYTES);
}

static bool is_kind(const struct span *s, const char *kind)
{
	const struct attr *a = span_attr(s, "flightspan.kind");

	return a && slice_is(a->str, kind);
}

static char letter(const struct span *s)
{
	static const char *const kinds[] = { "task", "region", "wait", "runtime", "capture" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (is_kind(s, kinds[i]))
			return "TRWXC"[i];
	return '?';
}

/* "a\n\tf:1\nb\n\tf:2\n" is a<b; what is no whole frame shows as it is. */
static void put_stack(struct buf *b, struct slice text)
{
	bool file = false, first = true;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == '\n' && i + 1 < text.len && text.ptr[i + 1] == '\t') {
			file = true;
		} else if (c == '\n' && file) {
			file = false;
			first = false;
		} else if (!file) {
			if (!first)
				buf_u8(b, '<');
			first = true;
			buf_u8(b, c);
		}
	}
}

static const struct {
	const char *key, *shown;
} keys[] = {
	{ "flightspan.task.id", "t" },
	{ "flightspan.goroutine.id", "g" },
	{ "flightspan.parent_task.id", "lost" },
	{ "flightspan.truncated", "cut" },
	{ "flightspan.wait.blocked_ns", "b" },
	{ "flightspan.wait.runnable_ns", "r" },
	{ "code.stacktrace", "at" },
	{ "flightspan.waker.goroutine.id", "by" },
	{ "flightspan.waker.stacktrace", "by_at" },
	{ "flightspan.dropped_spans", "dropped" },
	{ "flightspan.cut_attributes", "cuts" },
	{ "flightspan.clock", "clock" },
	{ "flightspan.capture.events", "events" },
	{ "flightspan.capture.generations", "generations" },
	{ "flightspan.capture.source", "source" },
	{ "message", "msg" },
};

static struct slice shown_key(struct slice key)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (slice_is(key, keys[i].key))
			return slice_str(keys[i].shown);
	return key;
}

/* What has tests of its own, and would be noise in all others. */
static bool is_budget(struct slice key)
{
	static const char *const prefixes[] = {
		"flightspan.time.",	      "flightspan.goroutines", "flightspan.critical",
		"flightspan.waker.time.",     "flightspan.waker.span", "flightspan.waker.trace_id",
		"flightspan.wait.explanation"
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (key.len >= strlen(prefixes[i]) &&
		    !memcmp(key.ptr, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void put_attrs(struct buf *b, const struct attr *attrs, size_t n, struct slice name,
		      const char *separator, bool budgets)
{
	const char *between = "";

	for (size_t i = 0; i < n; i++) {
		const struct attr *a = &attrs[i];

		if (slice_is(a->key, "flightspan.kind") ||
		    slice_is(a->key, "flightspan.dropped_events") ||
		    (!budgets && is_budget(a->key)) ||
		    (slice_is(a->key, "flightspan.wait.reason") && slice_eq(a->str, name)))
			continue;
		buf_str(b, between);
		between = separator;
		buf_slice(b, shown_key(a->key));
		buf_u8(b, '=');
		if (a->type == ATTR_INT)
			buf_i64(b, a->i);
		else if (a->type == ATTR_BOOL)
			buf_str(b, a->b ? "true" : "false");
		else if (slice_is(a->key, "code.stacktrace") ||
			 slice_is(a->key, "flightspan.waker.stacktrace"))
			put_stack(b, a->str);
		else
			buf_slice(b, a->str);
	}
}

static void put_span(const struct records *r, const struct span *s, uint64_t zero, struct buf *b)
{
	buf_u8(b, (uint8_t)letter(s));
	buf_u8(b, ' ');
	buf_slice(b, s->name);
	buf_printf(b, " %lld-%lld ", (long long)(s->start_unix_ns - zero),
		   (long long)(s->end_unix_ns - zero));
	put_attrs(b, s->attrs, s->n_attrs, s->name, " ", r->budgets);
	if (s->dropped_events)
		buf_printf(b, " lost_events=%u", s->dropped_events);
	for (size_t i = 0; i < s->n_links; i++) {
		const struct span *to = records_by_id(r, s->links[i].trace_id, s->links[i].span_id);

		buf_str(b, " link=");
		buf_slice(b, to ? to->name : SLICE("?"));
	}
	for (size_t i = 0; i < s->n_events; i++) {
		const struct span_event *e = &s->events[i];

		buf_str(b, " *");
		buf_slice(b, e->name);
		buf_printf(b, "@%lld(", (long long)(e->time_unix_ns - zero));
		put_attrs(b, e->attrs, e->n_attrs, e->name, ",", r->budgets);
		buf_u8(b, ')');
	}
	buf_u8(b, '\n');
}

static void put_below(const struct records *r, const struct span *top, unsigned int depth,
		      uint64_t zero, struct buf *b)
{
	for (unsigned int i = 0; i < depth; i++)
		buf_str(b, "  ");
	if (!depth && !is_root(top))
		buf_u8(b, '^');
	put_span(r, top, zero, b);
	if (depth > 100)
		ck_abort_msg("spans are their own parents");
	for (size_t i = 0; i < r->n; i++) {
		const struct span *s = &r->list[i];

		if (!is_root(s) && records_parent(r, s) == top)
			put_below(r, s, depth + 1, zero, b);
	}
}

void records_text(const struct records *r, uint64_t zero, bool capture, struct buf *out)
{
	/* The capture is sent last and shown first. */
	for (size_t i = 0; capture && i < r->n; i++)
		if (is_kind(&r->list[i], "capture"))
			put_below(r, &r->list[i], 0, zero, out);
	for (size_t i = 0; i < r->n; i++) {
		const struct span *s = &r->list[i];

		if ((is_root(s) || !records_parent(r, s)) && !is_kind(s, "capture"))
			put_below(r, s, 0, zero, out);
	}
}

void records_bytes(const struct records *r, struct buf *out)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct span *s = &r->list[i];

		buf_hex(out, s->trace_id, TRACE_ID_BYTES);
		buf_hex(out, s->span_id, SPAN_ID_BYTES);
		buf_hex(out, s->parent_id, SPAN_ID_BYTES);
		buf_printf(out, " %d %u %u %u %u ", (int)s->scope, s->flags, s->dropped_attrs,
			   s->dropped_events, s->dropped_links);
		for (size_t k = 0; k < s->n_links; k++) {
			buf_hex(out, s->links[k].trace_id, TRACE_ID_BYTES);
			buf_hex(out, s->links[k].span_id, SPAN_ID_BYTES);
			buf_printf(out, " %u ", s->links[k].flags);
		}
		put_span(r, s, 0, out);
	}
}
