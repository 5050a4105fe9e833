/*
 * The rows of tests/data/rules: what each rule of the format makes of a few lines.
 *
 * A row starts with `=== NAME`; then the trace's text, where a row that does not
 * begin with `Trace` is a first generation of version 1.26. `#=` lines are the
 * lines that the dump has to have, without sync events unless one is among them;
 * `#!` is a part of the error. Go's reader is asked the same by check-diff.
 */
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define MAX_ROWS 500

static const char *const files[] = {
	"annotations", "generations", "go-status", "goroutines", "proc-status", "procs",
	"ranges",      "samples",     "streams",   "sync",	 "syscalls",	"tables",
};

struct row {
	struct slice name;
	struct slice text;
};

static struct buf texts[sizeof(files) / sizeof(files[0])];
static struct row rows[MAX_ROWS];
static int n_rows;

/* Take the line up to the next newline off the front. */
static bool take_line(struct slice *s, struct slice *line)
{
	const uint8_t *end;

	if (!s->len)
		return false;
	end = memchr(s->ptr, '\n', s->len);
	*line = *s;
	line->len = end ? (size_t)(end - s->ptr) : s->len;
	s->ptr += line->len + (end != NULL);
	s->len -= line->len + (end != NULL);
	return true;
}

static bool starts_with(struct slice s, const char *prefix)
{
	return s.len >= strlen(prefix) && !memcmp(s.ptr, prefix, strlen(prefix));
}

static void add_rows(struct slice text)
{
	struct row *row = NULL;
	struct slice line;

	while (take_line(&text, &line)) {
		if (starts_with(line, "=== ")) {
			if (n_rows == MAX_ROWS)
				die("more than %d rows", MAX_ROWS);
			row = &rows[n_rows++];
			row->name = (struct slice){ line.ptr + 4, line.len - 4 };
			row->text = (struct slice){ text.ptr, 0 };
		} else if (row) {
			row->text.len = (size_t)(text.ptr - row->text.ptr);
		}
	}
}

/* The lines of a row behind `mark`, each with a newline. */
static void marked_lines(struct slice text, const char *mark, struct buf *out)
{
	struct slice line;

	while (take_line(&text, &line)) {
		if (!starts_with(line, mark))
			continue;
		buf_add(out, line.ptr + strlen(mark), line.len - strlen(mark));
		buf_u8(out, '\n');
	}
}

/* The dump without empty lines and, if asked, without sync events. */
static void plain_lines(struct slice text, bool syncs, struct buf *out)
{
	struct slice line;

	while (take_line(&text, &line)) {
		if (!line.len || (!syncs && slice_contains(line, SLICE(" Sync "))))
			continue;
		buf_slice(out, line);
		buf_u8(out, '\n');
	}
}

START_TEST(rule)
{
	const struct row *row = &rows[_i];
	struct buf text, trace, dump, want, want_error, got;
	struct reading r;

	buf_init(&text, 1 << 20);
	buf_init(&trace, 0);
	buf_init(&dump, 1 << 20);
	buf_init(&want, 1 << 20);
	buf_init(&want_error, 1 << 20);
	buf_init(&got, 1 << 20);
	if (!starts_with(row->text, "Trace"))
		buf_str(&text, "Trace Go1.26\nGeneration gen=1\n");
	buf_slice(&text, row->text);
	assemble(buf_view(&text), &trace);
	r = read_trace(buf_view(&trace), &dump);
	marked_lines(row->text, "#= ", &want);
	marked_lines(row->text, "#! ", &want_error);
	plain_lines(buf_view(&dump), slice_contains(buf_view(&want), SLICE(" Sync ")), &got);
	ck_assert_msg(slice_eq(buf_view(&want), buf_view(&got)), "%.*s: expected\n%.*sgot\n%.*s",
		      SLICE_ARG(row->name), SLICE_ARG(want), SLICE_ARG(got));
	if (want_error.len)
		want_error.len--;
	ck_assert_msg((r.end == ST_END) == !want_error.len, "%.*s: %s", SLICE_ARG(row->name),
		      r.end == ST_END ? "is accepted" : r.err.msg);
	ck_assert_msg(slice_contains(slice_str(r.err.msg), buf_view(&want_error)),
		      "%.*s: expected '%.*s' in '%s'", SLICE_ARG(row->name), SLICE_ARG(want_error),
		      r.err.msg);
	buf_release(&text);
	buf_release(&trace);
	buf_release(&dump);
	buf_release(&want);
	buf_release(&want_error);
	buf_release(&got);
}
END_TEST

Suite *rules_suite(void)
{
	Suite *s = suite_create("rules");
	TCase *t = tcase_create("rules");

	setenv("TZ", "UTC", 1);
	tzset();
	n_rows = 0;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "tests/data/rules/%s.txt", files[i]);
		load_file(path, &texts[i]);
		add_rows(buf_view(&texts[i]));
	}
	tcase_add_loop_test(t, rule, 0, n_rows);
	suite_add_tcase(s, t);
	return s;
}
