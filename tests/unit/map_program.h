/* map_program: random captures that obey the scheduler's rules. */
#ifndef TESTS_UNIT_MAP_PROGRAM_H
#define TESTS_UNIT_MAP_PROGRAM_H

#include "tests/unit/map_world.h"

/* The time of all goroutines: running, runnable, in system calls, assisting, waiting. */
#define MAP_PROGRAM_PARTS 5

/* One capture, of the seed alone, mapped with metrics or without. */
void map_program_play(struct map_world *w, uint64_t seed, bool metrics, uint64_t *total_ns);

#endif /* TESTS_UNIT_MAP_PROGRAM_H */
