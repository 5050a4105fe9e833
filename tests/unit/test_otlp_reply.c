#include "exporter/otlp_reply.h"

#include "base/buf.h"
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
	otlp_reply_refused(&r, (struct slice){ body, sizeof(body) }, BODY_OTHER);
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
		otlp_reply_accepted(&r, (struct slice){ body, len }, BODY_PROTOBUF, 5);
		ck_assert_uint_le(r.rejected, 5);
		otlp_reply_refused(&r, (struct slice){ body, len }, BODY_PROTOBUF);
		otlp_reply_accepted(&r, (struct slice){ body, len }, BODY_JSON, 5);
		noise = noise * 1664525 + 1013904223;
	}
	for (uint64_t n = 1; n < 8; n++) {
		mem_fail_at(n);
		otlp_reply_accepted(&r, good, BODY_PROTOBUF, 5);
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
	otlp_reply_accepted(&r, (struct slice){ body, len }, BODY_PROTOBUF, 5);
	ck_assert(r.unreadable);
	mem_free(body);
}
END_TEST

/* `body` is JSON. */
static const struct {
	const char *body;
	unsigned int rejected;
	bool unreadable;
	const char *text;
} json[] = {
	{ "{}", 0, false, "" },
	{ "", 0, false, "" },
	{ "{\"partialSuccess\":{}}", 0, false, "" },
	{ "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"no\\nway\"}}", 3, false,
	  "no way" },
	{ "{\"partialSuccess\":{\"rejectedSpans\":2}}", 2, false, "" },
	{ "{\"partialSuccess\":{\"rejectedSpans\":\"-1\"}}", 0, false, "" },
	{ "{\"partialSuccess\":{\"rejectedSpans\":\"x\"}}", 0, false, "" },
	{ "{\"partialSuccess\":{\"rejectedSpans\":\"9223372036854775807\"}}", 5, false, "" },
	{ "{\"partialSuccess\":7}", 0, true, "" },
	{ "[]", 0, true, "" },
	{ "{\"partialSuccess\":null}", 0, false, "" },
	{ " {\"a\":[\"}\"],\"partialSuccess\" : {\"rejectedSpans\" : \"1\"}}\n", 1, false, "" },
	{ "{", 0, true, "" },
	{ "<h1>fine</h1>", 0, true, "" },
};

START_TEST(json_answers)
{
	struct otlp_reply r;

	otlp_reply_accepted(&r, slice_str(json[_i].body), BODY_JSON, 5);
	ck_assert_msg(r.rejected == json[_i].rejected && r.unreadable == json[_i].unreadable &&
			      !strcmp(r.text, json[_i].text),
		      "%s: %u, %d, %s", json[_i].body, (unsigned int)r.rejected, r.unreadable,
		      r.text);
}
END_TEST

/* Every cut of a good answer, and brackets as deep as they come. */
START_TEST(json_that_is_broken)
{
	struct slice good = slice_str(json[3].body);
	static uint8_t deep[100000];
	struct otlp_reply r;

	for (size_t len = 0; len < good.len; len++) {
		uint8_t *cut = mem_alloc(len);

		memcpy(cut, good.ptr, len);
		otlp_reply_accepted(&r, (struct slice){ cut, len }, BODY_JSON, 5);
		ck_assert(r.unreadable || !len);
		otlp_reply_refused(&r, (struct slice){ cut, len }, BODY_JSON);
		mem_free(cut);
	}
	memset(deep, '[', sizeof(deep));
	otlp_reply_accepted(&r, (struct slice){ deep, sizeof(deep) }, BODY_JSON, 5);
	ck_assert(r.unreadable);
}
END_TEST

START_TEST(json_refusals)
{
	struct otlp_reply r;

	otlp_reply_refused(&r,
			   SLICE("{\"code\":3,\"details\":[{\"message\":\"}]\"}],"
				 "\"message\" : \"\\u0041\\\"\\/\\ud83d\\ude00\\tb\"} "),
			   BODY_JSON);
	ck_assert_str_eq(r.text, "A\"/\xf0\x9f\x98\x80 b");
	otlp_reply_refused(&r, SLICE("{\"message\":\"\\ud83d x\\u12\"}"), BODY_JSON);
	ck_assert_str_eq(r.text, BAD BAD BAD " xu12");
	otlp_reply_refused(&r, SLICE("<h1>no</h1>"), BODY_JSON);
	ck_assert_str_eq(r.text, "<h1>no</h1>");
	ck_assert(r.unreadable);
}
END_TEST

/* google.rpc.Status{code 8, message "busy", details: Any of the given type and bytes}. */
static const struct {
	const char *name, *type;
	struct slice info;
	bool has;
	uint64_t ns;
} infos[] = {
	{ "5 s", "type.googleapis.com/google.rpc.RetryInfo", SLICE("\x0a\x02\x08\x05"), true,
	  5000000000 },
	{ "250 ms", "x/google.rpc.RetryInfo", SLICE("\x0a\x05\x10\x80\xe5\x9a\x77"), true,
	  250000000 },
	{ "0", "x/google.rpc.RetryInfo", SLICE(""), true, 0 },
	{ "-1 s", "x/google.rpc.RetryInfo",
	  SLICE("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), true, 0 },
	{ "for ever", "x/google.rpc.RetryInfo", SLICE("\x0a\x06\x08\xff\xff\xff\xff\x0f"), true,
	  RETRY_WAIT_MAX_NS },
	{ "another type", "x/google.rpc.ErrorInfo", SLICE("\x0a\x02\x08\x05"), false, 0 },
	{ "no type", "", SLICE("\x0a\x02\x08\x05"), false, 0 },
	{ "garbage", "x/google.rpc.RetryInfo", SLICE("\xff"), false, 0 },
};

START_TEST(retry_infos)
{
	struct slice type = slice_str(infos[_i].type);
	struct otlp_reply r;
	struct buf b;

	buf_init(&b, 1000);
	buf_str(&b, "\x08\x08\x12\x04"
		    "busy\x1a");
	buf_u8(&b, (uint8_t)(4 + type.len + infos[_i].info.len));
	buf_u8(&b, 0x0a);
	buf_u8(&b, (uint8_t)type.len);
	buf_slice(&b, type);
	buf_u8(&b, 0x12);
	buf_u8(&b, (uint8_t)infos[_i].info.len);
	buf_slice(&b, infos[_i].info);
	otlp_reply_refused(&r, buf_view(&b), BODY_PROTOBUF);
	ck_assert_str_eq(r.text, "busy");
	ck_assert_msg(r.has_retry_info == infos[_i].has && r.retry_info_ns == infos[_i].ns, "%s",
		      infos[_i].name);
	buf_release(&b);
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
	tcase_add_loop_test(t, json_answers, 0, sizeof(json) / sizeof(json[0]));
	tcase_add_test(t, json_that_is_broken);
	tcase_add_test(t, json_refusals);
	tcase_add_loop_test(t, retry_infos, 0, sizeof(infos) / sizeof(infos[0]));
	suite_add_tcase(s, t);
	return s;
}
