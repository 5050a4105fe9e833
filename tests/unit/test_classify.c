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
		.words = slice_str(rows[_i].body),
		.content_type = SLICE("text/plain"),
		.retry_after = SLICE("7"),
	};
	struct verdict v = classify(&a);

	ck_assert_msg(v.class == rows[_i].class, "rc %d, status %d: class %d", rows[_i].rc,
		      rows[_i].status, (int)v.class);
	ck_assert_uint_eq(v.wait_ns, v.class == SEND_RETRY ? 7 * S : 0);
}
END_TEST

static const struct {
	const char *type;
	int rc;
	enum body_form form;
} types[] = {
	{ PB, 0, BODY_PROTOBUF },
	{ "Application/X-Protobuf", 0, BODY_PROTOBUF },
	{ PB "; charset=utf-8", 0, BODY_PROTOBUF },
	{ PB " ;x", 0, BODY_PROTOBUF },
	{ PB, 23, BODY_OTHER },
	{ PB "s", 0, BODY_OTHER },
	{ "application/json", 0, BODY_JSON },
	{ "application/json; charset=utf-8", 0, BODY_JSON },
	{ "application/jsonl", 0, BODY_OTHER },
	{ "application/grpc", 0, BODY_GRPC },
	{ "application/grpc+proto", 0, BODY_GRPC },
	{ "application/grpc-web", 0, BODY_OTHER },
	{ "text/html", 0, BODY_OTHER },
	{ "", 0, BODY_OTHER },
};

START_TEST(content_types)
{
	enum body_form form = classify_body(types[_i].rc, slice_str(types[_i].type));

	ck_assert_msg(form == types[_i].form, "%s", types[_i].type);
}
END_TEST

/* The same table for gRPC: HTTP status and gRPC status, with RetryInfo or without. */
static const struct {
	int rc, status, code;
	bool retry_info;
	const char *words;
	enum send_class class;
} grpc_rows[] = {
	{ 0, 200, 0, false, "", SEND_ACCEPTED },
	{ 0, 200, GRPC_NONE, false, "", SEND_TRANSPORT },
	{ 23, 200, GRPC_NONE, false, "", SEND_ACCEPTED },
	{ 23, 503, GRPC_NONE, false, "", SEND_RETRY },
	{ 92, 200, 0, false, "", SEND_TRANSPORT },
	{ 92, 200, GRPC_NONE, false, "", SEND_TRANSPORT },
	{ 92, 0, GRPC_NONE, false, "", SEND_TRANSPORT },
	{ 92, 200, 8, false, "", SEND_TOO_BIG },
	{ 18, 200, 3, false, "", SEND_PERMANENT },
	{ 0, 200, 1, false, "", SEND_RETRY },
	{ 0, 200, 2, false, "", SEND_PERMANENT },
	{ 0, 200, 3, false, "", SEND_PERMANENT },
	{ 0, 200, 4, false, "", SEND_RETRY },
	{ 0, 200, 5, false, "", SEND_PERMANENT },
	{ 0, 200, 6, false, "", SEND_PERMANENT },
	{ 0, 200, 7, false, "", SEND_CONFIG },
	{ 0, 200, 8, true, "", SEND_RETRY },
	{ 0, 200, 8, false, "", SEND_TOO_BIG },
	{ 0, 200, 9, false, "", SEND_PERMANENT },
	{ 0, 200, 10, false, "", SEND_RETRY },
	{ 0, 200, 11, false, "", SEND_RETRY },
	{ 0, 200, 12, false, "", SEND_CONFIG },
	{ 0, 200, 13, false, "", SEND_PERMANENT },
	{ 0, 200, 14, false, "", SEND_RETRY },
	{ 0, 200, 14, true, "", SEND_RETRY },
	{ 0, 200, 15, false, "", SEND_RETRY },
	{ 0, 200, 16, false, "", SEND_CONFIG },
	{ 0, 200, 17, false, "", SEND_PERMANENT },
	{ 0, 503, GRPC_NONE, false, "", SEND_RETRY },
	{ 0, 503, 0, false, "", SEND_RETRY },
	{ 0, 415, GRPC_NONE, false, "", SEND_CONFIG },
	{ 0, 400, GRPC_NONE, false, "", SEND_PERMANENT },
	{ 0, 404, GRPC_NONE, false, "", SEND_CONFIG },
};

START_TEST(grpc_classes)
{
	const struct attempt a = {
		.rc = grpc_rows[_i].rc,
		.status = grpc_rows[_i].status,
		.grpc = true,
		.grpc_status = grpc_rows[_i].code,
		.has_retry_info = grpc_rows[_i].retry_info,
		.retry_info_ns = 5 * S,
		.words = slice_str(grpc_rows[_i].words),
	};
	struct verdict v = classify(&a);

	ck_assert_msg(v.class == grpc_rows[_i].class, "rc %d, HTTP %d, gRPC %d: class %d", a.rc,
		      (int)a.status, a.grpc_status, (int)v.class);
	ck_assert_uint_eq(v.wait_ns, v.class == SEND_RETRY && a.has_retry_info ? 5 * S : 0);
}
END_TEST

/* A refusal that came while we were still sending. */
static const struct {
	int rc, status;
	enum send_class class;
} early[] = {
	{ 18, 413, SEND_TOO_BIG },   { 55, 413, SEND_TOO_BIG },	  { 56, 401, SEND_CONFIG },
	{ 92, 429, SEND_RETRY },     { 56, 503, SEND_RETRY },	  { 56, 400, SEND_TRANSPORT },
	{ 92, 500, SEND_TRANSPORT }, { 56, 200, SEND_TRANSPORT }, { 60, 401, SEND_TLS },
};

START_TEST(early_answers)
{
	const struct attempt a = { .rc = early[_i].rc, .status = early[_i].status };

	ck_assert_msg(classify(&a).class == early[_i].class, "rc %d, HTTP %d", a.rc, (int)a.status);
}
END_TEST

/* Not the network, but our certificate. */
START_TEST(alerts)
{
	static const char *const words[] = {
		"OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required",
		"SSL routines::sslv3 alert bad certificate",
		"SSL routines::tlsv1 alert unknown ca",
	};

	for (size_t i = 0; i < 3; i++) {
		struct attempt a = { .rc = 56, .error = slice_str(words[i]) };

		ck_assert_int_eq(classify(&a).class, SEND_TLS);
		a.rc = 52;
		ck_assert_int_eq(classify(&a).class, SEND_TRANSPORT);
		a.rc = 56;
		a.error = SLICE("Recv failure: Connection reset by peer");
		ck_assert_int_eq(classify(&a).class, SEND_TRANSPORT);
	}
}
END_TEST

/* Only a complaint about the encoding speaks against zstd. */
static const struct {
	int status, code; /* code: of gRPC, or GRPC_NONE for HTTP */
	const char *words;
	bool refused;
} compressions[] = {
	{ 400, GRPC_NONE, "unsupported Content-Encoding: zstd", true },
	{ 415, GRPC_NONE, "", true },
	{ 415, GRPC_NONE, "unsupported media type", false },
	{ 400, GRPC_NONE, "span id must be 8 bytes", false },
	{ 500, GRPC_NONE, "unsupported Content-Encoding: zstd", false },
	{ 200, GRPC_NONE, "zstd", false },
	{ 200, 12, "grpc: Decompressor is not installed for grpc-encoding \"zstd\"", true },
	{ 200, 12, "unknown service", false },
	{ 200, 13, "zstd", false },
};

START_TEST(refused_compressions)
{
	const struct attempt a = {
		.status = compressions[_i].status,
		.grpc = compressions[_i].code != GRPC_NONE,
		.grpc_status = compressions[_i].code,
		.words = slice_str(compressions[_i].words),
	};

	ck_assert_msg(classify(&a).compression_refused == compressions[_i].refused, "%s",
		      compressions[_i].words);
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
	tcase_add_loop_test(t, grpc_classes, 0, sizeof(grpc_rows) / sizeof(grpc_rows[0]));
	tcase_add_loop_test(t, early_answers, 0, sizeof(early) / sizeof(early[0]));
	tcase_add_test(t, alerts);
	tcase_add_loop_test(t, refused_compressions, 0,
			    sizeof(compressions) / sizeof(compressions[0]));
	tcase_add_loop_test(t, content_types, 0, sizeof(types) / sizeof(types[0]));
	tcase_add_loop_test(t, retry_after, 0, sizeof(waits) / sizeof(waits[0]));
	suite_add_tcase(s, t);
	return s;
}
