#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/landlock.h"
#include "suites.h"

static char top[] = "/tmp/landlock-XXXXXX";

static const char *at(const char *name)
{
	static char path[3][128];
	static unsigned int n;

	n = (n + 1) % 3;
	snprintf(path[n], sizeof(path[n]), "%s/%s", top, name);
	return path[n];
}

static int touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? errno : 0;
}

static int look(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? errno : 0;
}

static int move(const char *from, const char *to)
{
	return rename(from, to) ? errno : 0;
}

static int execute(void)
{
	char *const none[] = { NULL };

	execve("/bin/true", none, none);
	return errno;
}

/* In a process of its own, for there is no way back. Not 0: what is not as it should be. */
static int restricted(void)
{
	struct landlock l;
	struct err err = ERR_INIT;

	if (landlock_begin(&l, &err) || landlock_allow(&l, at("read"), LANDLOCK_READ, &err) ||
	    landlock_allow(&l, at("write"), LANDLOCK_WRITE, &err) ||
	    landlock_allow(&l, at("file"), LANDLOCK_WRITE, &err) || landlock_enforce(&l, &err))
		return 1;
	landlock_release(&l);
	if (look(at("read/a")) || touch(at("read/new")) != EACCES ||
	    move(at("read/a"), at("read/b")) != EACCES)
		return 2;
	if (touch(at("write/new")) || mkdir(at("write/sub"), 0700) ||
	    move(at("write/new"), at("write/sub/new")) || unlink(at("write/sub/new")))
		return 3;
	if (touch(at("file")) || look(at("other")) != EACCES || touch(at("other")) != EACCES)
		return 4;
	if (look("/etc/passwd") != EACCES || execute() != EACCES)
		return 5;
	return 0;
}

START_TEST(gives_up)
{
	static const char *const folders[] = { "read", "write" };
	static const char *const files[] = { "read/a", "file", "other" };
	int status = 0;
	pid_t pid;

	ck_assert_ptr_nonnull(mkdtemp(top));
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(mkdir(at(folders[i]), 0700), 0);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(touch(at(files[i])), 0);
	pid = fork();
	if (!pid)
		_exit(restricted());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "status %d", WEXITSTATUS(status));
	/* This process has all of its rights still. */
	ck_assert_int_eq(rmdir(at("write/sub")), 0);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(unlink(at(files[i])), 0);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(rmdir(at(folders[i])), 0);
	ck_assert_int_eq(rmdir(top), 0);
}
END_TEST

START_TEST(not_there)
{
	struct landlock l;
	struct err err = ERR_INIT;

	ck_assert_int_eq(landlock_begin(&l, &err), ST_OK);
	ck_assert_int_eq(landlock_allow(&l, "/nowhere/at/all", LANDLOCK_READ, &err), ST_IO);
	ck_assert_str_eq(err.msg, "/nowhere/at/all: No such file or directory");
	landlock_release(&l);
}
END_TEST

Suite *landlock_suite(void)
{
	Suite *s = suite_create("landlock");
	TCase *t = tcase_create("landlock");

	if (!landlock_abi()) {
		printf("SKIP landlock: this kernel has none\n");
		return s;
	}
	tcase_add_test(t, gives_up);
	tcase_add_test(t, not_there);
	suite_add_tcase(s, t);
	return s;
}
