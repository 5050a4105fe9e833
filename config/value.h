/*
 * value: one scalar of the configuration by the rules of its row.
 *
 * Reading and storing are apart: what is wrong is refused before anything of the
 * settings changes, and a value that nobody keeps is checked all the same.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/schema.h"

struct value {
	union {
		const char *text;  /* STRING, NAME, URL: borrowed */
		bool flag;	   /* BOOL; SECTION: present */
		uint64_t number;   /* COUNT, DURATION, SIZE */
		double real;	   /* REAL, AMOUNT */
		unsigned int word; /* WORD: its place in the list */
	};
};

/* Room for what value_read() says it expected. */
#define VALUE_EXPECTED_CHARS 160

/* Is the value of this row one scalar, not a section, list or map? */
bool value_is_scalar(const struct key *k);

/*
 * Read `text` (NUL-terminated) as the row, of a scalar, says. `quoted`: it is a string and cannot
 * be a number or boolean. False puts what was expected into expected[], never the
 * text itself.
 */
bool value_read(const struct key *k, struct slice text, bool quoted, struct value *out,
		char expected[VALUE_EXPECTED_CHARS]);

/* Put the value where the row says; nothing if the row keeps none. */
void value_store(const struct key *k, const struct value *v, void *record);

/* Can this be the name and the value of an HTTP header? */
bool value_is_header_name(struct slice name);
bool value_is_header(struct slice text);

/*
 * The text as it may be shown: secrets as ***, of a URL neither password nor query,
 * control characters escaped. At least 8 bytes.
 */
void value_mask(const struct key *k, struct slice text, char *out, size_t cap);

#endif /* CONFIG_VALUE_H */
