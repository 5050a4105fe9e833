#include "collector/trace/samples.h"

#include "base/limits.h"
#include "base/mem.h"
#include "collector/trace/timesort.h"

enum status samples_read(struct generation *g, struct cursor *c, struct err *err)
{
	while (!cursor_at_end(c)) {
		size_t at = cursor_offset(c);
		uint64_t time, m, p, goid, stack;
		uint8_t type;
		enum status st;

		if (!cursor_u8(c, &type) || type != EV_CPU_SAMPLE)
			return err_set(err, ST_FORMAT, at, "expected a CPU sample");
		if (!cursor_uvarint(c, &time) || !cursor_uvarint(c, &m) || !cursor_uvarint(c, &p) ||
		    !cursor_uvarint(c, &goid) || !cursor_uvarint(c, &stack))
			return err_set(err, ST_FORMAT, at, "CPU sample is cut off");
		st = mem_grow((void **)&g->samples, &g->cap_samples, g->n_samples + 1,
			      sizeof(*g->samples), MAX_CPU_SAMPLES, "CPU samples", err);
		if (st)
			return st;
		g->samples[g->n_samples++] = (struct cpu_sample){
			.time = (int64_t)time,
			.m = (int64_t)m,
			.p = (int64_t)p,
			.g = goid ? (int64_t)goid : NO_GOROUTINE,
			.stack = stack,
		};
	}
	return ST_OK;
}

enum status samples_sort(struct generation *g, struct err *err)
{
	struct timed *order;
	struct cpu_sample *sorted;

	if (!g->n_samples || g->samples_sorted)
		return ST_OK;
	order = mem_alloc(g->n_samples * sizeof(*order));
	sorted = mem_alloc(g->cap_samples * sizeof(*sorted));
	if (!order || !sorted) {
		mem_free(order);
		mem_free(sorted);
		return err_nomem(err, "CPU samples");
	}
	for (size_t i = 0; i < g->n_samples; i++) {
		struct cpu_sample *s = &g->samples[i];

		order[i].item = s;
		if (!generation_ns(g, (uint64_t)s->time, &order[i].time)) {
			mem_free(order);
			mem_free(sorted);
			return err_set(err, ST_FORMAT, ERR_NO_OFFSET,
				       "time of a CPU sample is out of range");
		}
	}
	timesort(order, g->n_samples);
	for (size_t i = 0; i < g->n_samples; i++) {
		sorted[i] = *(const struct cpu_sample *)order[i].item;
		sorted[i].time = order[i].time;
	}
	mem_free(order);
	mem_free(g->samples);
	g->samples = sorted;
	g->samples_sorted = true;
	return ST_OK;
}
