#include "cli/metrics_out.h"

#include "base/log.h"
#include "base/mem.h"
#include "cli/metrics_send.h"
#include "exporter/otlp_metrics.h"
#include "exporter/retry.h"

struct receiver {
	struct transport *transport;
	bool failed; /* it gets no more */
};

struct metrics_out {
	struct metrics_out_options opt;
	struct buf message;
	char *path;
	struct file_out *file; /* for protobuf, from the first message on */
	struct receiver *receivers;
	size_t n_receivers;
	bool failed;
};

static enum status open_receivers(struct metrics_out *m, struct err *err)
{
	enum status st = ST_OK;

	m->receivers = mem_zalloc((m->opt.n_exporters + 1) * sizeof(*m->receivers));
	if (!m->receivers)
		return err_nomem(err, "the metrics");
	for (size_t i = 0; !st && i < m->opt.n_exporters; i++) {
		if (!m->opt.exporters[i].is_otlp)
			continue;
		st = metrics_transport(&m->receivers[m->n_receivers].transport,
				       &m->opt.exporters[i], err);
		m->n_receivers += !st;
	}
	return st;
}

enum status metrics_out_open(struct metrics_out **out, const struct metrics_out_options *o,
			     struct err *err)
{
	struct metrics_out *m = mem_zalloc(sizeof(*m));
	enum status st;

	if (!m)
		return err_nomem(err, "the metrics");
	m->opt = *o;
	buf_init(&m->message, MAX_BATCH_BYTES);
	st = open_receivers(m, err);
	if (!st && o->path) {
		size_t size = strlen(o->path) + sizeof(".metrics");

		m->path = mem_alloc(size);
		if (m->path)
			snprintf(m->path, size, "%s.metrics", o->path);
		else
			st = err_nomem(err, "the metrics");
	}
	if (st) {
		metrics_out_close(m);
		return st;
	}
	*out = m;
	return ST_OK;
}

void metrics_out_close(struct metrics_out *m)
{
	if (!m)
		return;
	file_out_close(m->file);
	for (size_t i = 0; i < m->n_receivers; i++)
		transport_close(m->receivers[i].transport);
	mem_free(m->receivers);
	mem_free(m->path);
	buf_release(&m->message);
	mem_free(m);
}

static enum status to_file(struct metrics_out *m, struct err *err)
{
	enum status st = ST_OK;

	if (m->opt.format == OTLP_JSON)
		return output_line(m->opt.output, buf_view(&m->message), err);
	if (!m->file)
		st = file_out_open(&m->file, m->path, m->opt.format, err);
	return st ? st : file_out_write(m->file, buf_view(&m->message), err);
}

/* A receiver that does not take them gets no more; that is no reason to stop. */
static void to_receivers(struct metrics_out *m)
{
	const struct retry_settings set = { .budget_ns = m->opt.give_up_ns, .what = "metrics" };

	for (size_t i = 0; i < m->n_receivers; i++) {
		struct receiver *r = &m->receivers[i];
		struct attempt_result last;
		struct err why = ERR_INIT;

		if (r->failed ||
		    !retry_send(r->transport, &set, buf_view(&m->message), 1, &last, &why))
			continue;
		log_error("%s", why.msg);
		r->failed = m->failed = true;
	}
}

static enum status emit(void *arg, const struct metrics *metrics, struct err *err)
{
	struct metrics_out *m = arg;
	enum status st = ST_OK;

	if (m->opt.path) {
		st = otlp_metrics_put(&m->message, m->opt.format, &m->opt.resource, metrics, err);
		if (!st)
			st = to_file(m, err);
	}
	if (!st && m->n_receivers) {
		st = otlp_metrics_put(&m->message, OTLP_PROTO, &m->opt.resource, metrics, err);
		if (!st)
			to_receivers(m);
	}
	return st;
}

struct metrics_sink metrics_out_sink(struct metrics_out *m)
{
	return (struct metrics_sink){ emit, m };
}

bool metrics_out_finish(struct metrics_out *m)
{
	struct err err = ERR_INIT;

	if (m->file && file_out_finish(m->file, &err)) {
		log_error("%s", err.msg);
		return false;
	}
	return !m->failed;
}
