/*
 * sent: what earlier captures of the same process have sent already.
 *
 * Captures overlap: taking one consumes nothing. Each task that was sent whole, with
 * all below it, is two keys here, by its begin and by its end as recorded; spans of a
 * task that was not are a key each. Keys are hashes (ids.h), so the set is numbers.
 * What a capture sends is noted apart and counts once the capture is safe:
 *
 *   sent_seed() keys of a database; for each capture: map it, then sent_fresh() into
 *   the database and sent_commit(), or sent_abort() if it has to be done again.
 *
 * Memory is bounded: of more keys than twice MAX_SENT_KEYS the oldest are forgotten.
 */
#ifndef MAPPING_SENT_H
#define MAPPING_SENT_H

#include "base/map.h"

struct sent_set {
	struct map keys[2]; /* the younger half first */
	size_t max;	    /* keys of a half */
	uint64_t *fresh;    /* noted, not committed */
	size_t n_fresh, cap_fresh;
};

/* `max` keys at least are remembered: MAX_SENT_KEYS, or fewer in tests. */
void sent_init(struct sent_set *s, size_t max);
void sent_release(struct sent_set *s);

/* Is the key committed? What is noted only does not count. */
bool sent_has(const struct sent_set *s, uint64_t key);
MUST_CHECK enum status sent_note(struct sent_set *s, uint64_t key, struct err *err);
/* The keys noted since the last commit; borrowed until the next call. */
const uint64_t *sent_fresh(const struct sent_set *s, size_t *n);
/* A failure leaves some of the noted keys out, and the set usable. */
MUST_CHECK enum status sent_commit(struct sent_set *s, struct err *err);
void sent_abort(struct sent_set *s);
/* A key that an earlier run committed. */
MUST_CHECK enum status sent_seed(struct sent_set *s, uint64_t key, struct err *err);

#endif /* MAPPING_SENT_H */
