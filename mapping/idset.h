/*
 * idset: which task ids were seen to end, at one bit a task.
 *
 * A task that ends twice must not look like one that began before the capture.
 * Ids are dense, so pages of 4096 bits found by a map hold millions cheaply.
 * Hostile ids reach the maximum of pages: then idset_full() is true, and the
 * set answers for what it holds.
 */
#ifndef MAPPING_IDSET_H
#define MAPPING_IDSET_H

#include "base/map.h"

struct idset {
	struct map pages;
	bool full;
};

void idset_init(struct idset *s);
void idset_release(struct idset *s);
bool idset_has(const struct idset *s, uint64_t id);
/* Over the maximum the id is not added and s->full is set: not an error. */
MUST_CHECK enum status idset_add(struct idset *s, uint64_t id, struct err *err);

#endif /* MAPPING_IDSET_H */
