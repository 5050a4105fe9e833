#include "exporter/span_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "exporter/compress.h"
#include "exporter/transport.h"
#include "tests/unit/suites.h"

/* The one test's state. */
static struct {
	char folder[64], path[128];
	struct file_settings set;
	struct span_file *file;
	struct buf text; /* of the last file read */
	struct err err;
	int code;
} fx;

static int64_t wall(void *arg)
{
	(void)arg;
	return 784111777; /* 1994-11-06T08:49:37Z */
}

static const struct retry_clock still = { .wall_s = wall };

#define ROTATED "spans-1994-11-06T08-49-37"

static void setup(void)
{
	memset(&fx, 0, sizeof(fx));
	fx.err = (struct err)ERR_INIT;
	snprintf(fx.folder, sizeof(fx.folder), "/tmp/flightspan-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fx.folder));
	snprintf(fx.path, sizeof(fx.path), "%s/spans.jsonl", fx.folder);
	fx.set = (struct file_settings){ .path = fx.path, .keep = 2 };
	buf_init(&fx.text, 1 << 20);
}

static void teardown(void)
{
	char path[PATH_MAX];
	const struct dirent *e;
	DIR *d = opendir(fx.folder);

	span_file_close(fx.file);
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", fx.folder, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(fx.folder);
	buf_release(&fx.text);
}

static void reopen(void)
{
	span_file_close(fx.file);
	fx.file = NULL;
	ck_assert_msg(!span_file_open(&fx.file, &fx.set, &still, &fx.err), "%s", fx.err.msg);
}

static enum status add(const char *text)
{
	return span_file_add(fx.file, slice_str(text), &fx.code, &fx.err);
}

/* The contents of a file in the folder, or "" if there is none. */
static const char *contents(const char *name)
{
	char path[PATH_MAX], block[256];
	size_t n;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", fx.folder, name);
	buf_clear(&fx.text);
	in = fopen(path, "rb");
	while (in && (n = fread(block, 1, sizeof(block), in)) > 0)
		buf_add(&fx.text, block, n);
	if (in)
		fclose(in);
	buf_u8(&fx.text, 0);
	fx.text.len--;
	return (const char *)fx.text.ptr;
}

static void put(const char *text, size_t len)
{
	FILE *out = fopen(fx.path, "wb");

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(text, 1, len, out), len);
	fclose(out);
}

static size_t n_files(void)
{
	DIR *d = opendir(fx.folder);
	const struct dirent *e;
	size_t n = 0;

	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

START_TEST(lines_are_appended)
{
	struct stat s;

	reopen();
	ck_assert(!add("{1}") && !add("{2}"));
	reopen();
	ck_assert(!add("{3}"));
	ck_assert_str_eq(contents("spans.jsonl"), "{1}\n{2}\n{3}\n");
	ck_assert(!stat(fx.path, &s));
	ck_assert_int_eq(s.st_mode & 07, 0);
}
END_TEST

START_TEST(messages_are_framed)
{
	fx.set.encoding = SETTING_OTLP_PROTO;
	reopen();
	ck_assert(!add("ab") && !add("c"));
	contents("spans.jsonl");
	ck_assert_uint_eq(fx.text.len, 11);
	ck_assert_mem_eq(fx.text.ptr, "\0\0\0\2ab\0\0\0\1c", 11);
}
END_TEST

/* Cut anywhere, the whole messages stay and the next comes after them. */
START_TEST(torn_ends_are_cut)
{
	static const char json[] = "{1}\n{22}\n", proto[] = "\0\0\0\2ab\0\0\0\1c";
	bool is_json = !_i;
	const char *whole = is_json ? json : proto;
	size_t size = is_json ? 9 : 11, first = is_json ? 4 : 6;

	fx.set.encoding = is_json ? SETTING_OTLP_JSON : SETTING_OTLP_PROTO;
	for (size_t len = 0; len <= size; len++) {
		size_t keep = len < first ? 0 : len < size ? first : size;

		put(whole, len);
		reopen();
		ck_assert(!add("x"));
		contents("spans.jsonl");
		ck_assert_uint_eq(fx.text.len, keep + (is_json ? 2 : 5));
		ck_assert_mem_eq(fx.text.ptr, whole, keep);
		ck_assert_mem_eq(fx.text.ptr + keep, is_json ? "x\n" : "\0\0\0\1x",
				 fx.text.len - keep);
	}
}
END_TEST

START_TEST(long_torn_lines_are_cut)
{
	static char line[10000];

	memset(line, 'x', sizeof(line));
	line[0] = '{';
	line[1] = '}';
	line[2] = '\n';
	put(line, sizeof(line));
	reopen();
	ck_assert(!add("y"));
	ck_assert_str_eq(contents("spans.jsonl"), "{}\ny\n");
	/* Not one whole line: nothing stays. */
	put(line + 5000, 5000);
	reopen();
	ck_assert(!add("y"));
	ck_assert_str_eq(contents("spans.jsonl"), "y\n");
}
END_TEST

static const struct {
	enum setting_compression compression;
	const char *extension;
} packings[] = {
	{ SETTING_NONE, "" },
	{ SETTING_GZIP, ".gz" },
	{ SETTING_ZSTD, ".zst" },
};

START_TEST(rotates)
{
	const char *extension = packings[_i].extension;
	char name[128];
	struct buf plain;

	fx.set.rotate_bytes = 8;
	fx.set.compression = packings[_i].compression;
	reopen();
	/* Two lines a file; three files ago is too long ago. */
	for (const char *c = "abcdefghi"; *c; c++) {
		const char line[] = { *c, *c, *c, '\0' };

		ck_assert_msg(!add(line), "%s", fx.err.msg);
	}
	ck_assert_str_eq(contents("spans.jsonl"), "iii\n");
	ck_assert_uint_eq(n_files(), 3);
	buf_init(&plain, 1000);
	snprintf(name, sizeof(name), ROTATED ".%03u.jsonl%s", 3u, extension);
	contents(name);
	ck_assert(decompress(fx.set.compression, buf_view(&fx.text), &plain));
	ck_assert(slice_is(buf_view(&plain), "ggg\nhhh\n"));
	buf_release(&plain);
	/* Larger than a file may be, but it has to go somewhere. */
	ck_assert(!add("0123456789"));
	ck_assert_str_eq(contents("spans.jsonl"), "0123456789\n");
}
END_TEST

START_TEST(others_files_stay)
{
	static const char *const names[] = { "spans-old.jsonl", "spans.jsonl.bak",
					     "spansy-1994-11-06T08-49-37.000.jsonl",
					     "spans-1994-11-06T08-49-36.000.jsonl.zst.tmp" };
	char path[PATH_MAX];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", fx.folder, names[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	fx.set.keep = 0;
	fx.set.rotate_bytes = 1;
	reopen();
	ck_assert(!add("a") && !add("b"));
	/* The half-made one of an earlier crash is gone, and the rotated one. */
	ck_assert_uint_eq(n_files(), 4);
}
END_TEST

/* logrotate, or a hand. */
START_TEST(moved_away)
{
	char aside[PATH_MAX];

	reopen();
	ck_assert(!add("1"));
	snprintf(aside, sizeof(aside), "%s/aside", fx.folder);
	ck_assert(!rename(fx.path, aside));
	ck_assert(!add("2"));
	ck_assert_str_eq(contents("spans.jsonl"), "2\n");
	ck_assert_str_eq(contents("aside"), "1\n");
	unlink(fx.path);
	ck_assert(!add("3"));
	ck_assert_str_eq(contents("spans.jsonl"), "3\n");
}
END_TEST

START_TEST(one_writer)
{
	struct span_file *other;

	reopen();
	ck_assert(!add("1"));
	ck_assert(!span_file_open(&other, &fx.set, &still, &fx.err));
	ck_assert_int_eq(span_file_add(other, SLICE("2"), &fx.code, &fx.err), ST_IO);
	ck_assert_ptr_nonnull(strstr(fx.err.msg, "another process writes it"));
	span_file_close(fx.file);
	fx.file = NULL;
	ck_assert(!span_file_add(other, SLICE("3"), &fx.code, &fx.err));
	span_file_close(other);
	ck_assert_str_eq(contents("spans.jsonl"), "1\n3\n");
}
END_TEST

/* No room for all of a line: none of it stays, and with room it goes. */
START_TEST(a_full_disk)
{
	struct exporter_settings set = { .is_file = true, .file = fx.set };
	struct rlimit before, small;
	struct attempt_result r;
	struct transport *t;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert(!getrlimit(RLIMIT_FSIZE, &before));
	ck_assert(!transport_open(&t, &set, &still, &fx.err));
	transport_attempt(t, SLICE("\x0a\x00"), 1, &r);
	ck_assert_int_eq(r.class, SEND_ACCEPTED);
	small = before;
	small.rlim_cur = 30;
	ck_assert(!setrlimit(RLIMIT_FSIZE, &small));
	transport_attempt(t, SLICE("\x0a\x00"), 1, &r);
	ck_assert(!setrlimit(RLIMIT_FSIZE, &before));
	ck_assert_int_eq(r.class, SEND_RETRY);
	ck_assert_int_eq(r.rc, EFBIG);
	ck_assert_ptr_nonnull(strstr(r.outcome, "cannot write /tmp/"));
	ck_assert_str_eq(contents("spans.jsonl"), "{\"resourceSpans\":[{}]}\n");
	transport_attempt(t, SLICE("\x0a\x00"), 1, &r);
	ck_assert_int_eq(r.class, SEND_ACCEPTED);
	ck_assert_str_eq(contents("spans.jsonl"),
			 "{\"resourceSpans\":[{}]}\n{\"resourceSpans\":[{}]}\n");
	ck_assert_str_eq(transport_shown(t), fx.path);
	transport_close(t);
}
END_TEST

START_TEST(wrong_paths)
{
	struct exporter_settings set = { .is_file = true, .file = fx.set };
	struct attempt_result r;
	struct transport *t;

	fx.set.path = "folder/";
	ck_assert_int_eq(span_file_open(&fx.file, &fx.set, &still, &fx.err), ST_CONFIG);
	set.file.path = "/nonexistent/spans.jsonl";
	ck_assert(!transport_open(&t, &set, NULL, &fx.err));
	transport_attempt(t, SLICE("\x0a\x00"), 1, &r);
	ck_assert_int_eq(r.class, SEND_CONFIG);
	ck_assert_int_eq(r.rc, ENOENT);
	transport_close(t);
	set.file.path = "/dev/null";
	ck_assert(!transport_open(&t, &set, NULL, &fx.err));
	transport_attempt(t, SLICE("\x0a\x00"), 1, &r);
	ck_assert_int_eq(r.class, SEND_CONFIG);
	transport_close(t);
}
END_TEST

START_TEST(survives_no_memory)
{
	struct exporter_settings set = { .is_file = true, .file = fx.set };
	struct attempt_result r = { .class = SEND_OURS };

	set.file.rotate_bytes = 1;
	set.file.compression = SETTING_GZIP;
	for (uint64_t n = 1; n < 30; n++) {
		struct transport *t = NULL;

		mem_fail_at(n);
		if (!transport_open(&t, &set, &still, &fx.err))
			transport_attempt(t, SLICE("\x0a\x00"), 1, &r);
		mem_fail_at(0);
		transport_close(t);
	}
	ck_assert_int_eq(r.class, SEND_ACCEPTED);
}
END_TEST

Suite *span_file_suite(void)
{
	Suite *s = suite_create("span_file");
	TCase *t = tcase_create("span_file");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, lines_are_appended);
	tcase_add_test(t, messages_are_framed);
	tcase_add_loop_test(t, torn_ends_are_cut, 0, 2);
	tcase_add_test(t, long_torn_lines_are_cut);
	tcase_add_loop_test(t, rotates, 0, 3);
	tcase_add_test(t, others_files_stay);
	tcase_add_test(t, moved_away);
	tcase_add_test(t, one_writer);
	tcase_add_test(t, a_full_disk);
	tcase_add_test(t, wrong_paths);
	tcase_add_test(t, survives_no_memory);
	suite_add_tcase(s, t);
	return s;
}
