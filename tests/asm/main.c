/* asm IN OUT: the trace that a text form stands for. "-" is a standard stream. */
#include <errno.h>

#include "base/log.h"
#include "collector/source/file.h"
#include "tests/asm/asm.h"

#define MAX_BYTES ((size_t)1 << 30)
#define CHUNK ((size_t)256 << 10)

static enum status slurp(const char *path, struct buf *text, struct err *err)
{
	struct file_source *f = file_source_open(path, err);
	struct byte_source source;
	size_t n = 1;
	enum status st = ST_OK;

	if (!f)
		return err->code;
	source = file_source_bytes(f);
	while (!st && n) {
		n = 0;
		if (buf_reserve(text, CHUNK))
			st = source.read(source.arg, text->ptr + text->len, CHUNK, &n, err);
		else
			st = buf_status(text, "the text", err);
		text->len += n;
	}
	file_source_close(f);
	return st;
}

static enum status spill(const char *path, struct slice bytes, struct err *err)
{
	FILE *out = strcmp(path, "-") ? fopen(path, "wb") : stdout;
	bool ok;

	if (!out)
		return err_errno(err, "cannot create");
	ok = fwrite(bytes.ptr, 1, bytes.len, out) == bytes.len;
	if (fclose(out) || !ok)
		return err_errno(err, "cannot write");
	return ST_OK;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	const char *path = argc == 3 ? argv[1] : "";
	struct buf text, trace;
	enum status st;

	if (argc != 3) {
		fputs("usage: asm IN OUT\n", stderr);
		return 2;
	}
	buf_init(&text, MAX_BYTES);
	buf_init(&trace, MAX_BYTES);
	st = slurp(path, &text, &err);
	if (!st)
		st = asm_assemble(buf_view(&text), &trace, &err);
	if (!st) {
		path = argv[2];
		st = spill(path, buf_view(&trace), &err);
	}
	if (st)
		log_error("%s: %s", path, err.msg);
	buf_release(&text);
	buf_release(&trace);
	return st ? 1 : 0;
}
