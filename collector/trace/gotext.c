#include "collector/trace/gotext.h"

#include <inttypes.h>
#include <utf8proc.h>

#include "base/utf8.h"

static void hex_digits(struct buf *b, uint32_t v, int digits)
{
	for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
		buf_u8(b, (uint8_t) "0123456789abcdef"[v >> shift & 15]);
}

/* Go's unicode.IsPrint: letters, marks, numbers, punctuation, symbols, ASCII space. */
static bool printable(uint32_t rune)
{
	if (rune < 0x7f)
		return rune >= 0x20;
	switch (utf8proc_category((utf8proc_int32_t)rune)) {
	case UTF8PROC_CATEGORY_CN:
	case UTF8PROC_CATEGORY_ZS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_CO:
		return false;
	default:
		return true;
	}
}

static void quote_rune(struct buf *b, uint32_t rune)
{
	static const char escapes[] = "abtnvfr"; /* of 7 to 13 */

	if (rune >= 7 && rune <= 13) {
		buf_u8(b, '\\');
		buf_u8(b, (uint8_t)escapes[rune - 7]);
	} else if (rune < 0x20 || rune == 0x7f) {
		buf_str(b, "\\x");
		hex_digits(b, rune, 2);
	} else if (rune < 0x10000) {
		buf_str(b, "\\u");
		hex_digits(b, rune, 4);
	} else {
		buf_str(b, "\\U");
		hex_digits(b, rune, 8);
	}
}

/* How many bytes at the front stay as they are: most names are plain ASCII. */
static size_t plain_prefix(struct slice s)
{
	size_t n = 0;

	while (n < s.len && s.ptr[n] >= 0x20 && s.ptr[n] < 0x7f && s.ptr[n] != '"' &&
	       s.ptr[n] != '\\')
		n++;
	return n;
}

void gotext_escape(struct buf *b, struct slice s)
{
	while (s.len) {
		size_t plain = plain_prefix(s);
		struct utf8_rune r;

		buf_add(b, s.ptr, plain);
		s.ptr += plain;
		s.len -= plain;
		if (!s.len)
			break;
		r = utf8_decode(s);

		if (!r.valid) {
			buf_str(b, "\\x");
			hex_digits(b, s.ptr[0], 2);
		} else if (r.value == '"' || r.value == '\\') {
			buf_u8(b, '\\');
			buf_u8(b, (uint8_t)r.value);
		} else if (printable(r.value)) {
			buf_add(b, s.ptr, r.width);
		} else {
			quote_rune(b, r.value);
		}
		s.ptr += r.width;
		s.len -= r.width;
	}
}

void gotext_quote(struct buf *b, struct slice s)
{
	buf_u8(b, '"');
	gotext_escape(b, s);
	buf_u8(b, '"');
}

struct civil {
	int64_t year;
	unsigned int month, day, hour, minute, second;
};

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* The first of March, from which Go counts seconds in 64 bits, and how long before 1970 that was.
 */
#define EPOCH_YEAR (-292277022400)
#define EPOCH_SECONDS 9223372028741760000u

/*
 * Calendar date of a Unix time, for any 64-bit second: the C library stops at
 * 32-bit years. Counted in 400-year cycles; seconds before the epoch wrap as in Go.
 */
static struct civil civil_from_unix(uint64_t sec)
{
	uint64_t days = (sec + EPOCH_SECONDS) / 86400;
	unsigned int second = (unsigned int)((sec + EPOCH_SECONDS) % 86400);
	unsigned int day = (unsigned int)(days % 146097);
	unsigned int year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned int day_of_year = day - (365 * year + year / 4 - year / 100);
	unsigned int month = (5 * day_of_year + 2) / 153; /* 0 = March */
	struct civil c;

	c.day = day_of_year - (153 * month + 2) / 5 + 1;
	c.month = month < 10 ? month + 3 : month - 9;
	c.year = EPOCH_YEAR + (int64_t)(days / 146097 * 400) + year + (c.month <= 2);
	c.hour = second / 3600;
	c.minute = second / 60 % 60;
	c.second = second % 60;
	return c;
}

static void fraction(struct buf *b, unsigned int nsec)
{
	char digits[16];
	int n = 9;

	if (!nsec)
		return;
	snprintf(digits, sizeof(digits), "%09u", nsec);
	while (digits[n - 1] == '0')
		n--;
	buf_u8(b, '.');
	buf_add(b, digits, (size_t)n);
}

void gotext_wall_time(struct buf *b, int64_t sec, uint64_t nsec)
{
	/* The reference takes nsec as signed and carries it into the seconds. */
	int64_t carry = floor_div((int64_t)nsec, 1000000000);
	unsigned int frac = (unsigned int)(nsec - (uint64_t)carry * 1000000000u);
	long offset = 0;
	struct tm tm;
	struct civil c;
	time_t t;

	sec = (int64_t)((uint64_t)sec + (uint64_t)carry);
	t = (time_t)sec;
	if (localtime_r(&t, &tm))
		offset = tm.tm_gmtoff;
	c = civil_from_unix((uint64_t)sec + (uint64_t)offset);
	/* Four digits at least, the sign not counted. */
	buf_printf(b, "%s%04" PRId64 "-%02u-%02uT%02u:%02u:%02u", c.year < 0 ? "-" : "",
		   c.year < 0 ? -c.year : c.year, c.month, c.day, c.hour, c.minute, c.second);
	fraction(b, frac);
	if (!offset)
		buf_u8(b, 'Z');
	else
		buf_printf(b, "%c%02ld:%02ld", offset < 0 ? '-' : '+', labs(offset) / 3600,
			   labs(offset) / 60 % 60);
}
