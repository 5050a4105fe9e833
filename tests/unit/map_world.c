#include "tests/unit/map_world.h"

#include <stdlib.h>

#include "tests/unit/suites.h"

#define N_STACKS 9u

void map_world_init(struct map_world *w)
{
	*w = (struct map_world){ .err = ERR_INIT, .now = WORLD_BASE };
	mapper_options_default(&w->opt);
	w->opt.service_name = SLICE("shop");
	w->opt.spans_over_ns = 100;
	w->opt.links_per_span = 0; /* a test of theirs sets it */
	w->opt.events_over_ns = 5;
	w->sink = records_sink(&w->records);
	w->texts = calloc(WORLD_TEXTS, sizeof(*w->texts));
	ck_assert_ptr_nonnull(w->texts);
	for (size_t g = 0; g < WORLD_GENERATIONS; g++) {
		buf_init(&w->gens[g].bytes, (size_t)1 << 26);
		tables_init(&w->gens[g].tables);
	}
	w->clock = (struct clock_snapshot){
		.trace_ns = WORLD_BASE,
		.wall_sec = WORLD_WALL / 1000000000,
		.wall_nsec = WORLD_WALL % 1000000000,
	};
}

/* Not of base/: its allocations are not those that tests let fail. */
struct map_note {
	struct map_note *next;
	int64_t id;
	void *bytes;
};

/* As the reader does: zeroed, from the goroutine's first event to its end. */
static struct map_note **note_of(struct map_world *w, int64_t id)
{
	struct map_note **at = &w->notes;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		ck_assert_ptr_nonnull(*at);
		(*at)->id = id;
		(*at)->bytes = calloc(1, mapper_note_bytes());
		ck_assert_ptr_nonnull((*at)->bytes);
	}
	return at;
}

static void forget_note(struct map_note **at)
{
	struct map_note *note = *at;

	*at = note->next;
	free(note->bytes);
	free(note);
}

void map_world_release(struct map_world *w)
{
	mapper_free(w->mapper);
	while (w->notes)
		forget_note(&w->notes);
	records_release(&w->records);
	for (size_t g = 0; g < WORLD_GENERATIONS; g++) {
		tables_release(&w->gens[g].tables);
		buf_release(&w->gens[g].bytes);
	}
	free(w->texts);
}

uint64_t map_world_text(struct map_world *w, struct slice text)
{
	if (!text.len)
		return 0;
	for (size_t i = 0; i < w->n_texts; i++)
		if (slice_eq(w->texts[i], text))
			return i + 1;
	ck_assert_uint_lt(w->n_texts, WORLD_TEXTS);
	w->texts[w->n_texts++] = text;
	return w->n_texts;
}

static void put_string(struct buf *b, uint64_t id, struct slice text)
{
	buf_u8(b, EV_STRING);
	buf_uvarint(b, id);
	buf_uvarint(b, text.len);
	buf_slice(b, text);
}

/* Stack N: main.fN (later gN), the last sync.Lock, called by main.main. */
static void load(struct map_world *w, size_t g)
{
	struct buf *b = &w->gens[g].bytes;
	struct table_part strings = { .off = 1 }, stacks;
	uint64_t first = w->n_texts + 1;

	buf_u8(b, 0);
	for (size_t i = 0; i < w->n_texts; i++)
		put_string(b, i + 1, w->texts[i]);
	put_string(b, first, SLICE("main.main"));
	for (uint64_t i = 1; i <= N_STACKS; i++) {
		char name[] = "main.f0";

		name[5] = g ? 'g' : 'f';
		name[6] = (char)('0' + i);
		put_string(b, first + i, i == N_STACKS ? SLICE("sync.Lock") : slice_str(name));
	}
	put_string(b, first + N_STACKS + 1, SLICE("main.go"));
	strings.len = (uint32_t)b->len - 1;
	stacks.off = (uint32_t)b->len;
	for (uint64_t i = 1; i <= N_STACKS; i++) {
		buf_u8(b, EV_STACK);
		buf_uvarint(b, i);
		buf_uvarint(b, 2);
		for (uint64_t f = 0; f < 2; f++) {
			buf_uvarint(b, f ? 1000 : i); /* pc */
			buf_uvarint(b, f ? first : first + i);
			buf_uvarint(b, first + N_STACKS + 1);
			buf_uvarint(b, f ? 99 : i); /* line */
		}
	}
	stacks.len = (uint32_t)b->len - stacks.off;
	ck_assert_int_eq(tables_load(&w->gens[g].tables, b->ptr, b->len, &strings, 1, &stacks, 1,
				     &w->err),
			 ST_OK);
}

void map_world_tables(struct map_world *w)
{
	for (size_t g = 0; g < WORLD_GENERATIONS; g++)
		load(w, g);
}

enum status map_world_feed(struct map_world *w, struct event ev)
{
	bool go = ev.kind == EVENT_STATE_TRANSITION && ev.resource == RESOURCE_GOROUTINE;
	enum status st;

	if (go)
		ev.notes = (*note_of(w, ev.id))->bytes;
	ev.time = w->now;
	ev.wire_time = w->now - w->wire_late;
	if (ev.kind != EVENT_SYNC)
		ev.tables = &w->gens[w->gen - 1].tables;
	st = mapper_feed(w->mapper, &ev, &w->err);
	if (go && ev.to == GO_NOT_EXIST)
		forget_note(note_of(w, ev.id));
	return st;
}

enum status map_world_sync(struct map_world *w, bool has_clock)
{
	struct event ev = { .kind = EVENT_SYNC, .m = NO_THREAD, .p = NO_PROC, .g = NO_GOROUTINE };

	if (w->gen) {
		tables_clear(&w->gens[w->gen - 1].tables);
		buf_release(&w->gens[w->gen - 1].bytes);
	}
	ck_assert_uint_lt(w->gen, WORLD_GENERATIONS);
	ev.tables = &w->gens[w->gen++].tables;
	ev.snapshot = has_clock ? &w->clock : NULL;
	return map_world_feed(w, ev);
}

enum status map_world_start(struct map_world *w)
{
	w->mapper = mapper_new(&w->opt, w->sink, &w->err);
	if (!w->mapper)
		return w->err.code;
	w->now = WORLD_BASE + w->begin;
	return map_world_sync(w, true);
}

enum status map_world_finish(struct map_world *w)
{
	struct event ev = { .kind = EVENT_SYNC, .m = NO_THREAD, .p = NO_PROC, .g = NO_GOROUTINE };
	enum status st = map_world_feed(w, ev);

	return st ? st : mapper_finish(w->mapper, &w->err);
}

const char *map_world_text_out(const struct map_world *w, bool capture)
{
	static struct buf out;

	if (!out.max)
		buf_init(&out, (size_t)1 << 24);
	buf_clear(&out);
	records_text(&w->records, WORLD_WALL, capture, &out);
	buf_u8(&out, '\0');
	ck_assert_int_eq(out.failed, ST_OK);
	return (const char *)out.ptr;
}

/* With metrics, the mapper takes no short cut: it must come to the same spans. */
static void row_check(const struct map_row *row, bool metrics)
{
	struct map_world w;
	const char *text;

	map_world_init(&w);
	w.opt.metrics = metrics;
	ck_assert_msg(!map_world_run(&w, row->script), "%s: %s", row->name, w.err.msg);
	text = map_world_text_out(&w, row->text[0] == 'C');
	ck_assert_msg(!strcmp(text, row->text), "%s%s:\n%sinstead of\n%s", row->name,
		      metrics ? ", with metrics" : "", text, row->text);
	map_world_release(&w);
}

void map_row_check(const struct map_row *row)
{
	row_check(row, false);
	row_check(row, true);
}
