#include "exporter/drain.h"

#define SECOND_NS ((uint64_t)1000000000)

/* From so many bytes a second on there is no limit worth the name. */
#define FASTEST ((uint64_t)1 << 40)

void drain_start(struct drain *d, uint64_t now_ns)
{
	d->on = d->rate;
	d->since_ns = d->next_ns = now_ns;
}

void drain_end(struct drain *d)
{
	d->on = false;
}

void drain_failed(struct drain *d, uint64_t now_ns)
{
	if (!d->down)
		d->down_ns = now_ns;
	d->down = true;
}

void drain_accepted(struct drain *d, uint64_t bytes, uint64_t now_ns)
{
	uint64_t rate = d->rate;

	if (d->down && now_ns - d->down_ns >= DRAIN_OUTAGE_NS)
		drain_start(d, now_ns);
	d->down = false;
	if (!d->on)
		return;
	for (uint64_t i = (now_ns - d->since_ns) / DRAIN_DOUBLES_NS; i && rate < FASTEST; i--)
		rate *= 2;
	if (rate >= FASTEST) {
		d->on = false;
		return;
	}
	if (d->next_ns < now_ns)
		d->next_ns = now_ns;
	/* Requests have 64 MiB at most: this fits. */
	d->next_ns += bytes * SECOND_NS / rate;
}

uint64_t drain_wait_ns(const struct drain *d, uint64_t now_ns)
{
	return d->on && d->next_ns > now_ns ? d->next_ns - now_ns : 0;
}
