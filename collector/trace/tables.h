/*
 * tables: the strings and stacks of one generation.
 *
 * Nothing is copied: an index leads from an id to the record inside the
 * generation's bytes, which the generation owns. Ids are local to a generation
 * and may be any 64-bit number; small ones are found by subscript, the others in
 * a hash map. Id 0 is the empty string and the empty stack; it is always there
 * and never recorded (trace format sections 2.4, 2.5).
 *
 * A generation that was cut lacks strings and stacks, and its last records may be
 * torn: `partial` tables have what there is. A string that is not there reads as
 * LOST_TEXT, a stack as an empty one.
 *
 * The reference keeps one frame per pc and generation, the first recorded. So
 * frames whose later records differ are looked up by pc (`first_frame`); real
 * traces have none and never pay for that.
 */
#ifndef COLLECTOR_TRACE_TABLES_H
#define COLLECTOR_TRACE_TABLES_H

#include "base/err.h"
#include "base/map.h"
#include "base/slice.h"
#include "collector/trace/event.h"

#define LOST_TEXT "?"

struct id_index {
	uint32_t *dense; /* offset of the record by id; 0 = look in sparse; [0] is 1 */
	size_t n;	 /* records */
	size_t n_dense;	 /* ids below this are in `dense` */
	uint64_t whole;	 /* all ids up to this one are there, as they are in real traces */
	struct map sparse;
};

struct tables {
	const uint8_t *bytes; /* the generation's; offsets count from here */
	size_t len;
	struct id_index strings, stacks;
	struct map first_frame; /* pc -> offset of its first record */
	bool frames_differ;	/* first_frame is needed for reading */
	bool partial;		/* of a generation that was cut */
};

/* A string or stack batch: where its records are in the generation's bytes. */
struct table_part {
	uint32_t off; /* first record, behind the batch's marker byte */
	uint32_t len;
};

void tables_init(struct tables *t);
void tables_release(struct tables *t);
/* Empty, for the next generation; keeps no memory. */
void tables_clear(struct tables *t);

/*
 * Index all parts over `bytes` and check every record, duplicates and the
 * strings of every frame included. err->offset counts from `bytes`.
 */
MUST_CHECK enum status tables_load(struct tables *t, const uint8_t *bytes, size_t len,
				   const struct table_part *strings, size_t n_strings,
				   const struct table_part *stacks, size_t n_stacks,
				   struct err *err);

/*
 * The same of a generation that was cut: what cannot be read of a part ends it,
 * and nothing is missed. Fails for want of memory and at a maximum only.
 */
MUST_CHECK enum status tables_load_partial(struct tables *t, const uint8_t *bytes, size_t len,
					   const struct table_part *strings, size_t n_strings,
					   const struct table_part *stacks, size_t n_stacks,
					   struct err *err);

COLD uint32_t id_index_get_sparse(const struct id_index *ix, uint64_t id);

/* The record of an id other than 0, as an offset; 0: none. */
HOT uint32_t id_index_get(const struct id_index *ix, uint64_t id)
{
	if (LIKELY(id < ix->n_dense && ix->dense[id]))
		return ix->dense[id];
	return id_index_get_sparse(ix, id);
}

/* Is there such a string or stack? 0 always is. */
HOT bool id_index_has(const struct id_index *ix, uint64_t id)
{
	return LIKELY(id <= ix->whole) || id_index_get(ix, id);
}

static inline bool tables_has_string(const struct tables *t, uint64_t id)
{
	return id_index_has(&t->strings, id);
}

static inline bool tables_has_stack(const struct tables *t, uint64_t id)
{
	return id_index_has(&t->stacks, id);
}

/* May an event name it? Of a generation that was cut, any string may be meant. */
static inline bool tables_may_name(const struct tables *t, uint64_t id)
{
	return tables_has_string(t, id) || t->partial;
}

/* Do all ids of an event, which its head says are `ids`, lead to something? */
HOT bool tables_resolve(const struct tables *t, const struct event *ev, unsigned int ids)
{
	for (unsigned int left = ids; left; left &= left - 1) {
		unsigned int i = (unsigned int)__builtin_ctz(left);
		const struct id_index *index = i < 4 ? &t->strings : &t->stacks;

		if (UNLIKELY(!id_index_has(index, ev->args[i % 4])))
			return false;
	}
	return true;
}

/* The string, borrowed until tables_clear(); empty when there is none, or LOST_TEXT. */
struct slice tables_string(const struct tables *t, uint64_t id);
/* The stack, ready for stack_next(); empty when there is none. */
struct stack tables_stack(const struct tables *t, uint64_t id);

#endif /* COLLECTOR_TRACE_TABLES_H */
