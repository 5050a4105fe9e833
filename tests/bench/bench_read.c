/*
 * bench_read: every event of a trace, counted: the reader and nothing else.
 *
 * What `read` of tests/bench/go does with Go's own reader. Argument: the trace. Not a test.
 */
#include <inttypes.h>
#include <stdio.h>

#include "collector/source/file.h"
#include "collector/trace/reader_loop.h"

HOT enum status take(void *n, const struct event *ev, unsigned int type, struct err *err)
{
	(void)ev;
	(void)type;
	(void)err;
	++*(uint64_t *)n;
	return ST_OK;
}

FLAT static enum status count(struct file_source *f, uint64_t *n, struct err *err)
{
	struct reader *r = reader_open(file_source_bytes(f), err);
	enum status st;

	if (!r)
		return err->code;
	st = reader_each(r, take, n, err);
	reader_close(r);
	return st;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct file_source *f = argc == 2 ? file_source_open(argv[1], &err) : NULL;
	uint64_t n = 0;
	enum status st;

	if (!f) {
		fprintf(stderr, "bench_read: %s\n", argc == 2 ? err.msg : "expected one trace");
		return 2;
	}
	st = count(f, &n, &err);
	file_source_close(f);
	if (st < 0) {
		fprintf(stderr, "bench_read: %s\n", err.msg);
		return 1;
	}
	printf("%" PRIu64 "\n", n);
	return 0;
}
