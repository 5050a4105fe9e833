/*
 * num: text from people to numbers.
 *
 * Each function takes the whole slice or nothing: no blanks, no sign where none
 * is named, no trailing bytes, no locale. It returns true and stores the value,
 * or returns false and changes nothing. Nothing allocates. Amounts with a unit
 * come out as nanoseconds or bytes; an overflow of 64 bits is a refusal.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/slice.h"

/* The longest text num_double() looks at. */
#define NUM_DOUBLE_CHARS 64

/* Decimal digits only; leading zeros are legal; at most `max`. */
bool num_u64(struct slice text, uint64_t max, uint64_t *out);

/* As num_u64(), with one optional leading `-` or `+`; within [min, max]. */
bool num_i64(struct slice text, int64_t min, int64_t max, int64_t *out);

/* As num_u64(), in base 16 or 8, without the 0x or 0o. */
bool num_base(struct slice text, unsigned int base, uint64_t max, uint64_t *out);

/*
 * A decimal number with optional sign, fraction and exponent (`-1.5e3`, `.5`,
 * `5.`), rounded correctly, within [min, max]. Never infinity or NaN.
 */
bool num_double(struct slice text, double min, double max, double *out);

/*
 * A duration in ns: one or more numbers with a unit, h m s ms us (or the micro
 * sign) ns, each unit smaller than the one before: `1h30m`, `1.5s`. A fraction
 * must come to whole nanoseconds. A bare `0` is legal, any other bare number not.
 */
bool num_duration(struct slice text, uint64_t *ns);

/* A size in bytes: a whole number, bare or with B, kB KB MB GB TB or KiB MiB GiB TiB. */
bool num_size(struct slice text, uint64_t *bytes);

#endif /* BASE_NUM_H */
