/*
 * reasons: why goroutines wait, as small numbers with ready-made texts.
 *
 * A reason is the runtime's word ("sync"), or that word with what the stack adds
 * (gofunc.h: "sync mutex"). Words come from the trace, so their number has a
 * maximum; further ones are REASON_OTHER. Numbers hold for the life of the table,
 * whatever the generation; a word's string id is remembered for one generation.
 * The attribute names of the families in keys.h are spelled once for each reason.
 */
#ifndef MAPPING_REASONS_H
#define MAPPING_REASONS_H

#include "base/err.h"
#include "mapping/gofunc.h"
#include "mapping/span.h"

#define MAX_REASONS 64u	   /* fits the uint8_t that names one */
#define REASON_LOW_IDS 64u /* string ids that are remembered */
#define MAX_REASON_KEY 48u /* bytes of a word inside an attribute's name */

enum {
	REASON_UNKNOWN,	  /* it waited already when the capture began */
	REASON_SYSCALL,	  /* a system call */
	REASON_COROUTINE, /* no word: a coroutine switch */
	REASON_OTHER,	  /* more words than the table takes, or none in its key */
	REASON_EXTERNAL,  /* no goroutine ended it: the network, or a timer */
	N_FIXED_REASONS
};

enum reason_key {
	REASON_KEY_TIME,
	REASON_KEY_COUNT,
	REASON_KEY_WAKER,
	REASON_KEY_CRITICAL,
	N_REASON_KEYS
};

struct reason {
	struct slice word; /* the runtime's */
	struct slice name; /* of a span: the word and the detail */
	enum wait_detail detail;
	bool held;   /* a wait on a lock or channel: somebody kept it waiting */
	uint8_t raw; /* the reason without the detail; itself if it has none */
	/* Of a raw one: its refined ones, itself where a detail does not fit; 0: not asked yet. */
	uint8_t refined[N_WAIT_DETAILS];
	struct slice key;		  /* the word inside attribute names */
	struct slice keys[N_REASON_KEYS]; /* of `ready` where they fit */
	struct ready_key ready[N_REASON_KEYS];
	uint8_t *memory; /* of the texts; owned */
};

struct reasons {
	struct reason list[MAX_REASONS];
	size_t n;
	/* By their keys: numbers follow the capture, what is told of a span must not. */
	uint8_t order[MAX_REASONS];
	uint8_t rank[MAX_REASONS];   /* the inverse: order[rank[i]] is i */
	uint8_t low[REASON_LOW_IDS]; /* string id of this generation -> reason + 1, or 0 */
};

MUST_CHECK enum status reasons_init(struct reasons *r, struct err *err);
void reasons_release(struct reasons *r);
/* String ids mean something else from now on. */
void reasons_new_generation(struct reasons *r);

/* The reason of that string of this generation, if it was asked for before. */
static inline bool reasons_known(const struct reasons *r, uint64_t id, uint8_t *out)
{
	if (id >= REASON_LOW_IDS || !r->low[id])
		return false;
	*out = (uint8_t)(r->low[id] - 1);
	return true;
}

/* The reason of a word, which is the string `id` of this generation. */
MUST_CHECK enum status reasons_find(struct reasons *r, uint64_t id, struct slice word, uint8_t *out,
				    struct err *err);
/* The reason with what the stack adds, if it was asked for before. */
static inline bool reasons_refined(const struct reasons *r, uint8_t raw, enum wait_detail detail,
				   uint8_t *out)
{
	uint8_t known = r->list[raw].refined[detail];

	if (!known)
		return false;
	*out = known;
	return true;
}

/* The same with what the stack adds; `raw` itself where that is nothing. */
MUST_CHECK enum status reasons_refine(struct reasons *r, uint8_t raw, enum wait_detail detail,
				      uint8_t *out, struct err *err);

#endif /* MAPPING_REASONS_H */
