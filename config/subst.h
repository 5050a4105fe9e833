/*
 * subst: environment variables inside one scalar of the configuration.
 *
 * The rules are those of OpenTelemetry's declarative configuration (Configuration
 * Data Model, "Environment variable substitution"): ${NAME} and ${env:NAME} give
 * the value, nothing if unset; ${NAME:-text} gives `text` when NAME is unset or
 * empty; $$ gives one dollar sign, and no reference spans it. What was put in is
 * never looked at again. Any other ${...} is an error; a ${ that never closes on
 * its line is plain text.
 */
#ifndef CONFIG_SUBST_H
#define CONFIG_SUBST_H

#include "base/buf.h"
#include "config/env.h"

/* The longest name of a variable. */
#define SUBST_NAME_CHARS 255

/*
 * Append `text` with its references resolved to `out`. *changed is set when there
 * was anything to resolve, and left alone otherwise. On ST_CONFIG, err->offset is
 * the byte of `text` where the bad reference starts; the message names it without
 * its default, which may be a secret. `out` then holds a part.
 */
MUST_CHECK enum status subst(struct slice text, const struct env *env, struct buf *out,
			     bool *changed, struct err *err);

#endif /* CONFIG_SUBST_H */
