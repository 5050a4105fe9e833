#include "collector/trace/tables.h"

#include <inttypes.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "base/mem.h"

static void index_init(struct id_index *ix, const char *what)
{
	*ix = (struct id_index){ .dense = NULL };
	map_init(&ix->sparse, MAX_TABLE_RECORDS, what);
}

static void index_release(struct id_index *ix)
{
	mem_free(ix->dense);
	ix->dense = NULL;
	ix->n_dense = ix->n = 0;
	ix->whole = 0;
	map_release(&ix->sparse);
}

/* All records are in: up to which id is there no gap? */
static void index_done(struct id_index *ix)
{
	while (ix->whole + 1 < ix->n_dense && ix->dense[ix->whole + 1])
		ix->whole++;
}

uint32_t id_index_get_sparse(const struct id_index *ix, uint64_t id)
{
	return (uint32_t)(uintptr_t)map_get(&ix->sparse, id);
}

/*
 * Real ids run from 1 to the number of records with few gaps, so that they go by
 * subscript. Others go to the map: memory follows the records, not the ids.
 */
static bool belongs_in_dense(const struct id_index *ix, uint64_t id)
{
	return id / 2 < ix->n + 64;
}

static enum status grow_dense(struct id_index *ix, uint64_t id, const char *what, struct err *err)
{
	size_t n = ix->n_dense + ix->n_dense / 2 + 64;
	uint32_t *dense;

	if (n <= id)
		n = (size_t)id + 1;
	dense = mem_realloc(ix->dense, n * sizeof(*dense));
	if (!dense)
		return err_nomem(err, what);
	memset(dense + ix->n_dense, 0, (n - ix->n_dense) * sizeof(*dense));
	dense[0] = 1;
	ix->dense = dense;
	ix->n_dense = n;
	return ST_OK;
}

/* `offset` is not 0: a record is never the first byte of a generation. */
static enum status index_put(struct id_index *ix, uint64_t id, uint32_t offset, const char *what,
			     struct err *err)
{
	enum status st = ST_OK;

	if (!id || id_index_get(ix, id))
		return err_set(err, ST_FORMAT, offset, "%s %" PRIu64 " is defined twice", what, id);
	if (ix->n >= MAX_TABLE_RECORDS)
		return err_set(err, ST_LIMIT, ERR_NO_OFFSET, "too many %ss: the maximum is %zu",
			       what, MAX_TABLE_RECORDS);
	ix->n++;
	if (id >= ix->n_dense && belongs_in_dense(ix, id))
		st = grow_dense(ix, id, what, err);
	if (!st && id < ix->n_dense)
		ix->dense[id] = offset;
	else if (!st)
		st = map_put(&ix->sparse, id,
			     (void *)(uintptr_t)offset, // NOLINT(performance-no-int-to-ptr)
			     err);
	return st;
}

void tables_init(struct tables *t)
{
	*t = (struct tables){ .bytes = NULL };
	index_init(&t->strings, "strings");
	index_init(&t->stacks, "stacks");
	map_init(&t->first_frame, MAX_TABLE_RECORDS, "frames");
}

void tables_clear(struct tables *t)
{
	index_release(&t->strings);
	index_release(&t->stacks);
	map_release(&t->first_frame);
	t->bytes = NULL;
	t->len = 0;
	t->frames_differ = false;
	t->partial = false;
}

void tables_release(struct tables *t)
{
	tables_clear(t);
}

/* One record of a string batch: 05 id len bytes. */
static enum status read_string(struct cursor *c, uint64_t *id, uint32_t *value, struct err *err)
{
	size_t start = cursor_offset(c);
	struct slice text;
	uint64_t len;
	uint8_t type;

	if (!cursor_u8(c, &type) || type != EV_STRING)
		return err_set(err, ST_FORMAT, start, "expected a string record");
	if (!cursor_uvarint(c, id))
		return err_set(err, ST_FORMAT, start, "string id is cut off");
	*value = (uint32_t)cursor_offset(c);
	if (!cursor_uvarint(c, &len))
		return err_set(err, ST_FORMAT, start, "length of string %" PRIu64 " is cut off",
			       *id);
	if (len > WIRE_STRING_BYTES)
		return err_set(err, ST_FORMAT, start,
			       "string %" PRIu64 " has %" PRIu64 " bytes, the maximum is %u", *id,
			       len, WIRE_STRING_BYTES);
	if (!cursor_bytes(c, len, &text))
		return err_set(err, ST_FORMAT, start, "string %" PRIu64 " runs past its batch",
			       *id);
	return ST_OK;
}

static bool read_frame(struct cursor *c, uint64_t *pc, uint64_t *func, uint64_t *file,
		       uint64_t *line)
{
	return cursor_uvarint(c, pc) && cursor_uvarint(c, func) && cursor_uvarint(c, file) &&
	       cursor_uvarint(c, line);
}

/* Remember the first record of the frame's pc, and whether this one differs. */
static enum status note_frame(struct tables *t, uint64_t pc, size_t start, size_t end,
			      struct err *err)
{
	uintptr_t first = (uintptr_t)map_get(&t->first_frame, pc);

	if (!first)
		return map_put(&t->first_frame, pc,
			       (void *)(uintptr_t)start, // NOLINT(performance-no-int-to-ptr)
			       err);
	/* The first record was read whole, so its bytes are there to compare. */
	if (t->len - first < end - start ||
	    memcmp(t->bytes + first, t->bytes + start, end - start) != 0)
		t->frames_differ = true;
	return ST_OK;
}

/* One record of a stack batch: 03 id n, then n times pc func file line. */
static enum status read_stack(struct tables *t, struct cursor *c, uint64_t *id, uint32_t *value,
			      struct err *err)
{
	size_t start = cursor_offset(c);
	uint64_t n, pc, func, file, line;
	uint8_t type;

	if (!cursor_u8(c, &type) || type != EV_STACK)
		return err_set(err, ST_FORMAT, start, "expected a stack record");
	if (!cursor_uvarint(c, id))
		return err_set(err, ST_FORMAT, start, "stack id is cut off");
	*value = (uint32_t)cursor_offset(c);
	if (!cursor_uvarint(c, &n))
		return err_set(err, ST_FORMAT, start, "frame count of stack %" PRIu64 " is cut off",
			       *id);
	if (n > WIRE_STACK_FRAMES)
		return err_set(err, ST_FORMAT, start,
			       "stack %" PRIu64 " has %" PRIu64 " frames, the maximum is %u", *id,
			       n, WIRE_STACK_FRAMES);
	for (uint64_t i = 0; i < n; i++) {
		size_t at = cursor_offset(c);
		enum status st;

		if (!read_frame(c, &pc, &func, &file, &line))
			return err_set(err, ST_FORMAT, at,
				       "frame %" PRIu64 " of stack %" PRIu64 " is cut off", i + 1,
				       *id);
		st = note_frame(t, pc, at, cursor_offset(c), err);
		if (st)
			return st;
	}
	return ST_OK;
}

/* The cursor spans the bytes up to the part's end, so that its offsets are ours. */
static struct cursor cursor_over(const struct tables *t, const struct table_part *part)
{
	return (struct cursor){ .in = { t->bytes, (size_t)part->off + part->len },
				.pos = part->off };
}

static enum status index_strings(struct tables *t, const struct table_part *part, struct err *err)
{
	struct cursor c = cursor_over(t, part);
	enum status st = ST_OK;

	while (!st && !cursor_at_end(&c)) {
		uint64_t id = 0;
		uint32_t value = 0;

		st = read_string(&c, &id, &value, err);
		if (!st)
			st = index_put(&t->strings, id, value, "string", err);
	}
	return st;
}

static enum status index_stacks(struct tables *t, const struct table_part *part, struct err *err)
{
	struct cursor c = cursor_over(t, part);
	enum status st = ST_OK;

	while (!st && !cursor_at_end(&c)) {
		uint64_t id = 0;
		uint32_t value = 0;

		st = read_stack(t, &c, &id, &value, err);
		if (!st)
			st = index_put(&t->stacks, id, value, "stack", err);
	}
	return st;
}

/* Of tables that may be torn, what cannot be read ends its part. */
static enum status index_parts(struct tables *t, const struct table_part *parts, size_t n,
			       bool stacks, struct err *err)
{
	enum status st = ST_OK;

	for (size_t i = 0; !st && i < n; i++) {
		st = stacks ? index_stacks(t, &parts[i], err) : index_strings(t, &parts[i], err);
		if (st == ST_FORMAT && t->partial)
			st = ST_OK;
	}
	return st;
}

/* Every frame must name strings of this generation: section 2.10. */
static enum status check_frames(const struct tables *t, struct err *err)
{
	struct map_slot *s;
	size_t at = 0;

	while ((s = map_next(&t->first_frame, &at))) {
		size_t off = (uintptr_t)s->val;
		struct cursor c = { .in = { t->bytes, t->len }, .pos = off };
		uint64_t pc, func, file, line;

		if (!read_frame(&c, &pc, &func, &file, &line))
			return err_set(err, ST_FORMAT, off, "frame is cut off");
		if (!tables_has_string(t, func) || !tables_has_string(t, file))
			return err_set(err, ST_FORMAT, off,
				       "a frame names string %" PRIu64
				       ", which its generation does not have",
				       tables_has_string(t, func) ? file : func);
	}
	return ST_OK;
}

static enum status load(struct tables *t, const struct table_part *strings, size_t n_strings,
			const struct table_part *stacks, size_t n_stacks, struct err *err)
{
	enum status st = index_parts(t, strings, n_strings, false, err);

	if (!st)
		st = index_parts(t, stacks, n_stacks, true, err);
	if (!st && !t->partial)
		st = check_frames(t, err);
	if (!st && !t->frames_differ)
		map_release(&t->first_frame);
	index_done(&t->strings);
	index_done(&t->stacks);
	return st;
}

enum status tables_load(struct tables *t, const uint8_t *bytes, size_t len,
			const struct table_part *strings, size_t n_strings,
			const struct table_part *stacks, size_t n_stacks, struct err *err)
{
	tables_clear(t);
	t->bytes = bytes;
	t->len = len;
	return load(t, strings, n_strings, stacks, n_stacks, err);
}

enum status tables_load_partial(struct tables *t, const uint8_t *bytes, size_t len,
				const struct table_part *strings, size_t n_strings,
				const struct table_part *stacks, size_t n_stacks, struct err *err)
{
	struct err why = ERR_INIT;
	enum status st;

	tables_clear(t);
	t->bytes = bytes;
	t->len = len;
	t->partial = true;
	st = load(t, strings, n_strings, stacks, n_stacks, &why);
	if (st && err)
		*err = why;
	return st;
}

struct slice tables_string(const struct tables *t, uint64_t id)
{
	struct cursor c = { .in = { t->bytes, t->len } };
	struct slice text = { NULL, 0 };
	uint64_t len;

	c.pos = id ? id_index_get(&t->strings, id) : 0;
	if (id && !c.pos && t->partial)
		return SLICE(LOST_TEXT);
	if (c.pos && cursor_uvarint(&c, &len) && !cursor_bytes(&c, len, &text))
		text.len = 0;
	return text;
}

struct stack tables_stack(const struct tables *t, uint64_t id)
{
	struct cursor c = { .in = { t->bytes, t->len } };
	struct stack out = { .tables = t };
	uint64_t n;

	c.pos = id ? id_index_get(&t->stacks, id) : 0;
	if (c.pos && cursor_uvarint(&c, &n)) {
		out.left = (uint32_t)n;
		out.at = t->bytes + c.pos;
	}
	return out;
}

bool stack_next(struct stack *s, struct frame *out)
{
	const struct tables *t = s->tables;
	struct cursor c;
	uint64_t func, file;

	if (!s->left)
		return false;
	c = (struct cursor){ .in = { t->bytes, t->len }, .pos = (size_t)(s->at - t->bytes) };
	if (!read_frame(&c, &out->pc, &func, &file, &out->line))
		return false;
	s->left--;
	s->at = t->bytes + c.pos;
	if (t->frames_differ) {
		c.pos = (uintptr_t)map_get(&t->first_frame, out->pc);
		if (!read_frame(&c, &out->pc, &func, &file, &out->line))
			return false;
	}
	out->func = tables_string(t, func);
	out->file = tables_string(t, file);
	return true;
}
