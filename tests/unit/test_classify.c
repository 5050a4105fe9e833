#include "exporter/classify.h"

#include "tests/unit/suites.h"

#define PB "application/x-protobuf"
#define S ((uint64_t)1000000000)

/* otlp.md 1.5, row by row. The numbers in the first column are CURLcodes. */
static const struct {
	int rc, status;
	const char *body;
	enum send_class class;
} rows[] = {
	{ 0, 200, "", SEND_ACCEPTED },
	{ 0, 202, "", SEND_ACCEPTED },
	{ 0, 204, "", SEND_ACCEPTED },
	{ 0, 429, "", SEND_RETRY },
	{ 0, 502, "", SEND_RETRY },
	{ 0, 503, "", SEND_RETRY },
	{ 0, 504, "", SEND_RETRY },
	{ 0, 429, "RATE_LIMITED: too large", SEND_RETRY },
	{ 0, 413, "", SEND_TOO_BIG },
	{ 0, 400, "http: request body too large", SEND_TOO_BIG },
	{ 0, 400, "\x08\x03\x12\x1cHTTP: Request Body TOO LARGE", SEND_TOO_BIG },
	{ 0, 400, "received message larger than max (5 vs. 4)", SEND_TOO_BIG },
	{ 0, 400, "please reduce the batch size", SEND_TOO_BIG },
	{ 0, 400, "span id must be 8 bytes", SEND_PERMANENT },
	{ 0, 400, "", SEND_PERMANENT },
	{ 0, 400, "too larg", SEND_PERMANENT },
	{ 0, 401, "", SEND_CONFIG },
	{ 0, 402, "", SEND_PERMANENT },
	{ 0, 403, "", SEND_CONFIG },
	{ 0, 404, "", SEND_CONFIG },
	{ 0, 405, "", SEND_CONFIG },
	{ 0, 406, "", SEND_PERMANENT },
	{ 0, 407, "", SEND_CONFIG },
	{ 0, 408, "", SEND_PERMANENT },
	{ 0, 415, "", SEND_CONFIG },
	{ 0, 417, "", SEND_CONFIG },
	{ 0, 422, "too large", SEND_PERMANENT },
	{ 0, 301, "", SEND_CONFIG },
	{ 0, 302, "", SEND_CONFIG },
	{ 0, 308, "", SEND_CONFIG },
	{ 0, 500, "", SEND_PERMANENT },
	{ 0, 501, "", SEND_PERMANENT },
	{ 0, 505, "", SEND_PERMANENT },
	{ 0, 599, "", SEND_PERMANENT },
	{ 6, 0, "", SEND_TRANSPORT },
	{ 7, 0, "", SEND_TRANSPORT },
	{ 28, 0, "", SEND_TRANSPORT },
	{ 28, 200, "", SEND_TRANSPORT },
	{ 35, 0, "", SEND_TRANSPORT },
	{ 52, 0, "", SEND_TRANSPORT },
	{ 55, 0, "", SEND_TRANSPORT },
	{ 56, 0, "", SEND_TRANSPORT },
	{ 16, 0, "", SEND_TRANSPORT },
	{ 18, 200, "", SEND_TRANSPORT },
	{ 92, 200, "", SEND_TRANSPORT },
	{ 81, 0, "", SEND_TRANSPORT },
	{ 58, 0, "", SEND_TLS },
	{ 59, 0, "", SEND_TLS },
	{ 60, 0, "", SEND_TLS },
	{ 77, 0, "", SEND_TLS },
	{ 82, 0, "", SEND_TLS },
	{ 83, 0, "", SEND_TLS },
	{ 90, 0, "", SEND_TLS },
	{ 91, 0, "", SEND_TLS },
	{ 1, 0, "", SEND_OURS },
	{ 3, 0, "", SEND_OURS },
	{ 4, 0, "", SEND_OURS },
	{ 27, 0, "", SEND_OURS },
	{ 43, 0, "", SEND_OURS },
	{ 48, 0, "", SEND_OURS },
	{ 96, 0, "", SEND_OURS },
	{ 23, 200, "", SEND_ACCEPTED },
	{ 23, 503, "", SEND_RETRY },
	{ 23, 400, "too large", SEND_TOO_BIG },
	{ 23, 0, "", SEND_TRANSPORT },
	{ 61, 200, "", SEND_ACCEPTED },
	{ 61, 404, "", SEND_CONFIG },
};

START_TEST(classes)
{
	struct attempt a = {
		.rc = rows[_i].rc,
		.status = rows[_i].status,
		.body = slice_str(rows[_i].body),
		.content_type = SLICE("text/plain"),
		.retry_after = SLICE("7"),
	};
	struct verdict v = classify(&a);

	ck_assert_msg(v.class == rows[_i].class, "rc %d, status %d: class %d", rows[_i].rc,
		      rows[_i].status, (int)v.class);
	ck_assert_uint_eq(v.wait_ns, v.class == SEND_RETRY ? 7 * S : 0);
	ck_assert(!v.protobuf);
}
END_TEST

static const struct {
	const char *type;
	int rc;
	bool protobuf;
} types[] = {
	{ PB, 0, true },
	{ "Application/X-Protobuf", 0, true },
	{ PB "; charset=utf-8", 0, true },
	{ PB " ;x", 0, true },
	{ PB, 23, false },
	{ PB "s", 0, false },
	{ "application/json", 0, false },
	{ "text/html", 0, false },
	{ "", 0, false },
};

START_TEST(content_types)
{
	struct attempt a = {
		.rc = types[_i].rc,
		.status = 200,
		.content_type = slice_str(types[_i].type),
	};

	ck_assert_msg(classify(&a).protobuf == types[_i].protobuf, "%s", types[_i].type);
}
END_TEST

/* Sun, 06 Nov 1994 08:49:37 GMT, the date of every HTTP example. */
#define DATE_S 784111777

static const struct {
	const char *value;
	int64_t now_s;
	uint64_t want;
} waits[] = {
	{ "3", 0, 3 * S },
	{ "0", 0, 0 },
	{ "600", 0, 600 * S },
	{ "601", 0, 600 * S },
	{ "31536000", 0, 600 * S },
	{ "99999999999999999999999999", 0, 600 * S },
	{ "-5", 0, 0 },
	{ "1.5", 0, 0 },
	{ "3s", 0, 0 },
	{ "soon", 0, 0 },
	{ "", 0, 0 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT", DATE_S - 30, 30 * S },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", DATE_S - 30, 30 * S },
	{ "Sun Nov  6 08:49:37 1994", DATE_S - 30, 30 * S },
	{ "Sun, 06 Nov 1994 08:49:37 GMT", DATE_S, 0 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT", DATE_S + 99, 0 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT", DATE_S - 86400, 600 * S },
	{ "Sun, 06 Nov 1994 08:49:37 GMT, or somewhat later than that, who can know it", 0, 0 },
};

START_TEST(retry_after)
{
	uint64_t got = retry_after_ns(slice_str(waits[_i].value), waits[_i].now_s);

	ck_assert_msg(got == waits[_i].want, "%s: %llu", waits[_i].value, (unsigned long long)got);
}
END_TEST

Suite *classify_suite(void)
{
	Suite *s = suite_create("classify");
	TCase *t = tcase_create("classify");

	tcase_add_loop_test(t, classes, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(t, content_types, 0, sizeof(types) / sizeof(types[0]));
	tcase_add_loop_test(t, retry_after, 0, sizeof(waits) / sizeof(waits[0]));
	suite_add_tcase(s, t);
	return s;
}
