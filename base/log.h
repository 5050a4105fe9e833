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

enum log_form {
	LOG_PLAIN, /* flightspan: warning: TEXT */
	LOG_TIMED, /* 2026-02-03T04:05:06.789Z flightspan: warning: TEXT */
	LOG_JSON,  /* {"time":"...","level":"warning","message":"TEXT"} */
};

/* The form of the whole process; starts at LOG_PLAIN. */
void log_set_form(enum log_form form);

/*
 * Messages of one kind, by their format (or their text without digits, if the format is
 * "%s"), that come more than `burst` times within `ns` are counted instead of shown, and
 * summed up in one line afterwards. Debug messages are not. 0: show all, as at the start.
 */
void log_set_repeats(unsigned int burst, uint64_t ns);
/* Tell what was held back of the kinds whose time is over; for who waits anyway. */
void log_sum_up(void);

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
