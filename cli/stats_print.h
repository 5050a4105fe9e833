/*
 * stats_print: a stats report as text for people and as JSON for programs.
 *
 * Both append to a buffer and report nothing: a failure sticks in it. Names come
 * from the traced program and may hold any bytes: in the text their control and
 * broken characters are escaped; the JSON is valid UTF-8 and pure ASCII where a
 * character could steer a terminal.
 */
#ifndef CLI_STATS_PRINT_H
#define CLI_STATS_PRINT_H

#include "base/buf.h"
#include "mapping/stats.h"

struct stats_source {
	const char *path;
	unsigned int version; /* NN of "go 1.NN" */
	uint64_t n_generations;
	const struct err *error; /* why reading stopped before the end; NULL: it did not */
	bool salvaged;		 /* the last generation was cut, and used as far as possible */
};

void stats_print_text(struct buf *b, const struct stats_report *r, const struct stats_source *src);
/* One object and a newline. */
void stats_print_json(struct buf *b, const struct stats_report *r, const struct stats_source *src);

/* A duration with three digits: "1.23 ms"; at most STATS_DURATION_CHARS. */
void stats_print_ns(struct buf *b, uint64_t ns);

#define STATS_DURATION_CHARS 24

#endif /* CLI_STATS_PRINT_H */
