#include "cli/output.h"

#include "base/mem.h"

struct output {
	struct file_out *file;
	struct otlp_batch file_batch;
	struct send *send;
	struct queue_entry *entry; /* with send alone */
	struct otlp_batch send_batch;
	bool unsent; /* the destinations get no more while the file goes on */
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
	otlp_batch_init(&o->file_batch, opt->format, FILE_BATCH_BYTES, MAX_BATCH_SPANS);
	otlp_batch_init(&o->send_batch, OTLP_PROTO, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	if (opt->path) {
		st = file_out_open(&o->file, opt->path, opt->format, err);
		if (!st)
			st = otlp_batch_resource(&o->file_batch, &opt->resource, err);
	}
	if (!st && opt->send) {
		o->send = opt->send;
		st = queue_begin(send_queue(o->send), &o->entry, err);
		if (!st)
			st = otlp_batch_resource(&o->send_batch, &opt->resource, err);
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
	queue_abort(o->entry);
	otlp_batch_release(&o->file_batch);
	otlp_batch_release(&o->send_batch);
	mem_free(o);
}

static enum status flush_file(struct output *o, struct err *err)
{
	struct otlp_parts message;
	enum status st = otlp_batch_parts(&o->file_batch, &message, err);

	if (!st && message.n)
		st = file_out_write_parts(o->file, message.list, message.n, err);
	otlp_batch_clear(&o->file_batch);
	return st;
}

enum status output_line(struct output *o, struct slice line, struct err *err)
{
	enum status st = flush_file(o, err);

	if (!st)
		st = file_out_write(o->file, line, err);
	o->failed |= st != ST_OK;
	return st;
}

static enum status flush_send(struct output *o, struct err *err)
{
	size_t n = o->send_batch.n_spans;
	struct slice message;
	enum status st = otlp_batch_finish(&o->send_batch, &message, err);

	if (!st && message.len)
		st = queue_add(o->entry, message, n, err);
	otlp_batch_clear(&o->send_batch);
	if (!st && !send_durable(o->send))
		st = queue_commit(o->entry, NULL, err);
	return st;
}

/* A span in one form or the other. */
struct either {
	const struct span *span; /* NULL: it is packed */
	const struct packed_span *packed;
};

static enum status add(struct otlp_batch *b, struct either span, struct err *err)
{
	return span.span ? otlp_batch_add(b, span.span, err)
			 : otlp_batch_add_packed(b, span.packed, err);
}

static enum status put_file(struct output *o, struct either span, struct err *err)
{
	enum status st = add(&o->file_batch, span, err);

	if (st == ST_END) {
		st = flush_file(o, err);
		if (!st)
			st = add(&o->file_batch, span, err);
	}
	return st;
}

static enum status put_send(struct output *o, struct either span, struct err *err)
{
	enum status st = add(&o->send_batch, span, err);

	if (st == ST_END) {
		st = flush_send(o, err);
		if (!st)
			st = add(&o->send_batch, span, err);
	}
	/* Nobody is left who would take it; why is told at the end, once for each. */
	if ((!st || st == ST_LIMIT) && !send_durable(o->send) && send_given_up(o->send))
		return ST_REMOTE;
	return st;
}

static enum status put(struct output *o, struct either span, struct err *err)
{
	enum status st = o->file ? put_file(o, span, err) : ST_OK;

	if (!st && o->send && !o->unsent) {
		st = put_send(o, span, err);
		/* That does not cost the file: it goes on to its end. */
		if (st == ST_REMOTE && o->file) {
			o->unsent = true;
			st = ST_OK;
		} else if (st == ST_REMOTE) {
			err_set(err, st, ERR_NO_OFFSET, "nobody takes its spans");
		}
	}
	if (!st && send_stopped())
		st = err_set(err, ST_REMOTE, ERR_NO_OFFSET, "stopped by a signal");
	o->failed |= st != ST_OK;
	return st;
}

static enum status emit(void *arg, const struct span *span, struct err *err)
{
	return put(arg, (struct either){ .span = span }, err);
}

static enum status emit_packed(void *arg, const struct packed_span *span, bool *taken,
			       struct err *err)
{
	*taken = true;
	return put(arg, (struct either){ .packed = span }, err);
}

struct span_sink output_sink(struct output *o)
{
	bool json = o->file && o->file_batch.format == OTLP_JSON;

	o->limiter.next = (struct span_sink){ emit, o, json ? NULL : emit_packed };
	return span_limiter_sink(&o->limiter);
}

enum status output_remember(struct output *o, const struct sent_set *sent, struct err *err)
{
	enum status st = ST_OK;
	size_t n;
	const uint64_t *keys = sent_fresh(sent, &n);

	if (!o->send || !send_durable(o->send))
		return ST_OK;
	for (size_t i = 0; i < n && !st; i++)
		st = queue_add_id(o->entry, keys[i], err);
	return st;
}

enum status output_end(struct output *o, bool good, const struct queue_snapshot *snapshot,
		       struct err *err)
{
	struct queue_entry *fresh;
	enum status st;

	/* In memory, batches hold the spans of several snapshots. */
	if (!o->send || !send_durable(o->send))
		return ST_OK;
	if (good) {
		st = flush_send(o, err);
		return st ? st : queue_commit(o->entry, snapshot, err);
	}
	otlp_batch_clear(&o->send_batch);
	st = queue_begin(send_queue(o->send), &fresh, err);
	if (!st) {
		queue_abort(o->entry);
		o->entry = fresh;
	}
	return st;
}

enum status output_finish(struct output *o, struct err *err)
{
	enum status st = ST_OK;

	if (o->file) {
		st = flush_file(o, err);
		if (!st)
			st = file_out_finish(o->file, err);
	}
	if (st || !o->send || o->unsent || send_durable(o->send))
		return st;
	return flush_send(o, err);
}

bool output_failed(const struct output *o)
{
	return o->failed;
}

uint64_t output_file_bytes(const struct output *o)
{
	return o->file ? file_out_bytes(o->file) : 0;
}
