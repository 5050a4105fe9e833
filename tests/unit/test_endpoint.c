#include "exporter/endpoint.h"

#include "tests/unit/suites.h"

/* `shown` NULL: the same as `url`. `url` NULL: refused. */
static const struct {
	const char *base, *url, *shown;
} rows[] = {
	{ "http://localhost:4318", "http://localhost:4318/v1/traces", NULL },
	{ "http://localhost:4318/", "http://localhost:4318/v1/traces", NULL },
	{ "HTTP://localhost", "http://localhost/v1/traces", NULL },
	{ "https://otlp.example/base", "https://otlp.example/base/v1/traces", NULL },
	{ "https://otlp.example/base/", "https://otlp.example/base/v1/traces", NULL },
	{ "https://otlp.example/v1/traces", "https://otlp.example/v1/traces", NULL },
	{ "https://otlp.example/x/v1/traces/", "https://otlp.example/x/v1/traces", NULL },
	{ "http://h/xv1/traces", "http://h/xv1/traces/v1/traces", NULL },
	{ "http://h/v1/tracesx", "http://h/v1/tracesx/v1/traces", NULL },
	{ "http://[::1]:4318", "http://[::1]:4318/v1/traces", NULL },
	{ "http://h#part", "http://h/v1/traces", NULL },
	{ "http://h/a%20b", "http://h/a%20b/v1/traces", NULL },
	{ "http://me:secret@h:1", "http://me:secret@h:1/v1/traces", "http://h:1/v1/traces" },
	{ "https://me@h", "https://me@h/v1/traces", "https://h/v1/traces" },
	{ "http://h?key=secret", "http://h/v1/traces?key=secret", "http://h/v1/traces" },
	{ "localhost:4318", NULL, NULL },
	{ "localhost", NULL, NULL },
	{ "file:///etc/secret", NULL, NULL },
	{ "ftp://h/", NULL, NULL },
	{ "unix:/secret", NULL, NULL },
	{ "http://", NULL, NULL },
	{ "http://me:secret@h:99999", NULL, NULL },
	{ "http://h /secret", NULL, NULL },
	{ "", NULL, NULL },
};

START_TEST(urls)
{
	struct endpoint e;
	struct err err = ERR_INIT;
	const struct otlp_settings set = { .endpoint = rows[_i].base };
	enum status st = endpoint_parse(&e, &set, &err);

	if (!rows[_i].url) {
		ck_assert_msg(st == ST_CONFIG, "%s: %s", rows[_i].base, e.url);
		ck_assert_msg(!strstr(err.msg, "secret"), "%s", err.msg);
		return;
	}
	ck_assert_msg(st == ST_OK, "%s: %s", rows[_i].base, err.msg);
	ck_assert_str_eq(e.url, rows[_i].url);
	ck_assert_str_eq(e.shown, rows[_i].shown ? rows[_i].shown : rows[_i].url);
}
END_TEST

/* The specification's rules: its two variables, and gRPC. NULL `url`: refused. */
static const struct {
	const char *given;
	struct otlp_settings set;
	const char *url, *shown, *socket;
} ruled[] = {
#define AS_IS .path = SETTING_PATH_AS_IS
#define APPEND .path = SETTING_PATH_APPEND
#define GRPC .protocol = SETTING_GRPC
#define EXPORT "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	{ "http://h:4318", { AS_IS }, "http://h:4318/", "http://h:4318/", "" },
	{ "http://h:4318/", { AS_IS }, "http://h:4318/", "http://h:4318/", "" },
	{ "http://h/x/", { AS_IS }, "http://h/x/", "http://h/x/", "" },
	{ "http://h/v1/traces", { AS_IS }, "http://h/v1/traces", "http://h/v1/traces", "" },
	{ "http://u:p@h/x?k=s", { AS_IS }, "http://u:p@h/x?k=s", "http://h/x", "" },
	{ "http://h:4318", { APPEND }, "http://h:4318/v1/traces", "http://h:4318/v1/traces", "" },
	{ "http://h/x/", { APPEND }, "http://h/x/v1/traces", "http://h/x/v1/traces", "" },
	{ "http://h/v1/traces",
	  { APPEND },
	  "http://h/v1/traces/v1/traces",
	  "http://h/v1/traces/v1/traces",
	  "" },
	{ "http://h:4317", { GRPC }, "http://h:4317" EXPORT, "http://h:4317/", "" },
	{ "https://h:4317/x?k=s", { GRPC }, "https://h:4317" EXPORT, "https://h:4317/", "" },
	{ "HTTPS://h", { GRPC, .insecure = true }, "https://h" EXPORT, "https://h/", "" },
	{ "http://u:p@h:1", { GRPC }, "http://u:p@h:1" EXPORT, "http://h:1/", "" },
	{ "h:4317", { GRPC }, "https://h:4317" EXPORT, "https://h:4317/", "" },
	{ "h:4317", { GRPC, .insecure = true }, "http://h:4317" EXPORT, "http://h:4317/", "" },
	{ "dns:///h:1", { GRPC, .insecure = true }, "http://h:1" EXPORT, "http://h:1/", "" },
	{ "dns:h:1", { GRPC }, "https://h:1" EXPORT, "https://h:1/", "" },
	{ "[::1]:1", { GRPC, .insecure = true }, "http://[::1]:1" EXPORT, "http://[::1]:1/", "" },
	{ "unix:///run/x.sock",
	  { GRPC, .insecure = true },
	  "http://localhost" EXPORT,
	  "unix:/run/x.sock",
	  "/run/x.sock" },
	{ "unix:x.sock", { GRPC }, "https://localhost" EXPORT, "unix:x.sock", "x.sock" },
	{ "unix:", { GRPC }, NULL, NULL, NULL },
	{ "ftp://h", { GRPC }, NULL, NULL, NULL },
	{ "h:99999", { GRPC }, NULL, NULL, NULL },
	{ "", { GRPC }, NULL, NULL, NULL },
};

START_TEST(rules)
{
	struct otlp_settings set = ruled[_i].set;
	struct err err = ERR_INIT;
	struct endpoint e;
	enum status st;

	set.endpoint = ruled[_i].given;
	st = endpoint_parse(&e, &set, &err);
	if (!ruled[_i].url) {
		ck_assert_msg(st == ST_CONFIG, "%s: %s", set.endpoint, e.url);
		return;
	}
	ck_assert_msg(st == ST_OK, "%s: %s", set.endpoint, err.msg);
	ck_assert_str_eq(e.url, ruled[_i].url);
	ck_assert_str_eq(e.shown, ruled[_i].shown);
	ck_assert_str_eq(e.unix_socket, ruled[_i].socket);
}
END_TEST

START_TEST(long_ones_are_refused)
{
	char base[2 * MAX_URL_BYTES] = "http://h/";
	const struct otlp_settings set = { .endpoint = base };
	struct endpoint e;
	struct err err = ERR_INIT;

	memset(base + 9, 'x', sizeof(base) - 10);
	ck_assert_int_eq(endpoint_parse(&e, &set, &err), ST_CONFIG);
	for (size_t len = MAX_URL_BYTES - 40; len < MAX_URL_BYTES + 5; len++) {
		memset(base + 9, 'x', len - 9);
		base[len] = '\0';
		if (endpoint_parse(&e, &set, &err) == ST_OK)
			ck_assert_uint_eq(strlen(e.url), len + sizeof("/v1/traces") - 1);
		else
			ck_assert_uint_ge(len + sizeof("/v1/traces"), MAX_URL_BYTES - 12);
	}
}
END_TEST

Suite *endpoint_suite(void)
{
	Suite *s = suite_create("endpoint");
	TCase *t = tcase_create("endpoint");

	tcase_add_loop_test(t, urls, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(t, rules, 0, sizeof(ruled) / sizeof(ruled[0]));
	tcase_add_test(t, long_ones_are_refused);
	suite_add_tcase(s, t);
	return s;
}
