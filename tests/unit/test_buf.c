#include "base/buf.h"

#include "base/cursor.h"
#include "base/mem.h"
#include "tests/unit/suites.h"

START_TEST(appends)
{
	struct buf b;

	buf_init(&b, 1000);
	buf_u8(&b, 'a');
	buf_str(&b, "bc");
	buf_add(&b, "d\0e", 3);
	buf_add(&b, NULL, 0);
	buf_slice(&b, SLICE("-"));
	buf_u64(&b, UINT64_MAX);
	buf_u8(&b, ' ');
	buf_u64(&b, 0);
	buf_u8(&b, ' ');
	buf_i64(&b, INT64_MIN);
	buf_u8(&b, ' ');
	buf_i64(&b, INT64_MAX);
	buf_u8(&b, ' ');
	buf_hex(&b, (const uint8_t *)"\x00\xaf", 2);
	buf_printf(&b, " %s=%d", "x", 7);
	ck_assert(slice_eq(buf_view(&b), SLICE("abcd\0e-18446744073709551615 0 -9223372036854775808"
					       " 9223372036854775807 00af x=7")));
	ck_assert_int_eq(buf_status(&b, "it", NULL), ST_OK);
	buf_clear(&b);
	ck_assert_uint_eq(buf_view(&b).len, 0);
	buf_release(&b);
}
END_TEST

START_TEST(uvarints)
{
	struct cursor c;
	uint64_t got;
	struct buf b;

	buf_init(&b, 2000);
	for (unsigned int bit = 0; bit < 64; bit++) {
		buf_uvarint(&b, (uint64_t)1 << bit);
		buf_uvarint(&b, ((uint64_t)1 << bit) - 1);
	}
	cursor_init(&c, buf_view(&b));
	for (unsigned int bit = 0; bit < 64; bit++) {
		ck_assert(cursor_uvarint(&c, &got) && got == (uint64_t)1 << bit);
		ck_assert(cursor_uvarint(&c, &got) && got == ((uint64_t)1 << bit) - 1);
	}
	ck_assert(cursor_at_end(&c));
	buf_clear(&b);
	buf_uvarint(&b, UINT64_MAX);
	ck_assert_uint_eq(b.len, 10);
	buf_release(&b);
}
END_TEST

/* A failure sticks; what was there before it stays. */
START_TEST(maximum)
{
	/* Not known when compiling, or the compiler refuses the copy that must not happen. */
	volatile size_t huge = SIZE_MAX;
	struct err err = ERR_INIT;
	struct buf b;

	buf_init(&b, 4);
	buf_str(&b, "abc");
	buf_str(&b, "de");
	ck_assert_int_eq(b.failed, ST_LIMIT);
	buf_u8(&b, 'd');
	ck_assert(slice_is(buf_view(&b), "abc"));
	ck_assert_int_eq(buf_status(&b, "the text", &err), ST_LIMIT);
	ck_assert_str_eq(err.msg, "the text: over the maximum of 4 bytes");
	buf_clear(&b);
	buf_str(&b, "abcd");
	ck_assert_int_eq(b.failed, ST_OK);
	buf_add(&b, "x", huge);
	ck_assert_int_eq(b.failed, ST_LIMIT);
	buf_clear(&b);
	buf_hex(&b, (const uint8_t *)"x", huge);
	ck_assert_uint_eq(b.len, 0);
	ck_assert(buf_reserve(&b, 4) && !buf_reserve(&b, 5));
	buf_release(&b);
	buf_init(&b, 0);
	buf_u8(&b, 'a');
	ck_assert_int_eq(b.failed, ST_LIMIT);
	buf_release(&b);
}
END_TEST

START_TEST(no_memory)
{
	struct err err = ERR_INIT;
	struct buf b;

	buf_init(&b, 1000);
	buf_str(&b, "abc");
	mem_fail_at(1);
	ck_assert(!buf_reserve(&b, 900));
	mem_fail_at(0);
	ck_assert_int_eq(buf_status(&b, "the text", &err), ST_NOMEM);
	ck_assert(slice_is(buf_view(&b), "abc"));
	buf_clear(&b);
	ck_assert(buf_reserve(&b, 900));
	buf_release(&b);
}
END_TEST

Suite *buf_suite(void)
{
	Suite *s = suite_create("buf");
	TCase *t = tcase_create("buf");

	tcase_add_test(t, appends);
	tcase_add_test(t, uvarints);
	tcase_add_test(t, maximum);
	tcase_add_test(t, no_memory);
	suite_add_tcase(s, t);
	return s;
}
