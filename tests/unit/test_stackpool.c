#include "mapping/stackpool.h"

#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/tables.h"

#include "tests/unit/suites.h"

static struct stackpool pool;
static struct tables tables;
static struct buf bytes;
static struct err err;

static void start(void)
{
	err = (struct err)ERR_INIT;
	buf_init(&bytes, (size_t)1 << 20);
	tables_init(&tables);
}

static void finish(void)
{
	mem_fail_at(0);
	stackpool_release(&pool);
	tables_release(&tables);
	buf_release(&bytes);
}

static void put_string(uint64_t id, const char *text)
{
	buf_u8(&bytes, EV_STRING);
	buf_uvarint(&bytes, id);
	buf_uvarint(&bytes, strlen(text));
	buf_str(&bytes, text);
}

/*
 * A generation whose stack `id` has the frames func[0] at file.go:1, func[1] at
 * file.go:2 and so on; the other stacks are one frame of func[0].
 */
static void generation(uint64_t id, const char *const *func, size_t n, uint64_t other)
{
	struct table_part strings = { .off = 1 }, stacks;

	tables_clear(&tables);
	buf_clear(&bytes);
	buf_u8(&bytes, 0);
	put_string(100, "file.go");
	for (size_t i = 0; i < n; i++)
		put_string(i + 1, func[i]);
	strings.len = (uint32_t)bytes.len - 1;
	stacks.off = (uint32_t)bytes.len;
	for (int twice = 0; twice < 2; twice++) {
		size_t depth = twice ? 1 : n;

		buf_u8(&bytes, EV_STACK);
		buf_uvarint(&bytes, twice ? other : id);
		buf_uvarint(&bytes, depth);
		for (size_t i = 0; i < depth; i++) {
			buf_uvarint(&bytes, 1000 + i); /* pc */
			buf_uvarint(&bytes, i + 1);
			buf_uvarint(&bytes, 100);
			buf_uvarint(&bytes, i + 1);
		}
	}
	stacks.len = (uint32_t)bytes.len - stacks.off;
	ck_assert_int_eq(tables_load(&tables, bytes.ptr, bytes.len, &strings, 1, &stacks, 1, &err),
			 ST_OK);
}

static struct event blocked_at(uint64_t stack)
{
	return (struct event){ .kind = EVENT_STATE_TRANSITION,
			       .wire = EV_GO_BLOCK,
			       .args = { 0, stack },
			       .tables = &tables };
}

static const struct pooled *stack_text(uint64_t id)
{
	const struct pooled *out;
	struct event ev = blocked_at(id);

	ck_assert_int_eq(stackpool_stack(&pool, &ev, &out, &err), ST_OK);
	return out;
}

static const struct pooled *text(const char *s)
{
	const struct pooled *out;

	ck_assert_int_eq(stackpool_text(&pool, slice_str(s), &out, &err), ST_OK);
	return out;
}

static const char *const three[] = { "main.leaf", "main.middle", "main.root" };
#define THREE "main.leaf\n\tfile.go:1\nmain.middle\n\tfile.go:2\nmain.root\n\tfile.go:3\n"
#define ONE "main.leaf\n\tfile.go:1\n"
#define LEN(s) (sizeof(s) - 1)

static const struct {
	const char *name;
	size_t max;
	const char *text;
} cuts[] = {
	{ "all of it", 2048, THREE },
	{ "exactly all", LEN(THREE), THREE },
	{ "a byte short of the third frame", LEN(THREE) - 1,
	  "main.leaf\n\tfile.go:1\nmain.middle\n\tfile.go:2\n" },
	{ "exactly one frame", LEN(ONE), ONE },
	{ "one frame and a bit", LEN(ONE) + 5, ONE },
	{ "the first frame alone is too long", 9, "main.leaf" },
	{ "a byte", 1, "m" },
};
#define N_CUTS ((int)(sizeof(cuts) / sizeof(cuts[0])))

START_TEST(cut_at_the_end_of_a_frame)
{
	const struct pooled *p;

	stackpool_init(&pool, cuts[_i].max);
	generation(1, three, 3, 2);
	p = stack_text(1);
	ck_assert_ptr_nonnull(p);
	ck_assert_msg(slice_is(pooled_slice(p), cuts[_i].text), "%s: %.*s", cuts[_i].name,
		      SLICE_ARG(pooled_slice(p)));
}
END_TEST

START_TEST(a_cut_splits_no_rune)
{
	static const char *const func[] = { "main.\xc3\xa9t\xc3\xa9" };
	const struct pooled *p;

	stackpool_init(&pool, 9);
	generation(1, func, 1, 2);
	p = stack_text(1);
	ck_assert_msg(slice_is(pooled_slice(p), "main.\xc3\xa9t"), "%.*s",
		      SLICE_ARG(pooled_slice(p)));
}
END_TEST

static const char *const mixed[] = { "sync.(*Mutex).Lock", "main.leaf", "net/http.serve",
				     "example.com/shop.run" };

START_TEST(frames_of_the_program_come_first)
{
	const struct pooled *p;

	stackpool_init(&pool, 2048);
	generation(1, mixed, 4, 2);
	p = stack_text(1);
	ck_assert_msg(slice_is(pooled_slice(p),
			       "main.leaf\n\tfile.go:2\nexample.com/shop.run\n\tfile.go:4\n"
			       "sync.(*Mutex).Lock\n\tfile.go:1\n"
			       "net/http.serve\n\tfile.go:3\n"),
		      "%.*s", SLICE_ARG(pooled_slice(p)));
	ck_assert(p->own && !p->cut);
	ck_assert_uint_eq(p->detail, DETAIL_MUTEX);
	stackpool_release(&pool);
	/* What is cut off are the library's, and they tell what they did before. */
	stackpool_init(&pool, 80);
	generation(2, mixed, 4, 9);
	p = stack_text(2);
	ck_assert(p->own && p->cut);
	ck_assert_uint_eq(p->detail, DETAIL_MUTEX);
	/* The library's alone. */
	generation(3, mixed, 1, 9);
	p = stack_text(3);
	ck_assert(!p->own && !p->cut);
}
END_TEST

START_TEST(equal_texts_are_one_object)
{
	static const char *const other[] = { "main.other" };
	const struct pooled *leaf, *all;

	stackpool_init(&pool, 2048);
	generation(1, three, 3, 2);
	all = stack_text(1);
	leaf = stack_text(2);
	ck_assert_ptr_ne(all, leaf);
	ck_assert_ptr_eq(stack_text(1), all);
	/* A plain text is no stack of the program. */
	ck_assert_ptr_ne(text(ONE), leaf);
	ck_assert_ptr_eq(text(ONE), text(ONE));
	ck_assert_ptr_null(stack_text(0));
	/* The next generation: the ids mean something else, the texts live on. */
	stackpool_new_generation(&pool);
	generation(2, three, 3, 9);
	ck_assert_ptr_eq(stack_text(2), all);
	ck_assert_ptr_eq(stack_text(9), leaf);
	stackpool_new_generation(&pool);
	generation(2, other, 1, 1);
	ck_assert(slice_is(pooled_slice(stack_text(2)), "main.other\n\tfile.go:1\n"));
	ck_assert(slice_is(pooled_slice(all), THREE));
	ck_assert_uint_eq(pool.by_hash.n, 4);
	ck_assert_uint_eq(pool.left_out, 0);
}
END_TEST

START_TEST(an_id_is_spelled_once_a_generation)
{
	const struct pooled *p;

	stackpool_init(&pool, 2048);
	generation(1, three, 3, 2);
	p = stack_text(1);
	mem_fail_at(1);
	for (int i = 0; i < 100; i++)
		ck_assert_ptr_eq(stack_text(1), p);
	ck_assert_uint_eq(mem_count(), 0);
}
END_TEST

START_TEST(short_texts)
{
	const struct pooled *empty, *sync;

	stackpool_init(&pool, 2048);
	empty = text("");
	sync = text("sync");
	ck_assert_ptr_nonnull(empty);
	ck_assert_uint_eq(empty->len, 0);
	ck_assert_ptr_eq(text(NULL), empty);
	ck_assert_ptr_eq(text("sync"), sync);
	ck_assert_uint_eq(pooled_slice(NULL).len, 0);
	ck_assert_uint_eq(pool.bytes, 4);
}
END_TEST

START_TEST(over_the_maximum_of_texts)
{
	const struct pooled *first;
	char name[32];

	stackpool_init(&pool, 2048);
	first = text("0");
	for (unsigned int i = 1; i < MAX_POOLED_TEXTS; i++) {
		snprintf(name, sizeof(name), "%u", i);
		ck_assert_ptr_nonnull(text(name));
	}
	ck_assert_uint_eq(pool.left_out, 0);
	ck_assert_ptr_null(text("one more"));
	generation(1, three, 3, 2);
	ck_assert_ptr_null(stack_text(1));
	ck_assert_ptr_null(stack_text(1));
	ck_assert_uint_eq(pool.left_out, 3);
	ck_assert_ptr_eq(text("0"), first);
}
END_TEST

START_TEST(over_the_maximum_of_bytes)
{
	static uint8_t big[MAX_POOLED_BYTES];
	const struct pooled *p;

	stackpool_init(&pool, 2048);
	ck_assert_int_eq(stackpool_text(&pool, (struct slice){ big, sizeof(big) - 3 }, &p, &err),
			 ST_OK);
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_null(text("four"));
	ck_assert_ptr_nonnull(text("abc"));
	ck_assert_ptr_null(text("x"));
	ck_assert_uint_eq(pool.left_out, 2);
	ck_assert_uint_eq(pool.bytes, MAX_POOLED_BYTES);
}
END_TEST

START_TEST(without_memory)
{
	const struct pooled *out;
	struct event ev;
	enum status st;
	uint64_t n = 0;

	stackpool_init(&pool, 2048);
	generation(1, three, 3, 2);
	ev = blocked_at(1);
	do {
		mem_fail_at(++n);
		st = stackpool_stack(&pool, &ev, &out, &err);
		mem_fail_at(0);
		ck_assert(st == ST_OK || st == ST_NOMEM);
	} while (st);
	ck_assert_uint_gt(n, 3);
	ck_assert(slice_is(pooled_slice(out), THREE));
}
END_TEST

Suite *stackpool_suite(void)
{
	Suite *s = suite_create("stackpool");
	TCase *c = tcase_create("stackpool");

	tcase_add_checked_fixture(c, start, finish);
	tcase_add_loop_test(c, cut_at_the_end_of_a_frame, 0, N_CUTS);
	tcase_add_test(c, a_cut_splits_no_rune);
	tcase_add_test(c, frames_of_the_program_come_first);
	tcase_add_test(c, equal_texts_are_one_object);
	tcase_add_test(c, an_id_is_spelled_once_a_generation);
	tcase_add_test(c, short_texts);
	tcase_add_test(c, over_the_maximum_of_texts);
	tcase_add_test(c, over_the_maximum_of_bytes);
	tcase_add_test(c, without_memory);
	suite_add_tcase(s, c);
	return s;
}
