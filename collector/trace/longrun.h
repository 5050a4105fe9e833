/*
 * longrun: bytes in which no number can be malformed.
 *
 * A number of the format has at most ten bytes, all but the last with the top bit set (trace
 * format section 1). Where that bit is never set nine times in a row every number is sound,
 * wherever it begins: whoever knows that takes numbers without a look at each byte.
 */
#ifndef COLLECTOR_TRACE_LONGRUN_H
#define COLLECTOR_TRACE_LONGRUN_H

#include <stdint.h>

/* Where in [p, end) the first nine such bytes in a row begin, or `end`. */
const uint8_t *long_run(const uint8_t *p, const uint8_t *end);

#endif /* COLLECTOR_TRACE_LONGRUN_H */
