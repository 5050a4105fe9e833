#include "base/err.h"

#include <errno.h>

#include "tests/unit/suites.h"

START_TEST(set_and_wrap)
{
	struct err err = ERR_INIT;

	ck_assert_uint_eq(err.offset, ERR_NO_OFFSET);
	ck_assert_int_eq(err_set(&err, ST_FORMAT, 17, "string %d is cut", 5), ST_FORMAT);
	ck_assert_str_eq(err.msg, "string 5 is cut");
	ck_assert_uint_eq(err.offset, 17);
	ck_assert_int_eq(err_wrap(&err, "generation %d", 3), ST_FORMAT);
	ck_assert_str_eq(err.msg, "generation 3: string 5 is cut");
	ck_assert_uint_eq(err.offset, 17);
	ck_assert_int_eq(err_nomem(&err, "a map"), ST_NOMEM);
	ck_assert_str_eq(err.msg, "out of memory for a map");
	errno = ENOENT;
	ck_assert_int_eq(err_errno(&err, "cannot open"), ST_IO);
	ck_assert_str_eq(err.msg, "cannot open: No such file or directory");
}
END_TEST

START_TEST(no_err_to_fill)
{
	ck_assert_int_eq(err_set(NULL, ST_LIMIT, 0, "x"), ST_LIMIT);
	ck_assert_int_eq(err_wrap(NULL, "x"), ST_OK);
	ck_assert_int_eq(err_nomem(NULL, "x"), ST_NOMEM);
}
END_TEST

/* A message and a context of every length: cut, terminated, nothing beyond touched. */
START_TEST(long_texts)
{
	static char text[1000];
	struct {
		struct err err;
		char behind[16];
	} s = { .err = ERR_INIT };
	const size_t room = sizeof(s.err.msg) - 1;

	memset(s.behind, '#', sizeof(s.behind));
	for (size_t n = 0; n < sizeof(text); n++) {
		memset(text, 'm', sizeof(text));
		text[n] = '\0';
		err_set(&s.err, ST_FORMAT, 0, "%s", text);
		ck_assert_uint_eq(strlen(s.err.msg), n < room ? n : room);
		err_wrap(&s.err, "context");
		ck_assert_int_eq(strncmp(s.err.msg, "context: ", 9), 0);
		ck_assert_uint_eq(strlen(s.err.msg), n + 9 < room ? n + 9 : room);
		err_set(&s.err, ST_FORMAT, 0, "why");
		err_wrap(&s.err, "%s", text);
		ck_assert_uint_le(strlen(s.err.msg), room);
		if (n + 5 <= room)
			ck_assert_str_eq(s.err.msg + n, ": why");
		for (size_t i = 0; i < sizeof(s.behind); i++)
			ck_assert_int_eq(s.behind[i], '#');
	}
}
END_TEST

Suite *err_suite(void)
{
	Suite *s = suite_create("err");
	TCase *t = tcase_create("err");

	tcase_add_test(t, set_and_wrap);
	tcase_add_test(t, no_err_to_fill);
	tcase_add_test(t, long_texts);
	suite_add_tcase(s, t);
	return s;
}
