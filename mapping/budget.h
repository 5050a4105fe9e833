/*
 * budget: where the time of a span's goroutines went, in integer nanoseconds.
 *
 * The parts are disjoint: at each instant a goroutine is in one of them. A count
 * says how often a goroutine entered the part. Sums over reasons lie in a chain,
 * as a span knows few of them; chains come from a pool and go back to it. Which
 * goroutines were at work is kept as a set of bounded size, to count each once.
 */
#ifndef MAPPING_BUDGET_H
#define MAPPING_BUDGET_H

#include "base/map.h"
#include "base/pool.h"

enum budget_part {
	PART_RUNNING, /* marking for the GC apart */
	PART_RUNNABLE,
	PART_SYSCALL,
	PART_ASSIST,
	PART_BLOCKED,
	PART_ABSENT, /* the goroutine that began the task is gone; no goroutine's time */
	N_BUDGET_PARTS
};

/* The part of PART_BLOCKED for one reason (reasons.h). */
struct reason_sum {
	struct reason_sum *next; /* first: the pool uses its place while it is free */
	uint64_t ns, count;
	uint8_t reason;
};

#define FEW_MEMBERS 4u

/* Which goroutines, by serial numbers; all zeros is the empty set. */
struct members {
	uint64_t few[FEW_MEMBERS];
	struct map *more; /* beyond FEW_MEMBERS; owned, NULL until needed */
	uint32_t n;	  /* of both; over MAX_COUNTED_GOROUTINES only those born for it */
};

struct budget {
	uint64_t ns[N_BUDGET_PARTS];
	uint64_t count[N_BUDGET_PARTS];
	struct reason_sum *reasons;
	struct members members;
};

/* What budgets are made of. */
struct budget_pools {
	struct pool budgets, sums;
};

void budget_pools_init(struct budget_pools *p);
void budget_pools_release(struct budget_pools *p);

/* An empty one; NULL: err is filled. */
struct budget *budget_new(struct budget_pools *p, struct err *err);
/* NULL is allowed. */
void budget_free(struct budget_pools *p, struct budget *b);
/* Give back what an embedded budget holds. */
void budget_clear(struct budget_pools *p, struct budget *b);

/* The same for a reason that may be anywhere in the chain, or not in it. */
MUST_CHECK enum status budget_find_reason(struct budget_pools *p, struct budget *b, uint8_t reason,
					  uint64_t ns, uint64_t count, struct err *err);

/* Add to the blocked time for a reason. */
MUST_CHECK static inline enum status budget_add_reason(struct budget_pools *p, struct budget *b,
						       uint8_t reason, uint64_t ns, uint64_t count,
						       struct err *err)
{
	struct reason_sum *first = b->reasons;

	if (UNLIKELY(!first || first->reason != reason))
		return budget_find_reason(p, b, reason, ns, count, err);
	first->ns += ns;
	first->count += count;
	return ST_OK;
}

/* Add the sums of `from`, less those of `less` (or NULL), which are in `from` too. */
MUST_CHECK enum status budget_add(struct budget_pools *p, struct budget *to,
				  const struct budget *from, const struct budget *less,
				  struct err *err);

/*
 * Count a goroutine once. `born`: it cannot have been counted before. In a set
 * that is full only those are counted further: the number is a lower bound then.
 */
MUST_CHECK enum status members_add_other(struct members *m, uint64_t goroutine, bool born,
					 struct err *err);

/* The same; nearly always it is the first one there was. */
MUST_CHECK static inline enum status members_add(struct members *m, uint64_t goroutine, bool born,
						 struct err *err)
{
	if (m->n && m->few[0] == goroutine)
		return ST_OK;
	return members_add_other(m, goroutine, born, err);
}

/* Add all of `from`, which may be left with anything or nothing. */
MUST_CHECK enum status members_move(struct members *to, struct members *from, struct err *err);
/* Add all of `from`. */
MUST_CHECK enum status members_copy(struct members *to, const struct members *from,
				    struct err *err);
void members_release(struct members *m);

#endif /* MAPPING_BUDGET_H */
