#include "collector/trace/gotext.h"

#include "tests/unit/suites.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* What strconv.Quote of Go 1.26 gives. */
static const struct {
	struct slice in;
	const char *want;
} quotes[] = {
	{ SLICE(""), "\"\"" },
	{ SLICE("plain text"), "\"plain text\"" },
	{ SLICE("say \"hi\""), "\"say \\\"hi\\\"\"" },
	{ SLICE("back\\slash"), "\"back\\\\slash\"" },
	{ SLICE("\a\b\f\n\r\t\v"), "\"\\a\\b\\f\\n\\r\\t\\v\"" },
	{ SLICE("\0\x01\x1f\x7f"), "\"\\x00\\x01\\x1f\\x7f\"" },
	{ SLICE("'single'"), "\"'single'\"" },
	{ SLICE("\xc2\xa0"), "\"\\u00a0\"" },
	{ SLICE("\xc2\xad"), "\"\\u00ad\"" },
	{ SLICE("\xe2\x80\x8b"), "\"\\u200b\"" },
	{ SLICE("\xe2\x80\xa8"), "\"\\u2028\"" },
	{ SLICE("\xef\xbb\xbf"), "\"\\ufeff\"" },
	{ SLICE("\xef\xbf\xbd"), "\"\xef\xbf\xbd\"" }, /* a real U+FFFD */
	{ SLICE("\xff"), "\"\\xff\"" },
	{ SLICE("\xc3"), "\"\\xc3\"" },
	{ SLICE("a\xc3(b"), "\"a\\xc3(b\"" },
	{ SLICE("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\"" }, /* a surrogate */
	{ SLICE("\xc0\x80"), "\"\\xc0\\x80\"" },
	{ SLICE("\xc3\xbc\xe6\xbc\xa2\xf0\x9f\x98\x80"),
	  "\"\xc3\xbc\xe6\xbc\xa2\xf0\x9f\x98\x80\"" },
	{ SLICE("\xcc\x81"), "\"\xcc\x81\"" }, /* a combining mark prints */
	{ SLICE("\xf3\xa0\x80\x81"), "\"\\U000e0001\"" },
	{ SLICE("\xf4\x8f\xbf\xbf"), "\"\\U0010ffff\"" },
	{ SLICE("\xee\x80\x80"), "\"\\ue000\"" },
	{ SLICE("\xf0\x9f\xab\xa8"), "\"\xf0\x9f\xab\xa8\"" }, /* of Unicode 15 */
	{ SLICE("\xcd\xb8"), "\"\\u0378\"" },		       /* unassigned */
	{ SLICE("\xe3\x80\x80"), "\"\\u3000\"" },	       /* a blank, but not ASCII's */
};

START_TEST(quote)
{
	struct buf b;

	buf_init(&b, 200);
	gotext_quote(&b, quotes[_i].in);
	ck_assert_msg(slice_is(buf_view(&b), quotes[_i].want), "%.*s, expected %s", SLICE_ARG(b),
		      quotes[_i].want);
	buf_clear(&b);
	gotext_escape(&b, quotes[_i].in);
	ck_assert_uint_eq(b.len, strlen(quotes[_i].want) - 2);
	buf_release(&b);
}
END_TEST

/* What time.Unix(sec, nsec).Format(time.RFC3339Nano) gives; no zone is UTC. */
static const struct {
	const char *zone;
	int64_t sec;
	uint64_t nsec;
	const char *want;
} times[] = {
	{ "UTC", 0, 0, "1970-01-01T00:00:00Z" },
	{ "UTC", 1, 999999999, "1970-01-01T00:00:01.999999999Z" },
	{ "UTC", 1700000000, 120000000, "2023-11-14T22:13:20.12Z" },
	{ "UTC", 1700000000, 1000000001, "2023-11-14T22:13:21.000000001Z" },
	{ "UTC", -1, 1, "1969-12-31T23:59:59.000000001Z" },
	{ "UTC", 1, UINT64_MAX, "1970-01-01T00:00:00.999999999Z" },
	{ "UTC", 0, UINT64_MAX - 1000000000, "1969-12-31T23:59:58.999999999Z" },
	{ "UTC", 0, (uint64_t)1 << 62, "2116-02-20T23:53:38.427387904Z" },
	{ "UTC", -62135596800, 0, "0001-01-01T00:00:00Z" },
	{ "UTC", -62167219200, 0, "0000-01-01T00:00:00Z" },
	{ "UTC", -62167219201, 0, "-0001-12-31T23:59:59Z" },
	{ "UTC", -64419062400, 0, "-0072-08-23T00:00:00Z" },
	{ "UTC", -100000000000, 0, "-1199-02-15T14:13:20Z" },
	{ "UTC", -377705116800, 0, "-9999-01-01T00:00:00Z" },
	{ "UTC", 253402300799, 5, "9999-12-31T23:59:59.000000005Z" },
	{ "UTC", 253402300800, 0, "10000-01-01T00:00:00Z" },
	{ "UTC", (int64_t)1 << 40, 0, "36812-02-20T00:36:16Z" },
	{ "UTC", 951782400, 10, "2000-02-29T00:00:00.00000001Z" },
	{ "UTC", 4107542400, 0, "2100-03-01T00:00:00Z" },
	{ "UTC", -2203891200, 0, "1900-03-01T00:00:00Z" },
	/* Go counts from March of this year, and wraps before it. */
	{ "UTC", -9223372028715321601, 0, "-292277022400-12-31T23:59:59Z" },
	{ "UTC", -9223372028715321600, 0, "-292277022399-01-01T00:00:00Z" },
	{ "UTC", INT64_MIN, 0, "292277026596-12-04T15:30:08Z" },
	{ "UTC", INT64_MAX, 0, "292277026596-12-04T15:30:07Z" },
	{ "UTC", INT64_MAX, 1000000001, "292277026596-12-04T15:30:08.000000001Z" },
	{ "UTC", INT64_MAX, INT64_MAX, "-292277022365-05-08T08:17:07.854775807Z" },
	{ "UTC", INT64_MIN, (uint64_t)1 << 63, "292277026304-08-26T15:42:51.145224192Z" },
	{ "UTC", 67768036191676800, 0, "2147485548-01-01T00:00:00Z" },
	{ "UTC", -67768040609740801, 0, "-2147481749-12-31T23:59:59Z" },
	{ "IST-5:30", 1700000000, 0, "2023-11-15T03:43:20+05:30" },
	{ "NST3:30NDT,M3.2.0,M11.1.0", 1700000000, 0, "2023-11-14T18:43:20-03:30" },
	{ "NST3:30NDT,M3.2.0,M11.1.0", 1720000000, 0, "2024-07-03T07:16:40-02:30" },
	{ "EST5EDT,M3.2.0,M11.1.0", 1700000000, 0, "2023-11-14T17:13:20-05:00" },
};

START_TEST(wall_time)
{
	struct buf b;

	setenv("TZ", times[_i].zone, 1);
	tzset();
	buf_init(&b, 200);
	gotext_wall_time(&b, times[_i].sec, times[_i].nsec);
	ck_assert_msg(slice_is(buf_view(&b), times[_i].want), "%.*s, expected %s", SLICE_ARG(b),
		      times[_i].want);
	buf_release(&b);
	setenv("TZ", "UTC", 1);
	tzset();
}
END_TEST

Suite *gotext_suite(void)
{
	Suite *s = suite_create("gotext");
	TCase *t = tcase_create("gotext");

	tcase_add_loop_test(t, quote, 0, LEN(quotes));
	tcase_add_loop_test(t, wall_time, 0, LEN(times));
	suite_add_tcase(s, t);
	return s;
}
