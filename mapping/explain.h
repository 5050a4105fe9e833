/*
 * explain: one sentence for a person about a long wait and who ended it.
 */
#ifndef MAPPING_EXPLAIN_H
#define MAPPING_EXPLAIN_H

#include "mapping/attrs.h"

struct mapper;
struct node;

/* Add the sentence to the wait's attributes; it lasts until the next call. */
void explain(struct mapper *m, const struct node *wait, struct attrs *a);

#endif /* MAPPING_EXPLAIN_H */
