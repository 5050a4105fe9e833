/*
 * record: the settings of one struct, filled from rows of the table.
 *
 * A record is struct settings itself or one entry of a list, such as struct
 * exporter_settings; each begins with a struct setting_record. Beside each value a
 * record keeps its text and where it comes from. All memory is the doc's arena.
 */
#ifndef CONFIG_RECORD_H
#define CONFIG_RECORD_H

#include "config/node.h"
#include "config/schema.h"
#include "config/settings.h"
#include "config/value.h"

/* One key of a record: where its value comes from. */
struct setting_given {
	enum setting_origin origin;
	const char *text;     /* the value as text; "" for lists and maps */
	const char *variable; /* ORIGIN_ENV: its name */
};

/* What struct settings hides. */
struct settings_state {
	struct doc doc; /* the file; its arena holds everything */
	const struct env *env;
	size_t cap_warnings;
};

/*
 * Give a zeroed record its defaults and what the environment says. `list` is the
 * row of the list that it is an entry of, NULL for struct settings.
 */
MUST_CHECK enum status record_init(struct settings *s, const struct key *list,
				   struct setting_record *record, enum setting_origin origin,
				   struct err *err);

/* A value to be set: `text` is NUL-terminated and lasts as long as the record. */
struct setting_input {
	struct slice text;
	bool quoted;
	enum setting_origin origin;
	const char *variable;
};

/*
 * Set a scalar of a record (NULL: only check it). False leaves it as it was and
 * tells what was expected.
 */
bool record_set(struct setting_record *record, const struct key *k, const struct setting_input *in,
		char expected[VALUE_EXPECTED_CHARS]);

/* Note where a list or map of a record comes from; a NULL record is left alone. */
void record_mark(struct setting_record *record, const struct key *k, enum setting_origin origin);

/* The field of a record that the row writes; NULL when the row keeps none. */
void *record_field(struct setting_record *record, const struct key *k);

/* Keep the warning "VARIABLE: ...; ignored" for the caller to log. */
MUST_CHECK enum status record_warn(struct settings *s, struct err *err, const char *variable,
				   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif /* CONFIG_RECORD_H */
