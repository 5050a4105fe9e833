#include "mapping/budget.h"

#include "base/limits.h"
#include "base/mem.h"

void budget_pools_init(struct budget_pools *p)
{
	pool_init(&p->budgets, sizeof(struct budget), MAX_HELD_SPANS, "time budgets");
	pool_init(&p->sums, sizeof(struct reason_sum), MAX_HELD_SUMS, "sums by reason");
}

void members_release(struct members *m)
{
	if (m->more)
		map_release(m->more);
	mem_free(m->more);
	*m = (struct members){ .n = 0 };
}

void budget_pools_release(struct budget_pools *p)
{
	pool_release(&p->budgets);
	pool_release(&p->sums);
}

struct budget *budget_new(struct budget_pools *p, struct err *err)
{
	return pool_get(&p->budgets, err);
}

void budget_clear(struct budget_pools *p, struct budget *b)
{
	while (b->reasons) {
		struct reason_sum *sum = b->reasons;

		b->reasons = sum->next;
		pool_put(&p->sums, sum);
	}
	members_release(&b->members);
}

void budget_free(struct budget_pools *p, struct budget *b)
{
	if (!b)
		return;
	budget_clear(p, b);
	pool_put(&p->budgets, b);
}

APART enum status budget_find_reason(struct budget_pools *p, struct budget *b, uint8_t reason,
				     uint64_t ns, uint64_t count, struct err *err)
{
	struct reason_sum *sum = b->reasons, **link = &b->reasons;

	while (sum && sum->reason != reason) {
		link = &sum->next;
		sum = sum->next;
	}
	if (!sum) {
		sum = pool_take(&p->sums, err);
		if (!sum)
			return err->code;
		*sum = (struct reason_sum){ .reason = reason };
	} else {
		*link = sum->next;
	}
	/* What was asked for last stands in front. */
	sum->next = b->reasons;
	b->reasons = sum;
	sum->ns += ns;
	sum->count += count;
	return ST_OK;
}

enum status members_add_other(struct members *m, uint64_t goroutine, bool born, struct err *err)
{
	size_t few = m->n < FEW_MEMBERS ? m->n : FEW_MEMBERS;
	enum status st;

	for (size_t i = 0; i < few; i++)
		if (m->few[i] == goroutine)
			return ST_OK;
	if (m->n < FEW_MEMBERS) {
		m->few[m->n++] = goroutine;
		return ST_OK;
	}
	if (m->more && map_get(m->more, goroutine))
		return ST_OK;
	if (m->more && m->more->n >= MAX_COUNTED_GOROUTINES) {
		m->n += born && m->n < UINT32_MAX;
		return ST_OK;
	}
	if (!m->more) {
		m->more = mem_alloc(sizeof(*m->more));
		if (!m->more)
			return err_nomem(err, "a set of goroutines");
		map_init(m->more, MAX_COUNTED_GOROUTINES, "counted goroutines");
	}
	st = map_put(m->more, goroutine, m, err);
	m->n += st == ST_OK;
	return st;
}

enum status members_copy(struct members *to, const struct members *from, struct err *err)
{
	size_t few = from->n < FEW_MEMBERS ? from->n : FEW_MEMBERS;
	enum status st = ST_OK;
	struct map_slot *s;

	for (size_t i = 0; !st && i < few; i++)
		st = members_add(to, from->few[i], false, err);
	for (size_t at = 0; !st && from->more && (s = map_next(from->more, &at));)
		st = members_add(to, s->key, false, err);
	return st;
}

enum status members_move(struct members *to, struct members *from, struct err *err)
{
	if (from->n == 1 && to->n && to->few[0] == from->few[0])
		return ST_OK;
	/* The smaller set goes into the larger: each goroutine moves few times. */
	if (from->n > to->n) {
		struct members larger = *from;

		*from = *to;
		*to = larger;
	}
	return members_copy(to, from, err);
}

static const struct reason_sum *find(const struct budget *b, uint8_t reason)
{
	const struct reason_sum *sum = b ? b->reasons : NULL;

	while (sum && sum->reason != reason)
		sum = sum->next;
	return sum;
}

enum status budget_add(struct budget_pools *p, struct budget *to, const struct budget *from,
		       const struct budget *less, struct err *err)
{
	enum status st = ST_OK;

	for (int i = 0; i < N_BUDGET_PARTS; i++) {
		to->ns[i] += from->ns[i] - (less ? less->ns[i] : 0);
		to->count[i] += from->count[i] - (less ? less->count[i] : 0);
	}
	for (const struct reason_sum *s = from->reasons; !st && s; s = s->next) {
		const struct reason_sum *l = find(less, s->reason);

		st = budget_add_reason(p, to, s->reason, s->ns - (l ? l->ns : 0),
				       s->count - (l ? l->count : 0), err);
	}
	return st;
}
