#include "mapping/stats_stacks.h"

#include <xxhash.h>

#include "base/limits.h"
#include "base/mem.h"

/* Reason and stack id make one key as long as the id fits above the reason. */
#define REASON_BITS 6u
_Static_assert(MAX_STATS_REASONS < 1u << REASON_BITS, "a reason's index fits its bits");

struct frame_head {
	uint64_t line;
	uint32_t func_len, file_len;
};

#define MAX_FRAME_TEXT (sizeof(struct frame_head) + (size_t)2 * WIRE_STRING_BYTES)

void stats_stacks_init(struct stats_stacks *t)
{
	*t = (struct stats_stacks){ .bytes = 0 };
	pool_init(&t->stacks, sizeof(struct stats_stack), MAX_STATS_STACKS, "blocking stacks");
	map_init(&t->by_site, MAX_STATS_SITES, "blocking sites");
	map_init(&t->by_text, MAX_STATS_STACKS, "blocking stacks");
	buf_init(&t->scratch, WIRE_STACK_FRAMES * MAX_FRAME_TEXT);
}

void stats_stacks_release(struct stats_stacks *t)
{
	struct map_slot *slot;
	size_t at = 0;

	while ((slot = map_next(&t->by_text, &at))) {
		mem_free(((struct stats_stack *)slot->val)->owned);
	}
	pool_release(&t->stacks);
	map_release(&t->by_site);
	map_release(&t->by_text);
	buf_release(&t->scratch);
}

void stats_stacks_new_generation(struct stats_stacks *t)
{
	memset(t->near, 0, sizeof(t->near));
	if (t->by_site.n)
		map_clear(&t->by_site);
}

/* Spell the frames into scratch; a head and two texts each. */
static enum status spell(struct stats_stacks *t, const struct event *ev, uint32_t *n,
			 struct err *err)
{
	struct stack stack;
	struct frame f;

	*n = 0;
	buf_clear(&t->scratch);
	if (!event_stack(ev, &stack))
		return ST_OK;
	for (; stack_next(&stack, &f); ++*n) {
		struct frame_head head = { f.line, (uint32_t)f.func.len, (uint32_t)f.file.len };

		buf_add(&t->scratch, &head, sizeof(head));
		buf_slice(&t->scratch, f.func);
		buf_slice(&t->scratch, f.file);
	}
	return buf_status(&t->scratch, "a stack", err);
}

static enum status add_stack(struct stats_stacks *t, uint64_t key, struct stats_stack **out,
			     struct err *err)
{
	struct stats_stack *s = pool_get(&t->stacks, err);
	uint8_t *text;
	enum status st;

	if (!s)
		return err->code;
	text = mem_alloc(t->scratch.len);
	if (!text) {
		st = err_nomem(err, "a stack");
		goto fail;
	}
	if (t->scratch.len)
		memcpy(text, t->scratch.ptr, t->scratch.len);
	st = map_put(&t->by_text, key, s, err);
	if (st)
		goto fail;
	s->owned = text;
	s->text = (struct slice){ text, t->scratch.len };
	t->bytes += t->scratch.len;
	*out = s;
	return ST_OK;
fail:
	mem_free(text);
	pool_put(&t->stacks, s);
	return st;
}

/* By contents: an equal stack, a new one, or the rest. */
APART static enum status find_text(struct stats_stacks *t, const struct event *ev,
				   const struct stats_row *reason, struct stats_stack **out,
				   struct err *err)
{
	struct stats_stack *s;
	struct slice text;
	uint32_t n;
	uint64_t key;
	enum status st = spell(t, ev, &n, err);

	if (st)
		return st;
	text = buf_view(&t->scratch);
	key = XXH3_64bits_withSeed(text.len ? text.ptr : (const uint8_t *)"", text.len,
				   reason->index);
	while ((s = map_get(&t->by_text, key)) && (s->reason != reason || !slice_eq(s->text, text)))
		key++;
	*out = s ? s : &t->rest;
	if (s || t->by_text.n >= MAX_STATS_STACKS || text.len > MAX_STATS_STACK_BYTES - t->bytes)
		return ST_OK;
	st = add_stack(t, key, out, err);
	if (st)
		return st;
	(*out)->reason = reason;
	(*out)->n_frames = n;
	return ST_OK;
}

/* By id: known in this generation, or spelled. */
APART static enum status find_site(struct stats_stacks *t, const struct event *ev,
				   const struct stats_row *reason, uint64_t site,
				   struct stats_stack **out, struct err *err)
{
	enum status st;

	*out = map_get(&t->by_site, site);
	if (*out)
		return ST_OK;
	st = find_text(t, ev, reason, out, err);
	if (st || t->by_site.n >= MAX_STATS_SITES)
		return st;
	return map_put(&t->by_site, site, *out, err);
}

enum status stats_stacks_find(struct stats_stacks *t, const struct event *ev, unsigned int type,
			      const struct stats_row *reason, struct stats_stack **out,
			      struct err *err)
{
	uint64_t id = event_stack_of(ev, type);
	uint64_t site = id << REASON_BITS | reason->index;
	/* Neighbours in id and reason are neighbours here. */
	struct stats_site *near = &t->near[(id * 4 + reason->index) % STATS_NEAR_SITES];
	enum status st;

	if (LIKELY(near->stack && near->key == site)) {
		*out = near->stack;
		return ST_OK;
	}
	if (id >> (64 - REASON_BITS))
		return find_text(t, ev, reason, out, err);
	st = find_site(t, ev, reason, site, out, err);
	if (!st)
		*near = (struct stats_site){ site, *out };
	return st;
}

bool stats_frame_next(struct slice *text, struct frame *out)
{
	struct frame_head head;

	if (text->len < sizeof(head))
		return false;
	memcpy(&head, text->ptr, sizeof(head));
	text->ptr += sizeof(head);
	*out = (struct frame){ .func = { text->ptr, head.func_len },
			       .file = { text->ptr + head.func_len, head.file_len },
			       .line = head.line };
	text->ptr += (size_t)head.func_len + head.file_len;
	text->len -= sizeof(head) + head.func_len + head.file_len;
	return true;
}

/* Below 0: `a` comes first. The order does not depend on ids or hashes. */
static int compare(const struct stats_stack *a, const struct stats_stack *b)
{
	uint64_t time_a = dist_sum(a->total_ns, a->cut_ns);
	uint64_t time_b = dist_sum(b->total_ns, b->cut_ns);
	size_t common = a->text.len < b->text.len ? a->text.len : b->text.len;

	if (time_a != time_b)
		return time_a > time_b ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	if (a->reason != b->reason)
		return a->reason->index < b->reason->index ? -1 : 1;
	if (a->text.len != b->text.len)
		return a->text.len < b->text.len ? -1 : 1;
	return common ? memcmp(a->text.ptr, b->text.ptr, common) : 0;
}

size_t stats_stacks_top(const struct stats_stacks *t, const struct stats_stack **top, size_t max)
{
	const struct map_slot *slot;
	size_t n = 0, at = 0;

	while ((slot = map_next(&t->by_text, &at))) {
		const struct stats_stack *s = slot->val;
		size_t i = n;

		if (n == max && compare(s, top[n - 1]) >= 0)
			continue;
		if (n < max)
			n++;
		else
			i--;
		for (; i && compare(s, top[i - 1]) < 0; i--)
			top[i] = top[i - 1];
		top[i] = s;
	}
	return n;
}
