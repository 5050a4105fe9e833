#include "base/num.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

struct unit {
	const char *name;
	uint64_t size;
};

/* The longer name stands before the shorter one with the same start. */
static const struct unit times[] = {
	{ "h", 3600000000000 }, { "ms", 1000000 },     { "m", 60000000000 },  { "s", 1000000000 },
	{ "us", 1000 },		{ "\xc2\xb5s", 1000 }, { "\xce\xbcs", 1000 }, { "ns", 1 },
};

static const struct unit sizes[] = {
	{ "B", 1 },
	{ "kB", 1000 },
	{ "KB", 1000 },
	{ "MB", 1000000 },
	{ "GB", 1000000000 },
	{ "TB", 1000000000000 },
	{ "KiB", (uint64_t)1 << 10 },
	{ "MiB", (uint64_t)1 << 20 },
	{ "GiB", (uint64_t)1 << 30 },
	{ "TiB", (uint64_t)1 << 40 },
};

#define LEN(a) (sizeof(a) / sizeof(*(a)))

static struct slice from(struct slice s, size_t at)
{
	return (struct slice){ s.ptr + at, s.len - at };
}

static struct slice upto(struct slice s, size_t end)
{
	return (struct slice){ s.ptr, end };
}

static bool digit(struct slice s, size_t i)
{
	return i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9';
}

/* How many digits stand at `at`. */
static size_t digits(struct slice s, size_t at)
{
	size_t n = 0;

	while (digit(s, at + n))
		n++;
	return n;
}

/* The value of a digit in any base up to 16; 255 for another byte. */
static unsigned int digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 255;
}

bool num_base(struct slice text, unsigned int base, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < text.len; i++) {
		unsigned int d = digit_value(text.ptr[i]);

		if (d >= base || __builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, d, &value))
			return false;
	}
	if (!text.len || value > max)
		return false;
	*out = value;
	return true;
}

bool num_u64(struct slice text, uint64_t max, uint64_t *out)
{
	return num_base(text, 10, max, out);
}

bool num_i64(struct slice text, int64_t min, int64_t max, int64_t *out)
{
	bool minus = text.len && text.ptr[0] == '-';
	uint64_t magnitude;
	int64_t value;

	if (minus || (text.len && text.ptr[0] == '+'))
		text = from(text, 1);
	if (!num_u64(text, (uint64_t)INT64_MAX + minus, &magnitude))
		return false;
	value = (int64_t)(minus ? 0 - magnitude : magnitude);
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}

/* [sign] digits [. digits] [e [sign] digits], with a digit before the exponent. */
static bool decimal(struct slice s)
{
	size_t i = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
	size_t whole = digits(s, i);
	size_t fraction = 0;

	i += whole;
	if (i < s.len && s.ptr[i] == '.') {
		fraction = digits(s, ++i);
		i += fraction;
	}
	if (!whole && !fraction)
		return false;
	if (i < s.len && (s.ptr[i] | 0x20) == 'e') {
		i++;
		i += i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+');
		if (!digits(s, i))
			return false;
		i += digits(s, i);
	}
	return i == s.len;
}

bool num_double(struct slice text, double min, double max, double *out)
{
	char copy[NUM_DOUBLE_CHARS + 1];
	locale_t plain, before;
	double value;

	if (text.len > NUM_DOUBLE_CHARS || !decimal(text))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	/* The C locale is a constant of the library: neither made nor freed. */
	plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!plain)
		return false;
	before = uselocale(plain);
	value = strtod(copy, NULL);
	uselocale(before);
	if (!isfinite(value) || value < min || value > max)
		return false;
	*out = value;
	return true;
}

static const struct unit *unit_at(const struct unit *units, size_t n, struct slice s)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(units[i].name);

		if (len <= s.len && !memcmp(units[i].name, s.ptr, len))
			return &units[i];
	}
	return NULL;
}

/* Add whole.fraction times unit to *sum, exactly or not at all. */
static bool add_amount(struct slice whole, struct slice fraction, uint64_t unit, uint64_t *sum)
{
	uint64_t n = 0;

	if (whole.len && !num_u64(whole, UINT64_MAX, &n))
		return false;
	if (__builtin_mul_overflow(n, unit, &n) || __builtin_add_overflow(*sum, n, sum))
		return false;
	for (size_t i = 0; i < fraction.len; i++) {
		uint64_t d = fraction.ptr[i] - (uint64_t)'0';

		if (d && (!unit || unit % 10))
			return false;
		unit /= 10;
		if (__builtin_add_overflow(*sum, d * unit, sum))
			return false;
	}
	return true;
}

/* One number with its unit off the front of *s; `limit` is the unit before. */
static bool take_duration(struct slice *s, uint64_t *limit, uint64_t *sum)
{
	struct slice whole = upto(*s, digits(*s, 0));
	struct slice fraction = { 0 };
	const struct unit *u;

	*s = from(*s, whole.len);
	if (s->len && s->ptr[0] == '.') {
		*s = from(*s, 1);
		fraction = upto(*s, digits(*s, 0));
		*s = from(*s, fraction.len);
	}
	u = unit_at(times, LEN(times), *s);
	if (!u || u->size >= *limit || (!whole.len && !fraction.len))
		return false;
	*s = from(*s, strlen(u->name));
	*limit = u->size;
	return add_amount(whole, fraction, u->size, sum);
}

bool num_duration(struct slice text, uint64_t *ns)
{
	uint64_t limit = UINT64_MAX;
	uint64_t sum = 0;

	if (!text.len)
		return false;
	while (text.len && !slice_is(text, "0")) {
		if (!take_duration(&text, &limit, &sum))
			return false;
	}
	/* What stopped the loop early is a bare zero: legal alone, not at the end. */
	if (text.len && limit != UINT64_MAX)
		return false;
	*ns = sum;
	return true;
}

bool num_size(struct slice text, uint64_t *bytes)
{
	struct slice number = upto(text, digits(text, 0));
	struct slice rest;
	uint64_t value;

	if (!num_u64(number, UINT64_MAX, &value))
		return false;
	rest = from(text, number.len);
	for (size_t i = 0; rest.len && i < LEN(sizes); i++) {
		if (!slice_is(rest, sizes[i].name))
			continue;
		if (__builtin_mul_overflow(value, sizes[i].size, &value))
			return false;
		rest.len = 0;
	}
	if (rest.len)
		return false;
	*bytes = value;
	return true;
}
