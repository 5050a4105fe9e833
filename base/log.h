/*
 * log: diagnostics, one line per message on stderr.
 *
 * A line reads `flightspan: warning: TEXT`. Only cli/ and the sender log; what
 * is below them returns errors. Text that came from outside may be passed as it
 * is: control, formatting and broken characters come out escaped, so that no
 * message spans two lines or steers a terminal. Any thread may log: a message is
 * written at once. Never pass a token or a header value.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/slice.h"

/* In this order: a level shows itself and all before it. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The longest line; a longer one is cut and ends in "...". */
#define LOG_LINE_BYTES 1024

/* The level of the whole process; starts at LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
bool log_shows(enum log_level level);

/* Write to `out` from now on, borrowed; NULL is stderr. For tests. */
void log_set_stream(FILE *out);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Write `text` into `out` with its control, formatting and broken characters as
 * \xNN; NUL-terminated, cut with "..." at `cap` (at least 8) bytes. Returns the
 * length written.
 */
size_t log_escape(struct slice text, char *out, size_t cap);

#endif /* BASE_LOG_H */
