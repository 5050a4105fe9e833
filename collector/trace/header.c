#include "collector/trace/header.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

enum status header_parse(struct slice head, unsigned int *version, struct err *err)
{
	static const char pattern[TRACE_HEADER_BYTES + 1] = "go 1.NN trace\0\0\0";
	unsigned int v;

	if (!head.len)
		return err_set(err, ST_FORMAT, 0, "empty file, expected a Go execution trace");
	for (size_t i = 0; i < head.len && i < TRACE_HEADER_BYTES; i++)
		if (pattern[i] == 'N' ? !is_digit(head.ptr[i]) : head.ptr[i] != (uint8_t)pattern[i])
			return err_set(err, ST_FORMAT, i,
				       "not a Go execution trace, expected the header \"go 1.NN"
				       " trace\"");
	if (head.len < TRACE_HEADER_BYTES)
		return err_set(err, ST_FORMAT, head.len,
			       "the file ends inside the header of a Go execution trace");
	v = (unsigned int)(head.ptr[5] - '0') * 10 + (unsigned int)(head.ptr[6] - '0');
	if (v >= 11 && v < 22)
		return err_set(err, ST_FORMAT, 5,
			       "trace format go 1.%u is of Go 1.21 or older, which had no flight"
			       " recorder; record with Go 1.22 or newer",
			       v);
	/* Formats 22, 23, 25 and 26 exist; numbers above may be ones we don't know yet. */
	if (v < 22 || v == 24)
		return err_set(err, ST_FORMAT, 5,
			       "unknown trace format version go 1.%u, expected 22, 23, 25, 26 or"
			       " newer",
			       v);
	*version = v;
	return ST_OK;
}
