/* What the ordering knows of goroutines, procs, threads and tasks: its memory, and finding it. */
#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/order_state.h"

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
	size_t size = (sizeof(struct order_g) + bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;

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

static enum status become_far(struct order *o, struct order_g *g, struct err *err)
{
	enum status st = map_put(&o->far_gs, (uint64_t)g->id, g, err);

	if (st)
		return st;
	g->far = true;
	if ((uint64_t)g->id > o->last_far)
		o->last_far = (uint64_t)g->id;
	return ST_OK;
}

static bool must_become_far(const struct order_g *g)
{
	return g->status && !g->far;
}

/* Take the near place of its id; who has it becomes far, if it is not. */
static enum status come_near(struct order *o, struct order_g *g, struct err *err)
{
	struct order_g **place = near_place(o, g->id);

	if (must_become_far(*place)) {
		enum status st = become_far(o, *place, err);

		if (st)
			return st;
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

static void begin_g(const struct order *o, struct order_g *g, int64_t id, enum g_status status)
{
	g->id = id;
	g->status = (uint8_t)status;
	g->seq.gen = o->gen;
}

/* The long way: there is none to use again, or its place has one that must become far. */
APART static struct order_g *add_new_g(struct order *o, int64_t id, enum g_status status,
				       struct err *err)
{
	struct order_g *g = pool_get(&o->g_pool, err);

	if (!g)
		return NULL;
	begin_g(o, g, id, status);
	if (come_near(o, g, err)) {
		free_g(o, g);
		return NULL;
	}
	return g;
}

APART struct order_g *add_g(struct order *o, int64_t id, enum g_status status, struct err *err)
{
	struct order_g **place = near_place(o, id);
	struct order_g *g;

	if (UNLIKELY(must_become_far(*place)))
		return add_new_g(o, id, status, err);
	g = pool_reuse(&o->g_pool);
	if (UNLIKELY(!g))
		return add_new_g(o, id, status, err);
	/* A few stores, where pool_get() calls the C library. */
	for (size_t at = 0; at < o->g_pool.size; at += CACHE_LINE)
		memset((uint8_t *)g + at, 0, CACHE_LINE);
	begin_g(o, g, id, status);
	*place = g;
	return g;
}

/* One that has what few have when they end. */
APART static void remove_rich_g(struct order *o, struct order_g *g)
{
	if (g->far)
		map_del(&o->far_gs, (uint64_t)g->id);
	release_regions(g);
	ranges_release(&g->ranges);
	free_g(o, g);
}

APART void remove_g(struct order *o, struct order_g *g)
{
	struct order_g **place = near_place(o, g->id);

	if (*place == g)
		*place = &o->no_g;
	if (UNLIKELY(g->far || g->regions || g->ranges.more))
		remove_rich_g(o, g);
	else
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
