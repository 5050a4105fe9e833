/* The scripts of map_world.h: text to events. */
#include <stdlib.h>

#include "base/num.h"
#include "tests/unit/map_world.h"
#include "tests/unit/suites.h"

#define MAX_WORDS 6

struct command {
	int64_t time;
	int64_t g;
	struct slice verb;
	struct slice words[MAX_WORDS];
	size_t n;
};

/* The next word of the line; empty at its end. */
static struct slice word(struct slice *line)
{
	struct slice w;
	size_t n = 0;

	while (line->len && (line->ptr[0] == ' ' || line->ptr[0] == '\t')) {
		line->ptr++;
		line->len--;
	}
	while (n < line->len && line->ptr[n] != ' ')
		n++;
	w = (struct slice){ line->ptr, n };
	line->ptr += n;
	line->len -= n;
	return w;
}

static uint64_t number(struct slice s)
{
	uint64_t v;

	ck_assert_msg(num_u64(s, UINT64_MAX, &v), "no number: %.*s", SLICE_ARG(s));
	return v;
}

static int64_t goroutine(struct slice s)
{
	if (slice_is(s, "-"))
		return NO_GOROUTINE;
	ck_assert_msg(s.len > 1 && s.ptr[0] == 'g', "no goroutine: %.*s", SLICE_ARG(s));
	return (int64_t)number((struct slice){ s.ptr + 1, s.len - 1 });
}

/* The stack of an optional last word. */
static uint64_t stack(const struct command *c, size_t at)
{
	return c->n > at ? number((struct slice){ c->words[at].ptr + 1, c->words[at].len - 1 }) : 0;
}

static bool next_command(const char **script, struct command *c)
{
	size_t len = strcspn(*script, ";\n");
	struct slice line = { (const uint8_t *)*script, len }, w;

	if (!**script)
		return false;
	*script += len + ((*script)[len] != '\0');
	*c = (struct command){ .g = NO_GOROUTINE };
	c->verb = word(&line);
	if (c->verb.len && !slice_is(c->verb, "set")) {
		c->time = (int64_t)number(c->verb);
		c->g = goroutine(word(&line));
		c->verb = word(&line);
	}
	while ((w = word(&line)).len) {
		ck_assert_uint_lt(c->n, MAX_WORDS);
		c->words[c->n++] = slice_is(w, "~") ? (struct slice){ NULL, 0 } : w;
	}
	return true;
}

static unsigned int state(struct slice s)
{
	for (unsigned int i = GO_UNDETERMINED; i <= GO_SYSCALL; i++)
		if (slice_is(s, go_state_name(i)))
			return i;
	ck_abort_msg("no state: %.*s", SLICE_ARG(s));
	return 0;
}

/* An event's wire arguments at their places in the format. */
static enum status go(struct map_world *w, const struct command *c, int64_t id, unsigned int wire,
		      unsigned int from, unsigned int to, uint64_t reason, uint64_t at)
{
	struct event ev = { .kind = EVENT_STATE_TRANSITION,
			    .wire = (uint8_t)wire,
			    .resource = RESOURCE_GOROUTINE,
			    .id = id,
			    .g = c->g,
			    .from = (uint8_t)from,
			    .to = (uint8_t)to };

	ev.args[0] = reason;
	if (wire_ids[wire].stack)
		ev.args[wire_ids[wire].stack - 1] = at;
	return map_world_feed(w, ev);
}

/* What a goroutine does itself: most of its context before that is the goroutine. */
static const struct {
	const char *verb;
	unsigned int wire, from, to;
} own[] = {
	{ "runs", EV_GO_START, GO_RUNNABLE, GO_RUNNING },
	{ "yields", EV_GO_STOP, GO_RUNNING, GO_RUNNABLE },
	{ "back", EV_GO_SYSCALL_END, GO_SYSCALL, GO_RUNNING },
	{ "lost", EV_GO_SYSCALL_END_BLOCKED, GO_SYSCALL, GO_RUNNABLE },
	{ "dies", EV_GO_DESTROY, GO_RUNNING, GO_NOT_EXIST },
	{ "diesinsyscall", EV_GO_DESTROY_SYSCALL, GO_SYSCALL, GO_NOT_EXIST },
};

static enum status switch_to(struct map_world *w, const struct command *c, bool dies)
{
	unsigned int wire = dies ? EV_GO_SWITCH_DESTROY : EV_GO_SWITCH;
	int64_t to = goroutine(c->words[0]);
	enum status st = go(w, c, to, wire, GO_WAITING, GO_RUNNABLE, 0, 0);

	w->now++;
	if (!st)
		st = go(w, c, c->g, wire, GO_RUNNING, dies ? GO_NOT_EXIST : GO_WAITING, 0, 0);
	w->now++;
	return st ? st : go(w, c, to, wire, GO_RUNNABLE, GO_RUNNING, 0, 0);
}

static enum status transition(struct map_world *w, const struct command *c, bool *known)
{
	const struct slice *a = c->words;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (slice_is(c->verb, own[i].verb))
			return go(w, c, c->g, own[i].wire, own[i].from, own[i].to, 0, 0);
	if (slice_is(c->verb, "is"))
		return go(w, c, c->g, EV_GO_STATUS, GO_UNDETERMINED, state(a[0]), 0, 0);
	if (slice_is(c->verb, "again"))
		return go(w, c, c->g, EV_GO_STATUS, state(a[0]), state(a[0]), 0, 0);
	if (slice_is(c->verb, "block"))
		return go(w, c, c->g, EV_GO_BLOCK, GO_RUNNING, GO_WAITING, map_world_text(w, a[0]),
			  stack(c, 1));
	if (slice_is(c->verb, "syscall"))
		return go(w, c, c->g, EV_GO_SYSCALL_BEGIN, GO_RUNNING, GO_SYSCALL, 0, stack(c, 0));
	if (slice_is(c->verb, "wakes"))
		return go(w, c, goroutine(a[0]), EV_GO_UNBLOCK, GO_WAITING, GO_RUNNABLE, 0,
			  stack(c, 1));
	if (slice_is(c->verb, "go"))
		return go(w, c, goroutine(a[0]), EV_GO_CREATE, GO_NOT_EXIST,
			  c->n > 1 ? state(a[1]) : GO_RUNNABLE, 0, 0);
	if (slice_is(c->verb, "switch") || slice_is(c->verb, "switchdies"))
		return switch_to(w, c, slice_is(c->verb, "switchdies"));
	*known = false;
	return ST_OK;
}

/* Which words are numbers, which texts: "n" or "t" for each; '-' stands for NO_TASK. */
static const struct {
	const char *verb, *words;
	unsigned int kind, wire;
} plain[] = {
	{ "end", "n", EVENT_TASK_END, EV_USER_TASK_END },
	{ "region", "nt", EVENT_REGION_BEGIN, EV_USER_REGION_BEGIN },
	{ "close", "nt", EVENT_REGION_END, EV_USER_REGION_END },
	{ "log", "ntt", EVENT_LOG, EV_USER_LOG },
	{ "gc", "", EVENT_RANGE_BEGIN, EV_GC_BEGIN },
	{ "gcend", "", EVENT_RANGE_END, EV_GC_END },
	{ "gcactive", "", EVENT_RANGE_ACTIVE, EV_GC_ACTIVE },
	{ "sweep", "", EVENT_RANGE_BEGIN, EV_GC_SWEEP_BEGIN },
	{ "sweepend", "", EVENT_RANGE_END, EV_GC_SWEEP_END },
	{ "stw", "t", EVENT_RANGE_BEGIN, EV_STW_BEGIN },
	{ "stwend", "t", EVENT_RANGE_END, EV_STW_END },
};

static enum status sync(struct map_world *w, const struct command *c)
{
	struct slice how = c->words[0];

	w->clock.trace_ns = w->now;
	w->clock.wall_sec = WORLD_WALL / 1000000000;
	w->clock.wall_nsec = (uint64_t)(w->now - WORLD_BASE);
	if (how.len && how.ptr[0] == '+')
		w->clock.wall_nsec += number((struct slice){ how.ptr + 1, how.len - 1 });
	if (slice_is(how, "bad"))
		w->clock.wall_nsec = 1000000000;
	return map_world_sync(w, !slice_is(how, "none"));
}

static enum status play(struct map_world *w, const struct command *c)
{
	struct event ev = { .g = c->g, .id = c->g };
	bool known = true;
	enum status st;

	if (slice_is(c->verb, "sync"))
		return sync(w, c);
	if (slice_is(c->verb, "task")) {
		ev.kind = EVENT_TASK_BEGIN;
		ev.wire = EV_USER_TASK_BEGIN;
		ev.args[0] = number(c->words[0]);
		ev.args[1] = c->n > 2 ? number(c->words[2]) : NO_TASK;
		ev.args[2] = map_world_text(w, c->words[1]);
		return map_world_feed(w, ev);
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (!slice_is(c->verb, plain[i].verb))
			continue;
		ev.kind = (uint8_t)plain[i].kind;
		ev.wire = (uint8_t)plain[i].wire;
		for (size_t k = 0; plain[i].words[k]; k++)
			ev.args[k] = plain[i].words[k] == 'n' ? number(c->words[k])
							      : map_world_text(w, c->words[k]);
		return map_world_feed(w, ev);
	}
	st = transition(w, c, &known);
	ck_assert_msg(known, "no verb: %.*s", SLICE_ARG(c->verb));
	return st;
}

static void set(struct map_world *w, struct slice name, uint64_t v)
{
	struct mapper_options *o = &w->opt;
	uint32_t *const limits[] = { &o->events_per_span, &o->spans_per_trace,
				     &o->spans_per_capture, &o->attribute_length };
	bool *const flags[] = { &o->stacks, &o->regions, &o->logs, &o->gc, &o->stop_the_world };
	static const char *const limit_names[] = { "events_per_span", "spans_per_trace",
						   "spans_per_capture", "attribute_length" };
	static const char *const flag_names[] = { "stacks", "regions", "logs", "gc", "stw" };

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (slice_is(name, limit_names[i]))
			*limits[i] = (uint32_t)v;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (slice_is(name, flag_names[i]))
			*flags[i] = v != 0;
	if (slice_is(name, "spans_over"))
		o->spans_over_ns = v;
	if (slice_is(name, "events_over"))
		o->events_over_ns = v;
	if (slice_is(name, "context"))
		o->context = (enum context_mode)v;
	if (slice_is(name, "fallback"))
		o->fallback_offset_ns = (int64_t)v;
}

void map_world_load(struct map_world *w, const char *script)
{
	struct command c;

	while (next_command(&script, &c)) {
		if (slice_is(c.verb, "set"))
			set(w, c.words[0], number(c.words[1]));
		for (size_t i = 0; i < c.n; i++)
			map_world_text(w, c.words[i]);
	}
	map_world_tables(w);
}

enum status map_world_play(struct map_world *w, const char *script)
{
	enum status st = ST_OK;
	struct command c;

	while (!st && next_command(&script, &c)) {
		if (!c.verb.len || slice_is(c.verb, "set"))
			continue;
		w->now = WORLD_BASE + w->late + c.time;
		st = play(w, &c);
	}
	return st;
}

enum status map_world_run(struct map_world *w, const char *script)
{
	enum status st;

	map_world_load(w, script);
	st = map_world_start(w);
	if (!st)
		st = map_world_play(w, script);
	return st ? st : map_world_finish(w);
}
