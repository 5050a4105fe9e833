#include "exporter/grpc.h"

#include "exporter/classify.h"
#include "tests/unit/suites.h"

START_TEST(heads)
{
	uint8_t head[GRPC_HEAD_BYTES];

	grpc_put_head(head, true, 0x01020304);
	ck_assert_mem_eq(head, "\1\1\2\3\4", 5);
	grpc_put_head(head, false, 0);
	ck_assert_mem_eq(head, "\0\0\0\0\0", 5);
}
END_TEST

static const struct {
	struct slice body;
	size_t len;
	bool ok;
	bool compressed;
} bodies[] = {
	{ SLICE("\0\0\0\0\0"), 0, true, false },
	{ SLICE("\0\0\0\0\2ab"), 2, true, false },
	{ SLICE("\1\0\0\0\2ab"), 2, true, true },
	{ SLICE("\2\0\0\0\2ab"), 0, false, false },
	{ SLICE("\0\0\0\0\3ab"), 0, false, false },
	{ SLICE("\0\0\0\0\1ab"), 0, false, false },
	{ SLICE("\0\377\377\377\377ab"), 0, false, false },
	{ SLICE("\0\0\0\0"), 0, false, false },
	{ SLICE(""), 0, false, false },
};

START_TEST(messages)
{
	struct slice message;
	bool compressed;

	ck_assert(grpc_message(bodies[_i].body, &message, &compressed) == bodies[_i].ok);
	if (!bodies[_i].ok)
		return;
	ck_assert_uint_eq(message.len, bodies[_i].len);
	ck_assert(compressed == bodies[_i].compressed);
}
END_TEST

START_TEST(statuses)
{
	ck_assert_int_eq(grpc_status(SLICE("0")), 0);
	ck_assert_int_eq(grpc_status(SLICE("14")), 14);
	ck_assert_int_eq(grpc_status(SLICE("99")), 99);
	ck_assert_int_eq(grpc_status(SLICE("")), GRPC_NONE);
	ck_assert_int_eq(grpc_status(SLICE("-1")), GRPC_NONE);
	ck_assert_int_eq(grpc_status(SLICE("1x")), GRPC_NONE);
	ck_assert_int_eq(grpc_status(SLICE("99999999999")), GRPC_NONE);
	ck_assert_str_eq(grpc_status_name(0), "OK");
	ck_assert_str_eq(grpc_status_name(16), "UNAUTHENTICATED");
	ck_assert_str_eq(grpc_status_name(17), "");
	ck_assert_str_eq(grpc_status_name(GRPC_NONE), "");
}
END_TEST

static const struct {
	const char *in, *out;
} escapes[] = {
	{ "plain", "plain" }, { "a%20b", "a b" },   { "%C3%a4", "\xc3\xa4" }, { "100%", "100%" },
	{ "%4", "%4" },	      { "%zz%41", "%zzA" }, { "%%41", "%A" },	      { "", "" },
};

START_TEST(escaped_messages)
{
	uint8_t to[32];
	size_t len = grpc_unescape(slice_str(escapes[_i].in), to, sizeof(to));

	ck_assert(slice_is((struct slice){ to, len }, escapes[_i].out));
	ck_assert_uint_le(grpc_unescape(slice_str(escapes[_i].in), to, 2), 2);
}
END_TEST

static const struct {
	const char *in, *out; /* NULL: refused */
} base64[] = {
	{ "", "" },	  { "QQ", "A" },     { "QQ==", "A" },	   { "QUI", "AB" },
	{ "QUI=", "AB" }, { "QUJD", "ABC" }, { "QUJDRA", "ABCD" }, { "+/+/", "\xfb\xff\xbf" },
	{ "Q", NULL },	  { "QUJDR", NULL }, { "QU_D", NULL },	   { "Q=I=", NULL },
	{ "QU I", NULL },
};

START_TEST(base64_texts)
{
	uint8_t to[8];
	size_t len;
	bool ok = grpc_base64(slice_str(base64[_i].in), to, sizeof(to), &len);

	ck_assert_msg(ok == (base64[_i].out != NULL), "%s", base64[_i].in);
	if (ok)
		ck_assert(slice_is((struct slice){ to, len }, base64[_i].out));
	ck_assert(!grpc_base64(SLICE("QUJDRA"), to, 3, &len));
}
END_TEST

Suite *grpc_suite(void)
{
	Suite *s = suite_create("grpc");
	TCase *t = tcase_create("grpc");

	tcase_add_test(t, heads);
	tcase_add_loop_test(t, messages, 0, sizeof(bodies) / sizeof(bodies[0]));
	tcase_add_test(t, statuses);
	tcase_add_loop_test(t, escaped_messages, 0, sizeof(escapes) / sizeof(escapes[0]));
	tcase_add_loop_test(t, base64_texts, 0, sizeof(base64) / sizeof(base64[0]));
	suite_add_tcase(s, t);
	return s;
}
