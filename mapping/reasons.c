#include "mapping/reasons.h"

#include "base/buf.h"
#include "base/mem.h"
#include "mapping/keys.h"

#define MAX_TEXTS 4096u /* bytes of all texts of one reason */

/* The one word that tells more than its family by itself. */
#define COND_WORD "sync.(*Cond).Wait"
#define COND_FAMILY "sync"

/* The word as a part of an attribute's name: letters and digits, else one '_'. */
static void put_key_word(struct buf *b, struct slice word)
{
	size_t from = b->len;
	bool gap = false;

	for (size_t i = 0; i < word.len && b->len - from < MAX_REASON_KEY; i++) {
		uint8_t c = word.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c + ('a' - 'A'));
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) {
			gap = true;
			continue;
		}
		if (gap && b->len > from)
			buf_u8(b, '_');
		gap = false;
		buf_u8(b, c);
	}
}

/* A name of a family, with the reason in its place. */
static void put_family(struct buf *b, enum attribute_key family, struct slice key)
{
	static const char hole[] = "<reason>";
	const char *name = key_infos[family].name, *at = strstr(name, hole);

	buf_add(b, name, (size_t)(at - name));
	buf_slice(b, key);
	buf_str(b, at + sizeof(hole) - 1);
}

/* Where each text of a reason ends in its memory. */
struct layout {
	size_t word, name, key, keys[N_REASON_KEYS];
};

static void spell(struct buf *b, struct layout *to, struct slice word, enum wait_detail detail)
{
	static const enum attribute_key families[N_REASON_KEYS] = {
		[REASON_KEY_TIME] = KEY_TIME_REASON,
		[REASON_KEY_COUNT] = KEY_COUNT_REASON,
		[REASON_KEY_WAKER] = KEY_WAKER_REASON,
		[REASON_KEY_CRITICAL] = KEY_CRITICAL_REASON,
	};
	struct slice key;

	buf_slice(b, word);
	to->word = b->len;
	if (detail == DETAIL_COND)
		word = SLICE(COND_FAMILY);
	buf_slice(b, word);
	if (detail) {
		buf_u8(b, ' ');
		buf_slice(b, wait_detail_name(detail));
	}
	to->name = b->len;
	put_key_word(b, word);
	if (detail) {
		buf_u8(b, '.');
		put_key_word(b, wait_detail_name(detail));
	}
	to->key = b->len;
	for (int i = 0; i < N_REASON_KEYS; i++) {
		key = (struct slice){ b->ptr + to->name, to->key - to->name };
		put_family(b, families[i], key);
		to->keys[i] = b->len;
	}
}

static struct slice part(const struct reason *r, size_t from, size_t to)
{
	return (struct slice){ r->memory + from, to - from };
}

static bool is_held(struct slice word)
{
	static const char *const words[] = { COND_FAMILY, COND_WORD, "chan send", "chan receive",
					     "select" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_is(word, words[i]))
			return true;
	return false;
}

static int compare(struct slice a, struct slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int d = n ? memcmp(a.ptr, b.ptr, n) : 0;

	return d ? d : (a.len > b.len) - (a.len < b.len);
}

static void rank_all(struct reasons *r)
{
	for (size_t i = 0; i < r->n; i++)
		r->rank[r->order[i]] = (uint8_t)i;
}

/* Put the last one of the list at its place. */
static void put_in_order(struct reasons *r)
{
	size_t at = r->n - 1;

	for (; at > 0 && compare(r->list[r->order[at - 1]].key, r->list[r->n - 1].key) > 0; at--)
		r->order[at] = r->order[at - 1];
	r->order[at] = (uint8_t)(r->n - 1);
	rank_all(r);
}

/* Take back the last one. */
static void drop_last(struct reasons *r)
{
	size_t at = 0;

	mem_free(r->list[--r->n].memory);
	while (r->order[at] != r->n)
		at++;
	memmove(r->order + at, r->order + at + 1, r->n - at);
	rank_all(r);
}

/* The key where it may be copied with what it needs around it; else as it is. */
static struct slice make_ready(struct ready_key *ready, struct slice key)
{
	if (key.len > READY_KEY_TEXT)
		return key;
	*ready = (struct ready_key){ .tag = READY_KEY_TAG, .len = (uint8_t)key.len };
	memcpy(ready->text, key.ptr, key.len);
	memcpy(ready->text + key.len, READY_KEY_INT, sizeof(READY_KEY_INT) - 1);
	return (struct slice){ ready->text, key.len };
}

/* Append one; its texts are in memory of its own. */
static enum status add(struct reasons *r, struct slice word, enum wait_detail detail, uint8_t *out,
		       struct err *err)
{
	struct reason *new = &r->list[r->n];
	struct layout at = { 0 };
	struct buf b;
	enum status st;

	buf_init(&b, MAX_TEXTS);
	/* So that texts spelled from earlier ones do not move. */
	(void)buf_reserve(&b, MAX_TEXTS);
	if (!b.failed)
		spell(&b, &at, word, detail);
	st = buf_status(&b, "a reason", err);
	if (st) {
		buf_release(&b);
		return st;
	}
	*new = (struct reason){ .detail = detail, .raw = (uint8_t)r->n, .held = is_held(word) };
	new->memory = mem_realloc(b.ptr, b.len);
	if (!new->memory) {
		buf_release(&b);
		return err_nomem(err, "a reason");
	}
	new->word = part(new, 0, at.word);
	new->name = part(new, at.word, at.name);
	new->key = part(new, at.name, at.key);
	for (int i = 0; i < N_REASON_KEYS; i++)
		new->keys[i] = make_ready(&new->ready[i],
					  part(new, i ? at.keys[i - 1] : at.key, at.keys[i]));
	*out = (uint8_t)r->n++;
	put_in_order(r);
	return ST_OK;
}

enum status reasons_init(struct reasons *r, struct err *err)
{
	static const char *const fixed[N_FIXED_REASONS] = {
		[REASON_UNKNOWN] = "unknown",
		[REASON_SYSCALL] = "syscall",
		[REASON_COROUTINE] = "coroutine switch",
		[REASON_OTHER] = "other",
		[REASON_EXTERNAL] = "external",
	};
	enum status st = ST_OK;
	uint8_t ignored;

	r->n = 0;
	reasons_new_generation(r);
	for (size_t i = 0; !st && i < N_FIXED_REASONS; i++)
		st = add(r, slice_str(fixed[i]), DETAIL_NONE, &ignored, err);
	return st;
}

void reasons_release(struct reasons *r)
{
	for (size_t i = 0; i < r->n; i++)
		mem_free(r->list[i].memory);
	r->n = 0;
}

void reasons_new_generation(struct reasons *r)
{
	memset(r->low, 0, sizeof(r->low));
}

/* Names of attributes must differ: words that spell the same name are "other". */
static enum status add_word(struct reasons *r, struct slice word, uint8_t *out, struct err *err)
{
	enum status st;

	*out = REASON_OTHER;
	if (r->n == MAX_REASONS)
		return ST_OK;
	st = add(r, word, DETAIL_NONE, out, err);
	if (st)
		return st;
	for (size_t i = 0; i < *out; i++) {
		if (r->list[*out].key.len && !slice_eq(r->list[i].key, r->list[*out].key))
			continue;
		drop_last(r);
		*out = REASON_OTHER;
		break;
	}
	return ST_OK;
}

static enum status add_cond(struct reasons *r, uint8_t *out, struct err *err)
{
	uint8_t family;
	enum status st = reasons_find(r, REASON_LOW_IDS, SLICE(COND_FAMILY), &family, err);

	*out = REASON_OTHER;
	if (st || r->n == MAX_REASONS)
		return st;
	st = add(r, SLICE(COND_WORD), DETAIL_COND, out, err);
	if (!st)
		r->list[*out].raw = family;
	return st;
}

/* Found by the word alone, without a stack. */
static bool is_word(const struct reason *r)
{
	return !r->detail || r->detail == DETAIL_COND;
}

enum status reasons_find(struct reasons *r, uint64_t id, struct slice word, uint8_t *out,
			 struct err *err)
{
	enum status st = ST_OK;
	size_t i = N_FIXED_REASONS;

	if (id < REASON_LOW_IDS && r->low[id]) {
		*out = (uint8_t)(r->low[id] - 1);
		return ST_OK;
	}
	if (!word.len) {
		*out = REASON_COROUTINE;
	} else {
		while (i < r->n && (!is_word(&r->list[i]) || !slice_eq(r->list[i].word, word)))
			i++;
		*out = (uint8_t)i;
		if (i == r->n)
			st = slice_is(word, COND_WORD) ? add_cond(r, out, err)
						       : add_word(r, word, out, err);
	}
	if (!st && id < REASON_LOW_IDS)
		r->low[id] = (uint8_t)(*out + 1);
	return st;
}

APART enum status reasons_refine(struct reasons *r, uint8_t raw, enum wait_detail detail,
				 uint8_t *out, struct err *err)
{
	uint8_t *known = &r->list[raw].refined[detail];
	enum status st = ST_OK;

	*out = raw;
	if (!detail)
		return ST_OK;
	if (!wait_detail_fits(detail, r->list[raw].word)) {
		*known = raw;
		return ST_OK;
	}
	if (!*known && r->n < MAX_REASONS) {
		st = add(r, r->list[raw].word, detail, known, err);
		if (!st)
			r->list[*known].raw = raw;
	}
	if (!st && *known)
		*out = *known;
	return st;
}
