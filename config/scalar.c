#include "config/scalar.h"

#include <math.h>

#include "base/num.h"

static const struct {
	const char *text;
	struct scalar value;
} words[] = {
	{ "", { SCALAR_NULL, { 0 } } },
	{ "~", { SCALAR_NULL, { 0 } } },
	{ "null", { SCALAR_NULL, { 0 } } },
	{ "Null", { SCALAR_NULL, { 0 } } },
	{ "NULL", { SCALAR_NULL, { 0 } } },
	{ "true", { SCALAR_BOOL, { .b = true } } },
	{ "True", { SCALAR_BOOL, { .b = true } } },
	{ "TRUE", { SCALAR_BOOL, { .b = true } } },
	{ "false", { SCALAR_BOOL, { .b = false } } },
	{ "False", { SCALAR_BOOL, { .b = false } } },
	{ "FALSE", { SCALAR_BOOL, { .b = false } } },
	{ ".nan", { SCALAR_FLOAT, { .d = NAN } } },
	{ ".NaN", { SCALAR_FLOAT, { .d = NAN } } },
	{ ".NAN", { SCALAR_FLOAT, { .d = NAN } } },
};

static bool read_int(struct slice s, int64_t *out)
{
	uint64_t n;

	if (s.len > 2 && s.ptr[0] == '0' && (s.ptr[1] == 'x' || s.ptr[1] == 'o')) {
		struct slice digits = { s.ptr + 2, s.len - 2 };

		if (!num_base(digits, s.ptr[1] == 'x' ? 16 : 8, INT64_MAX, &n))
			return false;
		*out = (int64_t)n;
		return true;
	}
	return num_i64(s, INT64_MIN, INT64_MAX, out);
}

static bool read_float(struct slice s, double *out)
{
	bool minus = s.len && s.ptr[0] == '-';
	struct slice rest = s;

	if (num_double(s, -HUGE_VAL, HUGE_VAL, out)) {
		/* All digits here means an integer over 64 bits: not to be rounded. */
		for (size_t i = 0; i < s.len; i++) {
			if (s.ptr[i] == '.' || (s.ptr[i] | 0x20) == 'e')
				return true;
		}
		return false;
	}
	if (minus || (s.len && s.ptr[0] == '+'))
		rest = (struct slice){ s.ptr + 1, s.len - 1 };
	if (!slice_is(rest, ".inf") && !slice_is(rest, ".Inf") && !slice_is(rest, ".INF"))
		return false;
	*out = minus ? -HUGE_VAL : HUGE_VAL;
	return true;
}

struct scalar scalar_read(struct slice text, bool quoted)
{
	struct scalar v = { .type = SCALAR_STRING };

	if (quoted)
		return v;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (slice_is(text, words[i].text))
			return words[i].value;
	}
	if (read_int(text, &v.i))
		v.type = SCALAR_INT;
	else if (read_float(text, &v.d))
		v.type = SCALAR_FLOAT;
	return v;
}
