#include "tests/support/follow.h"

#include "collector/trace/tables.h"

void follow_init(struct follow *f)
{
	*f = (struct follow){ .last_time = INT64_MIN };
	map_init(&f->gs, SIZE_MAX, "goroutines");
	map_init(&f->ps, SIZE_MAX, "procs");
	for (size_t i = 0; i < sizeof(f->states); i++)
		f->states[i] = (uint8_t)i;
}

void follow_release(struct follow *f)
{
	map_release(&f->gs);
	map_release(&f->ps);
}

static const char *follow_transition(struct follow *f, const struct event *ev)
{
	bool proc = ev->resource == RESOURCE_PROC;
	struct map *m = proc ? &f->ps : &f->gs;
	const uint8_t *state = map_get(m, (uint64_t)ev->id);

	if (ev->resource == RESOURCE_NONE)
		return "transition of nothing";
	if (ev->from > (proc ? PROC_IDLE : GO_SYSCALL) || ev->to > (proc ? PROC_IDLE : GO_SYSCALL))
		return "no such state";
	/* Both kinds share the first two states. */
	if (ev->to == GO_UNDETERMINED)
		return "transition to undetermined";
	f->n_late += ev->from == GO_UNDETERMINED && f->n_syncs > f->first;
	if (state && *state != ev->from)
		return "transition from another state than the last one led to";
	if (!state && ev->from != GO_UNDETERMINED && ev->from != GO_NOT_EXIST)
		return "transition of a resource never seen";
	if (ev->to == GO_NOT_EXIST)
		map_del(m, (uint64_t)ev->id);
	else if (map_put(m, (uint64_t)ev->id, &f->states[ev->to], NULL))
		return "no memory to follow";
	return NULL;
}

/* Walk a stack to its end: it must have as many frames as it says. */
static bool stack_is_whole(struct stack s)
{
	uint32_t n = s.left;
	struct frame frame;

	while (stack_next(&s, &frame))
		n--;
	return n == 0;
}

static const char *follow_texts(const struct event *ev)
{
	struct stack s;

	if ((event_stack(ev, &s) && !stack_is_whole(s)) ||
	    (event_transition_stack(ev, &s) && !stack_is_whole(s)))
		return "stack with fewer frames than it says";
	if (event_name(ev).len > 1024 || event_reason(ev).len > 1024)
		return "name longer than a string can be";
	return NULL;
}

const char *follow_event(struct follow *f, const struct event *ev)
{
	if (f->n_syncs && ev->time <= f->last_time)
		return "time does not rise";
	f->last_time = ev->time;
	if (ev->kind == EVENT_SYNC)
		return ev->args[0] == ++f->n_syncs ? NULL : "sync events are not in sequence";
	if (!f->n_syncs)
		return "event before the first sync";
	if (ev->kind == EVENT_BAD || ev->kind >= N_EVENT_KINDS || !ev->tables)
		return "bad kind, or no tables";
	if (!f->first && ev->kind != EVENT_STACK_SAMPLE)
		f->first = f->n_syncs;
	if (ev->kind == EVENT_STATE_TRANSITION) {
		const char *wrong = follow_transition(f, ev);

		if (wrong)
			return wrong;
	}
	return follow_texts(ev);
}
