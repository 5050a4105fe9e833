#include "tests/support/batches.h"

#include <stdlib.h>

#include "collector/trace/wire.h"
#include "tests/support/support.h"

static uint64_t number(struct slice t, size_t *at)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 70 && *at < t.len; shift += 7) {
		uint8_t byte = t.ptr[(*at)++];

		value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
		if (byte < 0x80)
			return value;
	}
	die("no number at byte %zu", *at);
}

static bool has_events(uint8_t kind, unsigned int version)
{
	switch (kind) {
	case EV_STRINGS:
	case EV_STACKS:
	case EV_CPU_SAMPLES:
		return false;
	case EV_FREQUENCY:
		return version >= 25;
	case EV_SYNC:
		return version < 25;
	default:
		return true;
	}
}

static void find_one(struct batches *b, struct slice t, size_t *at)
{
	struct batch_place p = { .start = *at };
	uint8_t type = t.ptr[(*at)++], experiment = 0;

	if (type != EV_END_OF_GENERATION) {
		if (type == EV_EXPERIMENTAL_BATCH)
			experiment = t.ptr[(*at)++];
		p.gen = number(t, at);
		p.m = (int64_t)number(t, at);
		(void)number(t, at);
		p.data = number(t, at) + *at;
	}
	p.end = p.data > *at ? p.data : *at;
	p.data = *at;
	if (p.end > t.len)
		die("a batch is cut at byte %zu", p.start);
	p.kind = p.end > p.data ? t.ptr[p.data] : 0;
	p.events = p.gen && !experiment && has_events(p.kind, b->version);
	*at = p.end;
	b->list = realloc(b->list, (b->n + 1) * sizeof(p));
	if (!b->list)
		die("out of memory");
	b->list[b->n++] = p;
}

void batches_find(struct batches *b, struct slice trace)
{
	size_t at = 16;

	if (trace.len < at)
		die("no trace");
	*b = (struct batches){ .version = (unsigned int)(trace.ptr[5] - '0') * 10 +
					  (unsigned int)(trace.ptr[6] - '0') };
	while (at < trace.len)
		find_one(b, trace, &at);
}

void batches_release(struct batches *b)
{
	free(b->list);
	*b = (struct batches){ .n = 0 };
}

size_t batches_events_end(const struct batches *b, uint64_t gen)
{
	size_t end = 0;

	for (size_t i = 0; i < b->n; i++)
		if (b->list[i].events && b->list[i].gen == gen)
			end = b->list[i].end;
	return end;
}
