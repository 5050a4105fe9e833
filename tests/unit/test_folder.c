/*
 * folder: files are removed and moved only as long as they are those that were read.
 */
#include "collector/source/folder.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/suites.h"

static char path[] = "/tmp/flightspan-folder-XXXXXX";
static int dir;
static struct err err;

static void start(void)
{
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(dir, 0);
}

static void finish(void)
{
	char command[80];

	close(dir);
	snprintf(command, sizeof(command), "rm -r %s", path);
	ck_assert_int_eq(system(command), 0);
}

static struct folder_file make(const char *name, size_t size)
{
	static const char zeros[64];
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct stat st;

	ck_assert_int_eq(write(fd, zeros, size), (ssize_t)size);
	ck_assert_int_eq(fstat(fd, &st), 0);
	close(fd);
	return folder_file_of(&st);
}

static bool there(const char *name)
{
	return !faccessat(dir, name, F_OK, 0);
}

START_TEST(removes)
{
	struct folder_file f = make("a", 3), other = make("b", 3);

	ck_assert_int_eq(folder_remove(dir, "b", &f, &err), ST_END);
	ck_assert(there("b"));
	f.size++;
	ck_assert_int_eq(folder_remove(dir, "a", &f, &err), ST_END);
	f.size--;
	ck_assert_int_eq(folder_remove(dir, "a", &f, &err), ST_OK);
	ck_assert(!there("a"));
	ck_assert_int_eq(folder_remove(dir, "a", &f, &err), ST_END);
	/* What a crash left under the other name. */
	ck_assert_int_eq(renameat(dir, "b", dir, FOLDER_TAKEN "x"), 0);
	ck_assert_int_eq(folder_remove(dir, FOLDER_TAKEN "x", &other, &err), ST_OK);
	ck_assert(!there(FOLDER_TAKEN "x"));
}
END_TEST

START_TEST(moves)
{
	struct folder_file f = make("a", 3), g;

	ck_assert_int_eq(folder_move(dir, "a", &f, "bad", 1000, "why", &err), ST_OK);
	ck_assert(!there("a") && there("bad/a") && there("bad/a.txt"));
	/* The name is taken there. */
	g = make("a", 4);
	ck_assert_int_eq(folder_move(dir, "a", &f, "bad", 1000, NULL, &err), ST_END);
	ck_assert_int_eq(folder_move(dir, "a", &g, "bad", 1000, NULL, &err), ST_OK);
	ck_assert(there("bad/a") && there("bad/a.1") && !there("a"));
}
END_TEST

/* The oldest go; one that is larger than the quota goes at once. */
START_TEST(quota)
{
	static const char *const names[] = { "c", "a", "b" };
	struct timespec times[2];
	struct folder_file f;

	for (int i = 0; i < 3; i++) {
		struct stat st;

		make(names[i], 10);
		times[0] = times[1] = (struct timespec){ 1000 + i, 0 };
		ck_assert_int_eq(utimensat(dir, names[i], times, 0), 0);
		ck_assert_int_eq(fstatat(dir, names[i], &st, 0), 0);
		f = folder_file_of(&st);
		ck_assert_int_eq(folder_move(dir, names[i], &f, "archive", 25, NULL, &err), ST_OK);
	}
	ck_assert(!there("archive/c") && there("archive/a") && there("archive/b"));
	f = make("d", 30);
	ck_assert_int_eq(folder_move(dir, "d", &f, "archive", 25, NULL, &err), ST_OK);
	ck_assert(!there("archive/d") && !there("archive/a"));
}
END_TEST

/* A link in the place of the folder leads nowhere. */
START_TEST(no_links)
{
	struct folder_file f = make("a", 3);

	ck_assert_int_eq(symlinkat("/tmp", dir, "archive"), 0);
	ck_assert_int_eq(folder_move(dir, "a", &f, "archive", 100, NULL, &err), ST_IO);
	ck_assert(there("a"));
}
END_TEST

Suite *folder_suite(void)
{
	Suite *suite = suite_create("folder");
	TCase *t = tcase_create("folder");

	tcase_add_checked_fixture(t, start, finish);
	tcase_add_test(t, removes);
	tcase_add_test(t, moves);
	tcase_add_test(t, quota);
	tcase_add_test(t, no_links);
	suite_add_tcase(suite, t);
	return suite;
}
