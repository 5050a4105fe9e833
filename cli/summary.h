/*
 * summary: what a conversion found, in words for a person.
 */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include <stdio.h>

#include "cli/convert.h"

/* What one snapshot held: traces, spans, the slowest task and what it waited for. */
void summary_print(FILE *out, const char *path, const struct convert_result *r);

/* Which file the spans went into. */
void summary_print_file(FILE *out, const char *path, const char *format, uint64_t bytes);

/* "12 kB". */
void summary_print_size(FILE *out, uint64_t bytes);

/* "1.23 ms": at most three significant places; `text` has room for 24 bytes. */
const char *summary_duration(uint64_t ns, char *text);

#endif /* CLI_SUMMARY_H */
