/*
 * summary: what a conversion found, in words for a person.
 */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include <stdio.h>

#include "cli/convert.h"
#include "cli/output.h"

/* What one snapshot held: traces, spans, the slowest task and what it waited for. */
void summary_print(FILE *out, const char *path, const struct convert_result *r);

/* Where the spans went. `path` NULL: not to a file. */
void summary_print_output(FILE *out, const char *path, const char *format, const struct output *o);

/* "1.23 ms": at most three significant places; `text` has room for 24 bytes. */
const char *summary_duration(uint64_t ns, char *text);

#endif /* CLI_SUMMARY_H */
