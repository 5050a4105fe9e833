#include "mapping/stats_rows.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/limits.h"
#include "base/mem.h"

void stats_rows_init(struct stats_rows *t, size_t max, const char *what)
{
	*t = (struct stats_rows){ .max = max };
	map_init(&t->by_id, MAX_TABLE_RECORDS, what);
	map_init(&t->by_text, max, what);
}

void stats_rows_release(struct stats_rows *t)
{
	for (size_t i = 0; i < t->n; i++) {
		dist_release(&t->list[i]->dist);
		mem_free(t->list[i]);
	}
	mem_free((void *)t->list);
	map_release(&t->by_id);
	map_release(&t->by_text);
	stats_rows_init(t, t->max, t->by_text.what);
}

void stats_rows_new_generation(struct stats_rows *t)
{
	memset((void *)t->low, 0, sizeof(t->low));
	if (t->by_id.n)
		map_clear(&t->by_id);
}

/* A row with its name behind it; NULL: err is filled. */
static struct stats_row *add_row(struct stats_rows *t, struct slice text, struct err *err)
{
	struct stats_row *row;

	if (mem_grow((void **)&t->list, &t->cap, t->n + 1, sizeof(struct stats_row *), t->max + 1,
		     t->by_text.what, err))
		return NULL;
	row = mem_zalloc(sizeof(*row) + text.len);
	if (!row) {
		err_nomem(err, t->by_text.what);
		return NULL;
	}
	if (text.len)
		memcpy(row + 1, text.ptr, text.len);
	row->name = (struct slice){ (const uint8_t *)(row + 1), text.len };
	row->index = (uint32_t)t->n;
	t->list[t->n++] = row;
	return row;
}

static enum status rest_row(struct stats_rows *t, struct stats_row **out, struct err *err)
{
	struct stats_row *row = t->rest;

	if (!row) {
		row = add_row(t, (struct slice){ NULL, 0 }, err);
		if (!row)
			return err->code;
		row->rest = true;
		t->rest = row;
	}
	*out = row;
	return ST_OK;
}

static enum status row_of_text(struct stats_rows *t, struct slice text, struct stats_row **out,
			       struct err *err)
{
	uint64_t key = XXH3_64bits(text.len ? text.ptr : (const uint8_t *)"", text.len);
	struct stats_row *row;

	while ((row = map_get(&t->by_text, key)) && !slice_eq(row->name, text))
		key++;
	*out = row;
	if (row)
		return ST_OK;
	if (t->by_text.n >= t->max)
		return rest_row(t, out, err);
	*out = add_row(t, text, err);
	return *out ? map_put(&t->by_text, key, *out, err) : err->code;
}

enum status stats_rows_put(struct stats_rows *t, uint64_t id, struct slice text,
			   struct stats_row **out, struct err *err)
{
	enum status st = row_of_text(t, text, out, err);

	if (st)
		return st;
	if (id >= STATS_LOW_IDS)
		return map_put(&t->by_id, id, *out, err);
	t->low[id] = *out;
	return ST_OK;
}

static int compare_names(struct slice a, struct slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common ? memcmp(a.ptr, b.ptr, common) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_rows(const void *left, const void *right)
{
	const struct stats_row *a = *(const struct stats_row *const *)left;
	const struct stats_row *b = *(const struct stats_row *const *)right;

	if (a->rest != b->rest)
		return a->rest ? 1 : -1;
	if (a->dist.total_ns != b->dist.total_ns)
		return a->dist.total_ns < b->dist.total_ns ? 1 : -1;
	if (a->dist.count != b->dist.count)
		return a->dist.count < b->dist.count ? 1 : -1;
	return compare_names(a->name, b->name);
}

void stats_rows_sort(struct stats_rows *t)
{
	if (t->n)
		qsort((void *)t->list, t->n, sizeof(struct stats_row *), compare_rows);
}
