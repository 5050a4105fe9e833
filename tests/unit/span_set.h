/*
 * span_set: which spans are in some OTLP messages, each with a hash of its bytes.
 *
 * For tests that compare what went in with what came out: as sets, where a span
 * that was changed is another one. Reads any ExportTraceServiceRequest; what is
 * none ends the test.
 */
#ifndef TESTS_UNIT_SPAN_SET_H
#define TESTS_UNIT_SPAN_SET_H

#include "base/slice.h"

struct span_key {
	uint8_t trace[16], span[8];
	uint64_t hash; /* XXH3 of the span's bytes */
};

struct span_set {
	struct span_key *ptr; /* sorted, each once, after span_set_sort() */
	size_t n, cap;
};

void span_set_release(struct span_set *s);
void span_set_add(struct span_set *s, const struct span_key *k);
/* All spans of a message. Returns how many. */
size_t span_set_message(struct span_set *s, struct slice message);
/* All of another set. */
void span_set_join(struct span_set *s, const struct span_set *more);
/* Sort, and forget what is there twice. Returns how many were. */
size_t span_set_sort(struct span_set *s);
/* Both sorted here. Are they the same? Else the first difference is printed. */
bool span_set_same(struct span_set *a, struct span_set *b);
/* Is everything of `part` in `whole`? Both sorted here. */
bool span_set_within(struct span_set *part, struct span_set *whole);

#endif /* TESTS_UNIT_SPAN_SET_H */
