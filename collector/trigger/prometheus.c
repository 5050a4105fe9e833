#include "collector/trigger/prometheus.h"

#include <float.h>

#include "base/buf.h"
#include "base/num.h"
#include "collector/source/fetch.h"

#define MAX_PAGE_BYTES ((size_t)16 << 20)
#define TIMEOUT_NS ((uint64_t)5 * 1000000000)

static struct slice until(struct slice s, const char *ends)
{
	size_t n = 0;

	while (n < s.len && !strchr(ends, s.ptr[n]))
		n++;
	return (struct slice){ s.ptr, n };
}

static struct slice after(struct slice s, size_t n)
{
	return (struct slice){ s.ptr + n, s.len - n };
}

/* The length of "{...}" at the front; 0: none. Braces in quotes do not count. */
static size_t labels(struct slice s)
{
	bool in_text = false;

	if (!s.len || s.ptr[0] != '{')
		return 0;
	for (size_t i = 1; i < s.len; i++) {
		if (in_text && s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '"')
			in_text = !in_text;
		else if (!in_text && s.ptr[i] == '}')
			return i + 1;
	}
	return 0;
}

/* Does the line have every label="value" of `want` (without braces, split by commas)? */
static bool has_labels(struct slice line, struct slice want)
{
	while (want.len) {
		struct slice one = until(want, ",");

		if (one.len && !memmem(line.ptr, line.len, one.ptr, one.len))
			return false;
		want = after(want, one.len + (one.len < want.len));
	}
	return true;
}

/* The value of a sample line, if it is one of the metric. */
static bool sample(struct slice line, struct slice name, struct slice want, double *out)
{
	size_t n;

	if (!name.ptr || !line.ptr || line.len <= name.len ||
	    memcmp(line.ptr, name.ptr, name.len) != 0)
		return false;
	line = after(line, name.len);
	n = labels(line);
	if (!n && line.ptr[0] != ' ' && line.ptr[0] != '\t')
		return false;
	if (!has_labels((struct slice){ line.ptr, n }, want))
		return false;
	line = after(line, n);
	while (line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
		line = after(line, 1);
	/* A timestamp may follow. */
	return num_double(until(line, " \t\r"), -DBL_MAX, DBL_MAX, out);
}

bool prometheus_find(struct slice page, const char *metric, double *out)
{
	struct slice name = until(slice_str(metric), "{");
	struct slice want = after(slice_str(metric), name.len);
	bool found = false;
	double v;

	if (want.len >= 2)
		want = (struct slice){ want.ptr + 1, want.len - 2 };
	while (page.len) {
		struct slice line = until(page, "\n");

		if (sample(line, name, want, &v) && (!found || v > *out)) {
			*out = v;
			found = true;
		}
		page = after(page, line.len + (line.len < page.len));
	}
	return found;
}

enum status prometheus_read(const char *url, const char *metric, const bool *stop, double *out,
			    struct err *err)
{
	struct fetch_settings set = { .url = url, .timeout_ns = TIMEOUT_NS, .stop = stop };
	struct fetch *f;
	struct buf page;
	uint8_t chunk[8192];
	size_t n;
	enum status st = fetch_open(&f, &set, err);

	if (st)
		return st;
	buf_init(&page, MAX_PAGE_BYTES);
	do {
		st = fetch_read(f, chunk, sizeof(chunk), &n, err);
		buf_add(&page, chunk, n);
	} while (!st && n && !page.failed);
	if (!st)
		st = buf_status(&page, "a page of metrics", err);
	if (!st && fetch_status(f) != 200)
		st = err_set(err, ST_REMOTE, ERR_NO_OFFSET,
			     "the metrics answer with HTTP status %ld", fetch_status(f));
	if (!st && !prometheus_find(buf_view(&page), metric, out))
		st = err_set(err, ST_REMOTE, ERR_NO_OFFSET, "no metric %s on that page", metric);
	buf_release(&page);
	fetch_close(f);
	return st;
}
