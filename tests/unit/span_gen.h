/*
 * span_gen: random spans for tests, the same ones for the same seed.
 *
 * Spans have every field in some of them: roots and children, no or many
 * attributes of all types, events, links, zero times, empty names, texts in
 * ASCII, in UTF-8 and with broken bytes. Each span borrows the generator's
 * arrays and is valid until the next call.
 */
#ifndef TESTS_UNIT_SPAN_GEN_H
#define TESTS_UNIT_SPAN_GEN_H

#include "mapping/span.h"

#define GEN_ATTRS 256
#define GEN_LISTS 8
#define GEN_TEXT ((size_t)1 << 16)

struct span_gen {
	uint64_t state;
	bool nul; /* texts may hold NUL, which protobuf-c cannot pack again */
	size_t n_attrs, n_text;
	struct attr attrs[GEN_ATTRS];
	struct span_event events[GEN_LISTS];
	struct span_link links[GEN_LISTS];
	uint8_t text[GEN_TEXT];
};

void span_gen_init(struct span_gen *g, uint64_t seed);
/* A number below `n`; n is not zero. */
uint64_t span_gen_below(struct span_gen *g, uint64_t n);
struct span span_gen_next(struct span_gen *g);
/* Up to `max` attributes of their own, for resources; see span_gen_next() for validity. */
struct resource span_gen_resource(struct span_gen *g, size_t max);

/* The environment's SEED, or a fresh one. */
uint64_t span_gen_seed(void);

#endif /* TESTS_UNIT_SPAN_GEN_H */
