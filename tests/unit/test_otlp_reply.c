#include "exporter/otlp_reply.h"

#include "base/mem.h"
#include "tests/unit/suites.h"

#define BAD "\xef\xbf\xbd"

static const struct {
	const char *name;
	struct slice in;
	size_t cap;
	const char *want;
} lines[] = {
	{ "as it is", SLICE("no way"), 20, "no way" },
	{ "empty", SLICE(""), 20, "" },
	{ "blanks at the ends", SLICE(" \n no way\r\n"), 20, "no way" },
	{ "runs of blanks", SLICE("no \t\n way"), 20, "no way" },
	{ "escape sequences", SLICE("\x1b[31mred\x1b[0m"), 20, "[31mred [0m" },
	{ "nul and del",
	  SLICE("a\0b\x7f"
		"c"),
	  20, "a b c" },
	{ "control characters above ASCII",
	  SLICE("a\xc2\x9b"
		"31m"),
	  20, "a 31m" },
	{ "broken bytes",
	  SLICE("a\xff"
		"b"),
	  20, "a" BAD "b" },
	{ "just fits", SLICE("abc"), 4, "abc" },
	{ "cut", SLICE("abcd"), 4, "abc" },
	{ "cut before a rune", SLICE("ab\xe2\x82\xac"), 5, "ab" },
	{ "cut before a blank", SLICE("abc d"), 5, "abc" },
	{ "nothing fits", SLICE("abc"), 1, "" },
};

START_TEST(one_line)
{
	char got[32];

	memset(got, 'z', sizeof(got));
	text_one_line(got, lines[_i].cap, lines[_i].in);
	ck_assert_msg(strcmp(got, lines[_i].want) == 0, "%s: %s", lines[_i].name, got);
	ck_assert_int_eq(got[lines[_i].cap], 'z');
}
END_TEST

START_TEST(texts_have_a_maximum)
{
	static uint8_t body[5000];
	struct otlp_reply r;

	memset(body, 'x', sizeof(body));
	otlp_reply_refused(&r, (struct slice){ body, sizeof(body) }, false);
	ck_assert_uint_eq(strlen(r.text), MAX_SERVER_TEXT);
}
END_TEST

/* Bytes from outside: any of them, in any length, and no memory. */
START_TEST(garbage_is_harmless)
{
	struct slice good = SLICE("\x0a\x08\x08\x03\x12\x04"
				  "text");
	uint8_t body[64];
	struct otlp_reply r;
	uint32_t noise = 1;

	for (int round = 0; round < 20000; round++) {
		size_t len = (noise >> 8) % sizeof(body);

		for (size_t i = 0; i < len; i++)
			body[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
		if (round % 2)
			memcpy(body, good.ptr, len < good.len ? len : good.len);
		otlp_reply_accepted(&r, (struct slice){ body, len }, true, 5);
		ck_assert_uint_le(r.rejected, 5);
		otlp_reply_refused(&r, (struct slice){ body, len }, true);
		noise = noise * 1664525 + 1013904223;
	}
	for (uint64_t n = 1; n < 8; n++) {
		mem_fail_at(n);
		otlp_reply_accepted(&r, good, true, 5);
		ck_assert(r.unreadable || r.rejected == 3);
	}
	mem_fail_at(0);
	ck_assert_uint_eq(r.rejected, 3);
	ck_assert_str_eq(r.text, "text");
}
END_TEST

/* Two bytes of body cost a message struct each: the allowance ends that. */
START_TEST(memory_is_bounded)
{
	const size_t len = MAX_RESPONSE_BYTES;
	uint8_t *body = mem_alloc(len);
	struct otlp_reply r;

	ck_assert_ptr_nonnull(body);
	for (size_t i = 0; i < len; i += 2) {
		body[i] = 15 << 3; /* an unknown varint field */
		body[i + 1] = 1;
	}
	otlp_reply_accepted(&r, (struct slice){ body, len }, true, 5);
	ck_assert(r.unreadable);
	mem_free(body);
}
END_TEST

Suite *otlp_reply_suite(void)
{
	Suite *s = suite_create("otlp_reply");
	TCase *t = tcase_create("otlp_reply");

	tcase_add_loop_test(t, one_line, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(t, texts_have_a_maximum);
	tcase_add_test(t, garbage_is_harmless);
	tcase_add_test(t, memory_is_bounded);
	suite_add_tcase(s, t);
	return s;
}
