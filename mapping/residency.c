/* Which span a goroutine works for: design section 6, "Residency". */
#include "base/limits.h"
#include "base/mem.h"
#include "mapping/mapper_state.h"

APART struct goroutine *goroutine_find_far(const struct mapper *m, int64_t id)
{
	struct goroutine *g = map_get(&m->goroutines, (uint64_t)id);

	if (g)
		m->near[(uint64_t)id % NEAR_GOROUTINES] = g;
	return g;
}

struct goroutine *goroutine_new(struct mapper *m, int64_t id, struct err *err)
{
	struct goroutine *g = pool_get(&m->goroutine_pool, err);
	enum status st;

	if (!g)
		return NULL;
	g->id = id;
	g->serial = ++m->last_goroutine;
	/* First heard of now, it has been there since the capture's begin. */
	g->since = m->first_time;
	g->state = GO_RUNNING;
	g->part = PART_RUNNING;
	g->charged = &m->outside;
	st = map_put(&m->goroutines, (uint64_t)id, g, err);
	if (st) {
		pool_put(&m->goroutine_pool, g);
		return NULL;
	}
	m->near[(uint64_t)id % NEAR_GOROUTINES] = g;
	return g;
}

void goroutine_forget(struct mapper *m, const struct goroutine *g)
{
	struct goroutine **near = &m->near[(uint64_t)g->id % NEAR_GOROUTINES];

	if (*near == g)
		*near = NULL;
	map_del(&m->goroutines, (uint64_t)g->id);
}

void goroutine_free(struct mapper *m, struct goroutine *g)
{
	mem_free(g->entries);
	pool_put(&m->goroutine_pool, g);
}

/* The node of an entry while it is open; tasks may have ended anywhere. */
static struct node *open_entry(struct handle h)
{
	struct node *n = handle_get(h);

	return n && !n->ended ? n : NULL;
}

/* Entries that ended go; the order of the others stays. */
static void prune(struct goroutine *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n_entries; i++)
		if (open_entry(g->entries[i]))
			g->entries[n++] = g->entries[i];
	g->n_entries = n;
}

enum status goroutine_push(struct goroutine *g, struct node *n, struct err *err)
{
	size_t need = g->n_entries + 1;
	enum status st;

	/* With room for half as many again: pruning costs each entry but a share. */
	if (need > g->cap_entries) {
		prune(g);
		need = g->n_entries + g->n_entries / 2 + 1;
		if (need > MAX_RESIDENCY_DEPTH)
			need = g->n_entries + 1;
	}
	st = mem_grow((void **)&g->entries, &g->cap_entries, need, sizeof(*g->entries),
		      MAX_RESIDENCY_DEPTH, "open tasks and regions", err);
	if (st)
		return st;
	g->entries[g->n_entries++] = handle_to(n);
	g->n_regions += n->kind == NODE_REGION;
	return ST_OK;
}

struct node *goroutine_region(struct goroutine *g)
{
	/* Tasks may be many: those begun here and never ended. */
	for (size_t i = g->n_regions ? g->n_entries : 0; i > 0; i--) {
		struct node *n = open_entry(g->entries[i - 1]);

		if (n && n->kind == NODE_REGION)
			return n;
	}
	return NULL;
}

struct node *goroutine_region_of(struct goroutine *g, uint64_t task)
{
	for (size_t i = g->n_regions ? g->n_entries : 0; i > 0; i--) {
		struct node *n = open_entry(g->entries[i - 1]);

		if (n && n->kind == NODE_REGION && n->task == task)
			return n;
	}
	return NULL;
}

/* Regions outside every task are no one's work. */
static bool is_work(const struct node *n)
{
	return n && n->task != BACKGROUND_TASK;
}

struct node *goroutine_resident(struct goroutine *g)
{
	struct node *n;

	while (g->n_entries && !open_entry(g->entries[g->n_entries - 1]))
		g->n_entries--;
	for (size_t i = g->n_entries; i > 0; i--) {
		n = open_entry(g->entries[i - 1]);
		if (is_work(n))
			return n;
	}
	return open_entry(g->inherited);
}

struct node *task_of_node(const struct mapper *m, struct node *n)
{
	if (!n || n->kind == NODE_TASK)
		return n;
	return map_get(&m->open_tasks, n->task);
}
