#include "collector/trace/tables.h"

#include "base/mem.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define MAX_PARTS 4

/* Tables in the making. A generation's first byte is never a record's. */
struct making {
	struct buf bytes;
	struct table_part strings[MAX_PARTS], stacks[MAX_PARTS];
	size_t n_strings, n_stacks;
	struct tables tables;
	struct err err;
};

static void init(struct making *k)
{
	*k = (struct making){ .err = ERR_INIT };
	buf_init(&k->bytes, 1 << 24);
	buf_u8(&k->bytes, 1);
	tables_init(&k->tables);
}

static void release(struct making *k)
{
	tables_release(&k->tables);
	buf_release(&k->bytes);
}

static struct table_part *part(struct making *k, bool stacks)
{
	return stacks ? &k->stacks[k->n_stacks - 1] : &k->strings[k->n_strings - 1];
}

static void begin_part(struct making *k, bool stacks)
{
	size_t *n = stacks ? &k->n_stacks : &k->n_strings;

	ck_assert_uint_lt(*n, MAX_PARTS);
	++*n;
	part(k, stacks)->off = (uint32_t)k->bytes.len;
	part(k, stacks)->len = 0;
}

static void end_part(struct making *k, bool stacks)
{
	part(k, stacks)->len = (uint32_t)k->bytes.len - part(k, stacks)->off;
}

static void add_string(struct making *k, uint64_t id, struct slice text)
{
	buf_u8(&k->bytes, 5);
	buf_uvarint(&k->bytes, id);
	buf_uvarint(&k->bytes, text.len);
	buf_slice(&k->bytes, text);
	end_part(k, false);
}

static void add_stack(struct making *k, uint64_t id, uint64_t n)
{
	buf_u8(&k->bytes, 3);
	buf_uvarint(&k->bytes, id);
	buf_uvarint(&k->bytes, n);
	end_part(k, true);
}

static void add_frame(struct making *k, uint64_t pc, uint64_t func, uint64_t file, uint64_t line)
{
	buf_uvarint(&k->bytes, pc);
	buf_uvarint(&k->bytes, func);
	buf_uvarint(&k->bytes, file);
	buf_uvarint(&k->bytes, line);
	end_part(k, true);
}

static enum status load(struct making *k)
{
	return tables_load(&k->tables, k->bytes.ptr, k->bytes.len, k->strings, k->n_strings,
			   k->stacks, k->n_stacks, &k->err);
}

#define ck_string(k, id, text)                                                                     \
	ck_assert_msg(slice_is(tables_string(&(k)->tables, id), text), "string %llu is not '%s'",  \
		      (unsigned long long)(id), text)

START_TEST(nothing)
{
	struct making k;
	struct stack s;
	struct frame f;

	init(&k);
	ck_assert_int_eq(load(&k), ST_OK);
	ck_assert(tables_has_string(&k.tables, 0) && tables_has_stack(&k.tables, 0));
	ck_assert(!tables_has_string(&k.tables, 1) && !tables_has_stack(&k.tables, UINT64_MAX));
	ck_string(&k, 0, "");
	ck_string(&k, 77, "");
	s = tables_stack(&k.tables, 0);
	ck_assert(!stack_next(&s, &f));
	s = tables_stack(&k.tables, 5);
	ck_assert(!stack_next(&s, &f));
	release(&k);
}
END_TEST

/* Ids on both sides of where subscripts end and the map begins. */
START_TEST(dense_and_sparse)
{
	/* The first 64, then half as much again and 64 more; 160 is too far for 7 records. */
	static const uint64_t near[] = { 1, 2, 63, 64, 65, 139, 160, 161 };
	static const uint64_t far[] = { UINT32_MAX, 1ull << 32, (1ull << 32) + 1, 1ull << 63,
					UINT64_MAX };
	uint64_t ids[13];
	struct making k;
	char text[32];

	memcpy(ids, near, sizeof(near));
	memcpy(ids + 8, far, sizeof(far));
	init(&k);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		if (i % 5 == 0)
			begin_part(&k, false);
		snprintf(text, sizeof(text), "text %llu", (unsigned long long)ids[i]);
		add_string(&k, ids[i], slice_str(text));
	}
	ck_assert_int_eq(load(&k), ST_OK);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		snprintf(text, sizeof(text), "text %llu", (unsigned long long)ids[i]);
		ck_assert(tables_has_string(&k.tables, ids[i]));
		ck_string(&k, ids[i], text);
	}
	for (uint64_t id = 3; id < 63; id++)
		ck_assert(!tables_has_string(&k.tables, id));
	ck_assert(!tables_has_string(&k.tables, UINT64_MAX - 1));
	/* Memory follows the records, not the ids. */
	ck_assert_uint_eq(k.tables.strings.n_dense, 160);
	release(&k);
}
END_TEST

START_TEST(random_ids)
{
	static uint64_t ids[3000];
	uint64_t state = 4711 + (uint64_t)_i;
	size_t n = 0;
	struct making k;

	init(&k);
	begin_part(&k, false);
	while (n < 3000) {
		uint64_t id = next_random(&state) >> next_random(&state) % 64;
		bool known = !id;

		for (size_t i = 0; i < n; i++)
			known |= ids[i] == id;
		if (known)
			continue;
		ids[n++] = id;
		add_string(&k, id, (struct slice){ (const uint8_t *)&ids[n - 1], 8 });
	}
	ck_assert_int_eq(load(&k), ST_OK);
	for (size_t i = 0; i < n; i++) {
		struct slice got = tables_string(&k.tables, ids[i]);

		ck_assert(got.len == 8 && !memcmp(got.ptr, &ids[i], 8));
	}
	release(&k);
}
END_TEST

static const struct {
	const char *name;
	uint64_t first, second;
	bool stacks, apart, fails;
} twice[] = {
	{ "string", 7, 7, false, false, true },
	{ "string, other part", 7, 7, false, true, true },
	{ "far string", 1ull << 40, 1ull << 40, false, false, true },
	{ "far string, other part", UINT64_MAX, UINT64_MAX, false, true, true },
	{ "two strings", 7, 8, false, true, false },
	{ "string 0", 0, 8, false, false, true },
	{ "stack", 7, 7, true, false, true },
	{ "far stack, other part", UINT64_MAX, UINT64_MAX, true, true, true },
	{ "stack 0", 5, 0, true, false, true },
	{ "two stacks", 7, 1ull << 40, true, true, false },
};

START_TEST(defined_twice)
{
	bool stacks = twice[_i].stacks;
	struct making k;

	init(&k);
	begin_part(&k, stacks);
	for (int i = 0; i < 2; i++) {
		uint64_t id = i ? twice[_i].second : twice[_i].first;

		if (i && twice[_i].apart)
			begin_part(&k, stacks);
		if (stacks)
			add_stack(&k, id, 0);
		else
			add_string(&k, id, SLICE("x"));
	}
	ck_assert_msg(load(&k) == (twice[_i].fails ? ST_FORMAT : ST_OK), "%s", twice[_i].name);
	release(&k);
}
END_TEST

START_TEST(sizes)
{
	static uint8_t text[1025];

	for (size_t n = 1023; n <= 1025; n++) {
		struct making k;

		init(&k);
		begin_part(&k, false);
		add_string(&k, 1, (struct slice){ text, n });
		ck_assert_int_eq(load(&k), n <= 1024 ? ST_OK : ST_FORMAT);
		release(&k);
	}
	for (uint64_t n = 127; n <= 129; n++) {
		struct making k;
		struct frame f;
		struct stack s;
		uint64_t pc = 0;

		init(&k);
		begin_part(&k, true);
		add_stack(&k, 1, n);
		for (uint64_t i = 0; i < n; i++)
			add_frame(&k, i, 0, 0, i * i);
		ck_assert_int_eq(load(&k), n <= 128 ? ST_OK : ST_FORMAT);
		for (s = tables_stack(&k.tables, 1); n <= 128 && stack_next(&s, &f); pc++)
			ck_assert(f.pc == pc && f.line == pc * pc && !f.func.len);
		ck_assert_uint_eq(pc, n <= 128 ? n : 0);
		release(&k);
	}
}
END_TEST

/* One frame of stack 2, whose pc stack 1 has too, as `func` in line 1. */
static void frame_twice(struct making *k, uint64_t func, uint64_t line, bool padded)
{
	init(k);
	begin_part(k, false);
	add_string(k, 1, SLICE("one"));
	add_string(k, 2, SLICE("two"));
	begin_part(k, true);
	add_stack(k, 1, 1);
	add_frame(k, 0x4000, 1, 2, 1);
	begin_part(k, true);
	add_stack(k, 2, 2);
	add_frame(k, 0x4000, func, 2, line);
	if (padded) {
		k->bytes.ptr[k->bytes.len - 1] |= 0x80;
		buf_u8(&k->bytes, 0);
	}
	add_frame(k, 0x5000, 2, 2, 9);
}

START_TEST(frames)
{
	static const struct {
		uint64_t func, line;
		bool padded, differs;
	} rows[] = {
		{ 1, 1, false, false }, { 2, 1, false, true }, { 1, 300, false, true },
		{ 77, 1, false, true }, /* names no string, but is not the first */
		{ 1, 1, true, true },	/* the same in more bytes: looked up, no harm */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct making k;
		struct frame f;
		struct stack s;

		frame_twice(&k, rows[i].func, rows[i].line, rows[i].padded);
		ck_assert_int_eq(load(&k), ST_OK);
		ck_assert_int_eq(k.tables.frames_differ, rows[i].differs);
		s = tables_stack(&k.tables, 2);
		ck_assert(stack_next(&s, &f) && f.pc == 0x4000 && f.line == 1);
		ck_assert(slice_is(f.func, "one") && slice_is(f.file, "two"));
		ck_assert(stack_next(&s, &f) && f.pc == 0x5000 && f.line == 9);
		ck_assert(!stack_next(&s, &f));
		release(&k);
	}
}
END_TEST

START_TEST(frames_without_names)
{
	for (int i = 0; i < 2; i++) {
		struct making k;

		init(&k);
		begin_part(&k, true);
		add_stack(&k, 1, 1);
		add_frame(&k, 1, i ? 5 : 0, i ? 0 : 5, 1);
		ck_assert_int_eq(load(&k), ST_FORMAT);
		ck_assert_ptr_nonnull(strstr(k.err.msg, "names string 5"));
		release(&k);
	}
}
END_TEST

/* A part cut anywhere but between two records is refused. */
START_TEST(cut_anywhere)
{
	struct making k;
	size_t ends[2][8], n_ends[2] = { 0, 0 };

	init(&k);
	begin_part(&k, false);
	for (uint64_t i = 1; i < 5; i++) {
		ends[0][n_ends[0]++] = part(&k, false)->len;
		add_string(&k, i << 7 * (i - 1), SLICE("some text"));
	}
	begin_part(&k, true);
	for (uint64_t i = 1; i < 5; i++) {
		ends[1][n_ends[1]++] = part(&k, true)->len;
		add_stack(&k, i << 7 * (i - 1), i);
		for (uint64_t j = 0; j < i; j++)
			add_frame(&k, j << 20, 1, 1, j << 9);
	}
	for (int stacks = 0; stacks < 2; stacks++) {
		uint32_t whole = part(&k, stacks)->len;

		for (uint32_t len = 0; len < whole; len++) {
			bool between = false;

			for (size_t i = 0; i < n_ends[stacks]; i++)
				between |= ends[stacks][i] == len;
			part(&k, stacks)->len = len;
			/* Without its first string no frame has a name. */
			if (!stacks && !len)
				between = false;
			ck_assert_msg((load(&k) == ST_OK) == between, "%d cut at %u", stacks, len);
		}
		part(&k, stacks)->len = whole;
		ck_assert_int_eq(load(&k), ST_OK);
	}
	release(&k);
}
END_TEST

START_TEST(used_again)
{
	struct making k;

	frame_twice(&k, 2, 5, false);
	ck_assert_int_eq(load(&k), ST_OK);
	ck_assert(k.tables.frames_differ);
	tables_clear(&k.tables);
	ck_assert(!tables_has_string(&k.tables, 1));
	k.n_stacks = 1;
	ck_assert_int_eq(load(&k), ST_OK);
	ck_assert(!k.tables.frames_differ && !tables_has_stack(&k.tables, 2));
	ck_string(&k, 2, "two");
	release(&k);
}
END_TEST

START_TEST(no_memory)
{
	for (uint64_t at = 1;; at++) {
		struct making k;
		enum status st;

		frame_twice(&k, 2, 5, false);
		add_stack(&k, UINT64_MAX, 0);
		mem_fail_at(at);
		st = load(&k);
		mem_fail_at(0);
		release(&k);
		if (!st)
			break;
		ck_assert_int_eq(st, ST_NOMEM);
		ck_assert_uint_lt(at, 100);
	}
}
END_TEST

Suite *tables_suite(void)
{
	Suite *s = suite_create("tables");
	TCase *t = tcase_create("tables");

	tcase_add_test(t, nothing);
	tcase_add_test(t, dense_and_sparse);
	tcase_add_loop_test(t, random_ids, 0, 3);
	tcase_add_loop_test(t, defined_twice, 0, sizeof(twice) / sizeof(twice[0]));
	tcase_add_test(t, sizes);
	tcase_add_test(t, frames);
	tcase_add_test(t, frames_without_names);
	tcase_add_test(t, cut_anywhere);
	tcase_add_test(t, used_again);
	tcase_add_test(t, no_memory);
	suite_add_tcase(s, t);
	return s;
}
