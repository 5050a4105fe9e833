/*
 * look: where a key stands in the file, and what differs between two loads.
 */
#include "tests/unit/settings_fixture.h"
#include "tests/unit/suites.h"

static const struct {
	const char *path, *message;
} places[] = {
	{ "sources[1].push.token", "f.yaml:4:11: key sources[1].push.token: bad" },
	/* What is not there is told at what would hold it. */
	{ "sources[1].push.listen", "f.yaml:4:3: key sources[1].push.listen: bad" },
	{ "sources[0].directory", "f.yaml:2:14: key sources[0].directory: bad" },
	{ "sources[7]", "f.yaml:1:1: key sources[7]: bad" },
	{ "log.level", "f.yaml:5:8: key log.level: bad" },
	{ "queue", "f.yaml:1:1: key queue: bad" },
};

START_TEST(where)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(load("sources:\n- { name: a, directory: {} }\n- name: b\n"
			      "  push: { token: \"${X}\" }\nlog: { level: warn }\n"),
			 ST_OK);
	err_set(&e, ST_CONFIG, ERR_NO_OFFSET, "bad");
	ck_assert_int_eq(settings_at(&s, places[_i].path, &e), ST_CONFIG);
	ck_assert_str_eq(e.msg, places[_i].message);
}
END_TEST

#define FIRST                                                                                           \
	"sources: [ { name: a, directory: {} } ]\nexporters: [ { name: e, otlp: { headers: { a: b } } " \
	"} ]\nservice: { attributes: { n: 1 } }\ntriggers: [ { name: t, every: 1h } ]\n"

static const struct {
	const char *section, *yaml;
	bool same;
} pairs[] = {
	{ "sources", "sources: [ { name: a, directory: { settle: 500ms } } ]", true },
	{ "sources", "sources: [ { name: a, directory: { settle: 501ms } } ]", false },
	{ "sources", "sources: [ { name: a, push: {} } ]", false },
	{ "sources", "sources: [ { name: a, directory: {} }, { name: b, push: {} } ]", false },
	{ "exporters", "exporters: [ { name: e, otlp: { headers: { a: b } } } ]", true },
	{ "exporters", "exporters: [ { name: e, otlp: { headers: { a: c } } } ]", false },
	{ "exporters", "exporters: [ { name: e, otlp: {} } ]", false },
	{ "exporters", "exporters: [ { name: e, file: {} } ]", false },
	{ "queue", "queue: { flush: 5s }", true },
	{ "queue", "queue: { full: block }", false },
	{ "service", "service: { attributes: { n: 1 } }", true },
	{ "service", "service: { attributes: { n: '1' } }", false },
	{ "triggers", "triggers: [ { name: t, every: 1h } ]", true },
	/* The default of `every`, which was not chosen here. */
	{ "triggers", "triggers: [ { name: t, signal: USR1 } ]", false },
	{ "triggers", "triggers: [ { name: t, every: 1h, capture: [ a ] } ]", false },
};

START_TEST(same)
{
	struct settings other;

	ck_assert_int_eq(load(FIRST), ST_OK);
	ck_assert_msg(settings_parse(&other, "g.yaml", slice_str(pairs[_i].yaml), &env, &err) ==
			      ST_OK,
		      "%s", err.msg);
	ck_assert_msg(settings_same(&s, &other, pairs[_i].section) == pairs[_i].same, "%s",
		      pairs[_i].yaml);
	settings_release(&other);
}
END_TEST

Suite *look_suite(void)
{
	Suite *suite = suite_create("look");
	TCase *t = tcase_create("look");

	tcase_add_checked_fixture(t, start, finish);
	tcase_add_loop_test(t, where, 0, LEN(places));
	tcase_add_loop_test(t, same, 0, LEN(pairs));
	suite_add_tcase(suite, t);
	return suite;
}
