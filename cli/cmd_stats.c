#include <getopt.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/stats_print.h"
#include "collector/source/file.h"
#include "collector/trace/reader_loop.h"

/* All rows there can be, with names of 1 KiB escaped, and ten whole stacks. */
#define MAX_OUTPUT ((size_t)64 << 20)

HOT enum status take(void *stats, const struct event *ev, unsigned int type, struct err *err)
{
	if (type == ANY_TYPE)
		return stats_feed(stats, ev, err);
	return stats_feed_type(stats, ev, type, err);
}

/* Everything the reader has; ST_END: that is all of the trace. */
FLAT static enum status feed_all(struct stats *s, struct reader *r, struct err *err)
{
	return reader_each(r, take, s, err);
}

static enum status print(const struct stats *s, const struct stats_source *src, bool json,
			 struct err *err)
{
	struct buf b;
	enum status st;

	buf_init(&b, MAX_OUTPUT);
	if (json)
		stats_print_json(&b, stats_report(s), src);
	else
		stats_print_text(&b, stats_report(s), src);
	st = buf_status(&b, "the statistics", err);
	if (!st && fwrite(b.ptr, 1, b.len, stdout) != b.len)
		st = err_errno(err, "cannot write to standard output");
	buf_release(&b);
	return st;
}

/* What was read of a damaged trace is reported before the damage is told. */
static enum status stats_of(struct reader *r, const char *path, bool json, struct err *err)
{
	struct stats_source src = { .path = path, .version = reader_version(r) };
	struct stats *s = stats_new();
	struct err why = ERR_INIT;
	enum status st, end;
	void *notes;

	if (!s)
		return err_nomem(err, "the statistics");
	if (src.version > NEWEST_VERSION)
		log_warn("%s: trace format go 1.%u is newer than go 1.%u, read as that", path,
			 src.version, NEWEST_VERSION);
	reader_salvage(r);
	reader_take_notes(r, stats_note_bytes());
	end = feed_all(s, r, &why);
	src.salvaged = reader_salvaged(r) != NULL;
	src.n_generations = reader_generations(r);
	src.error = end < 0 ? &why : NULL;
	for (size_t at = 0; (notes = reader_next_notes(r, &at));)
		stats_cut(s, notes);
	st = stats_finish(s, err);
	/* Of a trace without a generation there is nothing but the error to tell. */
	if (!st && (src.n_generations || !src.error))
		st = print(s, &src, json, err);
	fflush(stdout);
	stats_free(s);
	if (st || end > 0)
		return st;
	*err = why;
	return end;
}

static int stats(const char *path, bool json)
{
	struct err err = ERR_INIT;
	struct file_source *f = file_source_open(path, &err);
	struct reader *r;
	enum status st;

	if (!f)
		return cli_fail(path, &err);
	r = reader_open(file_source_bytes(f), &err);
	st = r ? stats_of(r, path, json, &err) : err.code;
	reader_close(r);
	file_source_close(f);
	return st < 0 ? cli_fail(path, &err) : EXIT_DONE;
}

static const struct cli_option options[] = {
	{ "json", 0, NULL, "one JSON object" },
	{ .name = NULL },
};

static int run(int argc, char **argv)
{
	bool json = false;
	int opt;

	while ((opt = cli_next(&cmd_stats, argc, argv)) != CLI_END) {
		if (opt == CLI_WRONG)
			return EXIT_USAGE;
		json = true;
	}
	if (argc - optind != 1)
		return cli_usage(&cmd_stats, "expected one file");
	return stats(argv[optind], json);
}

const struct command cmd_stats = {
	.name = "stats",
	.args = "[--json] FILE",
	.summary = "tell what a trace says, in numbers",
	.help = "Sums up a trace: what goroutines waited for and where, system calls, scheduling\n"
		"latency, tasks and regions, garbage collection and stop-the-world.\n"
		"FILE may be zstd or gzip compressed; - is standard input.\n\n"
		"  --json   one JSON object; durations are integer nanoseconds\n\n"
		"Counts, totals and extremes are exact. p50, p90 and p99 are within 1 %: they\n"
		"come from a histogram of bounded size. Whatever reaches over an edge of the\n"
		"trace is counted as cut and is in no total and no percentile; shares are of\n"
		"whole blocks. A coroutine switch (iter.Pull) is a block of that name, and no\n"
		"scheduling latency.\n\n"
		"A damaged trace is reported up to the damage, with what can be salvaged of the\n"
		"generation in which it was cut (names that were lost are ?); then one error line\n"
		"with the byte offset follows, and the exit status is 1.",
	.options = options,
	.run = run,
};
