/*
 * account: charging a goroutine's time to whom it works for; account.c has the rest.
 *
 * Inline, since it happens at every transition of every goroutine.
 */
#ifndef MAPPING_ACCOUNT_H
#define MAPPING_ACCOUNT_H

#include "mapping/waits.h"

/* What its state comes to, after that has changed, or whether it assists, or is a ghost. */
static inline void settle_part(struct goroutine *g)
{
	static const uint8_t parts[] = {
		[GO_UNDETERMINED] = PART_RUNNING, [GO_NOT_EXIST] = PART_RUNNING,
		[GO_RUNNABLE] = PART_RUNNABLE,	  [GO_RUNNING] = PART_RUNNING,
		[GO_WAITING] = PART_BLOCKED,	  [GO_SYSCALL] = PART_SYSCALL
	};
	uint8_t part = parts[g->state];

	if (UNLIKELY(g->special)) {
		if (g->special & SPECIAL_GHOST)
			part = PART_ABSENT;
		else if (part == PART_RUNNING)
			part = PART_ASSIST;
	}
	g->part = part;
}

/* Charge its time until now to the node it works for; what it was blocked on is not counted. */
HOT void account_charge(struct goroutine *g, int64_t now)
{
	g->charged->ns[g->part] += (uint64_t)(now - g->since);
	g->since = now;
}

/* It ran until `began`, was in a system call until now, and runs. */
HOT void account_call(struct goroutine *g, int64_t began, int64_t now)
{
	struct budget *to = g->charged;

	to->ns[g->part] += (uint64_t)(began - g->since);
	to->count[g->part]++;
	to->ns[PART_SYSCALL] += (uint64_t)(now - began);
	to->count[PART_SYSCALL]++;
	g->since = now;
}

/* Charge its time until now. */
HOT MUST_CHECK enum status account_settle(struct mapper *m, struct goroutine *g, int64_t now,
					  struct err *err)
{
	uint64_t ns;

	if (UNLIKELY(g->calling) && call_settle(m, g, err))
		return err->code;
	ns = (uint64_t)(now - g->since);
	account_charge(g, now);
	if (!ns || g->part != PART_BLOCKED)
		return ST_OK;
	return budget_add_reason(&m->budgets, g->charged, g->reason, ns, 0, err);
}

/* It is in that state from now on, until when it is settled; `reason` counts if it waits. */
HOT MUST_CHECK enum status account_enter(struct mapper *m, struct goroutine *g, unsigned int state,
					 uint8_t reason, struct err *err)
{
	struct budget *to = g->charged;

	g->state = (uint8_t)state;
	g->reason = reason;
	settle_part(g);
	to->count[g->part]++;
	if (g->part != PART_BLOCKED)
		return ST_OK;
	return budget_add_reason(&m->budgets, to, reason, 0, 1, err);
}

/* The same for one that is not settled. */
HOT MUST_CHECK enum status account_state(struct mapper *m, struct goroutine *g, unsigned int state,
					 uint8_t reason, int64_t now, struct err *err)
{
	enum status st = account_settle(m, g, now, err);

	return UNLIKELY(st) ? st : account_enter(m, g, state, reason, err);
}

#endif /* MAPPING_ACCOUNT_H */
