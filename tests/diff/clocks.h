/*
 * clocks: a trace as it would be if its threads disagreed about the time.
 *
 * Real traces from Linux hardly ever make a reader wait for another thread's event, or put two
 * threads at one time. So the times of the batches and of CPU samples get an offset, a drift and
 * a jitter for each thread, and the trace another frequency: of a measured clock, where a tick
 * is no whole number of ns, or so high that many ticks are one ns and threads become equal. All
 * else stays as it was recorded, but that most variants lose all but the first frame of stacks.
 */
#ifndef TESTS_DIFF_CLOCKS_H
#define TESTS_DIFF_CLOCKS_H

#include "base/buf.h"

/*
 * Append variant `v` of a trace, the same for the same `v`. Dies if it is not a whole trace of
 * format 1.22 or later.
 */
void clocks_rewrite(uint64_t v, struct slice trace, struct buf *out);

#endif /* TESTS_DIFF_CLOCKS_H */
