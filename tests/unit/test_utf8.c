#include "base/utf8.h"

#include "tests/unit/suites.h"

#define BAD UTF8_REPLACEMENT_BYTES

/* The repaired forms are what Go's `for range` and encoding/json make of the same bytes. */
static const struct {
	const char *name;
	struct slice in;
	size_t prefix; /* valid bytes at the start */
	struct slice repaired;
} rows[] = {
	{ "empty", SLICE(""), 0, SLICE("") },
	{ "ascii", SLICE("GET /"), 5, SLICE("GET /") },
	{ "nul inside", SLICE("a\0b"), 3, SLICE("a\0b") },
	{ "nine ascii", SLICE("abcdefghi"), 9, SLICE("abcdefghi") },
	{ "two bytes", SLICE("\xc3\xa4"), 2, SLICE("\xc3\xa4") },
	{ "lowest of two", SLICE("\xc2\x80"), 2, SLICE("\xc2\x80") },
	{ "highest of three", SLICE("\xef\xbf\xbf"), 3, SLICE("\xef\xbf\xbf") },
	{ "last before surrogates", SLICE("\xed\x9f\xbf"), 3, SLICE("\xed\x9f\xbf") },
	{ "first after surrogates", SLICE("\xee\x80\x80"), 3, SLICE("\xee\x80\x80") },
	{ "highest of all", SLICE("\xf4\x8f\xbf\xbf"), 4, SLICE("\xf4\x8f\xbf\xbf") },
	{ "a real replacement", SLICE(BAD), 3, SLICE(BAD) },
	{ "lone continuation", SLICE("\x80"), 0, SLICE(BAD) },
	{ "overlong slash", SLICE("\xc0\xaf"), 0, SLICE(BAD BAD) },
	{ "overlong c1", SLICE("\xc1\xbf"), 0, SLICE(BAD BAD) },
	{ "overlong three", SLICE("\xe0\x9f\xbf"), 0, SLICE(BAD BAD BAD) },
	{ "overlong four", SLICE("\xf0\x8f\xbf\xbf"), 0, SLICE(BAD BAD BAD BAD) },
	{ "surrogate", SLICE("\xed\xa0\x80"), 0, SLICE(BAD BAD BAD) },
	{ "above 10ffff", SLICE("\xf4\x90\x80\x80"), 0, SLICE(BAD BAD BAD BAD) },
	{ "f5 leads nothing", SLICE("\xf5\x80\x80\x80"), 0, SLICE(BAD BAD BAD BAD) },
	{ "ff",
	  SLICE("a\xff"
		"b"),
	  1, SLICE("a" BAD "b") },
	{ "cut short", SLICE("\xe2\x82"), 0, SLICE(BAD BAD) },
	{ "cut short, then ascii",
	  SLICE("\xf0\x9f\x98"
		"x"),
	  0, SLICE(BAD BAD BAD "x") },
	{ "lead, then rune", SLICE("\xe2\xc3\xa4"), 0, SLICE(BAD "\xc3\xa4") },
	{ "bad in the second word",
	  SLICE("0123456789\xfe"
		"abcdefghijk"),
	  10, SLICE("0123456789" BAD "abcdefghijk") },
};

START_TEST(repairs)
{
	struct buf b;

	buf_init(&b, 100);
	buf_str(&b, ">");
	utf8_append(&b, rows[_i].in);
	ck_assert_msg(utf8_valid_prefix(rows[_i].in) == rows[_i].prefix, "%s", rows[_i].name);
	ck_assert_msg(utf8_valid(rows[_i].in) == slice_eq(rows[_i].in, rows[_i].repaired), "%s",
		      rows[_i].name);
	ck_assert_msg(utf8_repaired_len(rows[_i].in) == rows[_i].repaired.len, "%s", rows[_i].name);
	ck_assert_msg(slice_eq((struct slice){ b.ptr + 1, b.len - 1 }, rows[_i].repaired), "%s",
		      rows[_i].name);
	ck_assert_msg(utf8_valid(rows[_i].repaired), "%s", rows[_i].name);
	buf_release(&b);
}
END_TEST

/* Encode a value the plain way, surrogates and too large values included. */
static size_t encode(uint32_t v, uint8_t out[4])
{
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = v < 0x80 ? 1 : v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--, v >>= 6)
		out[i] = (uint8_t)(0x80 | (v & 0x3f));
	out[0] = (uint8_t)(lead[n] | v);
	return n;
}

START_TEST(decodes_every_value)
{
	for (uint32_t v = 0; v < 0x1fffff; v++) {
		uint8_t bytes[4];
		size_t n = encode(v, bytes);
		struct utf8_rune rune = utf8_decode((struct slice){ bytes, n });
		bool legal = v <= 0x10ffff && !(v >= 0xd800 && v <= 0xdfff);

		if (rune.valid != legal || rune.width != (legal ? n : 1) ||
		    rune.value != (legal ? v : UTF8_REPLACEMENT))
			ck_abort_msg("U+%04X", v);
	}
	ck_assert_uint_eq(utf8_decode(SLICE("")).width, 0);
}
END_TEST

static const struct {
	const char *name;
	struct slice in;
	size_t max, want;
} cuts[] = {
	{ "fits", SLICE("abc"), 3, 3 },
	{ "ascii", SLICE("abc"), 2, 2 },
	{ "to nothing", SLICE("abc"), 0, 0 },
	{ "before a rune", SLICE("a\xe2\x82\xac"), 1, 1 },
	{ "in a rune", SLICE("a\xe2\x82\xac"), 2, 1 },
	{ "late in a rune", SLICE("a\xe2\x82\xac"), 3, 1 },
	{ "after a rune",
	  SLICE("a\xe2\x82\xac"
		"b"),
	  4, 4 },
	{ "in four bytes", SLICE("ab\xf0\x9f\x98\x80"), 5, 2 },
	{ "first rune does not fit", SLICE("\xf0\x9f\x98\x80"), 3, 0 },
	{ "bad bytes", SLICE("\xff\xff\xff"), 2, 2 },
	{ "continuations only", SLICE("\x80\x80\x80\x80\x80"), 4, 4 },
	{ "a short rune ends at the cut",
	  SLICE("a\xc3\xa4"
		"b"),
	  3, 3 },
};

START_TEST(cuts_between_runes)
{
	struct slice got = utf8_cut(cuts[_i].in, cuts[_i].max);

	ck_assert_msg(got.len == cuts[_i].want && got.ptr == cuts[_i].in.ptr, "%s: %zu",
		      cuts[_i].name, got.len);
}
END_TEST

START_TEST(append_keeps_the_limit)
{
	struct buf b;

	buf_init(&b, 4);
	utf8_append(&b, SLICE("\xff\xff"));
	ck_assert_int_eq(b.failed, ST_LIMIT);
	ck_assert_uint_eq(b.len, 0);
	buf_release(&b);
}
END_TEST

Suite *utf8_suite(void)
{
	Suite *s = suite_create("utf8");
	TCase *t = tcase_create("utf8");

	tcase_add_loop_test(t, repairs, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(t, cuts_between_runes, 0, sizeof(cuts) / sizeof(cuts[0]));
	tcase_add_test(t, decodes_every_value);
	tcase_add_test(t, append_keeps_the_limit);
	suite_add_tcase(s, t);
	return s;
}
