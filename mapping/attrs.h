/*
 * attrs: the attributes of one span or event while it is put together.
 *
 * The list is borrowed scratch memory of a size that fits everything there is;
 * keys and texts are borrowed too. Texts are cut to a maximum, and cuts counted.
 */
#ifndef MAPPING_ATTRS_H
#define MAPPING_ATTRS_H

#include <assert.h>

#include "base/utf8.h"
#include "mapping/keys.h"
#include "mapping/span.h"

struct attrs {
	struct attr *list;
	size_t n, max;
	size_t text_max; /* bytes */
	uint32_t n_cut;	 /* texts that were longer, stacks that had more frames */
};

static inline struct attr *attrs_next(struct attrs *a)
{
	assert(a->n < a->max);
	return &a->list[a->n++];
}

/* A key of one of the families, which are ready unless they are long. */
static inline void attrs_named(struct attrs *a, struct slice key, bool ready, int64_t v)
{
	*attrs_next(a) = (struct attr){ .key = key, .type = ATTR_INT, .ready = ready, .i = v };
}

static inline void attrs_int(struct attrs *a, enum attribute_key key, int64_t v)
{
	attrs_named(a, key_names[key], true, v);
}

static inline void attrs_true(struct attrs *a, enum attribute_key key)
{
	*attrs_next(a) =
		(struct attr){ .key = key_names[key], .type = ATTR_BOOL, .ready = true, .b = true };
}

/* Most sums are zero: those are not told. */
static inline void attrs_sum(struct attrs *a, enum attribute_key key, uint64_t v)
{
	if (v)
		attrs_int(a, key, (int64_t)v);
}

static inline void attrs_str(struct attrs *a, enum attribute_key key, struct slice v)
{
	struct slice text = utf8_cut(v, a->text_max);

	a->n_cut += text.len < v.len;
	*attrs_next(a) = (struct attr){
		.key = key_names[key], .type = ATTR_STRING, .ready = true, .str = text
	};
}

#endif /* MAPPING_ATTRS_H */
