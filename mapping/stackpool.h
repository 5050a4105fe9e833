/*
 * stackpool: stacks and reasons as texts that outlive their generation.
 *
 * A goroutine may block in one generation and wake in the next, when the tables
 * that spelled its stack are gone. So each stack is spelled once per generation
 * and id, and equal texts are one object for good. A program has few distinct
 * stacks; should they exceed the maximum, further ones are left out and counted.
 * The text is what `code.stacktrace` carries: "func\n\tfile:line\n", the frames of
 * the program first, then those of the standard library, each leaf first, cut at
 * a frame's end within the attribute length: what is cut off tells least.
 */
#ifndef MAPPING_STACKPOOL_H
#define MAPPING_STACKPOOL_H

#include "base/buf.h"
#include "base/map.h"
#include "collector/trace/event.h"
#include "mapping/gofunc.h"

/* Ids of a generation count from 1: most are found without a hash. */
#define POOL_LOW_IDS 2048u

struct stackpool {
	struct map by_id; /* of the current generation: stack id -> struct pooled */
	const struct pooled *low[POOL_LOW_IDS]; /* the same of low ids; 0 is no stack: NULL */
	struct map by_hash;			/* text hash -> struct pooled */
	struct buf scratch;
	size_t max_text;   /* bytes of one stack's text */
	size_t bytes;	   /* of all texts */
	uint64_t left_out; /* stacks over the maximum */
};

/* A text for good: freed with the pool. */
struct pooled {
	size_t len;
	uint8_t detail; /* enum wait_detail: what a stack says of the wait */
	bool cut;	/* a stack that had more frames */
	bool own;	/* a stack that begins with a frame of the program */
	bool valid;	/* it is UTF-8; else nobody has looked, or it is not */
	uint8_t text[];
};

void stackpool_init(struct stackpool *p, size_t max_text);
void stackpool_release(struct stackpool *p);
/* Stack ids mean something else from now on. */
void stackpool_new_generation(struct stackpool *p);

/* The same for a stack that was not asked for before. */
MUST_CHECK enum status stackpool_spell(struct stackpool *p, const struct event *ev, uint64_t id,
				       const struct pooled **out, struct err *err);

/*
 * The text of a stack of the current generation, which is the event's, or of 0, which is none;
 * *out NULL: none, or left out. Which of both it is may be a matter of chance: no branch.
 */
MUST_CHECK HOT enum status stackpool_of(struct stackpool *p, const struct event *ev, uint64_t id,
					const struct pooled **out, struct err *err)
{
	const struct pooled *known = p->low[id < POOL_LOW_IDS ? id : 0];

	*out = known;
	return LIKELY((known != NULL) | !id) ? ST_OK : stackpool_spell(p, ev, id, out, err);
}

/* The same of the event's stack. */
MUST_CHECK static inline enum status stackpool_stack(struct stackpool *p, const struct event *ev,
						     const struct pooled **out, struct err *err)
{
	return stackpool_of(p, ev, event_stack_id(ev), out, err);
}

/* The text that is the string `id` of the current generation, if it was asked for before. */
static inline const struct pooled *stackpool_known(const struct stackpool *p, uint64_t id)
{
	return id < POOL_LOW_IDS ? p->low[id] : NULL;
}
/* The pooled copy of a short text, such as a reason. */
MUST_CHECK enum status stackpool_text(struct stackpool *p, struct slice text,
				      const struct pooled **out, struct err *err);
/* The same of a text that is the string `id` of the current generation. */
MUST_CHECK enum status stackpool_string(struct stackpool *p, uint64_t id, struct slice text,
					const struct pooled **out, struct err *err);

static inline struct slice pooled_slice(const struct pooled *p)
{
	return p ? (struct slice){ p->text, p->len } : (struct slice){ NULL, 0 };
}

#endif /* MAPPING_STACKPOOL_H */
