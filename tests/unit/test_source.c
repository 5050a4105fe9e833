#include "collector/source/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define SIZE ((size_t)600000) /* larger than every buffer on the way */

static char folder[64], path[96];
static uint8_t content[SIZE];
static struct buf packed, got;

/* Half noise, half runs, so that it neither stores nor packs as a whole. */
static void setup(void)
{
	uint64_t state = 31337;

	for (size_t i = 0; i < SIZE; i++)
		content[i] = i / 5000 % 2 ? 'x' : (uint8_t)next_random(&state);
	snprintf(folder, sizeof(folder), "/tmp/test_source.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	buf_init(&packed, 4 * SIZE);
	buf_init(&got, 4 * SIZE);
}

static void teardown(void)
{
	unlink(path);
	rmdir(folder);
	buf_release(&packed);
	buf_release(&got);
}

static void write_file(const void *bytes, size_t len)
{
	FILE *out = fopen(path, "wb");

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(bytes, 1, len, out), len);
	fclose(out);
}

static void pack_zstd(const uint8_t *bytes, size_t len)
{
	size_t room = ZSTD_compressBound(len), n;

	ck_assert(buf_reserve(&packed, room));
	n = ZSTD_compress(packed.ptr + packed.len, room, bytes, len, 3);
	ck_assert(!ZSTD_isError(n));
	packed.len += n;
}

static void pack_gzip(const uint8_t *bytes, size_t len)
{
	z_stream z = { .zalloc = NULL };

	ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert(buf_reserve(&packed, len + len / 100 + 100));
	z.next_in = (uint8_t *)(uintptr_t)bytes; // NOLINT(performance-no-int-to-ptr)
	z.avail_in = (uInt)len;
	z.next_out = packed.ptr + packed.len;
	z.avail_out = (uInt)(packed.cap - packed.len);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed.len = packed.cap - z.avail_out;
	deflateEnd(&z);
}

/* Read all of a source into `got`, `step` bytes at a time. */
static enum status drain(struct file_source *f, size_t step, struct err *err)
{
	struct byte_source s = file_source_bytes(f);
	enum status st = ST_OK;
	size_t n = 1;

	buf_clear(&got);
	while (!st && n) {
		n = 0;
		ck_assert(buf_reserve(&got, step));
		st = s.read(s.arg, got.ptr + got.len, step, &n, err);
		ck_assert_uint_le(n, step);
		got.len += n;
	}
	return st;
}

static enum status read_path(const char *name, size_t step, struct err *err)
{
	struct file_source *f = file_source_open(name, err);
	enum status st;

	if (!f)
		return err->code;
	st = drain(f, step, err);
	if (!st)
		ck_assert_uint_eq(file_source_consumed(f), file_source_size(f));
	file_source_close(f);
	return st;
}

static bool is_content(size_t from, size_t len)
{
	return slice_eq(buf_view(&got), (struct slice){ content + from, len });
}

START_TEST(plain)
{
	static const size_t steps[] = { 1000, 131072, SIZE };
	struct err err = ERR_INIT;

	write_file(content, SIZE);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(read_path(path, steps[i], &err), ST_OK);
		ck_assert(is_content(0, SIZE));
	}
	/* Shorter than what tells the kind, and nothing at all. */
	for (size_t n = 0; n < 5; n++) {
		write_file("\x28\xb5\x2f!!", n);
		ck_assert_int_eq(read_path(path, 100, &err), ST_OK);
		ck_assert_uint_eq(got.len, n);
	}
}
END_TEST

/* Kinds of compression by number: 0 zstd, 1 gzip. */
static void (*const packers[])(const uint8_t *, size_t) = { pack_zstd, pack_gzip };

START_TEST(compressed)
{
	static const size_t steps[] = { 1, 7, 1000, SIZE };
	struct err err = ERR_INIT;

	packers[_i](content, SIZE);
	ck_assert_uint_lt(packed.len, SIZE);
	write_file(packed.ptr, packed.len);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(read_path(path, steps[i], &err), ST_OK);
		ck_assert(is_content(0, SIZE));
	}
}
END_TEST

/* Several frames or members, empty ones among them, are one input. */
START_TEST(several_members)
{
	struct err err = ERR_INIT;

	packers[_i](content, 0);
	packers[_i](content, 250000);
	packers[_i](content + 250000, 1);
	packers[_i](content, 0);
	packers[_i](content + 250001, SIZE - 250001);
	write_file(packed.ptr, packed.len);
	ck_assert_int_eq(read_path(path, 4096, &err), ST_OK);
	ck_assert(is_content(0, SIZE));
}
END_TEST

/* A cut file gives what was whole, then one error. */
START_TEST(cut)
{
	struct err err = ERR_INIT;

	packers[_i](content, SIZE);
	for (size_t n = 5; n < packed.len; n += n < 200 || n + 200 > packed.len ? 1 : 9973) {
		write_file(packed.ptr, n);
		ck_assert_msg(read_path(path, 65536, &err) == ST_FORMAT, "%zu of %zu bytes", n,
			      packed.len);
		ck_assert_ptr_nonnull(strstr(err.msg, "ends early, the file was cut"));
		ck_assert(got.len <= SIZE && is_content(0, got.len));
	}
}
END_TEST

START_TEST(damaged)
{
	static const char *const says[] = { "damaged zstd data: ", "damaged gzip data: " };
	struct err err = ERR_INIT;
	int refused = 0;

	packers[_i](content, SIZE);
	for (size_t at = 4; at < packed.len; at += 30011) {
		packed.ptr[at] ^= 0x55;
		write_file(packed.ptr, packed.len);
		if (read_path(path, 65536, &err)) {
			ck_assert_int_eq(err.code, ST_FORMAT);
			refused += strncmp(err.msg, says[_i], strlen(says[_i])) == 0;
		}
		packed.ptr[at] ^= 0x55;
	}
	ck_assert_int_gt(refused, 0);
	/* Garbage behind the last member. */
	buf_str(&packed, "garbage");
	write_file(packed.ptr, packed.len);
	ck_assert_int_eq(read_path(path, 65536, &err), ST_FORMAT);
	ck_assert(is_content(0, SIZE));
}
END_TEST

START_TEST(rewinds)
{
	struct err err = ERR_INIT;
	struct file_source *f;
	struct stat sb;

	packers[_i](content, SIZE);
	write_file(packed.ptr, packed.len);
	f = file_source_open(path, &err);
	ck_assert_ptr_nonnull(f);
	ck_assert(file_source_seekable(f));
	ck_assert_uint_eq(file_source_size(f), packed.len);
	ck_assert_uint_eq(file_source_consumed(f), 0);
	ck_assert_int_eq(stat(path, &sb), 0);
	ck_assert_uint_eq(file_source_mtime_ns(f) / 1000000000, (uint64_t)sb.st_mtim.tv_sec);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(drain(f, 10000, &err), ST_OK);
		ck_assert(is_content(0, SIZE));
		ck_assert_int_eq(file_source_rewind(f, &err), ST_OK);
		ck_assert_uint_eq(file_source_consumed(f), 0);
	}
	/* From the middle too. */
	buf_clear(&got);
	ck_assert(buf_reserve(&got, 100));
	{
		struct byte_source s = file_source_bytes(f);
		size_t n = 0;

		ck_assert_int_eq(s.read(s.arg, got.ptr, 100, &n, &err), ST_OK);
		ck_assert_uint_gt(n, 0);
	}
	ck_assert_int_eq(file_source_rewind(f, &err), ST_OK);
	/* Other contents in another coding. */
	write_file(content, 1000);
	ck_assert_int_eq(drain(f, 10000, &err), ST_OK);
	ck_assert(is_content(0, 1000));
	file_source_close(f);
}
END_TEST

START_TEST(refused)
{
	struct err err = ERR_INIT;

	ck_assert_ptr_null(file_source_open(path, &err));
	ck_assert_int_eq(err.code, ST_IO);
	ck_assert_ptr_nonnull(strstr(err.msg, "cannot open: No such file"));
	ck_assert_ptr_null(file_source_open(folder, &err));
	ck_assert_ptr_nonnull(strstr(err.msg, "is a directory"));
	file_source_close(NULL);
}
END_TEST

START_TEST(from_pipe)
{
	struct err err = ERR_INIT;
	struct file_source *f;
	int ends[2], saved;

	packers[_i](content, 20000);
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq((int)write(ends[1], packed.ptr, packed.len), (int)packed.len);
	close(ends[1]);
	saved = dup(STDIN_FILENO);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	f = file_source_open("-", &err);
	ck_assert_ptr_nonnull(f);
	ck_assert(!file_source_seekable(f) && file_source_size(f) == 0);
	ck_assert_uint_gt(file_source_mtime_ns(f), 1600000000000000000u);
	ck_assert_int_eq(drain(f, 777, &err), ST_OK);
	ck_assert(is_content(0, 20000));
	ck_assert_int_eq(file_source_rewind(f, &err), ST_IO);
	file_source_close(f);
	/* Standard input is not ours to close. */
	ck_assert_int_ge(fcntl(STDIN_FILENO, F_GETFD), 0);
	dup2(saved, STDIN_FILENO);
	close(saved);
}
END_TEST

START_TEST(no_memory)
{
	struct err err = ERR_INIT;

	write_file(content, 1000);
	for (uint64_t at = 1; at <= 2; at++) {
		mem_fail_at(at);
		ck_assert_ptr_null(file_source_open(path, &err));
		mem_fail_at(0);
		ck_assert_int_eq(err.code, ST_NOMEM);
	}
}
END_TEST

/* Packed with a break after every so many bytes: what is behind the cut costs no more. */
#define PIECE ((size_t)400)

static void pack_pieces(struct slice in, bool gzip)
{
	z_stream z = { .zalloc = NULL };
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t left = 1;

	ck_assert(buf_reserve(&packed, 2 * in.len + 65536));
	if (gzip)
		ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
				 Z_OK);
	z.next_out = packed.ptr;
	z.avail_out = (uInt)packed.cap;
	for (size_t at = 0; at < in.len; at += PIECE) {
		size_t n = in.len - at < PIECE ? in.len - at : PIECE;
		ZSTD_inBuffer piece = { in.ptr + at, n, 0 };
		ZSTD_outBuffer out = { packed.ptr, packed.cap, packed.len };

		z.next_in =
			(uint8_t *)(uintptr_t)(in.ptr + at); // NOLINT(performance-no-int-to-ptr)
		z.avail_in = (uInt)n;
		if (gzip) {
			ck_assert_int_ge(deflate(&z, at + n < in.len ? Z_FULL_FLUSH : Z_FINISH),
					 Z_OK);
			packed.len = packed.cap - z.avail_out;
			continue;
		}
		left = ZSTD_compressStream2(c, &out, &piece,
					    at + n < in.len ? ZSTD_e_flush : ZSTD_e_end);
		ck_assert_uint_eq(left, 0);
		packed.len = out.pos;
	}
	if (gzip)
		deflateEnd(&z);
	ZSTD_freeCCtx(c);
}

/* The bytes up to the damage come, and then an error that repeats itself. */
static size_t bytes_before_the_end(struct err *err)
{
	struct file_source *f = file_source_open(path, err);
	struct byte_source s;
	uint8_t one;
	size_t n = 0;
	enum status st;

	ck_assert_ptr_nonnull(f);
	s = file_source_bytes(f);
	st = drain(f, 65536, err);
	ck_assert(st == ST_OK || st == ST_FORMAT);
	ck_assert_int_eq(s.read(s.arg, &one, 1, &n, err), st);
	ck_assert_uint_eq(n, 0);
	file_source_close(f);
	return got.len;
}

static struct reading read_packed_file(bool salvage)
{
	struct err err = ERR_INIT;
	struct file_source *f = file_source_open(path, &err);
	struct reading r;

	ck_assert_ptr_nonnull(f);
	r = salvage ? salvage_source(file_source_bytes(f), NULL)
		    : read_source(file_source_bytes(f), NULL);
	file_source_close(f);
	return r;
}

/* A packed trace that is cut, or wrong in one byte, reads as the plain one cut there. */
static void check_packed(struct slice trace, size_t at_least)
{
	struct err err = ERR_INIT;
	struct slice part = { trace.ptr, bytes_before_the_end(&err) };
	struct reading r, bare;

	ck_assert_uint_ge(part.len, at_least);
	ck_assert_uint_le(part.len, trace.len);
	ck_assert(slice_eq(buf_view(&got), part));
	for (int salvage = 0; salvage < 2; salvage++) {
		r = read_packed_file(salvage);
		bare = salvage ? salvage_trace(part, NULL) : read_trace(part, NULL);
		ck_assert_uint_eq(r.n_generations, bare.n_generations);
		ck_assert_uint_eq(r.n_events, bare.n_events);
		ck_assert_int_eq(r.salvaged, bare.salvaged);
	}
}

START_TEST(packed_and_cut)
{
	struct buf trace;
	size_t cuts = 0;

	buf_init(&trace, 0);
	load_file("tests/data/good/generations-go1.26.trace.zst", &trace);
	pack_pieces(buf_view(&trace), _i);
	for (size_t n = 30; n < packed.len; n += 13, cuts++) {
		write_file(packed.ptr, n);
		/* A piece never packs to more than itself and its frame. */
		check_packed(buf_view(&trace), n > 2 * PIECE ? (n - 2 * PIECE) / 2 : 0);
	}
	ck_assert_uint_gt(cuts, 50);
	buf_release(&trace);
}
END_TEST

START_TEST(packed_and_damaged)
{
	struct buf trace;

	buf_init(&trace, 0);
	load_file("tests/data/good/generations-go1.26.trace.zst", &trace);
	/* gzip: nothing before the damage is lost. */
	pack_pieces(buf_view(&trace), true);
	for (size_t at = 30; at < packed.len - 8; at += 37) {
		struct err err = ERR_INIT;
		size_t n;

		packed.ptr[at] ^= 0x55;
		write_file(packed.ptr, packed.len);
		n = bytes_before_the_end(&err);
		packed.ptr[at] ^= 0x55;
		ck_assert_msg(n >= (at / (2 * PIECE) > 0 ? at / 2 - PIECE : 0) || n >= trace.len,
			      "damage at %zu of %zu: %zu bytes came", at, packed.len, n);
	}
	buf_release(&trace);
}
END_TEST

Suite *source_suite(void)
{
	Suite *s = suite_create("source");
	TCase *t = tcase_create("source");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, plain);
	tcase_add_loop_test(t, compressed, 0, 2);
	tcase_add_loop_test(t, several_members, 0, 2);
	tcase_add_loop_test(t, cut, 0, 2);
	tcase_add_loop_test(t, damaged, 0, 2);
	tcase_add_loop_test(t, rewinds, 0, 2);
	tcase_add_test(t, refused);
	tcase_add_loop_test(t, from_pipe, 0, 2);
	tcase_add_test(t, no_memory);
	tcase_add_loop_test(t, packed_and_cut, 0, 2);
	tcase_add_test(t, packed_and_damaged);
	suite_add_tcase(s, t);
	return s;
}
