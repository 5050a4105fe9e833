#include "mapping/stackpool.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

void stackpool_init(struct stackpool *p, size_t max_text)
{
	*p = (struct stackpool){ .max_text = max_text };
	map_init(&p->by_id, MAX_TABLE_RECORDS, "stacks");
	map_init(&p->by_hash, MAX_POOLED_TEXTS, "pooled texts");
	buf_init(&p->scratch, MAX_STACK_TEXT);
}

void stackpool_release(struct stackpool *p)
{
	struct map_slot *s;

	for (size_t at = 0; (s = map_next(&p->by_hash, &at));)
		mem_free(s->val);
	map_release(&p->by_hash);
	map_release(&p->by_id);
	buf_release(&p->scratch);
}

void stackpool_new_generation(struct stackpool *p)
{
	map_clear(&p->by_id);
	memset((void *)p->low, 0, sizeof(p->low));
}

/* Two stacks may have the same text by what was cut off; they differ then in this. */
static uint64_t seed_of(const struct pooled *what)
{
	return (uint64_t)what->detail << 2 | (uint64_t)what->cut << 1 | what->own;
}

static enum status put(struct stackpool *p, struct slice text, const struct pooled *what,
		       const struct pooled **out, struct err *err)
{
	uint64_t hash = XXH3_64bits_withSeed(text.len ? text.ptr : (const uint8_t *)"", text.len,
					     seed_of(what));
	struct pooled *have = map_get(&p->by_hash, hash);
	enum status st;

	*out = have;
	/* 64 bits over a few thousand texts: on a collision the first text stands. */
	if (have)
		return ST_OK;
	if (p->by_hash.n >= MAX_POOLED_TEXTS || p->bytes + text.len > MAX_POOLED_BYTES) {
		p->left_out++;
		return ST_OK;
	}
	have = mem_alloc(sizeof(*have) + text.len);
	if (!have)
		return err_nomem(err, "a stack's text");
	*have = *what;
	have->len = text.len;
	have->valid = utf8_valid(text);
	if (text.len)
		memcpy(have->text, text.ptr, text.len);
	st = map_put(&p->by_hash, hash, have, err);
	if (st) {
		mem_free(have);
		return st;
	}
	p->bytes += text.len;
	*out = have;
	return ST_OK;
}

enum status stackpool_text(struct stackpool *p, struct slice text, const struct pooled **out,
			   struct err *err)
{
	struct pooled plain = { .len = text.len };

	return put(p, text, &plain, out, err);
}

/* Append the frames of the program, or those of the standard library; false: cut. */
static bool spell_part(struct stackpool *p, struct stack s, bool standard)
{
	struct frame f;

	while (stack_next(&s, &f)) {
		size_t before = p->scratch.len;

		if (gofunc_is_standard(f.func) != standard)
			continue;
		buf_slice(&p->scratch, f.func);
		buf_str(&p->scratch, "\n\t");
		buf_slice(&p->scratch, f.file);
		buf_u8(&p->scratch, ':');
		buf_u64(&p->scratch, f.line);
		buf_u8(&p->scratch, '\n');
		/* Whole frames only, but for a first one that is too long by itself. */
		if (p->scratch.len > p->max_text) {
			p->scratch.len =
				before ? before : utf8_cut(buf_view(&p->scratch), p->max_text).len;
			return false;
		}
	}
	return true;
}

static void spell(struct stackpool *p, struct stack s, struct pooled *what)
{
	struct detail_scan scan = { .beyond = false };
	struct stack frames = s;
	struct frame f;

	buf_clear(&p->scratch);
	while (stack_next(&frames, &f))
		detail_scan_frame(&scan, f.func);
	what->detail = (uint8_t)detail_scan_result(&scan);
	what->cut = !spell_part(p, s, false);
	what->own = p->scratch.len > 0;
	if (!what->cut)
		what->cut = !spell_part(p, s, true);
}

enum status stackpool_string(struct stackpool *p, uint64_t id, struct slice text,
			     const struct pooled **out, struct err *err)
{
	enum status st = stackpool_text(p, text, out, err);

	if (!st && id < POOL_LOW_IDS)
		p->low[id] = *out;
	return st;
}

APART enum status stackpool_spell(struct stackpool *p, const struct event *ev, uint64_t id,
				  const struct pooled **out, struct err *err)
{
	struct pooled *have = map_get(&p->by_id, id);
	struct pooled what = { .len = 0 };
	struct stack s;
	enum status st;

	*out = have;
	if (have || !event_stack(ev, &s))
		return ST_OK;
	spell(p, s, &what);
	st = buf_status(&p->scratch, "a stack's text", err);
	if (!st)
		st = put(p, buf_view(&p->scratch), &what, out, err);
	if (!st && *out && id < POOL_LOW_IDS)
		p->low[id] = *out;
	else if (!st && *out)
		st = map_put(&p->by_id, id,
			     (void *)(uintptr_t)*out, // NOLINT(performance-no-int-to-ptr)
			     err);
	return st;
}
