/*
 * bind: the tree of a file checked against the table and put into the settings.
 *
 * Every key of the file is checked, kept or not: unknown keys, wrong types, bounds,
 * missing and repeated names. The first thing wrong ends it, told as
 * `FILE:LINE:COLUMN: key PATH: ...` without the value of a secret.
 */
#ifndef CONFIG_BIND_H
#define CONFIG_BIND_H

#include "config/record.h"

/* Put s->state->doc into *s, whose record has its defaults. */
MUST_CHECK enum status bind_file(struct settings *s, struct err *err);

#endif /* CONFIG_BIND_H */
