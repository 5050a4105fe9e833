#include "mapping/dist.h"

#include "base/mem.h"

void dist_release(struct dist *d)
{
	for (size_t i = 0; i < DIST_POWERS; i++)
		mem_free(d->buckets[i]);
	*d = (struct dist){ .count = 0 };
}

static uint64_t middle_of(unsigned int power, unsigned int step)
{
	uint64_t width;

	if (!power)
		return step;
	width = (uint64_t)1 << (power - 1);
	return (DIST_STEPS + step) * width + width / 2;
}

static enum status make_room(struct dist *d, unsigned int power, struct err *err)
{
	if (!d->buckets[power])
		d->buckets[power] = mem_zalloc(DIST_STEPS * sizeof(uint64_t));
	return d->buckets[power] ? ST_OK : err_nomem(err, "a histogram");
}

/* Everything but the buckets. */
static void add_sums(struct dist *to, uint64_t count, uint64_t total, uint64_t min, uint64_t max)
{
	if (!count)
		return;
	if (!to->count || min < to->min_ns)
		to->min_ns = min;
	if (max > to->max_ns)
		to->max_ns = max;
	to->count += count;
	to->total_ns = dist_sum(to->total_ns, total);
}

enum status dist_add_first(struct dist *d, uint64_t ns, struct err *err)
{
	unsigned int power = dist_power(ns);
	enum status st = make_room(d, power, err);

	if (st)
		return st;
	d->buckets[power][dist_step(ns, power)]++;
	add_sums(d, 1, ns, ns, ns);
	return ST_OK;
}

void dist_add_cut(struct dist *d, uint64_t ns)
{
	d->cut++;
	d->cut_ns = dist_sum(d->cut_ns, ns);
}

enum status dist_merge(struct dist *to, const struct dist *from, struct err *err)
{
	for (unsigned int p = 0; p < DIST_POWERS; p++) {
		enum status st;

		if (!from->buckets[p])
			continue;
		st = make_room(to, p, err);
		if (st)
			return st;
		for (size_t i = 0; i < DIST_STEPS; i++)
			to->buckets[p][i] += from->buckets[p][i];
	}
	add_sums(to, from->count, from->total_ns, from->min_ns, from->max_ns);
	to->cut += from->cut;
	to->cut_ns = dist_sum(to->cut_ns, from->cut_ns);
	return ST_OK;
}

static uint64_t clamp(const struct dist *d, uint64_t ns)
{
	if (ns < d->min_ns)
		return d->min_ns;
	return ns > d->max_ns ? d->max_ns : ns;
}

uint64_t dist_quantile(const struct dist *d, unsigned int per_mille)
{
	/* Rounded up, and in this form no count overflows. */
	uint64_t rank = d->count / 1000 * per_mille + (d->count % 1000 * per_mille + 999) / 1000;
	uint64_t seen = 0;

	for (unsigned int p = 0; p < DIST_POWERS; p++) {
		if (!d->buckets[p])
			continue;
		for (unsigned int i = 0; i < DIST_STEPS; i++) {
			seen += d->buckets[p][i];
			if (seen >= rank && seen)
				return clamp(d, middle_of(p, i));
		}
	}
	return d->max_ns;
}
