/*
 * support: what the tests of the reader share.
 *
 * Traces come from memory or from tests/data (relative to the top of the
 * repository, where `make` runs the tests). Nothing here is a test itself.
 */
#ifndef TESTS_SUPPORT_SUPPORT_H
#define TESTS_SUPPORT_SUPPORT_H

#include "base/buf.h"
#include "collector/trace/generation.h"

/* A byte source over memory. */
struct memory {
	struct slice in;
	size_t pos;
	size_t step; /* bytes handed out at once; 0: all that fit */
	bool fails;  /* ST_IO behind the last byte instead of the end */
};

struct byte_source memory_source(struct memory *m);

/* What one whole read of a trace came to. */
struct reading {
	enum status end; /* ST_END, or why it stopped */
	struct err err;
	uint64_t n_events, n_generations;
	uint64_t n_late; /* of follow.h */
	bool salvaged;	 /* the last generation is cut, events of it came out */
};

/*
 * Read all of a trace and append its text form, if `text` is not NULL. Every
 * event passes the checks of follow.h, and an error has to repeat itself; where
 * one of these fails, the process aborts and says why.
 */
struct reading read_trace(struct slice trace, struct buf *text);
struct reading read_source(struct byte_source source, struct buf *text);
/* The same with what can be used of a generation that is cut. */
struct reading salvage_trace(struct slice trace, struct buf *text);
struct reading salvage_source(struct byte_source source, struct buf *text);

/* Replace `out` by a file's decompressed bytes; aborts where there is none. */
void load_file(const char *path, struct buf *out);

/* Replace `out` by the trace that a text form stands for; aborts if it is none. */
void assemble(struct slice text, struct buf *out);

/* Is `part` somewhere in `s`? The empty one always is. */
bool slice_contains(struct slice s, struct slice part);

/* xorshift: the same numbers in every run. The state is not 0. */
uint64_t next_random(uint64_t *state);

/* Print a message to stderr and abort. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* TESTS_SUPPORT_SUPPORT_H */
