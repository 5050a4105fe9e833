#include <getopt.h>

#include "base/log.h"
#include "cli/cli.h"
#include "collector/source/file.h"
#include "collector/trace/reader.h"
#include "collector/trace/text.h"
#include "collector/trace/wiretext.h"

#define FLUSH_BYTES ((size_t)256 << 10)
/* One event: two stacks of 128 frames of two names of 1 KiB, and room to spare. */
#define MAX_TEXT ((size_t)64 << 20)

static enum status flush(struct buf *b, struct err *err)
{
	enum status st = buf_status(b, "an event's text", err);

	if (!st && b->len && fwrite(b->ptr, 1, b->len, stdout) != b->len)
		st = err_errno(err, "cannot write to standard output");
	buf_clear(b);
	return st;
}

static enum status dump_events(struct byte_source bytes, struct buf *b, const char *path,
			       bool salvage, struct err *err)
{
	struct reader *r = reader_open(bytes, err);
	struct text_stacks stacks;
	const struct event *ev;
	enum status st;

	if (!r)
		return err->code;
	text_stacks_init(&stacks);
	if (reader_version(r) > NEWEST_VERSION)
		log_warn("%s: trace format go 1.%u is newer than go 1.%u, read as that", path,
			 reader_version(r), NEWEST_VERSION);
	if (salvage)
		reader_salvage(r);
	while (!(st = reader_next(r, &ev, err))) {
		text_event(b, ev, &stacks);
		if (b->len >= FLUSH_BYTES || b->failed)
			st = flush(b, err);
		if (st)
			break;
	}
	text_stacks_release(&stacks);
	reader_close(r);
	return st;
}

static enum status dump_wire(struct byte_source bytes, struct buf *b, struct err *err)
{
	struct wiretext w;
	enum status st = wiretext_open(&w, bytes, err);

	if (st)
		return st;
	while (!(st = wiretext_next(&w, b, err))) {
		if (b->len >= FLUSH_BYTES || b->failed)
			st = flush(b, err);
		if (st)
			break;
	}
	wiretext_close(&w);
	return st;
}

static int dump(const char *path, bool wire, bool salvage)
{
	struct err err = ERR_INIT, flush_err = ERR_INIT;
	struct file_source *f = file_source_open(path, &err);
	struct buf b;
	enum status st;

	if (!f)
		return cli_fail(path, &err);
	buf_init(&b, MAX_TEXT);
	st = wire ? dump_wire(file_source_bytes(f), &b, &err)
		  : dump_events(file_source_bytes(f), &b, path, salvage, &err);
	/* Events before the damage are printed before it is told. */
	if (flush(&b, &flush_err) && st == ST_END) {
		st = flush_err.code;
		err = flush_err;
	}
	fflush(stdout);
	buf_release(&b);
	file_source_close(f);
	return st == ST_END ? EXIT_DONE : cli_fail(path, &err);
}

enum { OPT_WIRE, OPT_SALVAGE, N_OPTIONS };

static const struct cli_option options[N_OPTIONS + 1] = {
	[OPT_WIRE] = { "wire", 0, NULL, "the recorded events in file order" },
	[OPT_SALVAGE] = { "salvage", 0, NULL, "what can be used of a trace that was cut" },
};

static int run(int argc, char **argv)
{
	bool wire = false, salvage = false;
	int opt;

	while ((opt = cli_next(&cmd_dump, argc, argv)) != CLI_END) {
		if (opt == CLI_WRONG)
			return EXIT_USAGE;
		if (opt == OPT_WIRE)
			wire = true;
		else
			salvage = true;
	}
	if (wire && salvage)
		return cli_usage(&cmd_dump, "--wire reads what is there anyway, without --salvage");
	if (argc - optind != 1)
		return cli_usage(&cmd_dump, "expected one file");
	return dump(argv[optind], wire, salvage);
}

const struct command cmd_dump = {
	.name = "dump",
	.args = "[--wire | --salvage] FILE",
	.summary = "print every event of a trace as text",
	.help = "Prints the events in order, exactly as `go tool trace -d=parsed FILE` does.\n"
		"FILE may be zstd or gzip compressed; - is standard input.\n\n"
		"  --wire      the recorded events in file order, as -d=wire does\n"
		"  --salvage   of a trace that was cut, also what can be used of its last\n"
		"              generation, where Go's tool stops; a name that was lost is ?\n\n"
		"A damaged trace prints every event before the damage, then one error\n"
		"line with the byte offset, and exits with 1.",
	.options = options,
	.run = run,
};
