/*
 * Who works for whom, at every instant, and what that time goes to.
 *
 * A goroutine is linked to the node it works for and charges its time to that
 * node's budget, or to m->outside. It is settled whenever its state or its node
 * changes, so that an event costs the same however many goroutines there are; a
 * node that ends hands each of its goroutines on. Budgets are inclusive: a node
 * that ends passes its sums to the nearest open one above, and what that has not
 * seen yet of nodes which outlive it, they pass to it first. So no budget holds
 * anything from after its span's end.
 */
#include "base/mem.h"
#include "mapping/account.h"

enum status account_assist(struct mapper *m, struct goroutine *g, bool on, int64_t now,
			   struct err *err)
{
	enum status st = account_settle(m, g, now, err);

	if (on && !(g->special & SPECIAL_ASSIST))
		g->charged->count[PART_ASSIST]++;
	g->special = (uint8_t)((g->special & ~SPECIAL_ASSIST) | (on ? SPECIAL_ASSIST : 0));
	settle_part(g);
	return st;
}

static void unlink_goroutine(struct mapper *m, struct goroutine *g)
{
	if (!g->resident)
		return;
	/* The node may end before the wait that is for it does. */
	if (g->waiting_for && !g->holds) {
		g->holds = true;
		g->waiting_for->trace->n_open++;
	}
	if (g->next)
		g->next->previous = g->previous;
	if (g->previous)
		g->previous->next = g->next;
	else
		g->resident->residents = g->next;
	g->next = g->previous = NULL;
	g->resident = NULL;
	g->charged = &m->outside;
}

static void need_budget(struct node *n)
{
	if (n->budget)
		return;
	n->own_budget = (struct budget){ .reasons = NULL };
	n->budget = &n->own_budget;
}

/* From now on g works for n, or for nobody. It is settled. */
static enum status link_goroutine(struct mapper *m, struct goroutine *g, struct node *n, bool born,
				  struct err *err)
{
	enum status st = ST_OK;

	unlink_goroutine(m, g);
	if (!n)
		return ST_OK;
	need_budget(n);
	if (!(g->special & SPECIAL_GHOST))
		st = members_add(&n->budget->members, g->serial, born, err);
	if (st)
		return st;
	g->resident = n;
	g->charged = n->budget;
	g->next = n->residents;
	if (g->next)
		g->next->previous = g;
	n->residents = g;
	return ST_OK;
}

enum status account_move(struct mapper *m, struct goroutine *g, int64_t now, struct err *err)
{
	struct node *n = goroutine_resident(g);
	enum status st;

	if (n == g->resident)
		return ST_OK;
	st = account_settle(m, g, now, err);
	return st ? st : link_goroutine(m, g, n, false, err);
}

enum status account_born(struct mapper *m, struct goroutine *g, struct node *inherited,
			 unsigned int state, int64_t now, struct err *err)
{
	enum status st;

	g->inherited = handle_to(inherited);
	g->since = now;
	st = link_goroutine(m, g, inherited, true, err);
	return st ? st : account_state(m, g, state, REASON_COROUTINE, now, err);
}

/* A goroutine that ended, while tasks that it began go on. */
static void ghost_add(struct mapper *m, struct goroutine *g)
{
	g->special |= SPECIAL_GHOST;
	settle_part(g);
	g->inherited = (struct handle){ NULL, 0 };
	g->ghost_next = m->ghosts;
	if (g->ghost_next)
		g->ghost_next->ghost_link = &g->ghost_next;
	g->ghost_link = &m->ghosts;
	m->ghosts = g;
}

static void ghost_free(struct mapper *m, struct goroutine *g)
{
	unlink_goroutine(m, g);
	*g->ghost_link = g->ghost_next;
	if (g->ghost_next)
		g->ghost_next->ghost_link = g->ghost_link;
	goroutine_free(m, g);
}

enum status account_gone(struct mapper *m, struct goroutine *g, int64_t now, struct err *err)
{
	enum status st = account_settle(m, g, now, err);

	unlink_goroutine(m, g);
	return st;
}

enum status account_bury(struct mapper *m, struct goroutine *g, int64_t now, struct err *err)
{
	struct node *n;

	ghost_add(m, g);
	g->since = now;
	n = goroutine_resident(g);
	if (n)
		return link_goroutine(m, g, n, false, err);
	ghost_free(m, g);
	return ST_OK;
}

/* The node has ended: each of its goroutines works for another one now, or for none. */
static enum status hand_on(struct mapper *m, struct node *n, int64_t end, struct err *err)
{
	enum status st = ST_OK;

	while (!st && n->residents) {
		struct goroutine *g = n->residents;
		struct node *next;

		st = account_settle(m, g, end, err);
		unlink_goroutine(m, g);
		next = m->finishing ? NULL : goroutine_resident(g);
		if (!st && next)
			st = link_goroutine(m, g, next, false, err);
		else if (g->special & SPECIAL_GHOST)
			ghost_free(m, g);
	}
	return st;
}

/* Hand up what the node above (NULL: nobody's time) has not seen yet of an open one. */
static enum status pass_so_far(struct mapper *m, struct node *n, struct budget *to, int64_t now,
			       struct err *err)
{
	struct budget *before = n->passed;
	enum status st = ST_OK;

	for (struct goroutine *g = n->residents; !st && g; g = g->next)
		st = account_settle(m, g, now, err);
	if (st || !n->budget)
		return st;
	st = budget_add(&m->budgets, to, n->budget, before, err);
	if (!st)
		st = members_copy(&to->members, &n->budget->members, err);
	n->passed = st ? NULL : budget_new(&m->budgets, err);
	if (!st && !n->passed)
		st = err->code;
	if (!st)
		st = budget_add(&m->budgets, n->passed, n->budget, NULL, err);
	budget_free(&m->budgets, before);
	return st;
}

/* Is it open and below the node of that stamp? Stamps it if so. */
static bool is_below(struct node *n, uint64_t stamp)
{
	if (n->accounted || !n->open_parent || n->open_parent->stamp != stamp)
		return false;
	n->stamp = stamp;
	return true;
}

/* The node passes what it has to the open one above; that may need a budget first. */
static enum status pass_to_parent(struct mapper *m, struct node *n, int64_t now, struct err *err)
{
	need_budget(n->open_parent);
	return pass_so_far(m, n, n->open_parent->budget, now, err);
}

/*
 * The node ends while others below it are open: it gets what they have so far,
 * from the youngest up, and they are its parent's from now on.
 */
static enum status end_above_open(struct mapper *m, struct node *n, int64_t end, struct err *err)
{
	struct trace *t = n->trace;
	uint64_t stamp = ++m->last_stamp;
	enum status st = ST_OK;

	n->stamp = stamp;
	for (size_t i = 0; i < t->n_nodes; i++)
		(void)is_below(t->nodes[i], stamp);
	for (struct node *x = t->out; !st && x; x = x->out_next)
		if (is_below(x, stamp))
			st = pass_to_parent(m, x, end, err);
	for (size_t i = t->n_nodes; !st && i > 0; i--)
		if (t->nodes[i - 1] != n && t->nodes[i - 1]->stamp == stamp)
			st = pass_to_parent(m, t->nodes[i - 1], end, err);
	for (size_t i = 0; i < t->n_nodes; i++)
		if (t->nodes[i]->open_parent == n)
			t->nodes[i]->open_parent = n->open_parent;
	for (struct node *x = t->out; x; x = x->out_next)
		if (x->open_parent == n)
			x->open_parent = n->open_parent;
	if (n->open_parent)
		n->open_parent->n_open_below += n->n_open_below;
	n->n_open_below = 0;
	return st;
}

/* The sums of a node that has ended go to the open one above, or to the rest. */
static enum status pass_on(struct mapper *m, struct node *n, struct err *err)
{
	struct budget *to = n->open_parent ? n->open_parent->budget : &m->outside;
	enum status st = ST_OK;

	n->n_goroutines = n->budget->members.n;
	/* Nobody else counts what a root counts. */
	if (n->open_parent || n->parent || n->trace->continued)
		st = budget_add(&m->budgets, to, n->budget, n->passed, err);
	if (!st && n->open_parent)
		st = members_move(&to->members, &n->budget->members, err);
	members_release(&n->budget->members);
	budget_free(&m->budgets, n->passed);
	n->passed = NULL;
	return st;
}

enum status account_end(struct mapper *m, struct node *n, int64_t end, struct err *err)
{
	enum status st;

	if (n->accounted)
		return ST_OK;
	st = hand_on(m, n, end, err);
	if (!st && n->n_open_below)
		st = end_above_open(m, n, end, err);
	n->accounted = true;
	n->stw_ns = account_stw(m, end) - n->stw_ns;
	if (n->open_parent) {
		n->open_parent->n_open_below--;
		if (n->budget)
			need_budget(n->open_parent);
	}
	if (!st && n->budget)
		st = pass_on(m, n, err);
	return st;
}

uint64_t account_stw(const struct mapper *m, int64_t now)
{
	return m->stopped_ns + (m->stw.on ? (uint64_t)(now - m->stw.start) : 0);
}
