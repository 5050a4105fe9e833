#include "mapping/idset.h"

#include "base/limits.h"
#include "base/mem.h"

#define PAGE_BITS 4096u

struct page {
	uint64_t bits[PAGE_BITS / 64];
};

void idset_init(struct idset *s)
{
	s->full = false;
	map_init(&s->pages, MAX_ENDED_TASK_PAGES, "pages of ended tasks");
}

void idset_release(struct idset *s)
{
	struct map_slot *slot;

	for (size_t at = 0; (slot = map_next(&s->pages, &at));)
		mem_free(slot->val);
	map_release(&s->pages);
}

bool idset_has(const struct idset *s, uint64_t id)
{
	const struct page *p = map_get(&s->pages, id / PAGE_BITS);

	return p && p->bits[id % PAGE_BITS / 64] >> (id % 64) & 1;
}

enum status idset_add(struct idset *s, uint64_t id, struct err *err)
{
	struct page *p = map_get(&s->pages, id / PAGE_BITS);

	if (!p) {
		enum status st;

		if (s->pages.n >= MAX_ENDED_TASK_PAGES) {
			s->full = true;
			return ST_OK;
		}
		p = mem_zalloc(sizeof(*p));
		if (!p)
			return err_nomem(err, "the set of ended tasks");
		st = map_put(&s->pages, id / PAGE_BITS, p, err);
		if (st) {
			mem_free(p);
			return st;
		}
	}
	p->bits[id % PAGE_BITS / 64] |= (uint64_t)1 << (id % 64);
	return ST_OK;
}
