/*
 * log: the forms of lines, and repeats that are summed up. Escaping is in test_num.c.
 */
#include "base/log.h"

#include "tests/unit/suites.h"

static char *text;
static size_t len;
static FILE *out;

static void start(void)
{
	out = open_memstream(&text, &len);
	log_set_stream(out);
}

static void finish(void)
{
	log_set_repeats(0, 0);
	log_set_form(LOG_PLAIN);
	log_set_level(LOG_LEVEL_INFO);
	log_set_stream(NULL);
	fclose(out);
	free(text); // NOLINT: open_memstream's
}

static unsigned int lines(void)
{
	unsigned int n = 0;

	fflush(out);
	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

START_TEST(json)
{
	log_set_form(LOG_JSON);
	log_warn("a \"quoted\" \\ and \n two lines");
	fflush(out);
	ck_assert_ptr_nonnull(strstr(text, "\"level\":\"warning\",\"message\":"
					   "\"a \\\"quoted\\\" \\\\ and \\\\x0a two lines\"}\n"));
	ck_assert_int_eq(strncmp(text, "{\"time\":\"20", 11), 0);
}
END_TEST

START_TEST(timed)
{
	log_set_form(LOG_TIMED);
	log_error("x");
	fflush(out);
	ck_assert_int_eq(text[4], '-');
	ck_assert_str_eq(text + 24, " flightspan: error: x\n");
}
END_TEST

/* A kind is its format; with "%s" it is its text, in which numbers do not count. */
START_TEST(repeats)
{
	log_set_repeats(3, UINT64_MAX);
	for (int i = 0; i < 10; i++)
		log_info("number %d", i);
	ck_assert_uint_eq(lines(), 3);
	log_warn("%s", "one 1");
	log_warn("%s", "two 2");
	ck_assert_uint_eq(lines(), 5);
	for (int i = 0; i < 5; i++)
		log_warn("%s", i % 2 ? "one 2" : "one 3");
	ck_assert_uint_eq(lines(), 7);
	log_set_level(LOG_LEVEL_DEBUG);
	for (int i = 0; i < 5; i++)
		log_debug("debug %d", i);
	ck_assert_uint_eq(lines(), 12);
	/* Their time is not over. */
	log_sum_up();
	ck_assert_uint_eq(lines(), 12);
	log_set_repeats(0, 0);
	fflush(out);
	ck_assert_uint_eq(lines(), 14);
	ck_assert_ptr_nonnull(strstr(text, "info: 7 more like this were not shown, the last: "
					   "number 9\n"));
	ck_assert_ptr_nonnull(strstr(text, "warning: 3 more like this were not shown, the last: "
					   "one 3\n"));
}
END_TEST

/* More kinds than there is room for: the oldest gives way, and its sum is told. */
START_TEST(many_kinds)
{
	char name[32];

	log_set_repeats(1, UINT64_MAX);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "kind %c%c", 'a' + i / 20, 'a' + i % 20);
		log_info("%s", name);
		log_info("%s", name);
	}
	log_set_repeats(0, 0);
	ck_assert_uint_eq(lines(), 400);
}
END_TEST

Suite *log_suite(void)
{
	Suite *suite = suite_create("log");
	TCase *t = tcase_create("log");

	tcase_add_checked_fixture(t, start, finish);
	tcase_add_test(t, json);
	tcase_add_test(t, timed);
	tcase_add_test(t, repeats);
	tcase_add_test(t, many_kinds);
	suite_add_tcase(suite, t);
	return suite;
}
