#include "tests/unit/span_gen.h"

#include <inttypes.h>
#include <math.h>
#include <sys/random.h>

/* xorshift64*: small, and the same everywhere. */
static uint64_t next(struct span_gen *g)
{
	g->state ^= g->state >> 12;
	g->state ^= g->state << 25;
	g->state ^= g->state >> 27;
	return g->state * 0x2545f4914f6cdd1du;
}

uint64_t span_gen_below(struct span_gen *g, uint64_t n)
{
	return (next(g) >> 11) % n;
}

void span_gen_init(struct span_gen *g, uint64_t seed)
{
	*g = (struct span_gen){ .state = seed ? seed : 1 };
}

/* A number of any magnitude. */
static uint64_t any_u64(struct span_gen *g)
{
	uint64_t v = next(g);

	return v >> span_gen_below(g, 64);
}

static uint8_t any_byte(struct span_gen *g, uint64_t kind)
{
	uint8_t byte = (uint8_t)next(g);

	if (kind < 6) /* printable */
		return (uint8_t)(' ' + byte % 95);
	if (kind < 8) /* ASCII with control characters */
		byte &= 0x7f;
	return byte || g->nul ? byte : 'x';
}

static struct slice any_text(struct span_gen *g)
{
	static const char runes[] = "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"\\";
	static const uint64_t lengths[] = { 1, 9, 9, 20, 40, 40, 150, 1000 };
	uint64_t kind = span_gen_below(g, 10);
	size_t len = (size_t)span_gen_below(g, lengths[span_gen_below(g, 8)]);
	uint8_t *text = g->text + g->n_text;

	if (len > GEN_TEXT - g->n_text)
		len = GEN_TEXT - g->n_text;
	for (size_t i = 0; i < len; i++)
		text[i] = any_byte(g, kind);
	if (kind == 8) {
		for (size_t i = 0; i < len; i++)
			text[i] = (uint8_t)runes[i % (sizeof(runes) - 1)];
	}
	g->n_text += len;
	return (struct slice){ text, len };
}

static struct attr any_attr(struct span_gen *g)
{
	static const double doubles[] = { 0,	   -0.0,    1,	 0.1,	   1e300,
					  -5e-324, 1.0 / 3, NAN, INFINITY, -INFINITY };
	struct attr a = { .key = any_text(g) };

	switch (span_gen_below(g, 6)) {
	case 0:
		a.type = ATTR_INT;
		a.i = (int64_t)(any_u64(g) * (span_gen_below(g, 2) ? 1 : UINT64_MAX));
		break;
	case 1:
		a.type = ATTR_BOOL;
		a.b = span_gen_below(g, 2);
		break;
	case 2:
		a.type = ATTR_DOUBLE;
		a.d = doubles[span_gen_below(g, sizeof(doubles) / sizeof(doubles[0]))];
		break;
	default:
		a.type = ATTR_STRING;
		a.str = any_text(g);
	}
	return a;
}

static const struct attr *any_attrs(struct span_gen *g, size_t max, size_t *n)
{
	const struct attr *first = g->attrs + g->n_attrs;

	*n = (size_t)span_gen_below(g, max + 1);
	if (*n > GEN_ATTRS - g->n_attrs)
		*n = GEN_ATTRS - g->n_attrs;
	for (size_t i = 0; i < *n; i++)
		g->attrs[g->n_attrs++] = any_attr(g);
	return *n ? first : NULL;
}

static void any_id(struct span_gen *g, uint8_t *id, size_t len)
{
	for (size_t i = 0; i < len; i++)
		id[i] = (uint8_t)next(g);
	id[span_gen_below(g, len)] |= 1;
}

static uint32_t any_count(struct span_gen *g)
{
	return span_gen_below(g, 4) ? 0 : (uint32_t)any_u64(g);
}

static uint64_t any_time(struct span_gen *g)
{
	return span_gen_below(g, 8) ? 1763900000000000000 + any_u64(g) / 8 : any_u64(g);
}

static void any_event(struct span_gen *g, struct span_event *e)
{
	*e = (struct span_event){
		.time_unix_ns = any_time(g),
		.name = any_text(g),
		.dropped_attrs = any_count(g),
	};
	e->attrs = any_attrs(g, 5, &e->n_attrs);
}

static void any_link(struct span_gen *g, struct span_link *l)
{
	*l = (struct span_link){ .flags = any_count(g), .dropped_attrs = any_count(g) };
	any_id(g, l->trace_id, TRACE_ID_BYTES);
	any_id(g, l->span_id, SPAN_ID_BYTES);
	l->attrs = any_attrs(g, 3, &l->n_attrs);
}

struct span span_gen_next(struct span_gen *g)
{
	struct span s = { 0 };

	g->n_attrs = g->n_text = 0;
	any_id(g, s.trace_id, TRACE_ID_BYTES);
	any_id(g, s.span_id, SPAN_ID_BYTES);
	if (span_gen_below(g, 4))
		any_id(g, s.parent_id, SPAN_ID_BYTES);
	s.scope = (enum span_scope)span_gen_below(g, N_SCOPES);
	s.name = any_text(g);
	s.start_unix_ns = any_time(g);
	s.end_unix_ns = any_time(g);
	s.flags = any_count(g);
	s.attrs = any_attrs(g, 12, &s.n_attrs);
	s.dropped_attrs = any_count(g);
	s.dropped_events = any_count(g);
	s.dropped_links = any_count(g);
	s.events = g->events;
	s.n_events = (size_t)span_gen_below(g, 2) * (size_t)span_gen_below(g, GEN_LISTS + 1);
	for (size_t i = 0; i < s.n_events; i++)
		any_event(g, &g->events[i]);
	s.links = g->links;
	s.n_links = (size_t)span_gen_below(g, 2) * (size_t)span_gen_below(g, GEN_LISTS + 1);
	for (size_t i = 0; i < s.n_links; i++)
		any_link(g, &g->links[i]);
	return s;
}

struct resource span_gen_resource(struct span_gen *g, size_t max)
{
	struct resource r;

	g->n_attrs = g->n_text = 0;
	r.attrs = any_attrs(g, max, &r.n_attrs);
	return r;
}

uint64_t span_gen_seed(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = 0;

	if (given)
		return strtoumax(given, NULL, 0);
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = 1;
	return seed;
}
