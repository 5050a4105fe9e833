/*
 * explain: one sentence for a person about a long wait and who ended it.
 */
#ifndef MAPPING_EXPLAIN_H
#define MAPPING_EXPLAIN_H

#include "base/slice.h"

struct mapper;
struct node;

/* The sentence about the wait, until the next call; empty: there was no room for it. */
struct slice explain(struct mapper *m, const struct node *wait);

#endif /* MAPPING_EXPLAIN_H */
