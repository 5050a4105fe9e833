#include "exporter/gzip.h"

#include <zlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tests/unit/suites.h"

/* zlib, which is not what compressed it, reads it back. */
static void round_trip(struct gzip *z, struct slice in)
{
	struct err err = ERR_INIT;
	uint8_t *back = mem_alloc(in.len + 1);
	z_stream s = { 0 };
	struct buf packed;

	buf_init(&packed, MAX_BATCH_BYTES);
	ck_assert_int_eq(gzip_pack(z, in, &packed, &err), ST_OK);
	ck_assert_ptr_nonnull(back);
	ck_assert_int_eq(inflateInit2(&s, 16 + MAX_WBITS), Z_OK);
	s.next_in = packed.ptr;
	s.avail_in = (uInt)packed.len;
	s.next_out = back;
	s.avail_out = (uInt)in.len + 1;
	ck_assert_int_eq(inflate(&s, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(s.total_out, in.len);
	ck_assert_uint_eq(s.avail_in, 0);
	ck_assert(slice_eq((struct slice){ back, in.len }, in));
	inflateEnd(&s);
	buf_release(&packed);
	mem_free(back);
}

START_TEST(zlib_reads_it)
{
	static uint8_t bytes[3 << 20];
	struct err err = ERR_INIT;
	struct gzip *z;
	uint32_t noise = 1;

	ck_assert_int_eq(gzip_open(&z, GZIP_LEVEL, &err), ST_OK);
	round_trip(z, SLICE(""));
	round_trip(z, SLICE("one span"));
	round_trip(z, (struct slice){ bytes, sizeof(bytes) });
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
	round_trip(z, (struct slice){ bytes, sizeof(bytes) });
	gzip_close(z);
}
END_TEST

START_TEST(limits_and_memory_are_errors)
{
	struct err err = ERR_INIT;
	struct gzip *z = NULL;
	struct buf small;

	for (uint64_t n = 1; n <= 2; n++) {
		mem_fail_at(n);
		ck_assert_int_eq(gzip_open(&z, GZIP_LEVEL, &err), ST_NOMEM);
	}
	mem_fail_at(0);
	ck_assert_int_eq(gzip_open(&z, GZIP_LEVEL, &err), ST_OK);
	buf_init(&small, 8);
	ck_assert_int_eq(gzip_pack(z, SLICE("does not fit"), &small, &err), ST_LIMIT);
	ck_assert_uint_eq(small.len, 0);
	buf_release(&small);
	gzip_close(z);
	gzip_close(NULL);
}
END_TEST

Suite *gzip_suite(void)
{
	Suite *s = suite_create("gzip");
	TCase *t = tcase_create("gzip");

	tcase_add_test(t, zlib_reads_it);
	tcase_add_test(t, limits_and_memory_are_errors);
	suite_add_tcase(s, t);
	return s;
}
