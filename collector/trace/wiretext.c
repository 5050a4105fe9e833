#include "collector/trace/wiretext.h"

#include "base/cursor.h"
#include "collector/trace/gotext.h"
#include "collector/trace/header.h"
#include "collector/trace/wire.h"

/* Bytes that one call needs at most before it looks for more: type and five numbers. */
#define HEAD_MAX 51
/* One frame: four numbers. */
#define FRAME_MAX 40

enum status wiretext_open(struct wiretext *w, struct byte_source source, struct err *err)
{
	size_t have;
	enum status st;

	feed_init(&w->feed, source);
	st = feed_need(&w->feed, 0, TRACE_HEADER_BYTES, &have, err);
	if (!st)
		st = header_parse((struct slice){ w->feed.bytes, have }, &w->version, err);
	if (st)
		wiretext_close(w);
	w->feed.start = have;
	return st;
}

void wiretext_close(struct wiretext *w)
{
	feed_release(&w->feed);
}

/* A cursor over what the window has of the next `n` bytes at `pos`. */
static enum status look(struct wiretext *w, size_t pos, size_t n, struct cursor *c, struct err *err)
{
	size_t have;
	enum status st = feed_need(&w->feed, pos, n, &have, err);

	*c = (struct cursor){ .in = { w->feed.bytes, pos + have }, .pos = pos };
	return st;
}

static enum status cut_off(const struct wiretext *w, size_t pos, const char *name, struct err *err)
{
	return err_set(err, ST_FORMAT, w->feed.base + pos, "%s event is cut off", name);
}

static enum status add_frames(struct wiretext *w, struct cursor *c, uint64_t n, struct buf *b,
			      struct err *err)
{
	static const char *const keys[4] = { "\n\tpc=", " func=", " file=", " line=" };

	for (uint64_t i = 0; i < n; i++) {
		enum status st = look(w, c->pos, FRAME_MAX, c, err);

		if (st)
			return st;
		for (unsigned int k = 0; k < 4; k++) {
			uint64_t v;

			if (!cursor_uvarint(c, &v))
				return cut_off(w, c->pos, "Stack", err);
			buf_str(b, keys[k]);
			buf_u64(b, v);
		}
	}
	return ST_OK;
}

static enum status add_data(struct wiretext *w, struct cursor *c, const char *name, struct buf *b,
			    struct err *err)
{
	struct slice data;
	uint64_t len;
	enum status st = look(w, c->pos, 10, c, err);

	if (st)
		return st;
	if (!cursor_uvarint(c, &len))
		return cut_off(w, c->pos, name, err);
	if (len > w->feed.max_generation)
		return err_set(err, ST_FORMAT, w->feed.base + c->pos,
			       "%s event claims %llu bytes of data", name, (unsigned long long)len);
	st = look(w, c->pos, (size_t)len, c, err);
	if (st)
		return st;
	if (!cursor_bytes(c, len, &data))
		return cut_off(w, c->pos, name, err);
	/* The reference prints no data line for no data. */
	if (len) {
		buf_str(b, "\n\tdata=");
		gotext_quote(b, data);
	}
	return ST_OK;
}

static enum status add_event(struct wiretext *w, struct cursor *c, struct buf *b, struct err *err)
{
	const struct wire_spec *spec;
	uint64_t v = 0;
	uint8_t type;
	enum status st = ST_OK;

	if (!cursor_u8(c, &type))
		return ST_END;
	/* An id between two event families is printed by the reference as a nameless event. */
	if (!type || type >= wire_n_types(w->version))
		return err_set(err, ST_FORMAT, w->feed.base + c->pos - 1, "invalid event type %u",
			       type);
	spec = &wire_specs[type];
	if (spec->name)
		buf_str(b, spec->name);
	for (unsigned int i = 0; i < spec->n_args; i++) {
		if (!cursor_uvarint(c, &v))
			return cut_off(w, c->pos, spec->name, err);
		buf_u8(b, ' ');
		buf_str(b, spec->args[i]);
		buf_u8(b, '=');
		buf_u64(b, v);
	}
	if (type == EV_STACK)
		st = add_frames(w, c, v, b, err);
	else if (spec->data)
		st = add_data(w, c, spec->name, b, err);
	buf_u8(b, '\n');
	return st;
}

enum status wiretext_next(struct wiretext *w, struct buf *b, struct err *err)
{
	struct feed *f = &w->feed;
	size_t before = b->len;
	struct cursor c;
	enum status st;

	/* The window moves on whenever half of it is used. */
	if (f->start > (size_t)1 << 20 || f->start == f->end) {
		memmove(f->bytes, f->bytes + f->start, f->end - f->start);
		f->base += f->start;
		f->end -= f->start;
		f->start = 0;
	}
	st = look(w, f->start, HEAD_MAX, &c, err);
	if (!st)
		st = add_event(w, &c, b, err);
	if (st) {
		b->len = before;
		return st;
	}
	f->start = c.pos;
	return ST_OK;
}
