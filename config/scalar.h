/*
 * scalar: what kind of value a YAML scalar is.
 *
 * The rules are YAML 1.2's core schema: a plain scalar may read as null, boolean,
 * integer or float; a quoted or block scalar is a string, whatever it looks like.
 * Typing comes after substitution. An integer outside 64 bits stays a string.
 */
#ifndef CONFIG_SCALAR_H
#define CONFIG_SCALAR_H

#include "base/slice.h"

enum scalar_type { SCALAR_STRING, SCALAR_NULL, SCALAR_BOOL, SCALAR_INT, SCALAR_FLOAT };

struct scalar {
	enum scalar_type type;
	union {
		bool b;
		int64_t i;
		double d; /* infinity and NaN are legal */
	};
};

/* The value of `text`; a string's is the text itself. */
struct scalar scalar_read(struct slice text, bool quoted);

#endif /* CONFIG_SCALAR_H */
