/*
 * batches: where the batches of a trace lie, found without the reader under test.
 *
 * For tests that cut a trace and have to know what was before the cut. It takes
 * sound traces alone and aborts on others.
 */
#ifndef TESTS_SUPPORT_BATCHES_H
#define TESTS_SUPPORT_BATCHES_H

#include "base/slice.h"

struct batch_place {
	size_t start, data, end; /* of header, data and what follows, bytes of the trace */
	uint64_t gen;		 /* 0: the mark that ends a generation */
	int64_t m;
	uint8_t kind; /* its first byte; 0: none */
	bool events;  /* of a thread, or of no thread: no table, no samples, no sync */
};

struct batches {
	unsigned int version;
	struct batch_place *list;
	size_t n;
};

void batches_find(struct batches *b, struct slice trace);
void batches_release(struct batches *b);

/* Where the last batch with events of that generation ends; 0: there is none. */
size_t batches_events_end(const struct batches *b, uint64_t gen);

#endif /* TESTS_SUPPORT_BATCHES_H */
