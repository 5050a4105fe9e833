#include "collector/trace/generation.h"
#include "collector/trace/stream.h"
#include "collector/trace/tables.h"

bool generation_has_all_names(const struct generation *g, const uint8_t *bytes)
{
	for (size_t i = 0; i < g->n_threads; i++) {
		struct err ignored = ERR_INIT;
		struct stream s;

		stream_init(&s, g, bytes, &g->threads[i]);
		while (!stream_next(&s, &ignored)) {
			struct event ev;

			stream_take(&s, stream_type(&s), &ev);
			if (!tables_resolve(&g->tables, &ev, ev.ids))
				return false;
		}
	}
	for (size_t i = 0; i < g->n_samples; i++)
		if (!tables_has_stack(&g->tables, g->samples[i].stack))
			return false;
	return true;
}
