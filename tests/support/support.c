#include "tests/support/support.h"

#include <stdarg.h>

#include "collector/source/file.h"
#include "collector/trace/reader.h"
#include "collector/trace/text.h"
#include "tests/asm/asm.h"
#include "tests/support/follow.h"

#define MAX_FILE ((size_t)256 << 20)
#define CHUNK ((size_t)256 << 10)

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

static enum status read_memory(void *arg, uint8_t *dst, size_t cap, size_t *n, struct err *err)
{
	struct memory *m = arg;
	size_t left = m->in.len - m->pos;

	if (!left && m->fails)
		return err_set(err, ST_IO, ERR_NO_OFFSET, "the source broke");
	*n = left < cap ? left : cap;
	if (m->step && *n > m->step)
		*n = m->step;
	if (*n)
		memcpy(dst, m->in.ptr + m->pos, *n);
	m->pos += *n;
	return ST_OK;
}

struct byte_source memory_source(struct memory *m)
{
	return (struct byte_source){ read_memory, m };
}

/* After an error or the end every further call says the same. */
static void check_final(struct reader *r, const struct reading *got)
{
	for (int i = 0; i < 2; i++) {
		struct err again = ERR_INIT;
		const struct event *ev;
		enum status st = reader_next(r, &ev, &again);

		if (st != got->end)
			die("status %d after the end %d", st, got->end);
		if (st < 0 &&
		    (again.offset != got->err.offset || strcmp(again.msg, got->err.msg) != 0))
			die("error '%s' became '%s'", got->err.msg, again.msg);
	}
}

static void check_error(const struct err *err, enum status st)
{
	if (err->code != st || !err->msg[0] || strchr(err->msg, '\n') ||
	    !memchr(err->msg, '\0', sizeof(err->msg)))
		die("status %d without an error line: '%.300s'", st, err->msg);
}

/* Salvage is told by its sync event, and once more by the reader. */
static void check_salvage(const struct reader *r, const struct event *ev, struct reading *got)
{
	if (ev->kind == EVENT_SYNC && got->salvaged && ev->tables)
		die("a generation behind one that was cut");
	if (ev->kind == EVENT_SYNC && event_sync_cut(ev)) {
		got->salvaged = true;
		if (event_sync_cut(ev) != reader_bytes(r))
			die("cut at another byte than was read");
	}
	if (got->salvaged != (reader_salvaged(r) != NULL))
		die("a salvaged generation that is none");
}

/* What a goroutine's notes say: it is alive, by the events that came. */
struct note {
	bool alive;
};

static void take_note(const struct event *ev, size_t *alive)
{
	struct note *note = ev->notes;
	bool is_alive = ev->to != GO_NOT_EXIST;

	if (ev->kind != EVENT_STATE_TRANSITION || ev->resource != RESOURCE_GOROUTINE)
		return;
	*alive += (size_t)is_alive - note->alive;
	note->alive = is_alive;
}

/* Those that are alive are found, also if the reading ended with an error. */
static void check_notes(const struct reader *r, size_t alive)
{
	struct note *note;
	size_t found = 0;

	for (size_t at = 0; (note = reader_next_notes(r, &at));) {
		found += note->alive;
		note->alive = false; /* so that nobody counts twice */
	}
	if (found != alive)
		die("%zu of %zu goroutines have notes", found, alive);
}

static struct reading read_all(struct byte_source source, bool salvage, struct buf *text)
{
	struct reading got = { .err = ERR_INIT };
	struct reader *r = reader_open(source, &got.err);
	const struct event *ev;
	struct follow f;
	size_t alive = 0;

	if (!r) {
		got.end = got.err.code;
		check_error(&got.err, got.end);
		return got;
	}
	if (salvage)
		reader_salvage(r);
	reader_take_notes(r, sizeof(struct note));
	follow_init(&f);
	while (!(got.end = reader_next(r, &ev, &got.err))) {
		const char *wrong = follow_event(&f, ev);

		if (wrong)
			die("event %llu at time %lld: %s", (unsigned long long)got.n_events,
			    (long long)ev->time, wrong);
		got.n_events++;
		check_salvage(r, ev, &got);
		take_note(ev, &alive);
		if (text)
			text_event(text, ev, NULL);
	}
	if (got.end < 0)
		check_error(&got.err, got.end);
	if (got.salvaged && got.end == ST_END)
		die("a trace that was cut, and no error");
	check_final(r, &got);
	check_notes(r, alive);
	got.n_generations = reader_generations(r);
	got.n_late = f.n_late;
	follow_release(&f);
	reader_close(r);
	return got;
}

struct reading read_source(struct byte_source source, struct buf *text)
{
	return read_all(source, false, text);
}

struct reading read_trace(struct slice trace, struct buf *text)
{
	struct memory m = { .in = trace };

	return read_all(memory_source(&m), false, text);
}

struct reading salvage_source(struct byte_source source, struct buf *text)
{
	return read_all(source, true, text);
}

struct reading salvage_trace(struct slice trace, struct buf *text)
{
	struct memory m = { .in = trace };

	return read_all(memory_source(&m), true, text);
}

void load_file(const char *path, struct buf *out)
{
	struct err err = ERR_INIT;
	struct file_source *f = file_source_open(path, &err);
	struct byte_source source;
	size_t n;

	if (!f)
		die("%s: %s", path, err.msg);
	source = file_source_bytes(f);
	buf_release(out);
	buf_init(out, MAX_FILE);
	do {
		n = 0;
		if (!buf_reserve(out, CHUNK) ||
		    source.read(source.arg, out->ptr + out->len, CHUNK, &n, &err))
			die("%s: %s", path, err.msg);
		out->len += n;
	} while (n);
	file_source_close(f);
}

void assemble(struct slice text, struct buf *out)
{
	struct err err = ERR_INIT;

	buf_release(out);
	buf_init(out, MAX_FILE);
	if (asm_assemble(text, out, &err))
		die("cannot assemble: %s", err.msg);
}

bool slice_contains(struct slice s, struct slice part)
{
	if (!part.len)
		return true;
	for (; s.len >= part.len; s.ptr++, s.len--)
		if (!memcmp(s.ptr, part.ptr, part.len))
			return true;
	return false;
}

uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
