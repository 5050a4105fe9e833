#include "mapping/sampler.h"

#include <xxhash.h>

#include "base/glob.h"

#define RANDOM_BITS 56

uint64_t sampler_log(const struct sampling_rule *rules, size_t n, struct slice category,
		     struct slice message)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++)
		if (rules[i].by_log && glob_match(slice_str(rules[i].category), category) &&
		    glob_match(slice_str(rules[i].message), message))
			bits |= (uint64_t)1 << i;
	return bits;
}

double sampler_share(const struct sampling_rule *rules, size_t n, uint64_t latency_ns,
		     uint64_t log_bits)
{
	for (size_t i = 0; i < n; i++)
		if ((!rules[i].by_latency || latency_ns >= rules[i].longer_than_ns) &&
		    (!rules[i].by_log || log_bits >> i & 1))
			return rules[i].keep;
	return 1;
}

bool sampler_keeps(const uint8_t trace_id[static TRACE_ID_BYTES], double share)
{
	const uint64_t all = (uint64_t)1 << RANDOM_BITS;
	uint64_t random = XXH3_64bits(trace_id, TRACE_ID_BYTES) >> (64 - RANDOM_BITS);

	if (share >= 1)
		return true;
	return share > 0 && random >= all - (uint64_t)(share * (double)all);
}
