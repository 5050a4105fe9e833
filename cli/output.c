#include "cli/output.h"

#include "base/mem.h"
#include "exporter/otlp_metrics.h"

struct output {
	struct file_out *file;
	struct otlp_batch file_batch;
	struct otlp_http *http;
	struct otlp_batch http_batch;
	struct resource resource;
	enum otlp_format format;
	struct buf metrics;
	struct file_out *metrics_file; /* of its own, for protobuf */
	char *metrics_path;
	struct otlp_http *metrics_http;
	struct otlp_http_settings http_settings;
	uint64_t metrics_sent;
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
	o->resource = opt->resource;
	o->format = opt->format;
	if (opt->http)
		o->http_settings = *opt->http;
	buf_init(&o->metrics, MAX_BATCH_BYTES);
	o->limiter.limits = opt->limits;
	otlp_batch_init(&o->file_batch, opt->format, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	otlp_batch_init(&o->http_batch, OTLP_PROTO, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	if (opt->path) {
		size_t size = strlen(opt->path) + sizeof(".metrics");

		o->metrics_path = mem_alloc(size);
		if (!o->metrics_path) {
			output_close(o);
			return err_nomem(err, "the output");
		}
		snprintf(o->metrics_path, size, "%s.metrics", opt->path);
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
	file_out_close(o->metrics_file);
	otlp_http_close(o->metrics_http);
	buf_release(&o->metrics);
	mem_free(o->metrics_path);
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

static enum status open_metrics_file(struct output *o, struct err *err)
{
	return o->metrics_file ? ST_OK
			       : file_out_open(&o->metrics_file, o->metrics_path, o->format, err);
}

static enum status file_metrics(struct output *o, const struct metrics *metrics, struct err *err)
{
	enum status st = otlp_metrics_put(&o->metrics, o->format, &o->resource, metrics, err);

	if (!st && o->format == OTLP_PROTO) {
		st = open_metrics_file(o, err);
		return st ? st : file_out_write(o->metrics_file, buf_view(&o->metrics), err);
	}
	if (!st)
		st = flush_file(o, err);
	return st ? st : file_out_write(o->file, buf_view(&o->metrics), err);
}

static enum status http_metrics(struct output *o, const struct metrics *metrics, struct err *err)
{
	struct otlp_http_settings set = o->http_settings;
	enum status st;

	set.otlp.metrics = true;
	/* There is no transcoder for them, and a receiver of one form takes the other. */
	if (set.otlp.protocol == SETTING_HTTP_JSON)
		set.otlp.protocol = SETTING_HTTP_PROTOBUF;
	st = o->metrics_http ? ST_OK : otlp_http_open(&o->metrics_http, &set, err);
	if (!st)
		st = otlp_metrics_put(&o->metrics, OTLP_PROTO, &o->resource, metrics, err);
	if (!st)
		st = otlp_http_send(o->metrics_http, buf_view(&o->metrics), 1, err);
	if (!st)
		o->metrics_sent += metrics->n;
	return st;
}

static enum status emit_metrics(void *arg, const struct metrics *metrics, struct err *err)
{
	struct output *o = arg;
	enum status st = o->file ? file_metrics(o, metrics, err) : ST_OK;

	if (!st && o->http && !o->unsent.code) {
		struct err why = ERR_INIT;

		st = http_metrics(o, metrics, &why);
		if (st)
			err_wrap(&why, "metrics");
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

struct metrics_sink output_metrics_sink(struct output *o)
{
	return (struct metrics_sink){ emit_metrics, o };
}

enum status output_finish(struct output *o, struct err *err)
{
	enum status st = ST_OK;

	if (o->file) {
		st = flush_file(o, err);
		if (!st)
			st = file_out_finish(o->file, err);
		if (!st && o->metrics_file)
			st = file_out_finish(o->metrics_file, err);
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

uint64_t output_metrics_sent(const struct output *o)
{
	return o->metrics_sent;
}

uint64_t output_file_bytes(const struct output *o)
{
	return o->file ? file_out_bytes(o->file) : 0;
}
