#include "exporter/span_limit.h"

#include "base/mem.h"

/* More than any span has. */
#define MAX_LIST ((size_t)1 << 20)

void span_limiter_init(struct span_limiter *l, const struct span_limits *limits,
		       struct span_sink next)
{
	*l = (struct span_limiter){ .limits = *limits, .next = next };
}

void span_limiter_release(struct span_limiter *l)
{
	mem_free(l->events);
	mem_free(l->links);
	*l = (struct span_limiter){ .limits = l->limits };
}

/* Leave at most `most` of *n; returns how many go. */
static uint32_t cut(size_t *n, uint64_t most)
{
	size_t over = *n > most ? *n - (size_t)most : 0;

	*n -= over;
	return over < UINT32_MAX ? (uint32_t)over : UINT32_MAX;
}

static uint32_t sum(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static bool event_over(const struct span *s, uint64_t most)
{
	for (size_t i = 0; i < s->n_events; i++) {
		if (s->events[i].n_attrs > most)
			return true;
	}
	return false;
}

static bool link_over(const struct span *s, uint64_t most)
{
	for (size_t i = 0; i < s->n_links; i++) {
		if (s->links[i].n_attrs > most)
			return true;
	}
	return false;
}

/* The events are borrowed, so that cutting them takes copies. */
static enum status cut_events(struct span_limiter *l, struct span *s, struct err *err)
{
	enum status st;

	if (!event_over(s, l->limits.event_attributes))
		return ST_OK;
	st = mem_grow((void **)&l->events, &l->cap_events, s->n_events, sizeof(*l->events),
		      MAX_LIST, "events of a span", err);
	if (st)
		return st;
	for (size_t i = 0; i < s->n_events; i++) {
		struct span_event *e = &l->events[i];

		*e = s->events[i];
		e->dropped_attrs =
			sum(e->dropped_attrs, cut(&e->n_attrs, l->limits.event_attributes));
	}
	s->events = l->events;
	return ST_OK;
}

static enum status cut_links(struct span_limiter *l, struct span *s, struct err *err)
{
	enum status st;

	s->dropped_links = sum(s->dropped_links, cut(&s->n_links, l->limits.links));
	if (!link_over(s, l->limits.link_attributes))
		return ST_OK;
	st = mem_grow((void **)&l->links, &l->cap_links, s->n_links, sizeof(*l->links), MAX_LIST,
		      "links of a span", err);
	if (st)
		return st;
	for (size_t i = 0; i < s->n_links; i++) {
		struct span_link *k = &l->links[i];

		*k = s->links[i];
		k->dropped_attrs =
			sum(k->dropped_attrs, cut(&k->n_attrs, l->limits.link_attributes));
	}
	s->links = l->links;
	return ST_OK;
}

static enum status emit(void *arg, const struct span *span, struct err *err)
{
	struct span_limiter *l = arg;
	struct span s = *span;
	enum status st;

	s.dropped_attrs = sum(s.dropped_attrs, cut(&s.n_attrs, l->limits.attributes));
	st = cut_events(l, &s, err);
	if (!st)
		st = cut_links(l, &s, err);
	return st ? st : l->next.emit(l->next.arg, &s, err);
}

/* One that is over some limit is not taken: emit() will cut it. */
static enum status emit_packed(void *arg, const struct packed_span *s, bool *taken, struct err *err)
{
	const struct span_limiter *l = arg;

	if (s->n_attrs > l->limits.attributes || s->n_links > l->limits.links ||
	    s->most_event_attrs > l->limits.event_attributes)
		return ST_OK;
	return l->next.emit_packed(l->next.arg, s, taken, err);
}

struct span_sink span_limiter_sink(struct span_limiter *l)
{
	return (struct span_sink){ emit, l, l->next.emit_packed ? emit_packed : NULL };
}
