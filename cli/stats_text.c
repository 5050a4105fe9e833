#include <inttypes.h>
#include <utf8proc.h>

#include "base/log.h"
#include "base/utf8.h"
#include "cli/stats_print.h"
#include "collector/trace/gotext.h"

#define COLUMNS 100u
#define NAME_COLUMNS 28u
#define MAX_NAME 98  /* bytes of an escaped name, NUL included */
#define MAX_PATH 512 /* the same of paths and functions */
#define MAX_FRAMES 8u
#define FRAME_INDENT 7u

void stats_print_ns(struct buf *b, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {
		{ 3600000000000u, "h" }, { 1000000000u, "s" }, { 1000000u, "ms" }, { 1000u, "us" }
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double v = (double)ns / (double)units[i].ns;

		/* What rounds up to a thousand goes to the unit above; hours from ten on. */
		if (v < (i ? 0.9995 : 10))
			continue;
		buf_printf(b, "%.*f %s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, units[i].name);
		return;
	}
	buf_printf(b, "%" PRIu64 " ns", ns);
}

struct ns_text {
	char text[STATS_DURATION_CHARS];
};

static struct ns_text ns_text(uint64_t ns)
{
	struct ns_text out;
	struct buf b;
	struct slice s;

	buf_init(&b, STATS_DURATION_CHARS);
	stats_print_ns(&b, ns);
	s = buf_view(&b);
	snprintf(out.text, sizeof(out.text), "%.*s", SLICE_ARG(s));
	buf_release(&b);
	return out;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100 * (double)part / (double)whole : 0;
}

/* Columns that escaped text takes. */
static size_t columns(const char *text, size_t len)
{
	struct slice s = { (const uint8_t *)text, len };
	size_t n = 0;

	while (s.len) {
		struct utf8_rune r = utf8_decode(s);
		int width = utf8proc_charwidth((utf8proc_int32_t)r.value);

		n += width > 0 ? (size_t)width : 0;
		s.ptr += r.width;
		s.len -= r.width;
	}
	return n;
}

/* Nothing, or blanks at an end, would not be seen. */
static bool needs_quotes(const char *text, size_t len)
{
	return !len || text[0] == ' ' || text[len - 1] == ' ';
}

/* A name in its column; one that is too long has a line of its own. */
static void put_name(struct buf *b, struct slice name, size_t width)
{
	char text[MAX_NAME];
	size_t len = log_escape(name, text, sizeof(text));
	const char *quote = needs_quotes(text, len) ? "\"" : "";
	size_t used = columns(text, len) + 2 * strlen(quote);

	buf_printf(b, "  %s%s%s", quote, text, quote);
	if (used > width) {
		buf_str(b, "\n  ");
		used = 0;
	}
	buf_printf(b, "%*s", (int)(width - used), "");
}

static struct slice row_name(const struct stats_row *row)
{
	return row->rest ? SLICE("(other)") : row->name;
}

static void put_times(struct buf *b, const struct dist *d)
{
	if (d->count)
		buf_printf(b, " %7s %7s %7s %7s", ns_text(dist_quantile(d, 500)).text,
			   ns_text(dist_quantile(d, 900)).text, ns_text(dist_quantile(d, 990)).text,
			   ns_text(d->max_ns).text);
	else
		buf_printf(b, " %7s %7s %7s %7s", "-", "-", "-", "-");
	buf_printf(b, " %5" PRIu64 "\n", d->cut);
}

static void put_shares_head(struct buf *b, const char *title)
{
	buf_printf(b, "\n%-*s %8s %6s %7s %6s %7s %7s %7s %7s %5s\n", (int)NAME_COLUMNS + 2, title,
		   "count", "share", "total", "share", "p50", "p90", "p99", "max", "cut");
}

static void put_shares_row(struct buf *b, const struct stats_row *row, const struct dist *all)
{
	const struct dist *d = &row->dist;

	put_name(b, row_name(row), NAME_COLUMNS);
	buf_printf(b, " %8" PRIu64 " %5.1f%% %7s %5.1f%%", d->count, percent(d->count, all->count),
		   ns_text(d->total_ns).text, percent(d->total_ns, all->total_ns));
	put_times(b, d);
}

static void put_head(struct buf *b, const char *title)
{
	buf_printf(b, "\n%-*s %8s %7s %7s %7s %7s %7s %5s\n", (int)NAME_COLUMNS + 2, title, "count",
		   "total", "p50", "p90", "p99", "max", "cut");
}

static void put_row(struct buf *b, struct slice name, const struct dist *d)
{
	put_name(b, name, NAME_COLUMNS);
	buf_printf(b, " %8" PRIu64 " %7s", d->count, ns_text(d->total_ns).text);
	put_times(b, d);
}

static void put_rows(struct buf *b, const char *title, const struct stats_rows *rows)
{
	if (!rows->n)
		return;
	put_head(b, title);
	for (size_t i = 0; i < rows->n; i++)
		put_row(b, row_name(rows->list[i]), &rows->list[i]->dist);
}

/* The network first, whatever its rank. */
static void put_blocks(struct buf *b, const struct stats_report *r)
{
	put_shares_head(b, "Goroutine blocks by reason");
	if (r->network)
		put_shares_row(b, r->network, &r->all_blocks);
	for (size_t i = 0; i < r->blocks.n; i++)
		if (r->blocks.list[i] != r->network)
			put_shares_row(b, r->blocks.list[i], &r->all_blocks);
	if (r->blocked_before.cut)
		buf_printf(b,
			   "  %" PRIu64 " more were blocked when the trace began, for an unknown"
			   " reason.\n",
			   r->blocked_before.cut);
}

/* func file:line in the width of the page; a long path loses its head. */
static void put_frame(struct buf *b, const struct frame *f)
{
	char func[MAX_PATH], file[MAX_PATH], line[24];
	size_t func_len = log_escape(f->func, func, sizeof(func));
	int line_len = snprintf(line, sizeof(line), ":%" PRIu64, f->line);
	size_t used = FRAME_INDENT + columns(func, func_len) + 1 + (size_t)line_len;
	const char *path = file;
	const char *next;

	log_escape(f->file, file, sizeof(file));
	while (used + (path == file ? 0 : 3) + columns(path, strlen(path)) > COLUMNS &&
	       (next = strchr(path + 1, '/')))
		path = next;
	buf_printf(b, "%*s%s %s%s%s\n", (int)FRAME_INDENT, "", func, path == file ? "" : "...",
		   path, line);
}

static void put_stack(struct buf *b, size_t rank, const struct stats_stack *s)
{
	struct slice text = s->text;
	struct frame f;
	char reason[MAX_NAME];
	uint32_t n = 0;

	log_escape(row_name(s->reason), reason, sizeof(reason));
	buf_printf(b, "  %2zu. %s: ", rank, reason);
	if (s->count)
		buf_printf(b, "%s in %" PRIu64 " block%s, the longest %s%s",
			   ns_text(s->total_ns).text, s->count, s->count == 1 ? "" : "s",
			   ns_text(s->max_ns).text, s->cut ? "; " : "");
	if (s->cut)
		buf_printf(b, "%" PRIu64 " not over at the end, %s so far", s->cut,
			   ns_text(s->cut_ns).text);
	buf_str(b, "\n");
	for (; n < MAX_FRAMES && stats_frame_next(&text, &f); n++)
		put_frame(b, &f);
	if (n < s->n_frames)
		buf_printf(b, "%*s... and %u more\n", (int)FRAME_INDENT, "", s->n_frames - n);
	if (!s->n_frames)
		buf_printf(b, "%*s(no stack)\n", (int)FRAME_INDENT, "");
}

static void put_stacks(struct buf *b, const struct stats_report *r)
{
	if (!r->n_top)
		return;
	buf_printf(b, "\nTop blocking stacks, by time blocked inside the trace (%zu of %zu)\n",
		   r->n_top, r->n_stacks);
	for (size_t i = 0; i < r->n_top; i++)
		put_stack(b, i + 1, r->top[i]);
	if (r->other_stacks->count || r->other_stacks->cut)
		buf_printf(b, "  %" PRIu64 " blocks, %s in all, were at stacks over the maximum.\n",
			   r->other_stacks->count, ns_text(r->other_stacks->total_ns).text);
}

static void put_source(struct buf *b, const struct stats_report *r, const struct stats_source *src)
{
	char path[MAX_PATH];

	log_escape(slice_str(src->path), path, sizeof(path));
	buf_printf(b, "%s\n  go 1.%u, %" PRIu64 " generation%s, %s", path, src->version,
		   src->n_generations, src->n_generations == 1 ? "" : "s",
		   ns_text((uint64_t)r->last_ns - (uint64_t)r->first_ns).text);
	if (r->has_wall) {
		buf_str(b, " from ");
		gotext_wall_time(b, r->wall_sec, r->wall_nsec);
	}
	buf_printf(b, "\n  %" PRIu64 " events, threads: %" PRIu64 ", ", r->n_events, r->n_threads);
	if (r->gomaxprocs)
		buf_printf(b, "GOMAXPROCS: %" PRIu64 ", ", r->gomaxprocs);
	buf_printf(b, "goroutines: %" PRIu64 " seen, %" PRIu64 " alive at the end\n",
		   r->goroutines_seen, r->goroutines_alive);
	if (src->error)
		buf_str(b, src->salvaged ? "  DAMAGED: the last generation is not whole, what is"
					   " left of it is counted.\n"
					 : "  DAMAGED: this is what could be read before the"
					   " error.\n");
}

static void put_headlines(struct buf *b, const struct stats_report *r)
{
	static const struct dist none;
	const struct dist *all = &r->all_blocks;
	const struct dist *network = r->network ? &r->network->dist : &none;

	buf_printf(b,
		   "\n%" PRIu64 " of %" PRIu64 " goroutine blocks were on the network (%.1f%%):"
		   " %s of %s blocked (%.1f%%).\n",
		   network->count, all->count, percent(network->count, all->count),
		   ns_text(network->total_ns).text, ns_text(all->total_ns).text,
		   percent(network->total_ns, all->total_ns));
	buf_printf(b, "%" PRIu64 " system calls took %s", r->syscalls.count,
		   ns_text(r->syscalls.total_ns).text);
	if (r->syscalls.count)
		buf_printf(b, ", the longest %s", ns_text(r->syscalls.max_ns).text);
	buf_str(b, ".\n");
}

static void put_states(struct buf *b, const struct stats_report *r)
{
	static const struct {
		const char *name;
		enum go_state state;
	} rows[] = { { "running", GO_RUNNING },
		     { "runnable", GO_RUNNABLE },
		     { "waiting", GO_WAITING },
		     { "in system calls", GO_SYSCALL } };
	uint64_t all = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		all = dist_sum(all, r->state_ns[rows[i].state]);
	buf_printf(b, "\n%-*s %8s %6s\n", (int)NAME_COLUMNS + 2, "Time of all goroutines", "total",
		   "share");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ns = r->state_ns[rows[i].state];

		put_name(b, slice_str(rows[i].name), NAME_COLUMNS);
		buf_printf(b, " %8s %5.1f%%\n", ns_text(ns).text, percent(ns, all));
	}
}

static void put_runtime(struct buf *b, const struct stats_report *r)
{
	put_head(b, "System calls and the scheduler");
	put_row(b, SLICE("system calls"), &r->syscalls);
	put_row(b, SLICE("scheduling latency"), &r->latency);
	if (r->coroutine_switches)
		buf_printf(b,
			   "  %" PRIu64
			   " coroutine switches ran a goroutine without queueing it.\n",
			   r->coroutine_switches);
	put_head(b, "Garbage collection");
	put_row(b, SLICE("concurrent mark"), &r->gc_mark);
	put_row(b, SLICE("mark assist by goroutines"), &r->mark_assist);
	put_row(b, SLICE("sweep"), &r->sweep);
	put_row(b, SLICE("stop-the-world, all kinds"), &r->all_stw);
	put_rows(b, "Stop-the-world by kind", &r->stw);
}

static void put_events(struct buf *b, const struct stats_report *r)
{
	buf_printf(b, "\n%-*s %8s\n", (int)NAME_COLUMNS + 2, "Events by kind", "count");
	for (unsigned int k = EVENT_SYNC; k < N_EVENT_KINDS; k++) {
		if (!r->by_kind[k])
			continue;
		put_name(b, slice_str(event_kind_name(k)), NAME_COLUMNS);
		buf_printf(b, " %8" PRIu64 "\n", r->by_kind[k]);
	}
}

void stats_print_text(struct buf *b, const struct stats_report *r, const struct stats_source *src)
{
	put_source(b, r, src);
	put_headlines(b, r);
	put_blocks(b, r);
	put_runtime(b, r);
	put_states(b, r);
	put_rows(b, "Tasks by type", &r->tasks);
	if (r->unmatched_task_ends)
		buf_printf(b,
			   "  %" PRIu64 " ends of tasks begun before the trace, or ended twice.\n",
			   r->unmatched_task_ends);
	put_rows(b, "Regions by type", &r->regions);
	put_stacks(b, r);
	put_events(b, r);
	buf_str(b, "\ncut: reaches over an edge of the trace; in no total and no percentile.\n"
		   "Percentiles are within 1 %.\n");
}
