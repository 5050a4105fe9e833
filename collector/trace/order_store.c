/* What the ordering knows of goroutines, procs, threads and tasks: its memory, and finding it. */
#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/order_state.h"

#define LINE 64u /* of the cache */

void name_release(struct name *n)
{
	if (n->kept)
		mem_free((void *)(uintptr_t)n->text.ptr); // NOLINT(performance-no-int-to-ptr)
	n->kept = false;
}

void ranges_release(struct ranges *r)
{
	if (r->more)
		mem_free(r->more);
	*r = (struct ranges){ .more = NULL };
}

void order_init(struct order *o)
{
	o->no_p.id = INT64_MIN;
	o->nobody = (struct order_m){ NO_THREAD, NO_GOROUTINE, NO_PROC, &o->no_g, &o->no_p };
	for (size_t i = 0; i < NEAR_GS; i++)
		o->near_gs[i] = &o->no_g;
	map_init(&o->far_gs, MAX_GOROUTINES, "goroutines");
	map_init(&o->ps, MAX_PROCS, "procs");
	map_init(&o->ms, MAX_THREADS, "threads");
	map_init(&o->tasks, MAX_OPEN_TASKS, "open tasks");
	order_take_notes(o, 0);
	pool_init(&o->p_pool, sizeof(struct order_p), MAX_PROCS, "procs");
	pool_init(&o->m_pool, sizeof(struct order_m), MAX_THREADS, "threads");
	/* One more than open: the type of the last one ended is on loan. */
	pool_init(&o->task_pool, sizeof(struct order_task), MAX_OPEN_TASKS + 1, "open tasks");
}

void order_take_notes(struct order *o, size_t bytes)
{
	/* Whole lines of the cache. */
	size_t size = (sizeof(struct order_g) + bytes + LINE - 1) / LINE * LINE;

	pool_init(&o->g_pool, size, MAX_GOROUTINES, "goroutines");
}

static void release_regions(struct order_g *g)
{
	if (!g->regions)
		return;
	for (size_t i = 0; i < g->n_regions; i++)
		name_release(&g->regions[i].name);
	mem_free(g->regions);
	g->regions = NULL;
	g->n_regions = g->cap_regions = 0;
}

struct order_g *next_g(const struct order *o, size_t *at)
{
	struct map_slot *s;
	size_t far;

	for (; *at < NEAR_GS; ++*at)
		if (o->near_gs[*at]->status && !o->near_gs[*at]->far)
			return o->near_gs[(*at)++];
	far = *at - NEAR_GS;
	s = map_next(&o->far_gs, &far);
	*at = far + NEAR_GS;
	return s ? s->val : NULL;
}

void order_release(struct order *o)
{
	struct map_slot *s;
	struct order_g *g;

	for (size_t at = 0; (g = next_g(o, &at));) {
		release_regions(g);
		ranges_release(&g->ranges);
	}
	for (size_t at = 0; (s = map_next(&o->ps, &at));)
		ranges_release(&((struct order_p *)s->val)->ranges);
	for (size_t at = 0; (s = map_next(&o->tasks, &at));)
		name_release(&((struct order_task *)s->val)->type);
	if (o->ended)
		name_release(&o->ended->type);
	pool_release(&o->g_pool);
	pool_release(&o->p_pool);
	pool_release(&o->m_pool);
	pool_release(&o->task_pool);
	map_release(&o->far_gs);
	map_release(&o->ps);
	map_release(&o->ms);
	map_release(&o->tasks);
}

void order_begin_generation(struct order *o, uint64_t gen, const struct tables *tables)
{
	o->gen = gen;
	o->tables = o->ev.tables = tables;
}

static enum status name_keep(const struct order *o, struct name *n, struct err *err)
{
	struct slice text;
	uint8_t *copy;

	if (n->kept)
		return ST_OK;
	text = name_text(o, n);
	copy = mem_alloc(text.len);
	if (!copy)
		return err_nomem(err, "the name of an open task or region");
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	n->text = (struct slice){ copy, text.len };
	n->kept = true;
	return ST_OK;
}

enum status order_keep_names(struct order *o, struct err *err)
{
	enum status st = ST_OK;
	struct map_slot *s;
	struct order_g *g;

	for (size_t at = 0; !st && (g = next_g(o, &at));) {
		for (size_t i = 0; !st && i < g->n_regions; i++)
			st = name_keep(o, &g->regions[i].name, err);
	}
	for (size_t at = 0; !st && (s = map_next(&o->tasks, &at));)
		st = name_keep(o, &((struct order_task *)s->val)->type, err);
	return st;
}

/* Take the near place of its id; who has it becomes far, if it is not. */
static enum status come_near(struct order *o, struct order_g *g, struct err *err)
{
	struct order_g **place = &o->near_gs[(uint64_t)g->id % NEAR_GS];
	struct order_g *former = *place;

	if (former->status && !former->far) {
		enum status st = map_put(&o->far_gs, (uint64_t)former->id, former, err);

		if (st)
			return st;
		former->far = true;
		if ((uint64_t)former->id > o->last_far)
			o->last_far = (uint64_t)former->id;
	}
	*place = g;
	return ST_OK;
}

APART struct order_g *find_far_g(struct order *o, int64_t id)
{
	struct order_g *g = map_get(&o->far_gs, (uint64_t)id);

	/* Without memory for it the place stays as it is. */
	if (g)
		(void)!come_near(o, g, NULL);
	return g;
}

static void free_g(struct order *o, struct order_g *g)
{
	g->status = 0;
	pool_put(&o->g_pool, g);
}

APART struct order_g *add_g(struct order *o, int64_t id, enum g_status status, struct err *err)
{
	struct order_g *g = pool_take(&o->g_pool, err);

	if (!g)
		return NULL;
	/* pool_get() would call the C library to clear it; this is a few stores. */
	for (size_t at = 0; at < o->g_pool.size; at += LINE)
		memset((uint8_t *)g + at, 0, LINE);
	g->id = id;
	g->status = (uint8_t)status;
	g->seq.gen = o->gen;
	if (come_near(o, g, err)) {
		free_g(o, g);
		return NULL;
	}
	return g;
}

APART void remove_g(struct order *o, struct order_g *g)
{
	struct order_g **place = &o->near_gs[(uint64_t)g->id % NEAR_GS];

	if (g->far)
		map_del(&o->far_gs, (uint64_t)g->id);
	if (*place == g)
		*place = &o->no_g;
	release_regions(g);
	ranges_release(&g->ranges);
	free_g(o, g);
}

APART struct order_p *find_p(const struct order *o, int64_t id)
{
	return map_get(&o->ps, (uint64_t)id);
}

APART struct order_p *add_p(struct order *o, int64_t id, enum p_status status, struct err *err)
{
	struct order_p *p = pool_get(&o->p_pool, err);

	if (!p)
		return NULL;
	*p = (struct order_p){ .id = id, .status = (uint8_t)status, .seq = { o->gen, 0 } };
	return map_put(&o->ps, (uint64_t)id, p, err) ? NULL : p;
}

APART struct order_m *find_m(const struct order *o, int64_t id)
{
	return map_get(&o->ms, (uint64_t)id);
}

struct order_m *add_m(struct order *o, int64_t id, struct err *err)
{
	struct order_m *m = pool_get(&o->m_pool, err);

	if (!m)
		return NULL;
	*m = (struct order_m){ id, NO_GOROUTINE, NO_PROC, &o->no_g, &o->no_p };
	return map_put(&o->ms, (uint64_t)id, m, err) ? NULL : m;
}
