/*
 * listener: addresses, and who is local; secrets. The server itself is in tests/run.
 */
#include "collector/source/listener.h"

#include <unistd.h>

#include "tests/unit/suites.h"

static const struct {
	const char *text;
	bool good, local;
} addresses[] = {
	{ "127.0.0.1:9464", true, true },
	{ "127.9.9.9:1", true, true },
	{ "localhost:80", true, true },
	{ "[::1]:9464", true, true },
	{ "unix:/run/x", true, true },
	{ "0.0.0.0:1", true, false },
	{ "10.0.0.1:65535", true, false },
	{ ":9464", true, false },
	{ "[::]:1", true, false },
	{ "[::2]:1", true, false },
	/* An IPv4 loopback in IPv6's clothes is not taken for one: a token is the safe side. */
	{ "[::ffff:127.0.0.1]:1", true, false },
	{ "", false, false },
	{ "127.0.0.1", false, false },
	{ "127.0.0.1:", false, false },
	{ "127.0.0.1:65536", false, false },
	{ "127.0.0.1:+1", false, false },
	{ "example.org:80", false, false },
	{ "unix:", false, false },
	{ "[::1:80", false, false },
};

START_TEST(parse)
{
	struct listen_address a;
	struct err err = ERR_INIT;
	enum status st = listen_parse(addresses[_i].text, &a, &err);

	ck_assert_msg((st == ST_OK) == addresses[_i].good, "%s", addresses[_i].text);
	ck_assert(addresses[_i].good || st == ST_CONFIG);
	if (!st)
		ck_assert_msg(a.local == addresses[_i].local, "%s", addresses[_i].text);
}
END_TEST

START_TEST(equal)
{
	static const char *const texts[] = { "", "a", "b", "aa", "ab", "abab", "token", "tokens" };

	for (size_t i = 0; i < 8; i++) {
		for (size_t j = 0; j < 8; j++)
			ck_assert_msg(secret_equal(slice_str(texts[i]), slice_str(texts[j])) ==
					      (i == j),
				      "%s %s", texts[i], texts[j]);
	}
}
END_TEST

START_TEST(files)
{
	char path[] = "/tmp/flightspan-secret-XXXXXX";
	struct err err = ERR_INIT;
	char out[8];
	int fd = mkstemp(path);

	ck_assert_int_eq(secret_load("abc", "", out, sizeof(out), &err), ST_OK);
	ck_assert_str_eq(out, "abc");
	ck_assert_int_eq(secret_load("12345678", "", out, sizeof(out), &err), ST_CONFIG);
	ck_assert_int_eq(secret_load("x", path, out, sizeof(out), &err), ST_CONFIG);
	ck_assert_int_eq(write(fd, "def\r\ng", 6), 6);
	ck_assert_int_eq(secret_load("x", path, out, sizeof(out), &err), ST_OK);
	ck_assert_str_eq(out, "def");
	ck_assert_int_eq(write(fd, "more", 4), 4);
	ck_assert_int_eq(secret_load("x", path, out, sizeof(out), &err), ST_CONFIG);
	unlink(path);
	close(fd);
	ck_assert_int_eq(secret_load("x", path, out, sizeof(out), &err), ST_CONFIG);
}
END_TEST

Suite *listener_suite(void)
{
	Suite *suite = suite_create("listener");
	TCase *t = tcase_create("listener");

	tcase_add_loop_test(t, parse, 0, sizeof(addresses) / sizeof(addresses[0]));
	tcase_add_test(t, equal);
	tcase_add_test(t, files);
	suite_add_tcase(suite, t);
	return suite;
}
