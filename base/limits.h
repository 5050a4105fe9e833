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
#define MAX_BATCHES ((size_t)1 << 26)	     /* of one generation */
#define MAX_THREADS ((size_t)1 << 20)	     /* of one trace */
#define MAX_PROCS ((size_t)1 << 20)	     /* of one trace */
#define MAX_GOROUTINES ((size_t)1 << 26)     /* alive at once */
#define MAX_OPEN_TASKS ((size_t)1 << 26)     /* alive at once */
#define MAX_REGION_DEPTH ((size_t)1 << 20)   /* on one goroutine */
#define MAX_RANGES ((size_t)1 << 16)	     /* in flight on one goroutine or proc */
#define MAX_CPU_SAMPLES ((size_t)1 << 26)    /* of one generation */
#define MAX_TABLE_RECORDS ((size_t)1 << 28)  /* strings or stacks of one generation */
#define MAX_SPELLED_STACKS ((size_t)1 << 16) /* of a generation, kept as text by dump */
#define MAX_SPELLED_BYTES ((size_t)8 << 20)  /* of their texts */

/* Mapping. */
#define MAX_ENDED_TASK_PAGES ((size_t)1 << 16) /* of 4096 task ids each */
#define MAX_POOLED_TEXTS ((size_t)1 << 16)     /* distinct stacks, names, reasons */
#define MAX_POOLED_BYTES ((size_t)32 << 20)
#define MAX_STACK_TEXT ((size_t)1 << 20) /* one stack while it is spelled */
#define MAX_OPEN_TRACES ((size_t)1 << 24)
#define MAX_HELD_SPANS ((size_t)1 << 26) /* of all traces that are not sent yet */
#define OPEN_TRACES_SHARE ((size_t)4)	 /* traces that may be full at once */
#define LEAST_SHARE ((size_t)64)	 /* spans of a trace that are held however many traces */
#define MAX_SPANS_PER_TRACE ((size_t)1 << 20)	 /* whatever the settings say */
#define MAX_RESIDENCY_DEPTH ((size_t)1 << 20)	 /* open tasks and regions of a goroutine */
#define MAX_HELD_SUMS ((size_t)1 << 27)		 /* waits by reason, of all spans not sent yet */
#define MAX_COUNTED_GOROUTINES ((size_t)1 << 16) /* told apart in one span's number of them */
#define MAX_HISTORY ((size_t)1 << 17)		 /* stops of goroutines that are remembered */
#define MAX_EXPLANATION ((size_t)8 << 10)	 /* bytes of a wait's, names and all */
#define MAX_PATH_STEPS ((size_t)1 << 15)	 /* stops on one task's critical path */
#define MAX_PATH_SEGMENTS ((size_t)1 << 14)	 /* stretches of it that mark spans */
#define MAX_SENT_KEYS ((size_t)1 << 21)		 /* tasks and spans of earlier captures */
#define RECENT_TASKS ((size_t)1 << 14)		 /* ended tasks whose ids are remembered */

/* The sidecar. */
#define MAX_WAITING_CAPTURES ((size_t)16)     /* between sources and reader; an open file each */
#define MAX_DIRECTORY_FILES ((size_t)1 << 17) /* of one folder */
#define MAX_WATCHED ((size_t)1 << 18)	      /* tasks, and goroutines, of one stream */
#define MAX_PULLS ((size_t)128)		      /* programs that are asked for a snapshot at once */
#define MAX_STREAM_GENERATION ((size_t)256 << 20) /* bytes, as they come */

/* Exporting. Receivers take 4 MiB (gRPC) or 20 MiB (HTTP) after decompression. */
#define DEFAULT_BATCH_BYTES ((size_t)3584 << 10) /* serialized, uncompressed */
#define FILE_BATCH_BYTES ((size_t)512 << 10)	 /* of a message in a file: stays in the cache */
#define MIN_BATCH_BYTES ((size_t)256 << 10)	 /* so that one resource and one span fit */
#define MAX_BATCH_BYTES ((size_t)64 << 20)	 /* OTLP's own limit for a request */
#define MAX_BATCH_SPANS ((size_t)8192)
#define MAX_SPAN_BYTES ((size_t)1 << 20)	 /* serialized; above it, events go first */
#define MAX_RESOURCE_BYTES ((size_t)64 << 10)	 /* serialized */
#define MAX_RESPONSE_BYTES ((size_t)4 << 20)	 /* of a receiver's answer */
#define MAX_RESPONSE_UNPACKED ((size_t)16 << 20) /* memory its messages may take */
#define MAX_RESPONSE_HEADER ((size_t)16 << 10)	 /* one that we look at */
#define MAX_GRPC_REQUEST ((size_t)4 << 20)	 /* uncompressed: what gRPC servers take */
#define MAX_HTTP_REQUEST ((size_t)20 << 20)	 /* the same of OTLP/HTTP receivers */
#define MAX_SERVER_TEXT 1024u			 /* of its words in our messages */
#define MAX_URL_BYTES 2048u

/* The queue. */
#define MAX_DESTINATIONS ((size_t)16)
#define MAX_DESTINATION_NAME 128u
#define MAX_ENTRY_IDS ((size_t)1 << 20)	 /* ids that one snapshot adds */
#define MAX_SENT_IDS ((uint64_t)1 << 18) /* remembered in all; the oldest go first */
#define MAX_DONE_SNAPSHOTS ((uint64_t)1 << 17)
#define MAX_REFUSALS 64u /* of parts of one batch, before the rest goes as a whole */

/* Configuration: one file, and what its values come to after substitution. */
#define MAX_CONFIG_FILE_BYTES ((size_t)1 << 20)
#define MAX_CONFIG_NODES ((size_t)10000)
#define MAX_CONFIG_DEPTH 32u
#define MAX_TRIGGERS ((size_t)256)		  /* rules of one file; config/keys.c says so too */
#define MAX_CONFIG_PAIRS ((size_t)256)		  /* headers or attributes of one key */
#define MAX_CONFIG_VALUE_BYTES ((size_t)64 << 10) /* one value */
#define MAX_CONFIG_BYTES ((size_t)16 << 20)	  /* all memory of one loaded file */

#define MAX_GRANTS ((size_t)1024) /* folders that it names */

/* Statistics: what is over these is summed in a row of its own. */
#define MAX_STATS_REASONS 62u /* and kinds of stop */
#define MAX_STATS_TYPES 1024u /* of tasks; the same of regions */
#define MAX_STATS_STACKS ((size_t)1 << 14)
#define MAX_STATS_STACK_BYTES ((size_t)64 << 20)
#define MAX_STATS_SITES ((size_t)1 << 20)  /* remembered per generation, else spelled anew */
#define MAX_OPEN_REGIONS ((size_t)1 << 26) /* at once */

#endif /* BASE_LIMITS_H */
