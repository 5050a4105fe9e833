/*
 * settings: OTEL_* variables, and who wins over whom.
 */
#include "base/limits.h"
#include "tests/unit/settings_fixture.h"

Suite *environ_suite(void);

/* A key without a value leaves what is below it: the environment, then the default. */
START_TEST(empty_values)
{
	static const char *const pairs[] = { "OTEL_SERVICE_NAME", "from-env", NULL };

	variables = pairs;
	ck_assert_int_eq(load("service: { name: }\nmapping:\nlog: { level: ~ }\nexporters: null\n"),
			 ST_OK);
	ck_assert_str_eq(s.service.name, "from-env");
	ck_assert_int_eq(settings_origin(&s, "service.name"), ORIGIN_ENV);
	ck_assert_int_eq(s.log.level, LOG_LEVEL_INFO);
	ck_assert_int_eq(settings_origin(&s, "log.level"), ORIGIN_DEFAULT);
	ck_assert_int_eq(load("service:\n  name: ${NOT_SET}\n"), ST_OK);
	ck_assert_str_eq(s.service.name, "from-env");
}
END_TEST

START_TEST(precedence)
{
	static const char *const pairs[] = {
		"OTEL_SERVICE_NAME",
		"env-name",
		"OTEL_EXPORTER_OTLP_COMPRESSION",
		"none",
		"OTEL_EXPORTER_OTLP_TIMEOUT",
		"2000",
		"OTEL_EXPORTER_OTLP_ENDPOINT",
		"http://env:1",
		"OTEL_EXPORTER_OTLP_HEADERS",
		"a=1,b=2",
		"OTEL_RESOURCE_ATTRIBUTES",
		"x=env,y=env,service.version=9",
		"OTEL_LOG_LEVEL",
		"debug",
		NULL,
	};
	const struct exporter_settings *e;

	variables = pairs;
	ck_assert_int_eq(load("service: { attributes: { y: file, z: file } }\n"
			      "exporters:\n"
			      "- name: one\n"
			      "  otlp: { timeout: 3s }\n"
			      "- name: two\n"
			      "  otlp: { endpoint: 'http://file:2', headers: { c: 3 } }\n"
			      "log: { level: warn }\n"),
			 ST_OK);
	ck_assert_str_eq(s.service.name, "env-name");
	ck_assert_str_eq(s.service.version, "9");
	ck_assert_uint_eq(s.service.attributes.n, 3);
	ck_assert_str_eq(s.service.attributes.ptr[0].text, "env");
	ck_assert_int_eq(s.service.attributes.ptr[0].origin, ORIGIN_ENV);
	ck_assert_str_eq(s.service.attributes.ptr[1].name, "y");
	ck_assert_str_eq(s.service.attributes.ptr[1].text, "file");
	ck_assert_int_eq(s.service.attributes.ptr[1].origin, ORIGIN_FILE);
	ck_assert_int_eq(s.log.level, LOG_LEVEL_WARN);
	e = s.exporters.ptr;
	ck_assert_str_eq(e[0].otlp.endpoint, "http://env:1");
	ck_assert_uint_eq(e[0].otlp.timeout_ns, 3000000000);
	ck_assert_uint_eq(e[0].otlp.headers.n, 2);
	ck_assert_str_eq(e[1].otlp.endpoint, "http://file:2");
	ck_assert_uint_eq(e[1].otlp.timeout_ns, 2000000000);
	ck_assert_int_eq(e[1].otlp.compression, SETTING_NONE);
	ck_assert_uint_eq(e[1].otlp.headers.n, 1);
	ck_assert_str_eq(e[1].otlp.headers.ptr[0].name, "c");
	ck_assert_int_eq(settings_origin(&s, "exporters[0].otlp.timeout"), ORIGIN_FILE);
	ck_assert_int_eq(settings_origin(&s, "exporters[1].otlp.timeout"), ORIGIN_ENV);
	ck_assert_int_eq(settings_origin(&s, "exporters[1].otlp.protocol"), ORIGIN_DEFAULT);
	ck_assert_int_eq(settings_origin(&s, "exporters[2].otlp.protocol"), ORIGIN_DEFAULT);
	ck_assert_int_eq(settings_set(&s, "log.level", "error", &err), ST_OK);
	ck_assert_int_eq(s.log.level, LOG_LEVEL_ERROR);
	ck_assert_int_eq(settings_origin(&s, "log.level"), ORIGIN_FLAG);
	ck_assert_int_eq(settings_set(&s, "exporters[0].otlp.timeout", "4s", &err), ST_OK);
	ck_assert_uint_eq(e[0].otlp.timeout_ns, 4000000000);
}
END_TEST

/* One variable at a time: what it comes to, or the warning and the default. */
struct variable_row {
	const char *name, *value;
	const char *path;    /* of the setting */
	const char *want;    /* its text; NULL: the default stays */
	const char *warning; /* NULL: none */
};

#define OTLP "OTEL_EXPORTER_OTLP_"
#define EXP "exporters[0].otlp."

static const struct variable_row variable_rows[] = {
	{ "OTEL_SERVICE_NAME", "shop", "service.name", "shop", NULL },
	{ "OTEL_SERVICE_NAME", "", "service.name", NULL, NULL },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.name=a", "service.name", "a", NULL },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=a%20b", "service.instance_id", "a b",
	  NULL },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.namespace=n", "service.namespace", "n", NULL },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.name=", "service.name", NULL,
	  "OTEL_RESOURCE_ATTRIBUTES: service.name: expected text, not empty; ignored" },
	{ "OTEL_RESOURCE_ATTRIBUTES", " a = b , service.version = 3 ", "service.version", "3",
	  NULL },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.version=3,,", "service.version", "3", NULL },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.version=a=b", "service.version", "a=b", NULL },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.version=3,x", "service.version", NULL,
	  "OTEL_RESOURCE_ATTRIBUTES: an entry is not name=value; ignored" },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.version=3,=x", "service.version", NULL,
	  "OTEL_RESOURCE_ATTRIBUTES: an entry has no name; ignored" },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.version=3,x=%2", "service.version", NULL,
	  "OTEL_RESOURCE_ATTRIBUTES: a % is not followed by two hexadecimal digits; ignored" },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.version=3,x=%zz", "service.version", NULL,
	  "OTEL_RESOURCE_ATTRIBUTES: a % is not followed by two hexadecimal digits; ignored" },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.version=3,x=%ff", "service.version", NULL,
	  "OTEL_RESOURCE_ATTRIBUTES: what it decodes to is not UTF-8; ignored" },
	{ "OTEL_RESOURCE_ATTRIBUTES", "service.version=3,x=%00", "service.version", NULL,
	  "OTEL_RESOURCE_ATTRIBUTES: what it decodes to is not UTF-8; ignored" },
	{ "OTEL_SPAN_EVENT_COUNT_LIMIT", "7", "mapping.limits.events_per_span", "7", NULL },
	{ "OTEL_SPAN_EVENT_COUNT_LIMIT", "many", "mapping.limits.events_per_span", NULL,
	  "OTEL_SPAN_EVENT_COUNT_LIMIT: expected a whole number, at most 65536; ignored" },
	{ "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "7", "mapping.limits.attributes_per_span", "7", NULL },
	{ "OTEL_ATTRIBUTE_COUNT_LIMIT", "7", "mapping.limits.attributes_per_span", "7", NULL },
	{ "OTEL_SPAN_LINK_COUNT_LIMIT", "7", "mapping.limits.links_per_span", "7", NULL },
	{ "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "7", "mapping.limits.attributes_per_event", "7",
	  NULL },
	{ "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "7", "mapping.limits.attributes_per_link", "7", NULL },
	{ OTLP "INSECURE", "TRUE", EXP "insecure", "TRUE", NULL },
	{ OTLP "TRACES_INSECURE", "true", EXP "insecure", "true", NULL },
	{ OTLP "INSECURE", "yes", EXP "insecure", NULL,
	  OTLP "INSECURE: expected true or false; ignored" },
	{ "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "99", "mapping.limits.attribute_length", "99",
	  NULL },
	{ "OTEL_LOG_LEVEL", "WARN", "log.level", "WARN", NULL },
	{ "OTEL_LOG_LEVEL", "fatal", "log.level", NULL,
	  "OTEL_LOG_LEVEL: expected one of error, warn, info, debug; ignored" },
	{ OTLP "ENDPOINT", "http://e:1", EXP "endpoint", "http://e:1", NULL },
	{ OTLP "TRACES_ENDPOINT", "http://e:1/x", EXP "endpoint", "http://e:1/x", NULL },
	{ OTLP "ENDPOINT", "http://a b", EXP "endpoint", NULL,
	  OTLP "ENDPOINT: expected an address without blanks; ignored" },
	{ OTLP "PROTOCOL", "GRPC", EXP "protocol", "GRPC", NULL },
	{ OTLP "TRACES_PROTOCOL", "http/json", EXP "protocol", "http/json", NULL },
	{ OTLP "PROTOCOL", "smoke", EXP "protocol", NULL,
	  OTLP "PROTOCOL: expected one of http/protobuf, http/json, grpc; ignored" },
	{ OTLP "COMPRESSION", "none", EXP "compression", "none", NULL },
	{ OTLP "TRACES_COMPRESSION", "zstd", EXP "compression", "zstd", NULL },
	{ OTLP "TIMEOUT", "250", EXP "timeout", "250ms", NULL },
	{ OTLP "TRACES_TIMEOUT", "250", EXP "timeout", "250ms", NULL },
	{ OTLP "TIMEOUT", "250ms", EXP "timeout", NULL,
	  OTLP "TIMEOUT: expected a whole number of milliseconds, at least 1; ignored" },
	{ OTLP "TIMEOUT", "0", EXP "timeout", NULL,
	  OTLP "TIMEOUT: expected a whole number of milliseconds, at least 1; ignored" },
	{ OTLP "CERTIFICATE", "/ca.pem", EXP "tls.ca_file", "/ca.pem", NULL },
	{ OTLP "CLIENT_CERTIFICATE", "/c.pem", EXP "tls.cert_file", "/c.pem", NULL },
	{ OTLP "CLIENT_KEY", "/k.pem", EXP "tls.key_file", "/k.pem", NULL },
	{ OTLP "HEADERS", "a=b%0d%0aHost:x", EXP "headers.a", NULL,
	  OTLP "HEADERS: not the name or value of a header; ignored" },
	{ OTLP "HEADERS", "a b=c", EXP "headers.a", NULL,
	  OTLP "HEADERS: not the name or value of a header; ignored" },
};

struct wanted {
	const char *path;
	char text[128];
	enum setting_origin origin;
	const char *variable; /* borrowed from the settings */
};

static void find(void *arg, const char *path, const char *shown, enum setting_origin origin,
		 const char *variable)
{
	struct wanted *w = arg;

	if (strcmp(path, w->path) != 0)
		return;
	snprintf(w->text, sizeof(w->text), "%s", shown);
	w->origin = origin;
	w->variable = variable;
}

START_TEST(one_variable)
{
	static const char yaml[] = "exporters: [ { name: a, otlp: {} }, { name: b, otlp: {} } ]";
	const struct variable_row *row = &variable_rows[_i];
	const char *const pairs[] = { row->name, row->value, NULL };
	struct wanted by_default = { .path = row->path };
	struct wanted got = { .path = row->path };

	ck_assert_int_eq(load(yaml), ST_OK);
	settings_visit(&s, find, &by_default);
	variables = pairs;
	ck_assert_msg(load(yaml) == ST_OK, "%s", err.msg);
	settings_visit(&s, find, &got);
	ck_assert_str_eq(got.text, row->want ? row->want : by_default.text);
	ck_assert_int_eq(got.origin, row->want ? ORIGIN_ENV : ORIGIN_DEFAULT);
	if (row->want)
		ck_assert_str_eq(got.variable, row->name);
	/* Two exporters read the same variable; one warning says so. */
	ck_assert_uint_eq(s.warnings.n, row->warning != NULL);
	if (row->warning)
		ck_assert_str_eq(s.warnings.ptr[0], row->warning);
	variables = no_variables;
}
END_TEST

START_TEST(stronger_variable)
{
	static const char *const pairs[] = {
		OTLP "TIMEOUT",
		"1",
		OTLP "TRACES_TIMEOUT",
		"2",
		OTLP "COMPRESSION",
		"none",
		OTLP "TRACES_COMPRESSION",
		"bogus",
		OTLP "ENDPOINT",
		"http://base",
		OTLP "TRACES_ENDPOINT",
		"http://full/path",
		"OTEL_SERVICE_NAME",
		"strong",
		"OTEL_RESOURCE_ATTRIBUTES",
		"service.name=weak,k=1,k=2",
		NULL,
	};

	variables = pairs;
	ck_assert_int_eq(load(""), ST_OK);
	ck_assert_uint_eq(s.exporters.n, 1);
	ck_assert_str_eq(s.exporters.ptr[0].name, "otlp");
	ck_assert_int_eq(s.exporters.ptr[0].record.origin, ORIGIN_ENV);
	ck_assert(s.exporters.ptr[0].is_otlp);
	ck_assert_uint_eq(s.exporters.ptr[0].otlp.timeout_ns, 2000000);
	ck_assert_int_eq(s.exporters.ptr[0].otlp.compression, SETTING_NONE);
	ck_assert_str_eq(s.exporters.ptr[0].otlp.endpoint, "http://full/path");
	ck_assert_int_eq(s.exporters.ptr[0].otlp.path, SETTING_PATH_AS_IS);
	ck_assert_str_eq(s.service.name, "strong");
	ck_assert_uint_eq(s.service.attributes.n, 1);
	ck_assert_str_eq(s.service.attributes.ptr[0].text, "2");
	ck_assert_uint_eq(s.warnings.n, 1);
	/* A file that says where to send leaves no room for an exporter of our own. */
	ck_assert_int_eq(load("exporters: []"), ST_OK);
	ck_assert_uint_eq(s.exporters.n, 0);
}
END_TEST

START_TEST(headers)
{
	static const char *const pairs[] = {
		OTLP "HEADERS",
		"Authorization=Bearer%20s3cret%3D, x-b = 2",
		OTLP "ENDPOINT",
		"http://e",
		NULL,
	};
	const struct setting_pairs *h;

	variables = pairs;
	ck_assert_int_eq(load(""), ST_OK);
	h = &s.exporters.ptr[0].otlp.headers;
	ck_assert_uint_eq(h->n, 2);
	ck_assert_str_eq(h->ptr[0].name, "Authorization");
	ck_assert_str_eq(h->ptr[0].text, "Bearer s3cret=");
	ck_assert_str_eq(h->ptr[1].name, "x-b");
	ck_assert_str_eq(h->ptr[1].text, "2");
	ck_assert_int_ne(s.exporters.ptr[0].otlp.path, SETTING_PATH_AS_IS);
}
END_TEST

/* A list of more entries than the maximum is dropped whole. */
START_TEST(too_many)
{
	char list[(MAX_CONFIG_PAIRS + 1) * 7 + 1];
	const char *const pairs[] = { "OTEL_RESOURCE_ATTRIBUTES", list, NULL };

	for (size_t i = 0; i <= MAX_CONFIG_PAIRS; i++)
		snprintf(list + i * 7, 8, ",k%03u=v", (unsigned int)i % 1000);
	variables = pairs;
	ck_assert_int_eq(load(""), ST_OK);
	ck_assert_uint_eq(s.service.attributes.n, 0);
	ck_assert_uint_eq(s.warnings.n, 1);
	ck_assert_str_eq(s.warnings.ptr[0],
			 "OTEL_RESOURCE_ATTRIBUTES: more than 256 entries; ignored");
	variables = no_variables;
}
END_TEST

Suite *environ_suite(void)
{
	Suite *suite = suite_create("environ");
	TCase *t = tcase_create("environ");

	tcase_add_checked_fixture(t, start, finish);
	tcase_add_test(t, empty_values);
	tcase_add_test(t, precedence);
	tcase_add_loop_test(t, one_variable, 0, (int)LEN(variable_rows));
	tcase_add_test(t, stronger_variable);
	tcase_add_test(t, headers);
	tcase_add_test(t, too_many);
	suite_add_tcase(suite, t);
	return suite;
}
