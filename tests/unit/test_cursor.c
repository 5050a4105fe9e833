#include "base/cursor.h"

#include "tests/unit/suites.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name;
	struct slice in;
	bool ok;
	uint64_t want;
	size_t width; /* bytes consumed */
} numbers[] = {
	{ "zero", SLICE("\0"), true, 0, 1 },
	{ "largest of one byte", SLICE("\x7f"), true, 127, 1 },
	{ "two bytes", SLICE("\x80\x01"), true, 128, 2 },
	{ "padded zero", SLICE("\x80\x80\0"), true, 0, 3 },
	{ "padded to ten bytes", SLICE("\x85\x80\x80\x80\x80\x80\x80\x80\x80\0"), true, 5, 10 },
	{ "more behind it", SLICE("\x05\xff"), true, 5, 1 },
	{ "largest of 63 bits", SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), true, INT64_MAX, 9 },
	{ "bit 63", SLICE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), true, (uint64_t)1 << 63,
	  10 },
	{ "largest", SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), true, UINT64_MAX, 10 },
	{ "tenth byte of 2", SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), false, 0, 0 },
	{ "tenth byte goes on", SLICE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x81\0"), false, 0, 0 },
	{ "eleven bytes of zero", SLICE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0"), false, 0,
	  0 },
	{ "nothing", SLICE(""), false, 0, 0 },
	{ "cut after one", SLICE("\x80"), false, 0, 0 },
	{ "cut after nine", SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff"), false, 0, 0 },
};

START_TEST(uvarint)
{
	uint64_t got = 42;
	struct cursor c;

	cursor_init(&c, numbers[_i].in);
	ck_assert_msg(cursor_uvarint(&c, &got) == numbers[_i].ok, "%s", numbers[_i].name);
	ck_assert_msg(got == (numbers[_i].ok ? numbers[_i].want : 42), "%s", numbers[_i].name);
	ck_assert_msg(cursor_offset(&c) == numbers[_i].width, "%s", numbers[_i].name);
}
END_TEST

/* A failed read changes nothing, and reads chain. */
START_TEST(chain)
{
	struct slice got = { NULL, 7 };
	uint8_t byte = 9;
	uint64_t n = 9;
	struct cursor c;

	cursor_init(&c, SLICE("\x03"
			      "abcde"));
	ck_assert(cursor_uvarint(&c, &n) && cursor_bytes(&c, n, &got));
	ck_assert(slice_is(got, "abc"));
	ck_assert(!cursor_bytes(&c, 3, &got));
	ck_assert(!cursor_bytes(&c, UINT64_MAX, &got));
	ck_assert(slice_is(got, "abc"));
	ck_assert_uint_eq(cursor_offset(&c), 4);
	ck_assert(cursor_u8(&c, &byte) && byte == 'd');
	ck_assert(!cursor_at_end(&c));
	ck_assert(cursor_bytes(&c, 1, &got) && cursor_at_end(&c));
	ck_assert(!cursor_u8(&c, &byte) && byte == 'd');
	ck_assert(cursor_bytes(&c, 0, &got) && !got.len);
	ck_assert(!cursor_uvarint(&c, &n) && n == 3);
}
END_TEST

START_TEST(empty)
{
	struct slice got;
	struct cursor c;

	cursor_init(&c, (struct slice){ NULL, 0 });
	ck_assert(cursor_at_end(&c) && cursor_offset(&c) == 0);
	ck_assert(cursor_bytes(&c, 0, &got) && got.len == 0);
	ck_assert(!cursor_bytes(&c, 1, &got));
}
END_TEST

Suite *cursor_suite(void)
{
	Suite *s = suite_create("cursor");
	TCase *t = tcase_create("cursor");

	tcase_add_loop_test(t, uvarint, 0, LEN(numbers));
	tcase_add_test(t, chain);
	tcase_add_test(t, empty);
	suite_add_tcase(s, t);
	return s;
}
