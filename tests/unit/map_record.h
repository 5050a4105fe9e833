/*
 * map_record: a sink that keeps spans, and shows them as a small text.
 *
 * The text has a line a span, children below their parent, two blanks deeper:
 *
 *   T checkout 10-30 t=1 g=1 *sync@20(g=1,b=15)
 *     W network 40-90 g=1 b=40 r=10 link=refill
 *
 * T task, R region, W wait, X range of the runtime, C the capture itself. Times
 * are since `zero`; then the attributes, the well-known ones with short keys; then
 * *events. `^` in front: the parent is not among the spans. Stacks show as their
 * functions, leaf first. Memory is malloc's, so that mem_fail_at() counts the
 * mapper's own allocations alone.
 */
#ifndef TESTS_UNIT_MAP_RECORD_H
#define TESTS_UNIT_MAP_RECORD_H

#include "base/buf.h"
#include "mapping/span.h"

struct records {
	struct span *list; /* deep copies */
	size_t n, cap;
	void **memory; /* all they point at */
	size_t n_memory, cap_memory;
	size_t refuse_after; /* spans until emit() fails with ST_REMOTE; 0: never */
	size_t n_refused;
	struct packed_span packed; /* the same as the next one, if it has bytes */
	size_t n_packed;	   /* spans that came packed, too: the same bytes each */
	bool budgets;		   /* show budgets, critical paths and the waker's span too */
};

struct span_sink records_sink(struct records *r);
void records_release(struct records *r);

/* The only span of that name; aborts the test if there is not exactly one. */
const struct span *records_find(const struct records *r, const char *name);
/* Its attribute, or NULL. */
const struct attr *span_attr(const struct span *s, const char *key);
/* The parent among the records, or NULL. */
const struct span *records_parent(const struct records *r, const struct span *s);
const struct span *records_by_id(const struct records *r, const uint8_t *trace,
				 const uint8_t *span);

/* Everything as text; the trace of the capture itself only if `capture`. */
void records_text(const struct records *r, uint64_t zero, bool capture, struct buf *out);
/* Everything there is in every span, ids too: for comparing two runs. */
void records_bytes(const struct records *r, struct buf *out);

#endif /* TESTS_UNIT_MAP_RECORD_H */
