#include "exporter/file_out.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/suites.h"

static char dir[32];
static char name[64];
static struct err err;

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/flightspan-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/out", dir);
	signal(SIGPIPE, SIG_IGN);
	err = (struct err)ERR_INIT;
}

/* How many files are there now? */
static int files(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void teardown(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while ((e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(dir);
}

static struct slice contents(const char *path)
{
	static uint8_t bytes[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof(bytes));

	close(fd);
	return (struct slice){ bytes, n < 0 ? 0 : (size_t)n };
}

static struct file_out *start(const char *path, enum otlp_format format)
{
	struct file_out *f = NULL;

	ck_assert_msg(file_out_open(&f, path, format, &err) == ST_OK, "%s", err.msg);
	return f;
}

static void write_two(struct file_out *f)
{
	ck_assert_int_eq(file_out_write(f, SLICE("{\"a\":1}"), &err), ST_OK);
	ck_assert_int_eq(file_out_write(f, SLICE("{}"), &err), ST_OK);
}

START_TEST(json_is_lines)
{
	struct file_out *f = start(name, OTLP_JSON);

	write_two(f);
	ck_assert_uint_eq(file_out_bytes(f), 11);
	ck_assert_int_eq(access(name, F_OK), -1);
	ck_assert_int_eq(file_out_finish(f, &err), ST_OK);
	file_out_close(f);
	ck_assert(slice_is(contents(name), "{\"a\":1}\n{}\n"));
	ck_assert_int_eq(files(), 1);
}
END_TEST

START_TEST(proto_has_lengths)
{
	struct file_out *f = start(name, OTLP_PROTO);

	write_two(f);
	ck_assert_int_eq(file_out_finish(f, &err), ST_OK);
	file_out_close(f);
	ck_assert(slice_eq(contents(name), SLICE("\0\0\0\x07{\"a\":1}\0\0\0\x02{}")));
}
END_TEST

static void put_old(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	ck_assert_int_eq(write(fd, "old", 3), 3);
	close(fd);
}

START_TEST(unfinished_leaves_the_old_file)
{
	struct file_out *f;

	put_old(name);
	f = start(name, OTLP_JSON);
	write_two(f);
	ck_assert_int_eq(files(), 2);
	file_out_close(f);
	ck_assert(slice_is(contents(name), "old"));
	ck_assert_int_eq(files(), 1);
}
END_TEST

START_TEST(replaces_through_a_link_and_keeps_the_mode)
{
	char link[64];
	struct file_out *f;
	struct stat st;

	put_old(name);
	snprintf(link, sizeof(link), "%s/link", dir);
	ck_assert_int_eq(symlink("out", link), 0);
	ck_assert_int_eq(chmod(name, 0604), 0);
	f = start(link, OTLP_JSON);
	write_two(f);
	ck_assert_int_eq(file_out_finish(f, &err), ST_OK);
	file_out_close(f);
	ck_assert(slice_is(contents(name), "{\"a\":1}\n{}\n"));
	ck_assert(!lstat(link, &st) && S_ISLNK(st.st_mode));
	ck_assert(!stat(name, &st) && (st.st_mode & 0777) == 0604);
}
END_TEST

START_TEST(full_disk_is_an_error)
{
	struct file_out *f = start("/dev/full", OTLP_JSON);

	ck_assert_int_eq(file_out_write(f, SLICE("{}"), &err), ST_IO);
	ck_assert_str_eq(err.msg, "cannot write /dev/full: No space left on device");
	file_out_close(f);
	ck_assert_int_eq(access("/dev/full", F_OK), 0);
}
END_TEST

START_TEST(refused_names)
{
	struct file_out *f = NULL;
	char missing[80];

	snprintf(missing, sizeof(missing), "%s/no/such", dir);
	ck_assert_int_eq(file_out_open(&f, missing, OTLP_JSON, &err), ST_IO);
	ck_assert_ptr_nonnull(strstr(err.msg, "no/such: No such file or directory"));
	ck_assert_int_eq(file_out_open(&f, dir, OTLP_JSON, &err), ST_IO);
	ck_assert_ptr_nonnull(strstr(err.msg, "Is a directory"));
	ck_assert_ptr_null(f);
}
END_TEST

/* Standard output as a pipe: the reader sees it all, and then goes away. */
START_TEST(standard_output_may_break)
{
	int old = dup(STDOUT_FILENO), fds[2];
	struct file_out *f;
	char got[16];
	enum status st;

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDOUT_FILENO);
	close(fds[1]);
	f = start("-", OTLP_JSON);
	write_two(f);
	ck_assert_int_eq(read(fds[0], got, sizeof(got)), 11);
	close(fds[0]);
	st = file_out_write(f, SLICE("{}"), &err);
	dup2(old, STDOUT_FILENO);
	close(old);
	file_out_close(f);
	ck_assert_int_eq(st, ST_IO);
	ck_assert_str_eq(err.msg, "cannot write standard output: Broken pipe");
}
END_TEST

static void ignore(int sig)
{
	(void)sig;
}

/* Signals that interrupt a full pipe's writer make writev() return early. */
static int write_under_signals(struct slice message)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } };
	struct sigaction sa = { .sa_handler = ignore };
	struct file_out *f = NULL;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	return file_out_open(&f, NULL, OTLP_PROTO, &err) || file_out_write(f, message, &err) ||
	       file_out_finish(f, &err);
}

START_TEST(writes_all_of_a_large_message)
{
	static uint8_t big[4 << 20], got[4 << 20];
	size_t n = 0;
	ssize_t more;
	int fds[2];

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 >> 3);
	ck_assert_int_eq(pipe(fds), 0);
	if (fork() == 0) {
		close(fds[0]);
		dup2(fds[1], STDOUT_FILENO);
		_exit(write_under_signals((struct slice){ big, sizeof(big) }));
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], got, 4), 4);
	ck_assert_mem_eq(got, "\0\x40\0\0", 4);
	while ((more = read(fds[0], got + n, sizeof(got) - n)) > 0)
		n += (size_t)more;
	ck_assert_uint_eq(n, sizeof(big));
	ck_assert(memcmp(got, big, sizeof(big)) == 0);
	close(fds[0]);
	wait(NULL);
}
END_TEST

Suite *file_out_suite(void)
{
	Suite *s = suite_create("file_out");
	TCase *t = tcase_create("file_out");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, json_is_lines);
	tcase_add_test(t, proto_has_lengths);
	tcase_add_test(t, unfinished_leaves_the_old_file);
	tcase_add_test(t, replaces_through_a_link_and_keeps_the_mode);
	tcase_add_test(t, full_disk_is_an_error);
	tcase_add_test(t, refused_names);
	tcase_add_test(t, standard_output_may_break);
	tcase_add_test(t, writes_all_of_a_large_message);
	suite_add_tcase(s, t);
	return s;
}
