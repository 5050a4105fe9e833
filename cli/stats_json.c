#include <inttypes.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "cli/stats_print.h"

/* Above this a JSON number is not exact everywhere. */
#define MAX_EXACT ((uint64_t)1 << 53)

static bool steers(uint32_t rune)
{
	switch (utf8proc_category((utf8proc_int32_t)rune)) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return true;
	default:
		return false;
	}
}

static void escape_rune(struct buf *b, uint32_t rune)
{
	if (rune >= 0x10000)
		buf_printf(b, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((rune - 0x10000) >> 10),
			   0xdc00 + ((rune - 0x10000) & 0x3ff));
	else
		buf_printf(b, "\\u%04" PRIx32, rune);
}

static void put_string(struct buf *b, struct slice s)
{
	buf_u8(b, '"');
	while (s.len) {
		struct utf8_rune r = utf8_decode(s);

		if (!r.valid)
			buf_str(b, UTF8_REPLACEMENT_BYTES);
		else if (steers(r.value) || r.value == '"' || r.value == '\\')
			escape_rune(b, r.value);
		else
			buf_add(b, s.ptr, r.width);
		s.ptr += r.width;
		s.len -= r.width;
	}
	buf_u8(b, '"');
}

/* The name of a member; a comma where one is due. */
static void key(struct buf *b, const char *name)
{
	if (b->len && b->ptr[b->len - 1] != '{' && b->ptr[b->len - 1] != '[')
		buf_u8(b, ',');
	buf_u8(b, '"');
	buf_str(b, name);
	buf_str(b, "\":");
}

static void element(struct buf *b)
{
	if (b->len && b->ptr[b->len - 1] != '[')
		buf_u8(b, ',');
}

static void key_u64(struct buf *b, const char *name, uint64_t v)
{
	key(b, name);
	buf_u64(b, v);
}

static void key_str(struct buf *b, const char *name, struct slice s)
{
	key(b, name);
	put_string(b, s);
}

/* A number, or null where there is none. */
static void key_known(struct buf *b, const char *name, bool known, uint64_t v)
{
	key(b, name);
	if (known)
		buf_u64(b, v);
	else
		buf_str(b, "null");
}

static void key_share(struct buf *b, const char *name, uint64_t part, uint64_t whole)
{
	key(b, name);
	if (whole)
		buf_printf(b, "%.6f", (double)part / (double)whole);
	else
		buf_str(b, "null");
}

/* The members of a distribution, inside an object. */
static void put_dist(struct buf *b, const struct dist *d)
{
	bool some = d->count != 0;

	key_u64(b, "count", d->count);
	key_u64(b, "total_ns", d->total_ns);
	key_known(b, "min_ns", some, d->min_ns);
	key_known(b, "p50_ns", some, dist_quantile(d, 500));
	key_known(b, "p90_ns", some, dist_quantile(d, 900));
	key_known(b, "p99_ns", some, dist_quantile(d, 990));
	key_known(b, "max_ns", some, d->max_ns);
	key_u64(b, "cut", d->cut);
	key_u64(b, "cut_ns", d->cut_ns);
}

static void key_dist(struct buf *b, const char *name, const struct dist *d)
{
	key(b, name);
	buf_u8(b, '{');
	put_dist(b, d);
	buf_u8(b, '}');
}

/* Rows as an array; with `all`, each with its share of it. */
static void key_rows(struct buf *b, const char *name, const char *what,
		     const struct stats_rows *rows, const struct dist *all)
{
	key(b, name);
	buf_u8(b, '[');
	for (size_t i = 0; i < rows->n; i++) {
		const struct stats_row *row = rows->list[i];

		element(b);
		buf_u8(b, '{');
		key_str(b, what, row->rest ? SLICE("other") : row->name);
		if (row->rest) {
			key(b, "other");
			buf_str(b, "true");
		}
		put_dist(b, &row->dist);
		if (all) {
			key_share(b, "share_of_count", row->dist.count, all->count);
			key_share(b, "share_of_time", row->dist.total_ns, all->total_ns);
		}
		buf_u8(b, '}');
	}
	buf_u8(b, ']');
}

/* "state_transition" of "StateTransition". */
static void put_snake(struct buf *b, const char *camel)
{
	for (size_t i = 0; camel[i]; i++) {
		bool upper = camel[i] >= 'A' && camel[i] <= 'Z';

		if (upper && i)
			buf_u8(b, '_');
		buf_u8(b, (uint8_t)(upper ? camel[i] - 'A' + 'a' : camel[i]));
	}
}

static void put_events(struct buf *b, const struct stats_report *r)
{
	key(b, "events");
	buf_u8(b, '{');
	key_u64(b, "total", r->n_events);
	key(b, "by_kind");
	buf_u8(b, '{');
	for (unsigned int k = EVENT_SYNC; k < N_EVENT_KINDS; k++) {
		if (k > EVENT_SYNC)
			buf_u8(b, ',');
		buf_u8(b, '"');
		put_snake(b, event_kind_name(k));
		buf_str(b, "\":");
		buf_u64(b, r->by_kind[k]);
	}
	buf_str(b, "}}");
}

static void put_stack_sums(struct buf *b, const struct stats_stack *s)
{
	key_u64(b, "count", s->count);
	key_u64(b, "total_ns", s->total_ns);
	key_u64(b, "max_ns", s->max_ns);
	key_u64(b, "cut", s->cut);
	key_u64(b, "cut_ns", s->cut_ns);
}

static void put_frames(struct buf *b, struct slice text)
{
	struct frame f;

	key(b, "frames");
	buf_u8(b, '[');
	while (stats_frame_next(&text, &f)) {
		element(b);
		buf_u8(b, '{');
		key_str(b, "func", f.func);
		key_str(b, "file", f.file);
		key(b, "line");
		buf_printf(b, f.line < MAX_EXACT ? "%" PRIu64 : "\"%" PRIu64 "\"", f.line);
		buf_u8(b, '}');
	}
	buf_u8(b, ']');
}

static void put_stacks(struct buf *b, const struct stats_report *r)
{
	key(b, "blocking_stacks");
	buf_u8(b, '{');
	key_u64(b, "distinct", r->n_stacks);
	key(b, "top");
	buf_u8(b, '[');
	for (size_t i = 0; i < r->n_top; i++) {
		element(b);
		buf_u8(b, '{');
		key_str(b, "reason",
			r->top[i]->reason->rest ? SLICE("other") : r->top[i]->reason->name);
		put_stack_sums(b, r->top[i]);
		put_frames(b, r->top[i]->text);
		buf_u8(b, '}');
	}
	buf_u8(b, ']');
	key(b, "not_kept");
	buf_u8(b, '{');
	put_stack_sums(b, r->other_stacks);
	buf_str(b, "}}");
}

static void put_blocks(struct buf *b, const struct stats_report *r)
{
	static const struct dist none;
	const struct dist *network = r->network ? &r->network->dist : &none;

	key(b, "blocks");
	buf_u8(b, '{');
	put_dist(b, &r->all_blocks);
	key(b, "network");
	buf_u8(b, '{');
	put_dist(b, network);
	key_share(b, "share_of_count", network->count, r->all_blocks.count);
	key_share(b, "share_of_time", network->total_ns, r->all_blocks.total_ns);
	buf_u8(b, '}');
	key_rows(b, "by_reason", "reason", &r->blocks, &r->all_blocks);
	key_u64(b, "began_before", r->blocked_before.cut);
	key_u64(b, "began_before_ns", r->blocked_before.cut_ns);
	buf_u8(b, '}');
	put_stacks(b, r);
}

static void put_source(struct buf *b, const struct stats_report *r, const struct stats_source *src)
{
	int64_t begin;

	key_str(b, "file", slice_str(src->path));
	key(b, "format");
	buf_printf(b, "\"go 1.%u\"", src->version);
	key(b, "complete");
	buf_str(b, src->error ? "false" : "true");
	key(b, "error");
	if (src->error)
		put_string(b, slice_str(src->error->msg));
	else
		buf_str(b, "null");
	key_known(b, "error_offset", src->error && src->error->offset != ERR_NO_OFFSET,
		  src->error ? src->error->offset : 0);
	key(b, "salvaged");
	buf_str(b, src->salvaged ? "true" : "false");
	key_u64(b, "duration_ns", (uint64_t)r->last_ns - (uint64_t)r->first_ns);
	key(b, "begin_unix_ns");
	/* A string: it has more digits than a JSON number keeps. */
	if (r->has_wall && !__builtin_mul_overflow(r->wall_sec, 1000000000, &begin) &&
	    !__builtin_add_overflow(begin, r->wall_nsec, &begin))
		buf_printf(b, "\"%" PRId64 "\"", begin);
	else
		buf_str(b, "null");
	key_u64(b, "generations", src->n_generations);
}

static void put_goroutines(struct buf *b, const struct stats_report *r)
{
	key_u64(b, "threads", r->n_threads);
	key_known(b, "gomaxprocs", r->gomaxprocs != 0, r->gomaxprocs);
	key(b, "goroutines");
	buf_u8(b, '{');
	key_u64(b, "seen", r->goroutines_seen);
	key_u64(b, "alive_at_end", r->goroutines_alive);
	key_u64(b, "running_ns", r->state_ns[GO_RUNNING]);
	key_u64(b, "runnable_ns", r->state_ns[GO_RUNNABLE]);
	key_u64(b, "waiting_ns", r->state_ns[GO_WAITING]);
	key_u64(b, "syscall_ns", r->state_ns[GO_SYSCALL]);
	key_u64(b, "coroutine_switches", r->coroutine_switches);
	buf_u8(b, '}');
}

static void put_annotations(struct buf *b, const struct stats_report *r)
{
	key(b, "tasks");
	buf_u8(b, '{');
	key_rows(b, "by_type", "type", &r->tasks, NULL);
	key_u64(b, "ends_without_begin", r->unmatched_task_ends);
	buf_u8(b, '}');
	key(b, "regions");
	buf_u8(b, '{');
	key_rows(b, "by_type", "type", &r->regions, NULL);
	buf_u8(b, '}');
}

static void put_runtime(struct buf *b, const struct stats_report *r)
{
	key(b, "gc");
	buf_u8(b, '{');
	key_u64(b, "cycles", r->gc_mark.count + r->gc_mark.cut);
	key_dist(b, "mark", &r->gc_mark);
	key_dist(b, "mark_assist", &r->mark_assist);
	key_dist(b, "sweep", &r->sweep);
	buf_u8(b, '}');
	key(b, "stop_the_world");
	buf_u8(b, '{');
	put_dist(b, &r->all_stw);
	key_rows(b, "by_kind", "kind", &r->stw, NULL);
	buf_u8(b, '}');
}

void stats_print_json(struct buf *b, const struct stats_report *r, const struct stats_source *src)
{
	buf_u8(b, '{');
	put_source(b, r, src);
	put_events(b, r);
	put_goroutines(b, r);
	put_blocks(b, r);
	key_dist(b, "syscalls", &r->syscalls);
	key_dist(b, "scheduling_latency", &r->latency);
	put_annotations(b, r);
	put_runtime(b, r);
	buf_str(b, "}\n");
}
