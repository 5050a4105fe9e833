/*
 * limits: every maximum of the program on one page.
 *
 * "Wire" limits come from the Go runtime (format section 2.3) and are not ours
 * to change. The others bound memory under hostile input: reaching one is
 * ST_LIMIT with a message that names it, never a crash.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* Wire: format section 2.3. */
#define WIRE_BATCH_BYTES 65536u
#define WIRE_STRING_BYTES 1024u
#define WIRE_STACK_FRAMES 128u

/* Reading. Offsets inside a generation are 32-bit. */
#define MAX_GENERATION_BYTES ((size_t)2 << 30)
#define MAX_BATCHES ((size_t)1 << 26)      /* of one generation */
#define MAX_THREADS ((size_t)1 << 20)      /* of one trace */
#define MAX_PROCS ((size_t)1 << 20)        /* of one trace */
#define MAX_GOROUTINES ((size_t)1 << 26)   /* alive at once */
#define MAX_OPEN_TASKS ((size_t)1 << 26)   /* alive at once */
#define MAX_REGION_DEPTH ((size_t)1 << 20) /* on one goroutine */
#define MAX_RANGES ((size_t)1 << 16)       /* in flight on one goroutine or proc */
#define MAX_CPU_SAMPLES ((size_t)1 << 26)  /* of one generation */
#define MAX_TABLE_RECORDS ((size_t)1 << 28) /* strings or stacks of one generation */

/* Statistics: what is over these is summed in a row of its own. */
#define MAX_STATS_REASONS 62u  /* and kinds of stop */
#define MAX_STATS_TYPES 1024u  /* of tasks; the same of regions */
#define MAX_STATS_STACKS ((size_t)1 << 14)
#define MAX_STATS_STACK_BYTES ((size_t)64 << 20)
#define MAX_STATS_SITES ((size_t)1 << 20)    /* remembered per generation, else spelled anew */
#define MAX_OPEN_REGIONS ((size_t)1 << 26)   /* at once */

#endif /* BASE_LIMITS_H */
