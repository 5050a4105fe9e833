#include "exporter/compress.h"

#include <zlib.h>
#include <zstd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tests/unit/suites.h"

static uint8_t bytes[3 << 20];

static void fill_with_noise(void)
{
	uint32_t noise = 1;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
}

/* zlib, which is not what compressed it, reads it back. */
static void read_gzip(struct slice packed, struct slice in, uint8_t *back)
{
	z_stream s = { 0 };

	ck_assert_int_eq(inflateInit2(&s, 16 + MAX_WBITS), Z_OK);
	s.next_in = (uint8_t *)(uintptr_t)packed.ptr; // NOLINT(performance-no-int-to-ptr)
	s.avail_in = (uInt)packed.len;
	s.next_out = back;
	s.avail_out = (uInt)in.len + 1;
	ck_assert_int_eq(inflate(&s, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(s.total_out, in.len);
	ck_assert_uint_eq(s.avail_in, 0);
	inflateEnd(&s);
}

static void read_zstd(struct slice packed, struct slice in, uint8_t *back)
{
	ck_assert_uint_eq(ZSTD_getFrameContentSize(packed.ptr, packed.len), in.len);
	ck_assert_uint_eq(ZSTD_decompress(back, in.len + 1, packed.ptr, packed.len), in.len);
}

static void round_trip(struct compressor *c, enum setting_compression kind, struct slice in)
{
	struct err err = ERR_INIT;
	uint8_t *back = mem_alloc(in.len + 1);
	struct buf packed, again;
	struct slice content;

	ck_assert_ptr_nonnull(back);
	buf_init(&packed, MAX_BATCH_BYTES);
	buf_init(&again, MAX_RESPONSE_BYTES);
	ck_assert_int_eq(compressor_pack(c, in, 5, &packed, &err), ST_OK);
	content = (struct slice){ packed.ptr + 5, packed.len - 5 };
	if (kind == SETTING_GZIP)
		read_gzip(content, in, back);
	else
		read_zstd(content, in, back);
	ck_assert(slice_eq((struct slice){ back, in.len }, in));
	ck_assert(decompress(kind, content, &again));
	ck_assert(slice_eq(buf_view(&again), in));
	/* The same input gives the same bytes. */
	buf_clear(&again);
	ck_assert_int_eq(compressor_pack(c, in, 5, &again, &err), ST_OK);
	ck_assert_uint_eq(again.len, packed.len);
	ck_assert_mem_eq(again.ptr + 5, content.ptr, content.len);
	buf_release(&packed);
	buf_release(&again);
	mem_free(back);
}

START_TEST(others_read_it)
{
	enum setting_compression kind = _i ? SETTING_ZSTD : SETTING_GZIP;
	struct err err = ERR_INIT;
	struct compressor *c;

	ck_assert_int_eq(compressor_open(&c, kind, &err), ST_OK);
	round_trip(c, kind, SLICE(""));
	round_trip(c, kind, SLICE("one span"));
	memset(bytes, 0, sizeof(bytes));
	round_trip(c, kind, (struct slice){ bytes, sizeof(bytes) });
	fill_with_noise();
	round_trip(c, kind, (struct slice){ bytes, sizeof(bytes) });
	compressor_close(c);
}
END_TEST

START_TEST(limits_and_memory_are_errors)
{
	struct err err = ERR_INIT;
	struct compressor *c = NULL;
	struct buf small;

	for (uint64_t n = 1; n <= 2; n++) {
		mem_fail_at(n);
		ck_assert_int_eq(compressor_open(&c, SETTING_GZIP, &err), ST_NOMEM);
	}
	mem_fail_at(0);
	for (int kind = SETTING_GZIP; kind <= SETTING_ZSTD; kind++) {
		ck_assert_int_eq(compressor_open(&c, (enum setting_compression)kind, &err), ST_OK);
		buf_init(&small, 8);
		ck_assert_int_eq(compressor_pack(c, SLICE("does not fit"), 0, &small, &err),
				 ST_LIMIT);
		ck_assert_uint_eq(small.len, 0);
		buf_release(&small);
		compressor_close(c);
	}
	compressor_close(NULL);
}
END_TEST

/* A bomb, a cut one, and what is no such thing at all. */
START_TEST(answers_are_bounded)
{
	enum setting_compression kind = _i ? SETTING_ZSTD : SETTING_GZIP;
	struct err err = ERR_INIT;
	struct buf packed, to;
	struct compressor *c;

	memset(bytes, 'x', sizeof(bytes));
	buf_init(&packed, MAX_BATCH_BYTES);
	buf_init(&to, sizeof(bytes) - 1);
	ck_assert_int_eq(compressor_open(&c, kind, &err), ST_OK);
	ck_assert(!compressor_pack(c, (struct slice){ bytes, sizeof(bytes) }, 0, &packed, &err));
	ck_assert_uint_lt(packed.len, sizeof(bytes) / 100);
	ck_assert(!decompress(kind, buf_view(&packed), &to));
	ck_assert_uint_eq(to.len, 0);
	ck_assert(!compressor_pack(c, (struct slice){ bytes, 1000 }, 0, &packed, &err));
	ck_assert(decompress(kind, buf_view(&packed), &to));
	for (size_t len = 0; len < packed.len; len++)
		ck_assert(!decompress(kind, (struct slice){ packed.ptr, len }, &to) || !len);
	ck_assert(!decompress(kind, SLICE("plain text"), &to));
	mem_fail_at(1);
	buf_release(&to);
	ck_assert(!decompress(kind, buf_view(&packed), &to));
	mem_fail_at(0);
	compressor_close(c);
	buf_release(&packed);
	buf_release(&to);
}
END_TEST

START_TEST(names)
{
	enum setting_compression kind = SETTING_NONE;

	ck_assert(compression_by_name(SLICE("GZIP"), &kind) && kind == SETTING_GZIP);
	ck_assert(compression_by_name(SLICE("zstd"), &kind) && kind == SETTING_ZSTD);
	ck_assert(compression_by_name(SLICE("identity"), &kind) && kind == SETTING_NONE);
	ck_assert(!compression_by_name(SLICE("br"), &kind));
	ck_assert(!compression_by_name(SLICE(""), &kind));
}
END_TEST

Suite *compress_suite(void)
{
	Suite *s = suite_create("compress");
	TCase *t = tcase_create("compress");

	tcase_add_loop_test(t, others_read_it, 0, 2);
	tcase_add_test(t, limits_and_memory_are_errors);
	tcase_add_loop_test(t, answers_are_bounded, 0, 2);
	tcase_add_test(t, names);
	suite_add_tcase(s, t);
	return s;
}
