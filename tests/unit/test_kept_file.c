/*
 * kept_file: captures that outlive their process, and what else may lie beside the queue.
 */
#include "collector/source/kept_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/suites.h"

static char folder[64], beside[96];
static struct err err;

static void start(void)
{
	snprintf(folder, sizeof(folder), "/tmp/flightspan-kept-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(beside, sizeof(beside), "%s/queue.db", folder);
	err = (struct err)ERR_INIT;
}

/* How many files there are; with `remove`, there are none afterwards. */
static int count(bool remove)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		if (remove)
			ck_assert_int_eq(unlinkat(dirfd(d), e->d_name, 0), 0);
	}
	closedir(d);
	return n;
}

static int n_files(void)
{
	return count(false);
}

static void finish(void)
{
	count(true);
	ck_assert_int_eq(rmdir(folder), 0);
}

static int nameless(const char *bytes)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
	return fd;
}

static struct capture capture_of(const char *source)
{
	struct capture c = { .trigger = "slow", .cause = "a task\nof 400 ms", .traceparent = "" };

	snprintf(c.source, sizeof(c.source), "%s", source);
	return c;
}

/* As a process that ends would leave it. */
static void leave(const char *source, const char *bytes)
{
	struct capture c = capture_of(source);
	int fd = nameless(bytes);
	char *stem;

	ck_assert_int_eq(kept_file_make(&stem, beside, &c, fd, &err), ST_OK);
	close(fd);
	mem_free(stem);
}

START_TEST(found_again)
{
	struct capture c = { .fd = -1 };
	char *stem, text[16];
	int fd;

	leave("other", "its trace");
	leave("live", "a trace");
	ck_assert_int_eq(kept_file_find(&stem, beside, "live", &c, &fd, &err), ST_OK);
	ck_assert_str_eq(c.source, "live");
	ck_assert_str_eq(c.trigger, "slow");
	ck_assert_str_eq(c.cause, "a task of 400 ms");
	ck_assert_str_eq(c.traceparent, "");
	ck_assert_int_eq(read(fd, text, sizeof(text)), 7);
	ck_assert_int_eq(memcmp(text, "a trace", 7), 0);
	kept_file_remove(stem);
	close(fd);
	ck_assert_int_eq(kept_file_find(&stem, beside, "live", &c, &fd, &err), ST_END);
	ck_assert_int_eq(n_files(), 2);
}
END_TEST

/* Whoever reads it has it: the next start of the source, after a reload, leaves it alone. */
START_TEST(held)
{
	struct capture c = capture_of("live"), got = { .fd = -1 };
	int fd = nameless("a trace"), other;
	char *stem, *found;

	ck_assert_int_eq(kept_file_make(&stem, beside, &c, fd, &err), ST_OK);
	ck_assert_int_eq(kept_file_find(&found, beside, "live", &got, &other, &err), ST_END);
	ck_assert_int_eq(n_files(), 2);
	close(fd);
	ck_assert_int_eq(kept_file_find(&found, beside, "live", &got, &other, &err), ST_OK);
	ck_assert_str_eq(found, stem);
	close(other);
	mem_free(found);
	kept_file_remove(stem);
	ck_assert_int_eq(n_files(), 0);
}
END_TEST

static void put(const char *name, const char *text)
{
	char path[sizeof(beside) + 64];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", beside, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

/* A process that ended in the middle, other people's files, texts that are none. */
START_TEST(others)
{
	struct capture c = { .fd = -1 };
	char *stem, text[2000];
	int fd;

	put(".capture-1.txt", "live\nslow\nwhy\n\n"); /* no trace: removed */
	put(".capture-2.txt", "live\nslow\n");
	put(".capture-2.trace", "x");
	put(".capture-3.txt", "");
	put(".capture-4.trace", "x");
	put("-wal", "live\nslow\nwhy\n\n");
	put(".capture-5.txt.old", "live\nslow\nwhy\n\n");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	put(".capture-6.txt", text);
	put(".capture-6.trace", "x");
	snprintf(text, sizeof(text), "live\n%0100d\nwhy\n\n", 1); /* longer than a trigger's name */
	put(".capture-7.txt", text);
	put(".capture-7.trace", "x");
	ck_assert_int_eq(kept_file_find(&stem, beside, "live", &c, &fd, &err), ST_END);
	ck_assert_ptr_null(stem);
	ck_assert_int_eq(n_files(), 10);
}
END_TEST

START_TEST(no_room)
{
	struct capture c = capture_of("live");
	int fd = nameless("a trace");
	char *stem;

	/* Where it lies has no folder: nothing is left. */
	ck_assert_int_eq(kept_file_make(&stem, "/nowhere/queue.db", &c, fd, &err), ST_IO);
	ck_assert_ptr_null(stem);
	/* No file without a name, as where the filesystem has none: the text goes too. */
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(kept_file_make(&stem, beside, &c, fd, &err), ST_IO);
	ck_assert_ptr_null(stem);
	ck_assert_int_eq(n_files(), 0);
	close(fd);
}
END_TEST

Suite *kept_file_suite(void)
{
	Suite *s = suite_create("kept_file");
	TCase *t = tcase_create("kept_file");

	tcase_add_checked_fixture(t, start, finish);
	tcase_add_test(t, found_again);
	tcase_add_test(t, held);
	tcase_add_test(t, others);
	tcase_add_test(t, no_room);
	suite_add_tcase(s, t);
	return s;
}
