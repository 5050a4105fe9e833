/*
 * account: charging a goroutine's time to whom it works for; account.c has the rest.
 *
 * Inline, since it happens at every transition of every goroutine.
 */
#ifndef MAPPING_ACCOUNT_H
#define MAPPING_ACCOUNT_H

#include "mapping/mapper_state.h"

static inline enum budget_part part_of(const struct goroutine *g)
{
	static const uint8_t parts[] = {
		[GO_UNDETERMINED] = PART_RUNNING, [GO_NOT_EXIST] = PART_RUNNING,
		[GO_RUNNABLE] = PART_RUNNABLE,	  [GO_RUNNING] = PART_RUNNING,
		[GO_WAITING] = PART_BLOCKED,	  [GO_SYSCALL] = PART_SYSCALL
	};
	enum budget_part part = parts[g->state];

	if (UNLIKELY(g->ghost))
		return PART_ABSENT;
	return UNLIKELY(g->assist) && part == PART_RUNNING ? PART_ASSIST : part;
}

static inline struct budget *charged(struct mapper *m, const struct goroutine *g)
{
	return g->resident ? g->resident->budget : &m->outside;
}

/* Charge its time until now to the node it works for. */
MUST_CHECK static inline enum status account_settle(struct mapper *m, struct goroutine *g,
						    int64_t now, struct err *err)
{
	struct budget *to = charged(m, g);
	uint64_t ns = (uint64_t)(now - g->since);
	enum budget_part part = part_of(g);

	g->since = now;
	to->ns[part] += ns;
	if (part != PART_BLOCKED || !ns)
		return ST_OK;
	return budget_add_reason(&m->budgets, to, g->reason, ns, 0, err);
}

/* It is in another state from now on; `reason` counts if it waits. */
HOT MUST_CHECK enum status account_state(struct mapper *m, struct goroutine *g, unsigned int state,
					 uint8_t reason, int64_t now, struct err *err)
{
	struct budget *to = charged(m, g);
	enum budget_part part = part_of(g);
	uint64_t ns = (uint64_t)(now - g->since);
	enum status st;

	g->since = now;
	to->ns[part] += ns;
	if (part == PART_BLOCKED && ns) {
		st = budget_add_reason(&m->budgets, to, g->reason, ns, 0, err);
		if (UNLIKELY(st))
			return st;
	}
	g->state = (uint8_t)state;
	g->reason = reason;
	part = part_of(g);
	to->count[part]++;
	if (part != PART_BLOCKED)
		return ST_OK;
	return budget_add_reason(&m->budgets, to, reason, 0, 1, err);
}

#endif /* MAPPING_ACCOUNT_H */
