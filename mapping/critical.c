/*
 * The critical path of a task, and what a waker did while somebody waited for it.
 *
 * The path leads from the task's end back to its begin: along what the goroutine
 * did, at each wait on to the goroutine that ended it, at a goroutine's begin to
 * its creator. Its parts are as long as the task together. The spans below a root
 * task, or one adopted by the application's trace, that lie on its path are marked. Of a
 * waker, only its own time since the wait began is told: one level.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "mapping/waits.h"

static int by_goroutine(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	if (x->goroutine != y->goroutine)
		return x->goroutine < y->goroutine ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* Is there a segment of that goroutine inside the time of the node? */
static bool is_on(const struct segment *list, size_t n, const struct node *node)
{
	size_t low = 0, high = n;

	/* The first one that ends after the node's begin. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct segment *s = &list[middle];

		if (s->goroutine < node->goroutine ||
		    (s->goroutine == node->goroutine && s->to <= node->start))
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && list[low].goroutine == node->goroutine &&
	       (!node->ended || list[low].from < node->end);
}

/*
 * The task whose path the node is marked by, if not the node itself: the nearest above
 * that is in the application's trace, else the root. One capture knows what is above a
 * task that was adopted, another doesn't: so that says nothing of what is below it.
 */
static const struct node *path_owner(const struct node *n)
{
	while (n->parent && !n->adopted)
		n = n->parent;
	return n;
}

/* They are few, as a rule, and come the latest first: from the front, nothing moves far. */
#define FEW_SEGMENTS 32u

static void sort(struct segment *list, size_t n)
{
	if (n > FEW_SEGMENTS) {
		qsort(list, n, sizeof(*list), by_goroutine);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct segment s = list[i];
		size_t k = i;

		for (; k > 0 && by_goroutine(&s, &list[k - 1]) < 0; k--)
			list[k] = list[k - 1];
		list[k] = s;
	}
}

/* Mark what is on the path of a task that is at the top. */
static void mark(struct mapper *m, const struct node *top, size_t n)
{
	struct trace *t = top->trace;
	/* Where nothing was adopted, all is below the first one. */
	bool all = top == t->nodes[0] && !t->stale;

	sort(m->segments, n);
	for (size_t i = 0; i < t->n_nodes; i++) {
		struct node *x = t->nodes[i];

		if (x != top && (all || path_owner(x) == top) && is_on(m->segments, n, x))
			x->critical = true;
	}
	for (size_t i = 0; i < t->n_leaves; i++) {
		struct node *x = t->leaves[i];

		if ((all || path_owner(x) == top) && is_on(m->segments, n, x))
			x->critical = true;
	}
}

static struct path *path_new(struct mapper *m, struct err *err)
{
	return pool_get(&m->paths, err);
}

void path_free(struct mapper *m, struct path *p)
{
	if (!p)
		return;
	budget_clear(&m->budgets, &p->sums);
	pool_put(&m->paths, p);
}

enum status critical_path(struct mapper *m, struct node *task, struct goroutine *g, int64_t end,
			  struct err *err)
{
	bool marks = path_owner(task) == task && task->trace->n_nodes + task->trace->n_leaves > 1;
	struct walk w = { .history = &m->history,
			  .pools = &m->budgets,
			  .max_segments = MAX_PATH_SEGMENTS,
			  .begin = task->start,
			  .follow = true,
			  .now = end,
			  .goroutine = g->id };
	struct stop stop; /* not over yet */
	enum status st;

	if (task->left_out)
		return ST_OK;
	/* It ends a task in the middle of a system call: nothing forbids that. */
	if (g->calling && call_settle(m, g, err))
		return err->code;
	if (!m->segments)
		m->segments = mem_alloc(MAX_PATH_SEGMENTS * sizeof(*m->segments));
	if (!m->segments)
		return err_nomem(err, "a critical path");
	w.segments = marks ? m->segments : NULL;
	w.path = task->path = path_new(m, err);
	if (!w.path)
		return err->code;
	stop = g->track.stop;
	if (!stop.ready)
		stop.ready = end;
	st = history_walk(&w, g->track.last, stop.on ? &stop : NULL, err);
	if (!st && marks)
		mark(m, task, w.n_segments);
	return st;
}

enum status waker_path(struct mapper *m, const struct stop *stop, struct path **out,
		       struct err *err)
{
	struct walk w = { .history = &m->history,
			  .pools = &m->budgets,
			  .begin = stop->began,
			  .now = stop->ready,
			  .goroutine = stop->waker };

	w.path = *out = path_new(m, err);
	return w.path ? history_walk(&w, stop->waker_last, NULL, err) : err->code;
}
