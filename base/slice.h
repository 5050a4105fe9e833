/*
 * slice: a borrowed range of bytes that somebody else owns.
 *
 * Not NUL-terminated, may hold any bytes, valid as long as its owner says.
 * The empty slice has len 0 and any ptr, NULL included.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *ptr;
	size_t len;
};

/* A slice over a string literal. */
#define SLICE(lit) ((struct slice){ (const uint8_t *)("" lit), sizeof(lit) - 1 })

/* A slice over a NUL-terminated string; NULL gives the empty slice. */
static inline struct slice slice_str(const char *s)
{
	return (struct slice){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

/* For printf's "%.*s": only for text that is known to be printable. */
#define SLICE_ARG(s) (int)(s).len, (const char *)(s).ptr

#endif /* BASE_SLICE_H */
