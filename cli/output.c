#include "cli/output.h"

#include "base/mem.h"

struct output {
	struct file_out *file;
	struct otlp_batch file_batch;
	struct otlp_http *http;
	struct otlp_batch http_batch;
	struct err unsent; /* why the receiver gets no more while the file goes on */
	bool failed;
	struct span_limiter limiter; /* in front of it all */
};

enum status output_open(struct output **out, const struct output_options *opt, struct err *err)
{
	struct output *o = mem_zalloc(sizeof(*o));
	enum status st = ST_OK;

	if (!o)
		return err_nomem(err, "the output");
	o->limiter.limits = opt->limits;
	otlp_batch_init(&o->file_batch, opt->format, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	otlp_batch_init(&o->http_batch, OTLP_PROTO, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	if (opt->path) {
		st = file_out_open(&o->file, opt->path, opt->format, err);
		if (!st)
			st = otlp_batch_resource(&o->file_batch, &opt->resource, err);
	}
	if (!st && opt->http) {
		st = otlp_http_open(&o->http, opt->http, err);
		if (!st)
			st = otlp_batch_resource(&o->http_batch, &opt->resource, err);
	}
	if (st) {
		output_close(o);
		return st;
	}
	*out = o;
	return ST_OK;
}

void output_close(struct output *o)
{
	if (!o)
		return;
	span_limiter_release(&o->limiter);
	file_out_close(o->file);
	otlp_http_close(o->http);
	otlp_batch_release(&o->file_batch);
	otlp_batch_release(&o->http_batch);
	mem_free(o);
}

static enum status flush_file(struct output *o, struct err *err)
{
	struct slice message;
	enum status st = otlp_batch_finish(&o->file_batch, &message, err);

	if (!st && message.len)
		st = file_out_write(o->file, message, err);
	otlp_batch_clear(&o->file_batch);
	return st;
}

static enum status flush_http(struct output *o, struct err *err)
{
	size_t n = o->http_batch.n_spans;
	struct slice message;
	enum status st = otlp_batch_finish(&o->http_batch, &message, err);

	if (!st && message.len)
		st = otlp_http_send(o->http, message, n, err);
	otlp_batch_clear(&o->http_batch);
	return st;
}

static enum status put_file(struct output *o, const struct span *span, struct err *err)
{
	enum status st = otlp_batch_add(&o->file_batch, span, err);

	if (st == ST_END) {
		st = flush_file(o, err);
		if (!st)
			st = otlp_batch_add(&o->file_batch, span, err);
	}
	return st;
}

static enum status put_http(struct output *o, const struct span *span, struct err *err)
{
	enum status st = otlp_batch_add(&o->http_batch, span, err);

	if (st == ST_END) {
		st = flush_http(o, err);
		if (!st)
			st = otlp_batch_add(&o->http_batch, span, err);
	}
	return st;
}

static enum status emit(void *arg, const struct span *span, struct err *err)
{
	struct output *o = arg;
	enum status st = o->file ? put_file(o, span, err) : ST_OK;

	if (!st && o->http && !o->unsent.code) {
		struct err why = ERR_INIT;

		st = put_http(o, span, &why);
		/* That does not cost the file: it goes on to its end, then this is told. */
		if (st == ST_REMOTE && o->file) {
			o->unsent = why;
			st = ST_OK;
		} else if (st) {
			*err = why;
		}
	}
	o->failed |= st != ST_OK;
	return st;
}

struct span_sink output_sink(struct output *o)
{
	o->limiter.next = (struct span_sink){ emit, o };
	return span_limiter_sink(&o->limiter);
}

enum status output_finish(struct output *o, struct err *err)
{
	enum status st = ST_OK;

	if (o->file) {
		st = flush_file(o, err);
		if (!st)
			st = file_out_finish(o->file, err);
	}
	if (st)
		return st;
	if (o->unsent.code) {
		*err = o->unsent;
		return o->unsent.code;
	}
	return o->http ? flush_http(o, err) : ST_OK;
}

bool output_failed(const struct output *o)
{
	return o->failed;
}

const struct otlp_http_stats *output_http_stats(const struct output *o)
{
	return o->http ? otlp_http_stats(o->http) : NULL;
}

const char *output_url(const struct output *o)
{
	return o->http ? otlp_http_url(o->http) : NULL;
}

uint64_t output_file_bytes(const struct output *o)
{
	return o->file ? file_out_bytes(o->file) : 0;
}
