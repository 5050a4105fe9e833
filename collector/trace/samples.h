/*
 * samples: the CPU samples of a generation, read and put in order.
 *
 * For collector/trace/generation.c alone: they live in the generation's array.
 */
#ifndef COLLECTOR_TRACE_SAMPLES_H
#define COLLECTOR_TRACE_SAMPLES_H

#include "base/cursor.h"
#include "collector/trace/generation.h"

/* Append a batch's samples; the cursor is behind its marker. Section 2.6. */
MUST_CHECK enum status samples_read(struct generation *g, struct cursor *c, struct err *err);
/* Times to ns, sorted as the reference sorts. On failure they are as they were. */
MUST_CHECK enum status samples_sort(struct generation *g, struct err *err);

#endif /* COLLECTOR_TRACE_SAMPLES_H */
