/* Libraries that are loaded when they are needed. */
#include "base/late.h"

#include <string.h>

#include "base/curl.h"
#include "base/microhttpd.h"
#include "tests/unit/suites.h"

static double (*cosine)(double);
static int (*nothing)(void);
static int begun;
static bool begins;

static bool begin(void)
{
	begun++;
	return begins;
}

static const struct late_function functions[] = {
	{ "cos", &cosine },
	{ "a_function_that_nobody_has", &nothing },
};

static struct late of(const char *soname, size_t n)
{
	return (struct late){ .soname = soname,
			      .what = "a library, which is for tests",
			      .functions = functions,
			      .n = n,
			      .begin = begin,
			      .mutex = PTHREAD_MUTEX_INITIALIZER };
}

START_TEST(loads_once)
{
	struct late l = of("libm.so.6", 1);
	struct err err = ERR_INIT;

	begun = 0;
	begins = false;
	ck_assert_int_eq(late_load(&l, &err), ST_IO);
	ck_assert_str_eq(err.msg, "cannot begin with libm.so.6");
	begins = true;
	ck_assert_int_eq(late_load(&l, &err), ST_OK);
	ck_assert_int_eq(late_load(&l, &err), ST_OK);
	ck_assert_int_eq(begun, 2);
	ck_assert_double_eq(cosine(0), 1);
}
END_TEST

START_TEST(says_what_is_missing)
{
	struct late gone = of("libflightspan-is-not-there.so.1", 1), old = of("libm.so.6", 2);
	struct err err = ERR_INIT;

	begun = 0;
	ck_assert_int_eq(late_load(&gone, &err), ST_IO);
	ck_assert_msg(strstr(err.msg, "cannot load a library, which is for tests: ") == err.msg &&
			      strstr(err.msg, "libflightspan-is-not-there.so.1"),
		      "%s", err.msg);
	ck_assert_int_eq(late_load(&old, &err), ST_IO);
	ck_assert_str_eq(err.msg, "libm.so.6 is too old: it lacks a_function_that_nobody_has");
	ck_assert_int_eq(begun, 0);
}
END_TEST

/* Each entry of the tables is there: a name that is misspelt fails here. */
START_TEST(ours_load)
{
	struct err err = ERR_INIT;

	ck_assert_msg(!curl_load(&err), "%s", err.msg);
	ck_assert_ptr_nonnull(curl_version_info(CURLVERSION_NOW)->version);
	ck_assert_msg(!microhttpd_load(&err), "%s", err.msg);
	ck_assert(MHD_start_daemon != NULL);
}
END_TEST

Suite *late_suite(void)
{
	Suite *s = suite_create("late");
	TCase *c = tcase_create("late");

	tcase_add_test(c, loads_once);
	tcase_add_test(c, says_what_is_missing);
	tcase_add_test(c, ours_load);
	suite_add_tcase(s, c);
	return s;
}
