#include "collector/trace/header.h"

#include "tests/unit/suites.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HEAD(nn) SLICE("go 1." nn " trace\0\0\0")

static const struct {
	struct slice in;
	unsigned int want; /* 0: refused */
	uint64_t offset;
	const char *error;
} rows[] = {
	{ HEAD("22"), 22, 0, NULL },
	{ HEAD("23"), 23, 0, NULL },
	{ HEAD("25"), 25, 0, NULL },
	{ HEAD("26"), 26, 0, NULL },
	{ HEAD("27"), 27, 0, NULL },
	{ HEAD("99"), 99, 0, NULL },
	{ HEAD("24"), 0, 5, "unknown trace format version go 1.24" },
	{ HEAD("10"), 0, 5, "unknown trace format version go 1.10" },
	{ HEAD("00"), 0, 5, "unknown trace format version go 1.0," },
	{ HEAD("11"), 0, 5, "of Go 1.21 or older" },
	{ HEAD("19"), 0, 5, "of Go 1.21 or older" },
	{ HEAD("21"), 0, 5, "of Go 1.21 or older" },
	{ HEAD("2x"), 0, 6, "not a Go execution trace" },
	{ HEAD("2"), 0, 6, "not a Go execution trace" },
	{ SLICE("go 1.5 trace\0\0\0\0"), 0, 6, "not a Go execution trace" },
	{ SLICE("go 1.26 trace\0\0x"), 0, 15, "not a Go execution trace" },
	{ SLICE("go 2.26 trace\0\0\0"), 0, 3, "not a Go execution trace" },
	{ SLICE("\x1f\x8b\x08"), 0, 0, "not a Go execution trace" },
	{ SLICE(""), 0, 0, "empty file" },
	{ SLICE("g"), 0, 1, "ends inside the header" },
	{ SLICE("go 1.26 trace\0\0"), 0, 15, "ends inside the header" },
	{ SLICE("go 1.26 trace\0\0\0more"), 26, 0, NULL },
};

START_TEST(header)
{
	struct err err = ERR_INIT;
	unsigned int version = 0;
	enum status st = header_parse(rows[_i].in, &version, &err);

	ck_assert_int_eq(st, rows[_i].want ? ST_OK : ST_FORMAT);
	ck_assert_uint_eq(version, rows[_i].want);
	if (rows[_i].want)
		return;
	ck_assert_msg(strstr(err.msg, rows[_i].error) != NULL, "%s", err.msg);
	ck_assert_uint_eq(err.offset, rows[_i].offset);
}
END_TEST

Suite *header_suite(void)
{
	Suite *s = suite_create("header");
	TCase *t = tcase_create("header");

	tcase_add_loop_test(t, header, 0, LEN(rows));
	suite_add_tcase(s, t);
	return s;
}
