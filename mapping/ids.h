/*
 * ids: trace and span ids, the same for the same task whenever it is converted.
 *
 * An id is the XXH3 hash (128 bits, or its first 64) of the service's identity
 * and of what the span is: kind, numbers that the traced process gave it, and
 * the instant on its monotonic clock at which it began. That instant stands for
 * the clock's epoch: it differs between boots and between processes that number
 * their tasks alike, and unlike wall minus monotonic time it never drifts.
 * Never from a path or the time of conversion (design section 6).
 */
#ifndef MAPPING_IDS_H
#define MAPPING_IDS_H

#include "mapping/span.h"

enum id_kind {
	ID_TASK,
	ID_REGION,
	ID_BLOCK,
	ID_CAPTURE,
	ID_RANGE,
	ID_TASK_END,
	ID_LINK,
	ID_GENERATION
};

struct id_seed {
	uint64_t words[2]; /* hash of the service's identity */
};

/* What tells one span from every other of the same service. */
struct id_key {
	enum id_kind kind;
	uint64_t number;  /* task id, goroutine id, ... */
	uint64_t number2; /* a second one, or 0 */
	int64_t time;	  /* ns on the trace's clock, as recorded */
	uint64_t cut;	  /* 0: whole; else the capture whose edge cut it (id_cut) */
};

/* What the service is called; any of the three may be empty. */
void id_seed_init(struct id_seed *seed, struct slice name, struct slice space,
		  struct slice instance);

/* A number for the capture's edges that cut a span, to put into its key; not 0. */
uint64_t id_cut(int64_t capture_start, int64_t capture_end, uint64_t edges);

/* A number for a span, to put into the key of another one that tells of it; not 0. */
uint64_t id_pair(const uint8_t trace[static TRACE_ID_BYTES],
		 const uint8_t span[static SPAN_ID_BYTES]);

/* A number for what the key tells apart, which is no span's id. */
uint64_t id_number(const struct id_seed *seed, const struct id_key *key);

void id_trace(const struct id_seed *seed, const struct id_key *key,
	      uint8_t out[static TRACE_ID_BYTES]);
/* A span's id depends on its trace's and its parent's (all zero: a root). */
void id_span(const uint8_t trace[static TRACE_ID_BYTES], const uint8_t parent[static SPAN_ID_BYTES],
	     const struct id_key *key, uint8_t out[static SPAN_ID_BYTES]);

#endif /* MAPPING_IDS_H */
