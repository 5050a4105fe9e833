#include "exporter/json_text.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define MAX_LEN ((size_t)40)

/* What RFC 8259 section 7 says, byte by byte. */
static void spell(struct buf *b, struct slice s)
{
	static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";

	buf_u8(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		const char *found = s.ptr[i] ? strchr(from, s.ptr[i]) : NULL;

		if (found)
			buf_printf(b, "\\%c", to[found - from]);
		else if (s.ptr[i] < 0x20)
			buf_printf(b, "\\u%04x", s.ptr[i]);
		else
			buf_u8(b, s.ptr[i]);
	}
	buf_u8(b, '"');
}

/* In memory of exactly its length, so that a look behind it is seen. */
static void check(struct slice s)
{
	uint8_t *in = malloc(s.len + !s.len), *out = malloc(JSON_STRING_BOUND(s.len));
	struct buf repaired, expected;
	struct slice got;

	ck_assert(in && out);
	if (s.len)
		memcpy(in, s.ptr, s.len);
	got.ptr = out;
	got.len = (size_t)(json_put_string(out, (struct slice){ in, s.len }) - out);
	buf_init(&repaired, 4 * MAX_LEN);
	buf_init(&expected, JSON_STRING_BOUND(4 * MAX_LEN));
	utf8_append(&repaired, s);
	spell(&expected, buf_view(&repaired));
	ck_assert_msg(slice_eq(got, buf_view(&expected)), "%.*s, expected %.*s", (int)got.len,
		      (const char *)got.ptr, (int)expected.len, (const char *)expected.ptr);
	buf_release(&repaired);
	buf_release(&expected);
	free(in);
	free(out);
}

/* Every byte at every place of strings of every length. */
START_TEST(one_byte_among_others)
{
	uint8_t text[MAX_LEN];

	for (size_t len = 1; len <= MAX_LEN / 2; len++) {
		for (size_t at = 0; at < len; at++) {
			for (unsigned int c = 0; c < 256; c++) {
				memset(text, 'a', len);
				text[at] = (uint8_t)c;
				check((struct slice){ text, len });
			}
		}
	}
}
END_TEST

/* Many that are not plain, one behind the other; and some bytes of UTF-8. */
START_TEST(many_bytes)
{
	static const char some[] = "ab /~\x7f\"\\\b\t\n\f\r\x01\x1f\xc3\xa4\xe2\x82\xac\xff";
	uint64_t seed = 7;
	uint8_t text[MAX_LEN];

	for (unsigned int round = 0; round < 20000; round++) {
		size_t len = next_random(&seed) % (MAX_LEN + 1);

		for (size_t i = 0; i < len; i++)
			text[i] = (uint8_t)some[next_random(&seed) % (sizeof(some) - 1)];
		check((struct slice){ text, len });
	}
}
END_TEST

Suite *json_text_suite(void)
{
	Suite *s = suite_create("json_text");
	TCase *t = tcase_create("json_text");

	tcase_add_test(t, one_byte_among_others);
	tcase_add_test(t, many_bytes);
	suite_add_tcase(s, t);
	return s;
}
