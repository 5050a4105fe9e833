#include "tests/unit/stats_world.h"

#include "tests/unit/suites.h"

static const struct slice plain[N_TEXTS] = {
	[S_NETWORK] = SLICE("network"), [S_SYNC] = SLICE("sync"),     [S_MAIN] = SLICE("main.main"),
	[S_FILE] = SLICE("main.go"),	[S_TASK] = SLICE("checkout"), [S_REGION] = SLICE("lock"),
	[S_STW] = SLICE("stop"),	[S_LATE] = SLICE("later"),
};

static void put_stack(struct buf *b, uint64_t id, uint64_t pc, uint64_t line)
{
	buf_u8(b, EV_STACK);
	buf_uvarint(b, id);
	buf_uvarint(b, 1);
	buf_uvarint(b, pc);
	buf_uvarint(b, S_MAIN);
	buf_uvarint(b, S_FILE);
	buf_uvarint(b, line);
}

void world_tables(struct world *w, uint64_t first_id, uint64_t n_stacks)
{
	struct table_part strings = { .off = 1 }, stacks;

	buf_clear(&w->bytes);
	buf_u8(&w->bytes, 0);
	for (unsigned int i = 1; i < N_TEXTS; i++) {
		buf_u8(&w->bytes, EV_STRING);
		buf_uvarint(&w->bytes, i);
		buf_uvarint(&w->bytes, w->texts[i].len);
		buf_slice(&w->bytes, w->texts[i]);
	}
	strings.len = (uint32_t)w->bytes.len - 1;
	stacks.off = (uint32_t)w->bytes.len;
	for (uint64_t i = 0; i < n_stacks; i++)
		put_stack(&w->bytes, first_id + i, first_id + i, i + 1);
	stacks.len = (uint32_t)w->bytes.len - stacks.off;
	ck_assert_int_eq(tables_load(&w->tables, w->bytes.ptr, w->bytes.len, &strings, 1, &stacks,
				     1, &w->err),
			 ST_OK);
}

/* As the reader does: zeroed, from the goroutine's first event to its end. */
static void *notes_of(struct world *w, int64_t id)
{
	void *notes = map_get(&w->notes, (uint64_t)id);

	if (!notes) {
		notes = calloc(1, stats_note_bytes());
		ck_assert_ptr_nonnull(notes);
		ck_assert_int_eq(map_put(&w->notes, (uint64_t)id, notes, &w->err), ST_OK);
	}
	return notes;
}

void world_feed(struct world *w, struct event ev)
{
	bool region = ev.kind == EVENT_REGION_BEGIN || ev.kind == EVENT_REGION_END;

	ev.notes = notes_of(w, region ? ev.g : ev.id);
	ev.time = w->now;
	ev.m = ev.kind == EVENT_SYNC ? NO_THREAD : w->m;
	ev.tables = ev.kind == EVENT_SYNC ? NULL : &w->tables;
	ck_assert_int_eq(stats_feed(w->stats, &ev, &w->err), ST_OK);
	if (ev.kind == EVENT_STATE_TRANSITION && ev.to == GO_NOT_EXIST)
		free(map_del(&w->notes, (uint64_t)ev.id));
}

void world_sync(struct world *w)
{
	world_feed(w, (struct event){ .kind = EVENT_SYNC });
}

void world_init(struct world *w)
{
	*w = (struct world){ .now = 1000, .m = 7, .err = ERR_INIT, .texts = plain };
	buf_init(&w->bytes, (size_t)1 << 24);
	tables_init(&w->tables);
	map_init(&w->notes, (size_t)1 << 20, "goroutines");
	world_tables(w, 1, 9);
	w->stats = stats_new();
	ck_assert_ptr_nonnull(w->stats);
	world_sync(w);
}

const struct stats_report *world_finish(struct world *w)
{
	struct map_slot *slot;

	for (size_t at = 0; (slot = map_next(&w->notes, &at));)
		stats_cut(w->stats, slot->val);
	ck_assert_int_eq(stats_finish(w->stats, &w->err), ST_OK);
	return stats_report(w->stats);
}

void world_release(struct world *w)
{
	struct map_slot *slot;

	for (size_t at = 0; (slot = map_next(&w->notes, &at));)
		free(slot->val);
	map_release(&w->notes);
	stats_free(w->stats);
	tables_release(&w->tables);
	buf_release(&w->bytes);
}

void world_go_wire(struct world *w, int64_t at, int64_t id, unsigned int wire, unsigned int from,
		   unsigned int to, uint64_t reason, uint64_t stack)
{
	w->now = at;
	world_feed(w, (struct event){ .kind = EVENT_STATE_TRANSITION,
				      .wire = (uint8_t)wire,
				      .resource = RESOURCE_GOROUTINE,
				      .id = id,
				      .g = NO_GOROUTINE,
				      .from = (uint8_t)from,
				      .to = (uint8_t)to,
				      .args = { reason, stack } });
}

void world_go(struct world *w, int64_t at, int64_t id, unsigned int from, unsigned int to)
{
	world_go_wire(w, at, id, EV_GO_STATUS, from, to, 0, 0);
}

void world_block(struct world *w, int64_t at, int64_t id, uint64_t reason, uint64_t stack)
{
	world_go_wire(w, at, id, EV_GO_BLOCK, GO_RUNNING, GO_WAITING, reason, stack);
}

void world_wake(struct world *w, int64_t at, int64_t id)
{
	world_go(w, at, id, GO_WAITING, GO_RUNNABLE);
}

void world_run(struct world *w, int64_t at, int64_t id)
{
	world_go(w, at, id, GO_RUNNABLE, GO_RUNNING);
}

void world_user(struct world *w, int64_t at, int64_t g, unsigned int kind, unsigned int wire,
		uint64_t a0, uint64_t a1, uint64_t a2)
{
	w->now = at;
	world_feed(w, (struct event){ .kind = (uint8_t)kind,
				      .wire = (uint8_t)wire,
				      .g = g,
				      .args = { a0, a1, a2 } });
}

void world_range(struct world *w, int64_t at, unsigned int kind, unsigned int wire, int64_t id,
		 uint64_t a0)
{
	w->now = at;
	world_feed(w, (struct event){ .kind = (uint8_t)kind,
				      .wire = (uint8_t)wire,
				      .id = id,
				      .args = { a0 } });
}

void world_task(struct world *w, int64_t at, uint64_t id, bool begin, uint64_t name)
{
	world_user(w, at, 1, begin ? EVENT_TASK_BEGIN : EVENT_TASK_END,
		   begin ? EV_USER_TASK_BEGIN : EV_USER_TASK_END, id, begin ? NO_TASK : 0, name);
}

void world_region(struct world *w, int64_t at, int64_t g, bool begin, uint64_t name)
{
	world_user(w, at, g, begin ? EVENT_REGION_BEGIN : EVENT_REGION_END,
		   begin ? EV_USER_REGION_BEGIN : EV_USER_REGION_END, 0, name, 0);
}
