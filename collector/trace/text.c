#include "collector/trace/text.h"

#include "base/limits.h"
#include "collector/trace/gotext.h"
#include "collector/trace/tables.h"

static void add_hex(struct buf *b, uint64_t v)
{
	uint8_t digits[16];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (uint8_t) "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	buf_add(b, digits + i, sizeof(digits) - i);
}

static void add_key_i64(struct buf *b, const char *key, int64_t v)
{
	buf_str(b, key);
	buf_i64(b, v);
}

static void add_key_u64(struct buf *b, const char *key, uint64_t v)
{
	buf_str(b, key);
	buf_u64(b, v);
}

static void add_key_quoted(struct buf *b, const char *key, struct slice v)
{
	buf_str(b, key);
	gotext_quote(b, v);
}

/* The String method of the reference's Value. */
static void add_value(struct buf *b, const char *key, uint64_t v)
{
	buf_str(b, key);
	buf_str(b, "Value{Uint64(");
	buf_u64(b, v);
	buf_str(b, ")}");
}

void text_stacks_init(struct text_stacks *t)
{
	map_init(&t->known, MAX_SPELLED_STACKS, "spelled stacks");
	buf_init(&t->texts, MAX_SPELLED_BYTES);
}

void text_stacks_release(struct text_stacks *t)
{
	map_release(&t->known);
	buf_release(&t->texts);
}

static void spell(struct buf *b, struct stack s)
{
	struct frame f;

	while (stack_next(&s, &f)) {
		buf_u8(b, '\t');
		buf_slice(b, f.func);
		buf_str(b, " @ 0x");
		add_hex(b, f.pc);
		buf_str(b, "\n\t\t");
		buf_slice(b, f.file);
		buf_u8(b, ':');
		buf_u64(b, f.line);
		buf_u8(b, '\n');
	}
}

/* Remember what was spelled from `from` on. Failing is no harm. */
static void remember(struct text_stacks *t, uint64_t key, const struct buf *b, size_t from)
{
	size_t len = b->len - from, at = t->texts.len;
	struct err ignored = ERR_INIT;

	if (b->failed || !buf_reserve(&t->texts, sizeof(len) + len)) {
		t->texts.failed = ST_OK;
		return;
	}
	buf_add(&t->texts, &len, sizeof(len));
	buf_add(&t->texts, b->ptr + from, len);
	if (map_put(&t->known, key, (void *)(at + 1), // NOLINT(performance-no-int-to-ptr)
		    &ignored))
		t->texts.len = at;
}

static void add_stack(struct buf *b, const char *title, struct stack s, struct text_stacks *t)
{
	uint64_t key = s.left ? (uint64_t)(s.at - s.tables->bytes) : 0;
	size_t at = t && key ? (uintptr_t)map_get(&t->known, key) : 0;
	size_t len;

	buf_str(b, title);
	if (at) {
		memcpy(&len, t->texts.ptr + at - 1, sizeof(len));
		buf_add(b, t->texts.ptr + at - 1 + sizeof(len), len);
		return;
	}
	at = b->len;
	spell(b, s);
	if (t && key)
		remember(t, key, b, at);
}

static void add_range(struct buf *b, const struct event *ev)
{
	buf_str(b, " Name=\"");
	buf_slice(b, event_name(ev));
	if (ev->wire == EV_STW_BEGIN || ev->wire == EV_STW_END) {
		buf_str(b, " (");
		gotext_escape(b, event_stw_kind(ev));
		buf_u8(b, ')');
	}
	buf_str(b, "\" Scope=");
	if (ev->resource == RESOURCE_NONE) {
		buf_str(b, "None");
	} else {
		buf_str(b, ev->resource == RESOURCE_PROC ? "Proc(" : "Goroutine(");
		buf_i64(b, ev->id);
		buf_u8(b, ')');
	}
	if (ev->kind != EVENT_RANGE_END)
		return;
	buf_str(b, " Attributes=[");
	if (ev->wire == EV_GC_SWEEP_END) {
		add_value(b, "\"bytes swept\"=", ev->args[0]);
		add_value(b, " \"bytes reclaimed\"=", ev->args[1]);
	}
	buf_u8(b, ']');
}

static void add_transition(struct buf *b, const struct event *ev, struct text_stacks *t)
{
	bool proc = ev->resource == RESOURCE_PROC;
	struct stack s;

	add_key_i64(b, proc ? " ProcID=" : " GoID=", ev->id);
	buf_u8(b, ' ');
	buf_str(b, proc ? proc_state_name(ev->from) : go_state_name(ev->from));
	buf_str(b, "->");
	buf_str(b, proc ? proc_state_name(ev->to) : go_state_name(ev->to));
	add_key_quoted(b, " Reason=", event_reason(ev));
	if (event_transition_stack(ev, &s))
		add_stack(b, "\nTransitionStack=\n", s, t);
}

static void add_experimental(struct buf *b, const struct event *ev)
{
	const struct wire_spec *spec = &wire_specs[ev->wire];

	buf_str(b, " Name=");
	buf_str(b, spec->name);
	buf_str(b, " Args=[");
	for (unsigned int i = 1; i < spec->n_args; i++) {
		if (i > 1)
			buf_str(b, ", ");
		buf_str(b, spec->args[i]);
		add_value(b, "=", ev->args[i - 1]);
	}
	buf_u8(b, ']');
}

static void add_sync(struct buf *b, const struct event *ev)
{
	const struct clock_snapshot *s = ev->snapshot;

	add_key_u64(b, " N=", ev->args[0]);
	if (!s)
		return;
	add_key_i64(b, " Trace=", s->trace_ns);
	add_key_u64(b, " Mono=", s->mono_ns);
	buf_str(b, " Wall=");
	gotext_wall_time(b, s->wall_sec, s->wall_nsec);
}

/* One line of what is special to the event's kind. */
static void add_details(struct buf *b, const struct event *ev, struct text_stacks *stacks)
{
	switch (ev->kind) {
	case EVENT_SYNC:
		add_sync(b, ev);
		break;
	case EVENT_METRIC:
		add_key_quoted(b, " Name=", event_name(ev));
		add_value(b, " Value=", ev->args[0]);
		break;
	case EVENT_LABEL:
		add_key_quoted(b, " Label=", event_label(ev));
		add_key_i64(b, " Resource=Goroutine(", ev->g);
		buf_u8(b, ')');
		break;
	case EVENT_RANGE_BEGIN:
	case EVENT_RANGE_ACTIVE:
	case EVENT_RANGE_END:
		add_range(b, ev);
		break;
	case EVENT_TASK_BEGIN:
	case EVENT_TASK_END:
		add_key_u64(b, " ID=", event_task(ev));
		add_key_u64(b, " Parent=", event_parent_task(ev));
		add_key_quoted(b, " Type=", event_name(ev));
		break;
	case EVENT_REGION_BEGIN:
	case EVENT_REGION_END:
		add_key_u64(b, " Task=", event_task(ev));
		add_key_quoted(b, " Type=", event_name(ev));
		break;
	case EVENT_LOG:
		add_key_u64(b, " Task=", event_task(ev));
		add_key_quoted(b, " Category=", event_log_category(ev));
		add_key_quoted(b, " Message=", event_log_message(ev));
		break;
	case EVENT_STATE_TRANSITION:
		add_transition(b, ev, stacks);
		break;
	case EVENT_EXPERIMENTAL:
		add_experimental(b, ev);
		break;
	default:
		break;
	}
}

void text_event(struct buf *b, const struct event *ev, struct text_stacks *stacks)
{
	struct stack s;

	if (stacks && ev->kind == EVENT_SYNC) {
		map_clear(&stacks->known);
		buf_clear(&stacks->texts);
	}
	add_key_i64(b, "M=", ev->m);
	add_key_i64(b, " P=", ev->p);
	add_key_i64(b, " G=", ev->g);
	buf_u8(b, ' ');
	buf_str(b, event_kind_name(ev->kind));
	add_key_i64(b, " Time=", ev->time);
	add_details(b, ev, stacks);
	if (event_stack(ev, &s))
		add_stack(b, "\nStack=\n", s, stacks);
	buf_u8(b, '\n');
}
