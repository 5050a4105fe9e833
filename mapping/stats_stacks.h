/*
 * stats_stacks: where goroutines block: sums by reason and stack.
 *
 * Stacks are equal if their frames are (function, file and line; pcs do not
 * count), in whatever generation: ids are local to one. A stack is spelled and
 * hashed once per generation, reason and id. The number of stacks and the bytes
 * of their texts have maxima; blocks of further stacks are summed in `rest`.
 */
#ifndef MAPPING_STATS_STACKS_H
#define MAPPING_STATS_STACKS_H

#include "base/buf.h"
#include "base/map.h"
#include "base/pool.h"
#include "collector/trace/event.h"
#include "mapping/stats_rows.h"

struct stats_stack {
	const struct stats_row *reason;	  /* NULL in rest */
	uint64_t count, total_ns, max_ns; /* of whole blocks */
	uint64_t cut, cut_ns; /* blocks that do not end in the trace: that much is inside */
	struct slice text;    /* the frames, for stats_frame_next() alone */
	uint8_t *owned;	      /* the bytes of text: the table's */
	uint32_t n_frames;
};

/* A site found before. */
struct stats_site {
	uint64_t key; /* reason and stack id */
	struct stats_stack *stack;
};

#define STATS_NEAR_SITES 256u

struct stats_stacks {
	struct stats_site near[STATS_NEAR_SITES]; /* by key modulo; stack NULL: none */
	struct pool stacks;
	struct map by_site; /* (reason, stack id) of this generation */
	struct map by_text; /* hash of reason and frames; the next key where that is taken */
	struct buf scratch;
	size_t bytes; /* of all texts */
	struct stats_stack rest;
};

void stats_stacks_init(struct stats_stacks *t);
void stats_stacks_release(struct stats_stacks *t);
/* Stack ids mean something else from now on. */
void stats_stacks_new_generation(struct stats_stacks *t);

/* The sums that a block for `reason` at the stack of the event belongs to; `type`: the event's. */
MUST_CHECK enum status stats_stacks_find(struct stats_stacks *t, const struct event *ev,
					 unsigned int type, const struct stats_row *reason,
					 struct stats_stack **out, struct err *err);

/*
 * The up to `max` stacks with most blocked time inside the trace, most first, in
 * `top`, borrowed. Equal ones by count, reason and frames. Returns how many.
 */
size_t stats_stacks_top(const struct stats_stacks *t, const struct stats_stack **top, size_t max);

/* Step through the frames of stack->text, leaf first; pc is always 0. False at the end. */
bool stats_frame_next(struct slice *text, struct frame *out);

#endif /* MAPPING_STATS_STACKS_H */
