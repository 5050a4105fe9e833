/*
 * schema, value and bind: the table itself, and the messages about wrong files.
 *
 * Each row of wrong_rows is a file with one fault and the whole line that tells it.
 */
#include "tests/unit/settings_fixture.h"

#include "base/buf.h"
#include "base/limits.h"
#include "config/schema.h"
#include "config/value.h"

Suite *schema_suite(void);

/* The table holds what its readers rely on. */
START_TEST(table)
{
	char expected[VALUE_EXPECTED_CHARS] = "";
	struct value v;
	struct slice name;

	for (const struct key *k = schema_keys; k->path; k++) {
		const char *dot = strrchr(k->path, '.');
		const char *bounds[] = { k->text, k->least, k->most };
		size_t parents = 0;

		ck_assert_uint_eq(schema_index(k), (size_t)(k - schema_keys));
		ck_assert_msg(k->help && k->help[strlen(k->help) - 1] == '.', "%s", k->path);
		ck_assert_msg((k->type == KEY_WORD) == (k->words != NULL), "%s", k->path);
		/* A parent comes first, and only there is the key found. */
		for (const struct key *p = schema_keys; dot && p < k; p++)
			parents += schema_is_child(p, k, &name);
		ck_assert_msg(!dot || parents == 1, "%s: %zu parents", k->path, parents);
		if (!value_is_scalar(k))
			continue;
		ck_assert_msg(k->text != NULL, "%s: no default", k->path);
		/* Only a required text may lack a default. */
		ck_assert(*k->text || k->type == KEY_STRING || k->type == KEY_NAME);
		/* Defaults and bounds are values by the row's own rules. */
		for (size_t i = 0; i < LEN(bounds); i++) {
			if (!bounds[i] || (!*bounds[i] && k->flags & KEY_REQUIRED))
				continue;
			ck_assert_msg(value_read(k, slice_str(bounds[i]), false, &v, expected),
				      "%s: '%s' is not %s", k->path, bounds[i], expected);
		}
	}
	ck_assert_uint_ge(schema_size(), 100);
}
END_TEST

/* What no row of the table happens to need. */
START_TEST(values)
{
	static const struct key count = { .type = KEY_COUNT };
	static const struct key name = { .type = KEY_NAME };
	char expected[VALUE_EXPECTED_CHARS] = "";
	struct value v;
	char longest[66];

	ck_assert(!value_read(&count, SLICE("-1"), false, &v, expected));
	ck_assert_str_eq(expected, "a whole number");
	ck_assert(value_read(&count, SLICE("9223372036854775807"), false, &v, expected));
	ck_assert_uint_eq(v.number, INT64_MAX);
	memset(longest, 'n', sizeof(longest));
	ck_assert(value_read(&name, (struct slice){ (uint8_t *)longest, 64 }, false, &v, expected));
	ck_assert(
		!value_read(&name, (struct slice){ (uint8_t *)longest, 65 }, false, &v, expected));
}
END_TEST

START_TEST(lookup)
{
	const struct key *exporters = schema_child(NULL, SLICE("exporters"));
	const struct key *otlp = schema_child(exporters, SLICE("otlp"));

	ck_assert_str_eq(exporters->path, "exporters");
	ck_assert_str_eq(otlp->path, "exporters[].otlp");
	ck_assert_str_eq(schema_child(otlp, SLICE("endpoint"))->path, "exporters[].otlp.endpoint");
	ck_assert_ptr_null(schema_child(exporters, SLICE("endpoint")));
	ck_assert_ptr_null(schema_child(exporters, SLICE("otlp.endpoint")));
	ck_assert_ptr_null(schema_child(NULL, SLICE("service.name")));
	ck_assert_ptr_null(schema_child(NULL, SLICE("")));
	ck_assert_ptr_null(schema_child(NULL, SLICE("exporters[]")));
	ck_assert_ptr_null(schema_child(NULL, SLICE("log_level")));
}
END_TEST

struct wrong_row {
	const char *yaml, *want;
};

#define ENTRY(text) "exporters:\n- name: a\n  otlp:\n    " text "\n"
#define DURATION "expected a duration such as 300ms or 1h30m"

static const struct wrong_row wrong_rows[] = {
	/* Unknown keys, at every level. */
	{ "maping: {}", "1:1: key maping: unknown; did you mean \"mapping\"?" },
	{ "a: 1", "1:1: key a: unknown; known here: service sources triggers sampling mapping "
		  "exporters queue admin restrict log" },
	{ "log: {}\nservice:\n  nmae: x",
	  "3:3: key service.nmae: unknown; did you mean \"name\"?" },
	{ "mapping:\n  bloking: {}",
	  "2:3: key mapping.bloking: unknown; did you mean \"blocking\"?" },
	{ "mapping:\n  spans_over: 1ms", "2:3: key mapping.spans_over: unknown; did you mean "
					 "\"mapping.blocking.spans_over\"?" },
	{ "mapping: { limits: { spans: 1 } }",
	  "1:22: key mapping.limits.spans: unknown; known here: spans_per_trace bytes_per_trace "
	  "events_per_span attributes_per_span links_per_span "
	  "attributes_per_event attributes_per_link attribute_length" },
	{ ENTRY("endpont: x"), "4:5: key exporters[0].otlp.endpont: unknown; did you mean "
			       "\"endpoint\"?" },
	{ ENTRY("tls: { ca: x }"), "4:12: key exporters[0].otlp.tls.ca: unknown; known here: "
				   "ca_file cert_file key_file" },
	{ "sources:\n- name: a\n  directory: { paht: x }",
	  "3:16: key sources[0].directory.paht: unknown; did you mean \"path\"?" },
	{ "triggers:\n- { name: a, every: 1h }\n- { name: b, evry: 1h }",
	  "3:14: key triggers[1].evry: unknown; did you mean \"every\"?" },
	{ "sampling: [ { name: a, kep: 1 } ]",
	  "1:24: key sampling[0].kep: unknown; did you mean \"keep\"?" },
	{ "queue: { Path: x }", "1:10: key queue.Path: unknown; did you mean \"path\"?" },
	{ "admin: { listne: x }", "1:10: key admin.listne: unknown; did you mean \"listen\"?" },
	{ "log: { lvl: info }", "1:8: key log.lvl: unknown; known here: level format" },
	{ "\"lo\\ng\": {}", "1:1: key lo\\x0ag: unknown; did you mean \"log\"?" },
	/* Wrong kinds. */
	{ "- a", "1:1: expected keys at the top, got a list" },
	{ "text", "1:1: expected keys at the top, got a single value" },
	{ "mapping: [1]", "1:10: key mapping: expected a map of keys, got a list" },
	{ "mapping: 7", "1:10: key mapping: expected a map of keys, got \"7\"" },
	{ "exporters: {}", "1:12: key exporters: expected a list, got a map" },
	{ "exporters: [x]", "1:13: key exporters[0]: expected a map of keys, got \"x\"" },
	{ "exporters: [~]", "1:13: key exporters[0]: expected a map of keys, got nothing" },
	{ "log: { level: [info] }", "1:15: key log.level: expected one value, got a list" },
	{ "mapping: { context: { categories: a } }",
	  "1:35: key mapping.context.categories: expected a list, got \"a\"" },
	{ "mapping: { context: { categories: [a, [b]] } }",
	  "1:39: key mapping.context.categories: expected text, got a list" },
	{ "mapping: { context: { categories: [a, ] } }\nlog: 1",
	  "2:6: key log: expected a map of keys, got \"1\"" },
	{ "service: { attributes: x }",
	  "1:24: key service.attributes: expected a map of names to values, got \"x\"" },
	{ "service: { attributes: { a: [1] } }",
	  "1:29: key service.attributes.a: expected one value, got a list" },
	/* Wrong values. */
	{ "mapping:\n  regions: yes", "2:12: key mapping.regions: expected true or false, got "
				      "\"yes\"" },
	{ "mapping:\n  regions: 'true'", "2:12: key mapping.regions: expected true or false, got "
					 "the string \"true\"" },
	{ "mapping:\n  logs: ${WORD:-maybe}", "2:9: key mapping.logs: expected true or false, got "
					      "\"${WORD:-maybe}\"" },
	{ "mapping: { blocking: { spans_over: 5 } }",
	  "1:36: key mapping.blocking.spans_over: " DURATION ", got \"5\"" },
	{ "mapping: { blocking: { spans_over: -1ms } }",
	  "1:36: key mapping.blocking.spans_over: " DURATION ", got \"-1ms\"" },
	{ "mapping: { limits: { spans_per_trace: 0 } }",
	  "1:39: key mapping.limits.spans_per_trace: expected a whole number, at least 1, at most "
	  "1000000, got \"0\"" },
	{ "mapping: { limits: { spans_per_trace: '5' } }",
	  "1:39: key mapping.limits.spans_per_trace: expected a whole number, at least 1, at most "
	  "1000000, got the string \"5\"" },
	{ "mapping: { limits: { spans_per_trace: 1.5 } }",
	  "1:39: key mapping.limits.spans_per_trace: expected a whole number, at least 1, at most "
	  "1000000, got \"1.5\"" },
	{ "mapping: { limits: { events_per_span: -1 } }",
	  "1:39: key mapping.limits.events_per_span: expected a whole number, at most 65536, got "
	  "\"-1\"" },
	{ "mapping: { limits: { bytes_per_trace: 65MiB } }",
	  "1:39: key mapping.limits.bytes_per_trace: expected a size such as 64MiB, at least "
	  "64KiB, at most 64MiB, got \"65MiB\"" },
	{ "mapping: { context: { mode: adapt } }",
	  "1:29: key mapping.context.mode: expected one of adopt, link, off, got \"adapt\"" },
	{ "service: { name: '' }",
	  "1:18: key service.name: expected text, not empty, got the string \"\"" },
	{ "sampling: [ { name: a, keep: 1.5 } ]",
	  "1:30: key sampling[0].keep: expected a number, at least 0, at most 1, got \"1.5\"" },
	{ "sampling: [ { name: a, keep: .nan } ]",
	  "1:30: key sampling[0].keep: expected a number, at least 0, at most 1, got \".nan\"" },
	{ "triggers: [ { name: a, metric: { name: m, above: lots } } ]",
	  "1:50: key triggers[0].metric.above: expected a number, or a size such as 64MiB, got "
	  "\"lots\"" },
	{ "sources: [ { name: 'a b', push: {} } ]",
	  "1:20: key sources[0].name: expected a name of up to 64 letters, digits, dots, dashes "
	  "or underscores, got the string \"a b\"" },
	{ "log: { level: \"a\\e[31m\\nb\" }", "1:15: key log.level: expected one of error, warn, "
					      "info, debug, got the string \"a\\x1b[31m\\x0ab\"" },
	{ ENTRY("timeout: 2h"),
	  "4:14: key exporters[0].otlp.timeout: " DURATION ", at least 1ms, at most 1h, got "
	  "\"2h\"" },
	{ ENTRY("endpoint: 'a b'"),
	  "4:15: key exporters[0].otlp.endpoint: expected an address without blanks" },
	{ ENTRY("headers: { 'a b': c }"),
	  "4:16: key exporters[0].otlp.headers.a b: not the name of a header" },
	{ ENTRY("headers: { a: \"x\\r\\nHost: y\" }"),
	  "4:19: key exporters[0].otlp.headers.a: a header holds no control characters" },
	{ "service: { attributes: { '': x } }", "1:26: key service.attributes.: a name is empty" },
	{ "service: { attributes: { service.name: x } }",
	  "1:26: key service.attributes.service.name: set service.name instead" },
	{ "service: { attributes: { service.instance.id: x } }",
	  "1:26: key service.attributes.service.instance.id: set service.instance_id instead" },
	/* What is missing, and what excludes another. */
	{ "exporters: [ { otlp: {} } ]", "1:14: key exporters[0]: needs a name" },
	{ "exporters: [ { name: , otlp: {} } ]", "1:14: key exporters[0]: needs a name" },
	{ "exporters:\n- name: a", "2:3: key exporters[0]: needs exactly one of otlp, file" },
	{ "exporters: [ { name: a, otlp: {}, file: {} } ]",
	  "1:14: key exporters[0]: needs exactly one of otlp, file" },
	{ "sources: [ { name: a } ]",
	  "1:12: key sources[0]: needs exactly one of directory, pull, stream, push" },
	{ "triggers: [ { name: a, every: } ]",
	  "1:13: key triggers[0]: needs exactly one of task, block, region, stop_the_world, "
	  "runnable, log, metric, prometheus, every, signal" },
	{ "triggers: [ { name: a, metric: } ]", "1:32: key triggers[0].metric: needs a name" },
	{ "sampling: [ { name: a } ]", "1:13: key sampling[0]: needs a keep" },
	{ "exporters: [ { name: a, otlp: {} }, { name: b, otlp: {} }, { name: a, file: {} } ]",
	  "1:68: key exporters[2]: its name is that of exporters[0]" },
	{ "sources: [ { name: a, push: }, { name: a, push: } ]",
	  "1:40: key sources[1]: its name is that of sources[0]" },
};

START_TEST(wrong_file)
{
	const struct wrong_row *row = &wrong_rows[_i];
	char want[400];

	snprintf(want, sizeof(want), "f.yaml:%s", row->want);
	ck_assert_int_eq(load(row->yaml), ST_CONFIG);
	ck_assert_int_eq(err.code, ST_CONFIG);
	ck_assert_str_eq(err.msg, want);
	ck_assert_ptr_null(s.state);
}
END_TEST

/* A long file name leaves room for the place and the message. */
START_TEST(long_names)
{
	char name[2000];
	char yaml[1000];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(settings_parse(&s, name, SLICE("log: { level: x }"), &env, &err),
			 ST_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.msg, "nnn...:1:15: key log.level: expected one of error, "
					      "warn, info, debug, got \"x\""));
	snprintf(yaml, sizeof(yaml), "%.900s: 1", name);
	ck_assert_int_eq(load(yaml), ST_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.msg, "nnn...: unknown; known here: "));
}
END_TEST

START_TEST(entry_limits)
{
	static const struct {
		const char *section, *entry, *want;
		unsigned int most;
	} rows[] = {
		{ "exporters:\n", "- { name: n%u, file: {} }\n",
		  "f.yaml:2:1: key exporters: more than 16 entries", 16 },
		{ "sources:\n", "- { name: n%u, push: {} }\n",
		  "f.yaml:2:1: key sources: more than 64 entries", 64 },
		{ "service:\n attributes:\n", "  a%u: x\n",
		  "f.yaml:3:3: key service.attributes: more than 256 entries", MAX_CONFIG_PAIRS },
	};
	struct buf b;

	buf_init(&b, 65536);
	for (size_t i = 0; i < LEN(rows); i++) {
		for (unsigned int extra = 0; extra < 2; extra++) {
			enum status want = extra ? ST_CONFIG : ST_OK;
			char line[64];

			buf_clear(&b);
			buf_str(&b, rows[i].section);
			for (unsigned int k = 0; k < rows[i].most + extra; k++) {
				const char *at = strchr(rows[i].entry, '%');

				snprintf(line, sizeof(line), "%.*s%u%s", (int)(at - rows[i].entry),
					 rows[i].entry, k, at + 2);
				buf_str(&b, line);
			}
			buf_u8(&b, 0);
			if (load((const char *)b.ptr) == ST_LIMIT)
				want = ST_LIMIT;
			ck_assert_int_eq(err.code, want);
			if (extra)
				ck_assert_str_eq(err.msg, rows[i].want);
		}
	}
	buf_release(&b);
}
END_TEST

/* However wrong a file is, nobody reads its secrets in the message. */
START_TEST(secrets)
{
	static const char *const rows[] = {
		ENTRY("headers: s3cret"),
		ENTRY("headers: [s3cret]"),
		ENTRY("headers: { a: [s3cret] }"),
		ENTRY("headers: { a: { s3cret: s3cret } }"),
		ENTRY("headers: { a: \"s3cret\\n\" }"),
		ENTRY("headers: { a: \"${BAD}\" }"),
		ENTRY("headers: { a: \"${X:?s3cret}\" }"),
		ENTRY("headers: { a: s3cret }\n    timeout: never"),
		ENTRY("headers: { a: s3cret }\n    headers: { a: s3cret }"),
		ENTRY("headers: { a: s3cret, a: s3cret }"),
		ENTRY("headers: { a: s3cret"),
		ENTRY("headers: { a: *s3cret }"),
		ENTRY("headers: { a: !s3cret s3cret }"),
		ENTRY("endpoint: 'http://me:s3cret@ host'"),
		ENTRY("endpoint: ['http://me:s3cret@host']"),
		ENTRY("timeout: ${TOKEN}"),
		ENTRY("tls: ${TOKEN}"),
		"log: { level: \"${TOKEN}\" }",
		"sources: [ { name: a, push: { token: [s3cret] } } ]",
		"sources: [ { name: a, push: { token: { s3cret: s3cret } } } ]",
		"sources: [ { name: '${TOKEN}', push: {} } ]",
		"triggers: [ { name: a, prometheus: { url: 'http://a:s3cret@ h' } } ]",
	};
	static const char *const pairs[] = { "TOKEN", "s3cret value", "BAD", "s3cret\n", NULL };

	variables = pairs;
	for (size_t i = 0; i < LEN(rows); i++) {
		ck_assert_msg(load(rows[i]) == ST_CONFIG, "%s", rows[i]);
		ck_assert_msg(!strstr(err.msg, "s3cret"), "%s", err.msg);
	}
}
END_TEST

START_TEST(secret_variables)
{
	static const char *const rows[][2] = {
		{ "OTEL_EXPORTER_OTLP_HEADERS", "a=s3cret%" },
		{ "OTEL_EXPORTER_OTLP_HEADERS", "s3cret" },
		{ "OTEL_EXPORTER_OTLP_HEADERS", "a=s3cret%0a" },
		{ "OTEL_EXPORTER_OTLP_HEADERS", "s3cret b=c" },
		{ "OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:s3cret@ b" },
		{ "OTEL_EXPORTER_OTLP_TIMEOUT", "s3cret" },
		{ "OTEL_LOG_LEVEL", "s3cret" },
		{ "OTEL_RESOURCE_ATTRIBUTES", "a=s3cret%" },
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		const char *const pairs[] = { rows[i][0], rows[i][1], NULL };

		variables = pairs;
		ck_assert_int_eq(load("exporters: [ { name: a, otlp: {} } ]"), ST_OK);
		ck_assert_uint_eq(s.warnings.n, 1);
		ck_assert_msg(!strstr(s.warnings.ptr[0], "s3cret"), "%s", s.warnings.ptr[0]);
		ck_assert_msg(!strncmp(s.warnings.ptr[0], rows[i][0], strlen(rows[i][0])), "%s",
			      s.warnings.ptr[0]);
	}
	variables = no_variables;
}
END_TEST

START_TEST(masks)
{
	static const struct {
		enum key_type type;
		unsigned int flags;
		const char *text, *want;
	} rows[] = {
		{ KEY_STRING, KEY_SECRET, "s3cret", "***" },
		{ KEY_STRING, KEY_SECRET, "", "" },
		{ KEY_STRING, 0, "open", "open" },
		{ KEY_STRING, 0, "a\nb", "a\\x0ab" },
		{ KEY_URL, 0, "http://h:1/p", "http://h:1/p" },
		{ KEY_URL, 0, "http://me:s3cret@h/p", "http://***@h/p" },
		{ KEY_URL, 0, "http://s3cret@h", "http://***@h" },
		{ KEY_URL, 0, "http://me:s3@cret@h", "http://***@h" },
		{ KEY_URL, 0, "http://me:s3/cr?et@h", "http://***@h" },
		{ KEY_URL, 0, "http://h/p?k=s3cret", "http://h/p?***" },
		{ KEY_URL, 0, "http://h/p#s3cret", "http://h/p?***" },
		{ KEY_URL, 0, "me:s3cret@h:4317", "***@h:4317" },
		{ KEY_URL, 0, "h:4317", "h:4317" },
		{ KEY_URL, 0, "", "" },
		{ KEY_URL, 0, "://", "://" },
		{ KEY_URL, 0, "@", "@" },
	};
	char out[64];

	for (size_t i = 0; i < LEN(rows); i++) {
		const struct key k = { .type = rows[i].type, .flags = rows[i].flags };

		value_mask(&k, slice_str(rows[i].text), out, sizeof(out));
		ck_assert_str_eq(out, rows[i].want);
	}
}
END_TEST

/* Any byte of a full file may be wrong: it loads or is refused in one line. */
START_TEST(damaged)
{
	static const char odd[] = { '\0', ':', '-', 'x' };
	char text[8192];
	FILE *f = fopen("deploy/config/flightspan.yaml", "r");
	size_t n = fread(text, 1, sizeof(text), f);
	size_t loaded = 0;

	fclose(f);
	ck_assert(n > 2000 && n < sizeof(text));
	for (size_t i = 0; i < n; i++) {
		char was = text[i];

		text[i] = odd[i % sizeof(odd)];
		settings_release(&s);
		if (settings_parse(&s, "f", (struct slice){ (const uint8_t *)text, n }, &env, &err))
			ck_assert_msg(err.code == ST_CONFIG && !strncmp(err.msg, "f:", 2) &&
					      !strchr(err.msg, '\n'),
				      "%zu: %s", i, err.msg);
		else
			loaded++;
		text[i] = was;
	}
	ck_assert_uint_ge(loaded, n / 10);
}
END_TEST

Suite *schema_suite(void)
{
	Suite *suite = suite_create("schema");
	TCase *t = tcase_create("schema");

	tcase_add_checked_fixture(t, start, finish);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, table);
	tcase_add_test(t, values);
	tcase_add_test(t, lookup);
	tcase_add_loop_test(t, wrong_file, 0, (int)LEN(wrong_rows));
	tcase_add_test(t, long_names);
	tcase_add_test(t, entry_limits);
	tcase_add_test(t, secrets);
	tcase_add_test(t, secret_variables);
	tcase_add_test(t, masks);
	tcase_add_test(t, damaged);
	suite_add_tcase(suite, t);
	return suite;
}
