/*
 * A header, then string and stack batches: what is read of them.
 *
 * Input: 16 bytes of header; then parts, each of a kind (odd: stacks), a length of
 * two bytes and so many bytes. What loads strictly loads the same if it may be torn.
 */
#include "collector/trace/header.h"
#include "collector/trace/tables.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/support.h"

#define MAX_PARTS 64

struct parts {
	struct table_part list[MAX_PARTS];
	size_t n;
};

static void check_header(struct slice head)
{
	struct err err = ERR_INIT;
	unsigned int version = 0;
	enum status st = header_parse(head, &version, &err);

	if (!st && (version < 22 || version == 24 || version > 99 || head.len < TRACE_HEADER_BYTES))
		die("header: version %u of %zu bytes", version, head.len);
	if (st && (st != ST_FORMAT || !err.msg[0] || err.offset > head.len))
		die("header: status %d, '%s'", st, err.msg);
}

static bool is_inside(const struct tables *t, struct slice s)
{
	return !s.len || (s.ptr >= t->bytes && s.ptr + s.len <= t->bytes + t->len) ||
	       (t->partial && slice_is(s, LOST_TEXT));
}

/* Every string and stack is whole, and lies in the bytes. Ids: small ones, and seen ones. */
static void check_ids(const struct tables *t, struct slice bytes)
{
	for (uint64_t id = 0; id < 300 + bytes.len; id++) {
		uint64_t any = id < 300 ? id : bytes.ptr[id - 300] * (id * 0x9e3779b97f4a7c15u);
		struct stack s = tables_stack(t, any);
		struct slice text = tables_string(t, any);
		uint32_t n = s.left;
		struct frame f;

		if (text.len > 1024 || !is_inside(t, text))
			die("a string of %zu bytes", text.len);
		if (text.len && !t->partial && !tables_has_string(t, any))
			die("a string that is not there");
		if (n > 128 || (n && !tables_has_stack(t, any)))
			die("a stack of %u frames", n);
		for (; stack_next(&s, &f); n--)
			if (!is_inside(t, f.func) || !is_inside(t, f.file))
				die("a frame's text is elsewhere");
		if (n)
			die("a stack lacks %u frames", n);
	}
}

static void check_same(const struct tables *a, const struct tables *b)
{
	for (uint64_t id = 0; id < 300; id++)
		if (tables_has_string(a, id) != tables_has_string(b, id) ||
		    tables_has_stack(a, id) != tables_has_stack(b, id) ||
		    (tables_has_string(a, id) &&
		     !slice_eq(tables_string(a, id), tables_string(b, id))))
			die("id %llu differs", (unsigned long long)id);
}

static void split(struct slice in, struct parts *strings, struct parts *stacks)
{
	size_t at = TRACE_HEADER_BYTES;

	while (at + 3 <= in.len && strings->n < MAX_PARTS && stacks->n < MAX_PARTS) {
		struct parts *p = in.ptr[at] & 1 ? stacks : strings;
		size_t len = (size_t)in.ptr[at + 1] | (size_t)in.ptr[at + 2] << 8;

		at += 3;
		if (len > in.len - at)
			len = in.len - at;
		p->list[p->n++] = (struct table_part){ (uint32_t)at, (uint32_t)len };
		at += len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parts strings = { .n = 0 }, stacks = { .n = 0 };
	struct slice in = { data, size };
	struct err err = ERR_INIT;
	struct tables strict, torn;
	enum status st;

	check_header((struct slice){ data, size < TRACE_HEADER_BYTES ? size : TRACE_HEADER_BYTES });
	split(in, &strings, &stacks);
	tables_init(&strict);
	tables_init(&torn);
	if (tables_load_partial(&torn, data, size, strings.list, strings.n, stacks.list, stacks.n,
				&err))
		die("torn tables: %s", err.msg);
	check_ids(&torn, in);
	st = tables_load(&strict, data, size, strings.list, strings.n, stacks.list, stacks.n, &err);
	if (st && (st != ST_FORMAT || !err.msg[0] || err.offset > size))
		die("tables: status %d, '%s' at %llu", st, err.msg, (unsigned long long)err.offset);
	if (!st) {
		check_ids(&strict, in);
		check_same(&strict, &torn);
	}
	tables_release(&strict);
	tables_release(&torn);
	return 0;
}
