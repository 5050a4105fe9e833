/*
 * sampler: which traces are sent; the policies of design section 4.
 *
 * Rules are tried in order and the first that matches decides: it keeps a share of
 * the traces that it matches. Which ones is a hash of the trace id against a
 * threshold, in 56 bits as OpenTelemetry's probability sampling has them: everybody
 * who asks gives the same answer, and a trace kept at 5 % is kept at 10 % too. The
 * id is hashed first, since of traces that the application sampled by its id's own
 * bits only those with large ones are left. A trace that no rule matches is sent.
 */
#ifndef MAPPING_SAMPLER_H
#define MAPPING_SAMPLER_H

#include "mapping/span.h"

/* So that a trace can remember in one word which rules its logs matched. */
#define MAX_SAMPLING_RULES 64u

/* Texts are borrowed. What a rule has no condition for is met. */
struct sampling_rule {
	bool by_latency, by_log;
	uint64_t longer_than_ns;	/* a task of the trace took that long or longer */
	const char *category, *message; /* patterns (base/glob.h) of one log of the trace */
	double keep;			/* 0 to 1 */
};

/* One bit for each rule whose condition on logs this log meets. */
uint64_t sampler_log(const struct sampling_rule *rules, size_t n, struct slice category,
		     struct slice message);

/* The share of the first rule that matches; 1 without any. */
double sampler_share(const struct sampling_rule *rules, size_t n, uint64_t latency_ns,
		     uint64_t log_bits);

/* Is a trace of this id among the share that is kept? */
bool sampler_keeps(const uint8_t trace_id[static TRACE_ID_BYTES], double share);

#endif /* MAPPING_SAMPLER_H */
