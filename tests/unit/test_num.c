/*
 * num, distance and log: the small text helpers of base/. Tables of rows; a row
 * that must be refused also proves that the output was left alone.
 */
#include <check.h>
#include <math.h>

#include "base/distance.h"
#include "base/log.h"
#include "base/num.h"

Suite *num_suite(void);

#define LEN(a) (sizeof(a) / sizeof(*(a)))
#define UNTOUCHED 0x5a5a5a5a5a5a5a5au

struct row {
	const char *text;
	bool ok;
	uint64_t want;
};

/* Run one table through one parser of a slice and an out pointer. */
static void run_rows(const struct row *rows, size_t n, bool (*parse)(struct slice, uint64_t *))
{
	for (size_t i = 0; i < n; i++) {
		uint64_t got = UNTOUCHED;
		bool ok = parse(slice_str(rows[i].text), &got);

		ck_assert_msg(ok == rows[i].ok, "'%s': accepted=%d", rows[i].text, ok);
		ck_assert_msg(got == (ok ? rows[i].want : UNTOUCHED), "'%s': got %llu",
			      rows[i].text, (unsigned long long)got);
	}
}

static bool below_1000(struct slice s, uint64_t *out)
{
	return num_u64(s, 1000, out);
}

static bool any_u64(struct slice s, uint64_t *out)
{
	return num_u64(s, UINT64_MAX, out);
}

static bool hex(struct slice s, uint64_t *out)
{
	return num_base(s, 16, UINT64_MAX, out);
}

static bool octal(struct slice s, uint64_t *out)
{
	return num_base(s, 8, UINT64_MAX, out);
}

START_TEST(u64)
{
	static const struct row wide[] = {
		{ "0", true, 0 },
		{ "007", true, 7 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1_000", false, 0 },
		{ "0x10", false, 0 },
		{ "1.0", false, 0 },
		{ "1e3", false, 0 },
		{ "a", false, 0 },
		{ "\xd9\xa1", false, 0 }, /* the Arabic digit one */
	};
	static const struct row narrow[] = {
		{ "1000", true, 1000 },
		{ "1001", false, 0 },
		{ "0001000", true, 1000 },
	};
	static const struct row hexes[] = {
		{ "deadBEEF", true, 0xdeadbeef },
		{ "ffffffffffffffff", true, UINT64_MAX },
		{ "10000000000000000", false, 0 },
		{ "g", false, 0 },
		{ "", false, 0 },
		{ "0x1", false, 0 },
	};
	static const struct row octals[] = {
		{ "755", true, 0755 },
		{ "8", false, 0 },
	};

	run_rows(wide, LEN(wide), any_u64);
	run_rows(narrow, LEN(narrow), below_1000);
	run_rows(hexes, LEN(hexes), hex);
	run_rows(octals, LEN(octals), octal);
}
END_TEST

/* The slice ends where it says, not at a NUL: bytes behind it do not count. */
START_TEST(whole_slice)
{
	struct slice s = { (const uint8_t *)"12345ms", 3 };
	struct slice nul = { (const uint8_t *)"1\0002", 3 };
	uint64_t got;
	double d;

	ck_assert(num_u64(s, UINT64_MAX, &got) && got == 123);
	ck_assert(num_size(s, &got) && got == 123);
	ck_assert(num_double(s, 0, 1000, &d) && d == 123);
	ck_assert(!num_duration(s, &got));
	ck_assert(!num_u64(nul, UINT64_MAX, &got));
	ck_assert(!num_double(nul, 0, 1000, &d));
	ck_assert(!num_u64((struct slice){ 0 }, UINT64_MAX, &got));
	ck_assert(!num_duration((struct slice){ 0 }, &got));
	ck_assert(!num_size((struct slice){ 0 }, &got));
	ck_assert(!num_double((struct slice){ 0 }, 0, 1, &d));
}
END_TEST

START_TEST(i64)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t want;
	} rows[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "+7", true, 7 },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775807", true, INT64_MAX },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "--1", false, 0 },
		{ "-", false, 0 },
		{ "+", false, 0 },
		{ "", false, 0 },
		{ "- 1", false, 0 },
	};
	int64_t got;

	for (size_t i = 0; i < LEN(rows); i++) {
		got = 42;
		ck_assert_msg(num_i64(slice_str(rows[i].text), INT64_MIN, INT64_MAX, &got) ==
				      rows[i].ok,
			      "'%s'", rows[i].text);
		ck_assert_int_eq(got, rows[i].ok ? rows[i].want : 42);
	}
	ck_assert(!num_i64(SLICE("-6"), -5, 5, &got));
	ck_assert(!num_i64(SLICE("6"), -5, 5, &got));
	ck_assert(num_i64(SLICE("-5"), -5, 5, &got));
}
END_TEST

START_TEST(real)
{
	static const struct {
		const char *text;
		bool ok;
		double want;
	} rows[] = {
		{ "0", true, 0 },
		{ "0.05", true, 0.05 },
		{ "1.0", true, 1 },
		{ ".5", true, 0.5 },
		{ "5.", true, 5 },
		{ "-2.5e3", true, -2500 },
		{ "+1E-2", true, 0.01 },
		{ "1e300", true, 1e300 },
		{ "1e-400", true, 0 },
		{ "1e400", false, 0 },
		{ "1,5", false, 0 },
		{ "inf", false, 0 },
		{ "nan", false, 0 },
		{ "0x1p3", false, 0 },
		{ "1e", false, 0 },
		{ "1e+", false, 0 },
		{ ".", false, 0 },
		{ "-", false, 0 },
		{ "", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1f", false, 0 },
		{ "1.2.3", false, 0 },
		{ "0000000000000000000000000000000000000000000000000000000000000001", true, 1 },
		{ "00000000000000000000000000000000000000000000000000000000000000001", false, 0 },
	};
	double got;

	for (size_t i = 0; i < LEN(rows); i++) {
		got = 42;
		ck_assert_msg(num_double(slice_str(rows[i].text), -HUGE_VAL, HUGE_VAL, &got) ==
				      rows[i].ok,
			      "'%s'", rows[i].text);
		ck_assert_msg(got == (rows[i].ok ? rows[i].want : 42), "'%s': %g", rows[i].text,
			      got);
	}
	ck_assert(!num_double(SLICE("1.0001"), 0, 1, &got));
	ck_assert(!num_double(SLICE("-0.1"), 0, 1, &got));
}
END_TEST

START_TEST(duration)
{
	static const struct row rows[] = {
		{ "0", true, 0 },
		{ "0s", true, 0 },
		{ "1ns", true, 1 },
		{ "10us", true, 10000 },
		{ "10\xc2\xb5s", true, 10000 },
		{ "10\xce\xbcs", true, 10000 },
		{ "300ms", true, 300000000 },
		{ "1.5s", true, 1500000000 },
		{ ".5s", true, 500000000 },
		{ "1.000000001s", true, 1000000001 },
		{ "2m", true, 120000000000 },
		{ "1.5m", true, 90000000000 },
		{ "1h", true, 3600000000000 },
		{ "1h30m", true, 5400000000000 },
		{ "1h2m3s4ms5us6ns", true, 3723004005006 },
		{ "0.25h", true, 900000000000 },
		{ "18446744073709551615ns", true, UINT64_MAX },
		{ "18446744073709551616ns", false, 0 },
		{ "18446744073709551615ns1ns", false, 0 },
		{ "5124095h", true, 18446742000000000000u },
		{ "5124096h", false, 0 },
		{ "5124095h34m33s709ms551us615ns", true, UINT64_MAX },
		{ "5124095h34m33s709ms551us616ns", false, 0 },
		{ "18446744073.709551615s", true, UINT64_MAX },
		{ "18446744073.709551616s", false, 0 },
		{ "1.0000000001s", false, 0 },
		{ "1.00000000000s", true, 1000000000 },
		{ "0.1ns", false, 0 },
		{ "0.00000000001ns", false, 0 },
		{ "1.0ns", true, 1 },
		{ "", false, 0 },
		{ "5", false, 0 },
		{ "00", false, 0 },
		{ "1h0", false, 0 },
		{ "1h5", false, 0 },
		{ "ms", false, 0 },
		{ ".s", false, 0 },
		{ "-1s", false, 0 },
		{ "+1s", false, 0 },
		{ "1 s", false, 0 },
		{ " 1s", false, 0 },
		{ "1s ", false, 0 },
		{ "1S", false, 0 },
		{ "1d", false, 0 },
		{ "1sec", false, 0 },
		{ "1m1h", false, 0 },
		{ "1s1s", false, 0 },
		{ "1us1\xc2\xb5s", false, 0 },
		{ "1..5s", false, 0 },
		{ "1\xc2s", false, 0 },
	};

	run_rows(rows, LEN(rows), num_duration);
}
END_TEST

START_TEST(size)
{
	static const struct row rows[] = {
		{ "0", true, 0 },
		{ "4096", true, 4096 },
		{ "10B", true, 10 },
		{ "10kB", true, 10000 },
		{ "10KB", true, 10000 },
		{ "10MB", true, 10000000 },
		{ "2GB", true, 2000000000 },
		{ "1TB", true, 1000000000000 },
		{ "512KiB", true, 524288 },
		{ "64MiB", true, 67108864 },
		{ "1GiB", true, 1073741824 },
		{ "1TiB", true, 1099511627776 },
		{ "16777215TiB", true, 18446742974197923840u },
		{ "16777216TiB", false, 0 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "", false, 0 },
		{ "MiB", false, 0 },
		{ "64 MiB", false, 0 },
		{ "64mib", false, 0 },
		{ "64Mi", false, 0 },
		{ "64M", false, 0 },
		{ "1.5GiB", false, 0 },
		{ "-1", false, 0 },
		{ "64MiBB", false, 0 },
		{ "64MiB ", false, 0 },
	};

	run_rows(rows, LEN(rows), num_size);
}
END_TEST

START_TEST(edits)
{
	static const struct {
		const char *a, *b;
		size_t want;
	} rows[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "abc", "", 3 },
		{ "blocking", "blocking", 0 },
		{ "bloking", "blocking", 1 },
		{ "blockking", "blocking", 1 },
		{ "blocxing", "blocking", 1 },
		{ "blcoking", "blocking", 1 },
		{ "Blocking", "blocking", 0 },
		{ "kitten", "sitting", 3 },
		{ "ca", "abc", 3 }, /* a swapped pair is not edited again */
	};
	char longest[DISTANCE_CHARS + 2];

	for (size_t i = 0; i < LEN(rows); i++) {
		struct slice a = slice_str(rows[i].a);
		struct slice b = slice_str(rows[i].b);

		ck_assert_msg(distance(a, b) == rows[i].want, "%s %s: %zu", rows[i].a, rows[i].b,
			      distance(a, b));
		ck_assert_uint_eq(distance(b, a), rows[i].want);
	}
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_uint_eq(distance(slice_str(longest), SLICE("a")), DISTANCE_FAR);
	longest[sizeof(longest) - 2] = '\0';
	ck_assert_uint_eq(distance(slice_str(longest), SLICE("a")), DISTANCE_CHARS - 1);
	ck_assert_uint_eq(distance_near(SLICE("blokcing"), SLICE("blocking")), 1);
	ck_assert_uint_eq(distance_near(SLICE("x"), SLICE("pi")), DISTANCE_FAR);
	ck_assert_uint_eq(distance_near(SLICE("x"), SLICE("p")), DISTANCE_FAR);
	ck_assert_uint_eq(distance_near(SLICE("timeout"), SLICE("protocol")), DISTANCE_FAR);
}
END_TEST

START_TEST(escapes)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "", "" },
		{ "plain text", "plain text" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "a\nb\tc", "a\\x0ab\\x09c" },
		{ "\x1b[31m", "\\x1b[31m" },
		{ "\x7f", "\\x7f" },
		{ "\xc2\x85", "\\xc2\\x85" },	       /* next line, a C1 control */
		{ "\xe2\x80\x8b", "\\xe2\\x80\\x8b" }, /* a space of no width */
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" }, /* line separator */
		{ "\xff\xc3", "\\xff\\xc3" },	       /* not UTF-8 */
		{ "\xc0\x8a", "\\xc0\\x8a" },	       /* an overlong newline */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" }, /* a surrogate */
	};
	char out[64];

	for (size_t i = 0; i < LEN(rows); i++) {
		size_t n = log_escape(slice_str(rows[i].in), out, sizeof(out));

		ck_assert_str_eq(out, rows[i].want);
		ck_assert_uint_eq(n, strlen(out));
	}
	log_escape((struct slice){ (const uint8_t *)"a\0b", 3 }, out, sizeof(out));
	ck_assert_str_eq(out, "a\\x00b");
}
END_TEST

/* Whatever the room, the result is terminated, fits, and a cut one says so. */
START_TEST(escape_cut)
{
	static const char text[] = "ab\x01"
				   "cd\xc3\xbc"
				   "ef\x02gh";
	char out[64];

	for (size_t cap = 8; cap <= sizeof(out); cap++) {
		size_t n;

		memset(out, '#', sizeof(out));
		n = log_escape(slice_str(text), out, cap);
		ck_assert_uint_lt(n, cap);
		ck_assert_uint_eq(n, strlen(out));
		if (n < 18)
			ck_assert_str_eq(out + n - 3, "...");
		else
			ck_assert_str_eq(out, "ab\\x01cd\xc3\xbc"
					      "ef\\x02gh");
		if (cap < sizeof(out))
			ck_assert_int_eq(out[cap], '#');
	}
}
END_TEST

START_TEST(log_lines)
{
	static char big[4 * LOG_LINE_BYTES];
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	log_set_stream(out);
	log_error("broken: file=%s", "a\nb");
	log_warn("odd: n=%d", 7);
	log_info("seen");
	log_debug("hidden");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("shown");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("hidden");
	fflush(out);
	ck_assert_str_eq(text, "flightspan: error: broken: file=a\\x0ab\n"
			       "flightspan: warning: odd: n=7\n"
			       "flightspan: info: seen\n"
			       "flightspan: debug: shown\n");
	memset(big, 'x', sizeof(big) - 1);
	rewind(out);
	log_error("%s", big);
	log_set_stream(NULL);
	fclose(out);
	ck_assert_uint_eq(len, strlen("flightspan: error: ") + LOG_LINE_BYTES);
	ck_assert_str_eq(text + len - 4, "...\n");
	free(text);
	log_set_level(LOG_LEVEL_INFO);
}
END_TEST

Suite *num_suite(void)
{
	Suite *s = suite_create("num");
	TCase *t = tcase_create("num");

	tcase_add_test(t, u64);
	tcase_add_test(t, whole_slice);
	tcase_add_test(t, i64);
	tcase_add_test(t, real);
	tcase_add_test(t, duration);
	tcase_add_test(t, size);
	tcase_add_test(t, edits);
	tcase_add_test(t, escapes);
	tcase_add_test(t, escape_cut);
	tcase_add_test(t, log_lines);
	suite_add_tcase(s, t);
	return s;
}
