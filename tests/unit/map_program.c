#include "tests/unit/map_program.h"

#include <check.h>
#include <string.h>

#define GOROUTINES 7
#define TASKS 40
#define DEPTH 6

/* What the traced program knows: nothing that could not happen is made. */
struct program {
	struct map_world *w;
	uint64_t random;
	uint64_t next_task;
	uint64_t open[TASKS]; /* tasks begun and not ended; 0: free */
	struct {
		unsigned int state;
		uint64_t regions[DEPTH]; /* the tasks of its open regions */
		size_t n_regions;
		size_t unseen; /* regions begun before the capture */
		int64_t since; /* in this state */
		bool assist;   /* in a mark assist */
	} g[GOROUTINES];
	uint64_t total_ns[MAP_PROGRAM_PARTS];
	bool stopped; /* the world */
};

static uint64_t below(struct program *p, uint64_t n)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return p->random % n;
}

static uint64_t text(struct program *p)
{
	static const char *const words[] = { "alpha", "beta", "sync", "\xff\x00", "" };

	return map_world_text(p->w, slice_str(words[below(p, 5)]));
}

static enum status feed(struct program *p, unsigned int kind, unsigned int wire, size_t g,
			uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct event ev = { .kind = (uint8_t)kind,
			    .wire = (uint8_t)wire,
			    .g = (int64_t)g + 1,
			    .args = { a0, a1, a2 } };

	return map_world_feed(p->w, ev);
}

/* The time in the state that a goroutine leaves, by the parts of a budget. */
static void leave(struct program *p, size_t id)
{
	static const int parts[] = {
		[GO_RUNNABLE] = 1, [GO_RUNNING] = 0, [GO_WAITING] = 4, [GO_SYSCALL] = 2
	};
	unsigned int state = p->g[id].state;
	int64_t since = p->g[id].since;

	p->g[id].since = p->w->now;
	if (state > GO_NOT_EXIST)
		p->total_ns[state == GO_RUNNING && p->g[id].assist ? 3 : parts[state]] +=
			(uint64_t)(p->w->now - since);
}

static enum status go(struct program *p, size_t id, int64_t by, unsigned int wire, unsigned int to)
{
	struct event ev = { .kind = EVENT_STATE_TRANSITION,
			    .wire = (uint8_t)wire,
			    .resource = RESOURCE_GOROUTINE,
			    .id = (int64_t)id + 1,
			    .g = by,
			    .from = (uint8_t)p->g[id].state,
			    .to = (uint8_t)to };

	ev.args[0] = wire == EV_GO_BLOCK ? text(p) : 0;
	if (wire_ids[wire].stack)
		ev.args[wire_ids[wire].stack - 1] = below(p, 10);
	if (p->g[id].state == GO_UNDETERMINED)
		p->g[id].since = WORLD_BASE;
	else
		leave(p, id);
	p->g[id].state = to;
	if (to == GO_NOT_EXIST) {
		p->g[id].n_regions = p->g[id].unseen = 0;
		p->g[id].assist = false;
	}
	return map_world_feed(p->w, ev);
}

/* A task to speak of: open, ended, never seen, or none. */
static uint64_t some_task(struct program *p)
{
	uint64_t open = p->open[below(p, TASKS)];

	switch (below(p, 6)) {
	case 0:
		return BACKGROUND_TASK;
	case 1:
		return 1 + below(p, p->next_task);
	case 2:
		return 900 + below(p, 5); /* begun before the capture */
	default:
		return open ? open : 1;
	}
}

static enum status begin_task(struct program *p, size_t g)
{
	size_t i = below(p, TASKS);
	uint64_t parent = below(p, 3) ? some_task(p) : NO_TASK;

	if (p->open[i])
		return ST_OK;
	p->open[i] = p->next_task++;
	return feed(p, EVENT_TASK_BEGIN, EV_USER_TASK_BEGIN, g, p->open[i],
		    parent ? parent : NO_TASK, text(p));
}

static enum status end_task(struct program *p, size_t g)
{
	size_t i = below(p, TASKS);
	uint64_t id = p->open[i];

	p->open[i] = 0;
	if (id)
		return feed(p, EVENT_TASK_END, EV_USER_TASK_END, g, id, 0, 0);
	/* Twice, or begun before the capture. */
	if (below(p, 8))
		return ST_OK;
	id = below(p, 2) ? 900 + below(p, 5) : 1 + below(p, p->next_task);
	for (i = 0; i < TASKS; i++)
		if (p->open[i] == id)
			return ST_OK;
	return id < p->next_task || id >= 900
		       ? feed(p, EVENT_TASK_END, EV_USER_TASK_END, g, id, 0, 0)
		       : ST_OK;
}

static enum status region(struct program *p, size_t g)
{
	uint64_t task;

	if (below(p, 2)) {
		if (p->g[g].n_regions == DEPTH)
			return ST_OK;
		task = some_task(p);
		p->g[g].regions[p->g[g].n_regions++] = task;
		return feed(p, EVENT_REGION_BEGIN, EV_USER_REGION_BEGIN, g, task, text(p), 0);
	}
	if (p->g[g].n_regions) {
		task = p->g[g].regions[--p->g[g].n_regions];
	} else {
		if (!p->g[g].unseen)
			return ST_OK;
		p->g[g].unseen--;
		task = 900 + below(p, 5);
	}
	return feed(p, EVENT_REGION_END, EV_USER_REGION_END, g, task, text(p), 0);
}

/* Help for the GC begins or ends, or the world stops or goes on. */
static enum status ranges(struct program *p, size_t g)
{
	struct event ev = { .kind = EVENT_RANGE_BEGIN,
			    .wire = EV_GC_MARK_ASSIST_BEGIN,
			    .resource = RESOURCE_GOROUTINE,
			    .id = (int64_t)g + 1,
			    .g = (int64_t)g + 1 };

	if (below(p, 2)) {
		p->stopped = !p->stopped;
		return feed(p, p->stopped ? EVENT_RANGE_BEGIN : EVENT_RANGE_END,
			    p->stopped ? EV_STW_BEGIN : EV_STW_END, g, text(p), 0, 0);
	}
	leave(p, g);
	if (p->g[g].assist) {
		ev.kind = EVENT_RANGE_END;
		ev.wire = EV_GC_MARK_ASSIST_END;
	}
	p->g[g].assist = !p->g[g].assist;
	return map_world_feed(p->w, ev);
}

/* Told of one in a system call: it is not charged to the GC before it runs again. */
static enum status still_assists(struct program *p, size_t g)
{
	p->g[g].assist = true;
	return map_world_feed(p->w, (struct event){ .kind = EVENT_RANGE_ACTIVE,
						    .wire = EV_GC_MARK_ASSIST_ACTIVE,
						    .resource = RESOURCE_GOROUTINE,
						    .id = (int64_t)g + 1,
						    .g = (int64_t)g + 1 });
}

/* Something that a running goroutine does. */
static enum status act(struct program *p, size_t g)
{
	size_t other = below(p, GOROUTINES);
	int64_t self = (int64_t)g + 1;

	switch (below(p, 13)) {
	case 12:
		return ranges(p, g);
	case 0:
	case 1:
		return begin_task(p, g);
	case 2:
	case 3:
		return end_task(p, g);
	case 4:
	case 5:
		return region(p, g);
	case 6:
		return feed(p, EVENT_LOG, EV_USER_LOG, g, some_task(p), text(p), text(p));
	case 7:
		return go(p, g, self, EV_GO_SYSCALL_BEGIN, GO_SYSCALL);
	case 8:
		if (!below(p, 8))
			return go(p, g, self, EV_GO_DESTROY, GO_NOT_EXIST);
		return go(p, g, self, EV_GO_STOP, GO_RUNNABLE);
	case 9:
		if (p->g[other].state == GO_NOT_EXIST)
			return go(p, other, self, EV_GO_CREATE, GO_RUNNABLE);
		if (p->g[other].state == GO_WAITING)
			return go(p, other, self, EV_GO_UNBLOCK, GO_RUNNABLE);
		return ST_OK;
	default:
		return go(p, g, self, EV_GO_BLOCK, GO_WAITING);
	}
}

static enum status first_seen(struct program *p, size_t g)
{
	static const unsigned int states[] = { GO_RUNNABLE, GO_RUNNING, GO_WAITING, GO_SYSCALL };

	p->g[g].unseen = below(p, 3);
	return go(p, g, NO_GOROUTINE, EV_GO_STATUS, states[below(p, 4)]);
}

static enum status step(struct program *p)
{
	size_t g = below(p, GOROUTINES);

	p->w->now += 1 + (int64_t)(below(p, 4) ? below(p, 8) : below(p, 150));
	switch (p->g[g].state) {
	case GO_UNDETERMINED:
		return first_seen(p, g);
	case GO_NOT_EXIST:
		return below(p, 10) ? ST_OK : go(p, g, NO_GOROUTINE, EV_GO_CREATE, GO_RUNNABLE);
	case GO_RUNNABLE:
		return go(p, g, NO_GOROUTINE, EV_GO_START, GO_RUNNING);
	case GO_WAITING:
		return below(p, 6) ? ST_OK : go(p, g, NO_GOROUTINE, EV_GO_UNBLOCK, GO_RUNNABLE);
	case GO_SYSCALL:
		if (!below(p, 20))
			return still_assists(p, g);
		/* A proc that is kept is context enough. */
		if (!below(p, 10))
			return end_task(p, g);
		if (!below(p, 12))
			return go(p, g, (int64_t)g + 1, EV_GO_DESTROY_SYSCALL, GO_NOT_EXIST);
		return below(p, 2)
			       ? go(p, g, (int64_t)g + 1, EV_GO_SYSCALL_END, GO_RUNNING)
			       : go(p, g, (int64_t)g + 1, EV_GO_SYSCALL_END_BLOCKED, GO_RUNNABLE);
	default:
		return act(p, g);
	}
}

/* A new generation states every goroutine once more. */
static enum status next_generation(struct program *p)
{
	enum status st = map_world_sync(p->w, below(p, 4) != 0);

	for (size_t g = 0; !st && g < GOROUTINES; g++)
		if (p->g[g].state > GO_NOT_EXIST) {
			p->w->now++;
			st = go(p, g, NO_GOROUTINE, EV_GO_STATUS, p->g[g].state);
		}
	return st;
}

void map_program_play(struct map_world *w, uint64_t seed, bool metrics, uint64_t *total_ns)
{
	struct program p = { .w = w, .random = seed * 0x9e3779b97f4a7c15u + 1, .next_task = 1 };
	uint64_t steps;

	map_world_init(w);
	w->opt.metrics = metrics;
	w->opt.spans_per_trace = below(&p, 3) ? 2000 : 1 + (uint32_t)below(&p, 8);
	w->opt.spans_per_capture = w->opt.spans_per_trace;
	if (!below(&p, 4))
		w->opt.bytes_per_trace = 1000 + below(&p, 20000);
	w->opt.events_per_span = below(&p, 3) ? 128 : (uint32_t)below(&p, 4);
	map_world_load(w, "0 g1 log 0 alpha beta; 0 g1 log 0 sync \xff");
	ck_assert_int_eq(map_world_start(w), ST_OK);
	steps = below(&p, 800);
	for (uint64_t i = 0; i < steps; i++) {
		enum status st = ST_OK;

		if (w->gen < WORLD_GENERATIONS && !below(&p, 200))
			st = next_generation(&p);
		if (!st)
			st = step(&p);
		if (st)
			ck_abort_msg("seed %llu: %s", (unsigned long long)seed, w->err.msg);
	}
	for (size_t g = 0; g < GOROUTINES; g++)
		leave(&p, g);
	memcpy(total_ns, p.total_ns, sizeof(p.total_ns));
	ck_assert_int_eq(map_world_finish(w), ST_OK);
}
