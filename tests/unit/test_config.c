/*
 * settings: defaults, the sample file, flags, memory.
 *
 * Runs from the root of the tree, where the sample file is. Messages about wrong
 * files are in test_schema.c, the environment is in test_environ.c.
 */
#include "base/buf.h"
#include "config/node.h"
#include "config/schema.h"
#include "tests/unit/settings_fixture.h"

Suite *config_suite(void);

#define SAMPLE "deploy/config/flightspan.yaml"

START_TEST(defaults)
{
	ck_assert_msg(settings_load(&s, NULL, &env, &err) == ST_OK, "%s", err.msg);
	ck_assert_str_eq(s.service.name, "unknown_service");
	ck_assert_str_eq(s.service.instance_id, "");
	ck_assert_str_eq(s.service.namespace, "");
	ck_assert_str_eq(s.service.version, "");
	ck_assert_uint_eq(s.service.attributes.n, 0);
	ck_assert_uint_eq(s.mapping.blocking.spans_over_ns, 1000000);
	ck_assert_uint_eq(s.mapping.blocking.events_over_ns, 10000);
	ck_assert(s.mapping.blocking.stacks);
	ck_assert(s.mapping.regions && s.mapping.logs);
	ck_assert(s.mapping.runtime.gc && s.mapping.runtime.stop_the_world);
	ck_assert_uint_eq(s.mapping.context.categories.n, 2);
	ck_assert_str_eq(s.mapping.context.categories.ptr[0], "otel.traceparent");
	ck_assert_str_eq(s.mapping.context.categories.ptr[1], "traceparent");
	ck_assert_int_eq(s.mapping.context.mode, SETTING_ADOPT);
	ck_assert_uint_eq(s.mapping.limits.spans_per_trace, 2000);
	ck_assert_uint_eq(s.mapping.limits.bytes_per_trace, 4u << 20);
	ck_assert_uint_eq(s.mapping.limits.events_per_span, 128);
	ck_assert_uint_eq(s.mapping.limits.attribute_bytes, 2048);
	ck_assert_uint_eq(s.exporters.n, 0);
	ck_assert_int_eq(s.log.level, LOG_LEVEL_INFO);
	ck_assert_int_eq(s.log.format, SETTING_TEXT);
	ck_assert_uint_eq(s.warnings.n, 0);
	ck_assert_int_eq(settings_origin(&s, "mapping.regions"), ORIGIN_DEFAULT);
	ck_assert_int_eq(load("exporters:\n- {name: a, otlp: }\n- {name: b, file: }\n"), ST_OK);
	ck_assert_uint_eq(s.exporters.n, 2);
	ck_assert(s.exporters.ptr[0].is_otlp && !s.exporters.ptr[0].is_file);
	ck_assert_str_eq(s.exporters.ptr[0].otlp.endpoint, "http://localhost:4318");
	ck_assert_int_ne(s.exporters.ptr[0].otlp.path, SETTING_PATH_AS_IS);
	ck_assert_int_eq(s.exporters.ptr[0].otlp.protocol, SETTING_HTTP_PROTOBUF);
	ck_assert_int_eq(s.exporters.ptr[0].otlp.compression, SETTING_GZIP);
	ck_assert_uint_eq(s.exporters.ptr[0].otlp.timeout_ns, 10000000000);
	ck_assert_uint_eq(s.exporters.ptr[0].otlp.headers.n, 0);
	ck_assert_str_eq(s.exporters.ptr[0].otlp.tls.ca_file, "");
	ck_assert(s.exporters.ptr[1].is_file && !s.exporters.ptr[1].is_otlp);
	ck_assert_str_eq(s.exporters.ptr[1].file.path, "/var/log/flightspan/spans.jsonl");
	ck_assert_uint_eq(s.exporters.ptr[1].file.rotate_bytes, 64u << 20);
	ck_assert_uint_eq(s.exporters.ptr[1].file.keep, 5);
	ck_assert_int_eq(s.exporters.ptr[1].file.compression, SETTING_ZSTD);
}
END_TEST

/* Where the sample shows an example, not the default. */
static bool is_example(const char *path)
{
	static const char *const paths[] = {
		"service.name",
		"service.instance_id",
		"service.attributes",
		"sources[].name",
		"sources[].push.token",
		"sampling[].name",
		"sampling[].keep",
		"sampling[].log.category",
		"triggers[].name",
		"triggers[].task.name",
		"triggers[].block.reason",
		"triggers[].region.name",
		"triggers[].log.category",
		"triggers[].log.message",
		"triggers[].metric.name",
		"triggers[].metric.above",
		"triggers[].prometheus.metric",
		"triggers[].prometheus.above",
		"triggers[].capture",
		"exporters[].name",
		"exporters[].otlp.endpoint",
		"exporters[].otlp.headers",
	};

	for (size_t i = 0; i < LEN(paths); i++) {
		if (!strcmp(paths[i], path))
			return true;
	}
	return false;
}

/* Compare the values of the sample with the defaults of the table. */
static size_t compare(const struct key *section, const struct node *map)
{
	size_t n = 0;

	for (const struct node *child = map->first; child; child = child->next) {
		const struct key *k = section && map->kind == NODE_LIST
					      ? section
					      : schema_child(section, child->key);
		char joined[128] = "";

		ck_assert_ptr_nonnull(k);
		if (child->kind == NODE_MAP && k->type != KEY_ATTRIBUTES &&
		    k->type != KEY_HEADERS) {
			n += compare(k, child);
			continue;
		}
		if (k->type == KEY_ITEMS)
			n += compare(k, child);
		if (k->type == KEY_ITEMS || is_example(k->path))
			continue;
		for (const struct node *e = child->first; e; e = e->next)
			snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s",
				 *joined ? ", " : "", (const char *)e->text.ptr);
		ck_assert_msg(!strcmp(k->text, child->kind == NODE_LIST
						       ? joined
						       : (const char *)child->text.ptr),
			      "%s: default '%s', the sample has '%s'", k->path, k->text,
			      (const char *)child->text.ptr);
		n++;
	}
	return n;
}

START_TEST(sample_shows_defaults)
{
	struct doc d;

	doc_init(&d);
	ck_assert_int_eq(doc_load(&d, SAMPLE, &env, &err), ST_OK);
	ck_assert_uint_eq(compare(NULL, d.root), 61);
	doc_release(&d);
}
END_TEST

START_TEST(sample)
{
	static const char *const pairs[] = { "HOSTNAME", "pod-7", NULL };
	const struct exporter_settings *e;
	char names[80];

	variables = pairs;
	ck_assert_msg(settings_load(&s, SAMPLE, &env, &err) == ST_OK, "%s", err.msg);
	ck_assert_str_eq(s.service.name, "orders");
	ck_assert_str_eq(s.service.instance_id, "pod-7");
	ck_assert_uint_eq(s.service.attributes.n, 1);
	ck_assert_str_eq(s.service.attributes.ptr[0].name, "deployment.environment.name");
	ck_assert_str_eq(s.service.attributes.ptr[0].text, "prod");
	ck_assert_uint_eq(s.exporters.n, 2);
	e = &s.exporters.ptr[0];
	ck_assert_str_eq(e->name, "tempo");
	ck_assert(e->is_otlp && !e->is_file);
	ck_assert_str_eq(e->otlp.endpoint, "http://tempo:4318");
	ck_assert_uint_eq(e->otlp.headers.n, 1);
	ck_assert_str_eq(e->otlp.headers.ptr[0].name, "X-Scope-OrgID");
	ck_assert_str_eq(e->otlp.headers.ptr[0].text, "team-a");
	ck_assert_int_eq(e->record.origin, ORIGIN_FILE);
	ck_assert_str_eq(s.exporters.ptr[1].name, "archive");
	ck_assert(s.exporters.ptr[1].is_file);
	ck_assert_uint_eq(settings_unused(&s, "sources triggers sampling queue admin", names,
					  sizeof(names)),
			  5);
	ck_assert_str_eq(names, "sources, triggers, sampling, queue, admin");
	ck_assert_uint_eq(settings_section(&s, "triggers")->n, 10);
	ck_assert_ptr_null(settings_section(&s, "nothing"));
	ck_assert_uint_eq(s.warnings.n, 0);
}
END_TEST

START_TEST(unused)
{
	char names[80];

	ck_assert_int_eq(load("queue: { full: block }\nadmin:\nlog: {}\n"), ST_OK);
	ck_assert_uint_eq(settings_unused(&s, "sources queue admin", names, sizeof(names)), 1);
	ck_assert_str_eq(names, "queue");
	ck_assert_uint_eq(settings_unused(&s, "", names, sizeof(names)), 0);
	ck_assert_str_eq(names, "");
	settings_release(&s);
	ck_assert_int_eq(settings_load(&s, NULL, &env, &err), ST_OK);
	ck_assert_uint_eq(settings_unused(&s, "sources queue admin", names, sizeof(names)), 0);
}
END_TEST

START_TEST(file_values)
{
	const struct setting_pairs *a;

	ck_assert_msg(load("service:\n"
			   "  name: 123\n"
			   "  version: 1.10\n"
			   "  attributes: { n: 7, f: 1.5, b: true, s: '7', z: , big: "
			   "9223372036854775808 }\n"
			   "mapping:\n"
			   "  blocking: { spans_over: 2.5ms, events_over: 0, stacks: false }\n"
			   "  context: { categories: [], mode: Link }\n"
			   "  limits: { spans_per_trace: 0x10, bytes_per_trace: 64KiB }\n"
			   "exporters:\n"
			   "- name: g\n"
			   "  otlp: { protocol: grpc, compression: none, timeout: 1m }\n"
			   "log: { level: DEBUG, format: json }\n") == ST_OK,
		      "%s", err.msg);
	ck_assert_str_eq(s.service.name, "123");
	ck_assert_str_eq(s.service.version, "1.10");
	a = &s.service.attributes;
	ck_assert_uint_eq(a->n, 5);
	ck_assert(a->ptr[0].value.type == SCALAR_INT && a->ptr[0].value.i == 7);
	ck_assert(a->ptr[1].value.type == SCALAR_FLOAT && a->ptr[1].value.d == 1.5);
	ck_assert(a->ptr[2].value.type == SCALAR_BOOL && a->ptr[2].value.b);
	ck_assert(a->ptr[3].value.type == SCALAR_STRING && !strcmp(a->ptr[3].text, "7"));
	ck_assert_int_eq(a->ptr[4].value.type, SCALAR_STRING);
	ck_assert_uint_eq(s.mapping.blocking.spans_over_ns, 2500000);
	ck_assert_uint_eq(s.mapping.blocking.events_over_ns, 0);
	ck_assert(!s.mapping.blocking.stacks);
	ck_assert_uint_eq(s.mapping.context.categories.n, 0);
	ck_assert_int_eq(s.mapping.context.mode, SETTING_LINK);
	ck_assert_uint_eq(s.mapping.limits.spans_per_trace, 16);
	ck_assert_uint_eq(s.mapping.limits.bytes_per_trace, 65536);
	ck_assert_int_eq(s.exporters.ptr[0].otlp.protocol, SETTING_GRPC);
	ck_assert_str_eq(s.exporters.ptr[0].otlp.endpoint, "http://localhost:4317");
	ck_assert_int_eq(s.exporters.ptr[0].otlp.compression, SETTING_NONE);
	ck_assert_uint_eq(s.exporters.ptr[0].otlp.timeout_ns, 60000000000);
	ck_assert_int_eq(s.log.level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(s.log.format, SETTING_JSON);
}
END_TEST

START_TEST(flags)
{
	static const struct {
		const char *path, *text, *want;
	} rows[] = {
		{ "log.level", "loud", "key log.level: expected one of error, warn, info, debug" },
		{ "log", "x", "key log: cannot be a flag" },
		{ "log.colour", "x", "key log.colour: cannot be a flag" },
		{ "exporters[1].name", "x", "key exporters[1].name: cannot be a flag" },
		{ "exporters[x].name", "x", "key exporters[x].name: cannot be a flag" },
		{ "exporters[0", "x", "key exporters[0: cannot be a flag" },
		{ "sources[0].name", "x", "key sources[0].name: cannot be a flag" },
		{ "admin", "x", "key admin: cannot be a flag" },
		{ "exporters[0].otlp.timeout", "0",
		  "key exporters[0].otlp.timeout: expected a duration such as 300ms or 1h30m, "
		  "at least 1ms, at most 1h" },
		{ "exporters[0].otlp.headers", "x",
		  "key exporters[0].otlp.headers: cannot be a flag" },
	};

	ck_assert_int_eq(load("exporters: [ { name: a, otlp: {} } ]"), ST_OK);
	for (size_t i = 0; i < LEN(rows); i++) {
		ck_assert_int_eq(settings_set(&s, rows[i].path, rows[i].text, &err), ST_CONFIG);
		ck_assert_str_eq(err.msg, rows[i].want);
	}
	ck_assert_int_eq(s.log.level, LOG_LEVEL_INFO);
	ck_assert_int_eq(settings_set(&s, "exporters[0].otlp.protocol", "grpc", &err), ST_OK);
	ck_assert_str_eq(s.exporters.ptr[0].otlp.endpoint, "http://localhost:4317");
}
END_TEST

/* A destination from the command line gets no header meant for another. */
START_TEST(send_to)
{
	static const char *const pairs[] = { "OTEL_EXPORTER_OTLP_COMPRESSION", "zstd",
					     "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
					     "http://env/full", NULL };
	const char *const yaml = "exporters: [ { name: a, otlp: { headers: { k: v }, "
				 "compression: none } }, { name: b, file: {} } ]";

	variables = pairs;
	ck_assert_int_eq(load(yaml), ST_OK);
	ck_assert_int_eq(s.exporters.ptr[0].otlp.path, SETTING_PATH_AS_IS);
	ck_assert_int_eq(settings_send_to(&s, "bad url", &err), ST_CONFIG);
	ck_assert_uint_eq(s.exporters.n, 2);
	ck_assert_int_eq(settings_send_to(&s, "http://other:4318", &err), ST_OK);
	ck_assert_uint_eq(s.exporters.n, 1);
	ck_assert_str_eq(s.exporters.ptr[0].name, "flag");
	ck_assert(s.exporters.ptr[0].is_otlp && !s.exporters.ptr[0].is_file);
	ck_assert_str_eq(s.exporters.ptr[0].otlp.endpoint, "http://other:4318");
	ck_assert_int_ne(s.exporters.ptr[0].otlp.path, SETTING_PATH_AS_IS);
	ck_assert_uint_eq(s.exporters.ptr[0].otlp.headers.n, 0);
	ck_assert_int_eq(s.exporters.ptr[0].otlp.compression, SETTING_ZSTD);
	ck_assert_int_eq(s.exporters.ptr[0].record.origin, ORIGIN_FLAG);
}
END_TEST

struct seen {
	struct buf text;
};

static void see(void *arg, const char *path, const char *shown, enum setting_origin origin,
		const char *variable)
{
	struct seen *seen = arg;

	buf_printf(&seen->text, "%s=%s %s%s%s\n", path, shown, settings_origin_name(origin),
		   variable ? " " : "", variable ? variable : "");
}

START_TEST(visit)
{
	static const char *const pairs[] = { "OTEL_EXPORTER_OTLP_HEADERS", "k=s3cret", "T",
					     "s3cret", NULL };
	struct seen seen;
	const char *text;

	variables = pairs;
	ck_assert_int_eq(load("service: { attributes: { \"a\\nb\": x } }\n"
			      "mapping: { blocking: { spans_over: 1500us } }\n"
			      "exporters:\n"
			      "- { name: a, otlp: { endpoint: 'http://me:s3cret@h/p?k=s3cret' } }\n"
			      "- { name: b, file: { keep: 3 } }\n"
			      "sources: [ { name: p, push: { token: \"${T}\" } } ]\n"
			      "triggers: [ { name: t, task: {} } ]\n"),
			 ST_OK);
	ck_assert_int_eq(settings_set(&s, "log.level", "warn", &err), ST_OK);
	buf_init(&seen.text, 65536);
	settings_visit(&s, see, &seen);
	buf_u8(&seen.text, 0);
	text = (const char *)seen.text.ptr;
	ck_assert_ptr_nonnull(strstr(text, "service.name=unknown_service default\n"));
	ck_assert_ptr_nonnull(strstr(text, "service.attributes.a\\x0ab=x file\n"));
	ck_assert_ptr_nonnull(strstr(text, "mapping.blocking.spans_over=1500us file\n"));
	ck_assert_ptr_nonnull(strstr(text, "mapping.context.categories=otel.traceparent, "
					   "traceparent default\n"));
	ck_assert_ptr_nonnull(strstr(text, "exporters[0].otlp.endpoint=http://***@h/p?*** file\n"));
	ck_assert_ptr_nonnull(strstr(text, "exporters[0].otlp.headers.k=*** env "
					   "OTEL_EXPORTER_OTLP_HEADERS\n"));
	ck_assert_ptr_nonnull(strstr(text, "exporters[1].file.keep=3 file\n"));
	ck_assert_ptr_nonnull(strstr(text, "log.level=warn flag\n"));
	ck_assert_ptr_null(strstr(text, "s3cret"));
	ck_assert_ptr_null(strstr(text, "exporters[0].file"));
	ck_assert_ptr_null(strstr(text, "exporters[1].otlp"));
	ck_assert_ptr_nonnull(strstr(text, "queue.max_size=1GiB default\n"));
	ck_assert_ptr_nonnull(strstr(text, "admin.listen=127.0.0.1:9464 default\n"));
	ck_assert_ptr_nonnull(strstr(text, "sources[0].push.token=*** file\n"));
	ck_assert_ptr_nonnull(strstr(text, "triggers[0].task.longer_than=300ms default\n"));
	/* Not chosen. */
	ck_assert_ptr_null(strstr(text, "triggers[0].every"));
	ck_assert_ptr_null(strstr(text, "sources[0].directory"));
	buf_release(&seen.text);
}
END_TEST

START_TEST(release)
{
	struct settings zero = { 0 };

	settings_release(&zero);
	settings_release(&zero);
	ck_assert_int_eq(load("log: { level: loud }"), ST_CONFIG);
	ck_assert_ptr_null(s.state);
	ck_assert_int_eq(settings_load(&s, "no/such/file", &env, &err), ST_CONFIG);
	ck_assert_str_eq(err.msg, "no/such/file: No such file or directory");
	ck_assert_ptr_null(s.state);
	ck_assert_int_eq(load(""), ST_OK);
}
END_TEST

static const char *const rich[] = {
	"OTEL_SERVICE_NAME",
	"a",
	"OTEL_RESOURCE_ATTRIBUTES",
	"x=1,service.version=2",
	"OTEL_EXPORTER_OTLP_ENDPOINT",
	"http://env:1",
	"OTEL_EXPORTER_OTLP_HEADERS",
	"a=1",
	"OTEL_EXPORTER_OTLP_TIMEOUT",
	"never",
	"HOSTNAME",
	"h",
	NULL,
};

/* The whole life of settings, each allocation failing in turn. */
static enum status whole_life(struct slice yaml)
{
	enum status st = settings_parse(&s, "f", yaml, &env, &err);

	if (!st)
		st = settings_set(&s, "log.level", "warn", &err);
	if (!st)
		st = settings_send_to(&s, "http://other", &err);
	settings_release(&s);
	return st;
}

START_TEST(out_of_memory)
{
	struct slice yaml = SLICE("service: { attributes: { a: \"${HOSTNAME}\" } }\n"
				  "exporters:\n- { name: a, otlp: { headers: { k: v } } }\n"
				  "mapping: { context: { categories: [a, b] } }\n");
	uint64_t n;

	variables = rich;
	mem_fail_at(0);
	ck_assert_msg(whole_life(yaml) == ST_OK, "%s", err.msg);
	n = mem_count();
	ck_assert_uint_ge(n, 60);
	for (uint64_t i = 1; i <= n; i++) {
		mem_fail_at(i);
		ck_assert_msg(whole_life(yaml) == ST_NOMEM, "allocation %d of %d", (int)i, (int)n);
		ck_assert_int_eq(err.code, ST_NOMEM);
		ck_assert_ptr_null(s.state);
	}
}
END_TEST

Suite *config_suite(void)
{
	Suite *suite = suite_create("config");
	TCase *t = tcase_create("config");

	tcase_add_checked_fixture(t, start, finish);
	tcase_add_test(t, defaults);
	tcase_add_test(t, sample_shows_defaults);
	tcase_add_test(t, sample);
	tcase_add_test(t, unused);
	tcase_add_test(t, file_values);
	tcase_add_test(t, flags);
	tcase_add_test(t, send_to);
	tcase_add_test(t, visit);
	tcase_add_test(t, release);
	tcase_add_test(t, out_of_memory);
	suite_add_tcase(suite, t);
	return suite;
}
