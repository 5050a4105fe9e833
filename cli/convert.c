#include "cli/convert.h"

#include "base/log.h"
#include "cli/progress.h"
#include "collector/source/file.h"
#include "collector/trace/header.h"
#include "collector/trace/reader_loop.h"

/* At least so many events between two looks at the clock. */
#define PROGRESS_EVENTS 8192

/* Since 1.25 every generation carries a clock snapshot. */
#define FIRST_WITH_CLOCK 25u

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The public time of the last event, as far as the trace can be read. */
static enum status find_end(struct file_source *f, int64_t *end, struct err *err)
{
	struct reader *r = reader_open(file_source_bytes(f), err);
	const struct event *ev;
	struct err ignored = ERR_INIT;

	if (!r)
		return err->code;
	*end = 0;
	reader_salvage(r);
	while (!reader_next(r, &ev, &ignored))
		*end = ev->time;
	reader_close(r);
	return file_source_rewind(f, err);
}

/*
 * A trace without clock snapshots says nothing of the time of day: its end is
 * taken for the moment the file was last written (design section 5).
 */
static enum status anchor_clock(struct file_source *f, struct mapper_options *o, struct err *err)
{
	struct slice head;
	unsigned int version;
	int64_t end = 0;
	enum status st = file_source_peek(f, &head, err);

	if (!st)
		st = header_parse(head, &version, err);
	if (st || version >= FIRST_WITH_CLOCK)
		return st;
	if (!file_source_seekable(f))
		st = file_source_spool(f, err);
	if (!st)
		st = find_end(f, &end, err);
	if (!st)
		o->fallback_offset_ns = (int64_t)file_source_mtime_ns(f) - end;
	return st;
}

/* Where the events go. */
struct pumped {
	struct mapper *mapper;
	struct file_source *file;
	struct convert_watch watch;
	uint64_t told;	    /* events, when the watch was told last */
	enum status failed; /* what went wrong with an event, not with reading it */
	struct err *err;    /* of that */
};

/*
 * Of no frequent type: at least each thread begins a generation with one, and most threads have
 * one in a thousand, so here is where it is asked whether to tell the watch.
 */
APART static enum status take_seldom(struct pumped *p, const struct event *ev)
{
	enum status st = mapper_feed(p->mapper, ev, p->err);
	uint64_t events = mapper_events(p->mapper);

	if (st || !p->watch.fn || events - p->told < PROGRESS_EVENTS)
		return st;
	p->told = events;
	return p->watch.fn(p->watch.arg, file_source_consumed(p->file), file_source_size(p->file),
			   p->err);
}

HOT enum status take(void *to, const struct event *ev, unsigned int type, struct err *why)
{
	struct pumped *p = to;
	enum status st;

	(void)why;
	st = type == ANY_TYPE ? take_seldom(p, ev) : mapper_feed_type(p->mapper, ev, type, p->err);
	if (UNLIKELY(st))
		p->failed = st;
	return st;
}

FLAT HOT_CALL static enum status read_all(struct reader *r, struct pumped *p, struct err *err)
{
	return reader_each(r, take, p, err);
}

/* ST_OK at the end of the trace; a reader's failure goes into the result. */
static enum status pump(struct reader *r, struct pumped *p, struct convert_result *result)
{
	struct err why = ERR_INIT;
	enum status st = read_all(r, p, &why);

	if (p->failed)
		return p->failed;
	if (st == ST_END)
		return ST_OK;
	/* Nothing came before it: that is no conversion. */
	if ((st != ST_FORMAT && st != ST_LIMIT) || !reader_generations(r)) {
		*p->err = why;
		return st;
	}
	result->damaged = true;
	result->damage = why;
	result->salvaged = reader_salvaged(r) != NULL;
	mapper_tell_damage(p->mapper, why.msg);
	return ST_OK;
}

enum status convert_source(struct file_source *f, const char *name,
			   const struct mapper_options *options, struct span_sink sink,
			   struct metrics_sink metrics, struct convert_watch watch,
			   struct convert_result *result, struct err *err)
{
	struct mapper_options o = *options;
	struct metrics list;
	struct pumped to;
	enum status st = anchor_clock(f, &o, err);
	struct reader *r = st ? NULL : reader_open(file_source_bytes(f), err);
	struct mapper *m = r ? mapper_new(&o, sink, err) : NULL;

	*result = (struct convert_result){ .damaged = false };
	if (!m) {
		reader_close(r);
		return err->code;
	}
	result->version = reader_version(r);
	if (result->version > NEWEST_VERSION)
		log_warn("%s: trace format go 1.%u is newer than go 1.%u, read as that", name,
			 result->version, NEWEST_VERSION);
	reader_salvage(r);
	reader_take_notes(r, mapper_note_bytes());
	to = (struct pumped){ .mapper = m, .file = f, .watch = watch, .err = err };
	st = pump(r, &to, result);
	if (!st)
		st = mapper_finish(m, err);
	if (!st && metrics.emit) {
		mapper_metrics(m, &list);
		if (list.n)
			st = metrics.emit(metrics.arg, &list, err);
	}
	mapper_summarize(m, &result->summary);
	mapper_free(m);
	reader_close(r);
	return st;
}

static enum status show(void *arg, uint64_t done, uint64_t total, struct err *err)
{
	(void)err;
	progress_show(arg, done, total);
	return ST_OK;
}

enum status convert_file(const char *path, const struct mapper_options *options,
			 struct span_sink sink, struct metrics_sink metrics, bool progress,
			 struct convert_result *result, struct err *err)
{
	struct mapper_options o = *options;
	struct file_source *f = file_source_open(path, err);
	struct progress bar;
	enum status st;

	if (!f)
		return err->code;
	if (strcmp(path, "-") != 0)
		o.source = slice_str(base_name(path));
	progress_start(&bar, base_name(path));
	st = convert_source(f, path, &o, sink, metrics,
			    (struct convert_watch){ progress ? show : NULL, &bar }, result, err);
	progress_end(&bar);
	file_source_close(f);
	return st;
}
