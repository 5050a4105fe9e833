#include "collector/trace/generation.h"
#include "collector/trace/stream.h"
#include "collector/trace/tables.h"

static bool resolves(const struct tables *t, const struct wire_event *ev)
{
	const struct wire_ids *ids = &wire_ids[ev->type];
	const uint64_t *a = ev->args;

	return (!ids->stack || tables_has_stack(t, a[ids->stack - 1])) &&
	       (!ids->start_stack || tables_has_stack(t, a[ids->start_stack - 1])) &&
	       (!ids->string1 || tables_has_string(t, a[ids->string1 - 1])) &&
	       (!ids->string2 || tables_has_string(t, a[ids->string2 - 1]));
}

bool generation_has_all_names(const struct generation *g, const uint8_t *bytes)
{
	for (size_t i = 0; i < g->n_threads; i++) {
		struct err ignored = ERR_INIT;
		struct stream s;

		stream_init(&s, g, bytes, &g->threads[i]);
		while (!stream_next(&s, &ignored))
			if (!resolves(&g->tables, &s.ev))
				return false;
	}
	for (size_t i = 0; i < g->n_samples; i++)
		if (!tables_has_stack(&g->tables, g->samples[i].stack))
			return false;
	return true;
}
