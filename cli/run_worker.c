#include "cli/run_worker.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/convert.h"
#include "cli/output.h"
#include "cli/snapshot.h"
#include "exporter/otlp_metrics.h"
#include "mapping/sent.h"

#define SECOND_NS ((uint64_t)1000000000)
#define TAKE_NS (60 * SECOND_NS)
/*
 * How long a stop waits for what is read: a file that stays in its folder, and a capture
 * that exists nowhere else. With what sending takes (queue.flush), that is within the 30 s
 * that systemd and Kubernetes wait before they kill.
 */
#define FILE_GRACE_NS (10 * SECOND_NS)
#define CAPTURE_GRACE_NS (20 * SECOND_NS)

enum activity { IDLE, MAPPING, QUEUEING };

struct worker {
	struct inbox *inbox;
	struct sent_set sent;
	bool seeded;
	/* While it runs; borrowed. */
	const struct run_plan *plan;
	struct send *send;
	struct metrics_send *metrics; /* NULL: nobody wants them */
	struct buf message;	      /* the metrics of what is mapped; none if empty */
	struct output *output;	      /* NULL: to be opened */
	struct span_sink sink;
	pthread_t thread;
	bool runs;
	bool stop, drain;  /* atomic */
	uint64_t ended_ns; /* atomic: when the program was to end, or 0 */
	uint64_t grace_ns; /* of what it is at */
	int activity;	   /* atomic; enum activity */
	uint64_t beat_ns;  /* atomic: when it last did something */
	pthread_mutex_t mutex;
	struct worker_counts counts;
	struct worker_capture last[WORKER_CAPTURES]; /* a ring */
	uint64_t n_last;			     /* ever */
};

const char *capture_outcome_name(enum capture_outcome outcome)
{
	static const char *const names[] = { "queued", "known", "bad", "changed", "later" };

	return names[outcome];
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static void act(struct worker *w, enum activity activity)
{
	__atomic_store_n(&w->beat_ns, now_ns(), __ATOMIC_RELAXED);
	__atomic_store_n(&w->activity, (int)activity, __ATOMIC_RELAXED);
}

static bool is_set(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

/* Has it to leave what it is at for the next start? */
static bool gives_up(const struct worker *w)
{
	uint64_t ended = is_set(&w->stop) ? __atomic_load_n(&w->ended_ns, __ATOMIC_RELAXED) : 0;

	return ended && now_ns() - ended >= w->grace_ns;
}

static enum status give_up(struct err *err)
{
	return err_set(err, ST_IO, ERR_NO_OFFSET, "the program stops before it is read");
}

static enum status seed(void *arg, uint64_t key, struct err *err)
{
	return sent_seed(arg, key, err);
}

/* A full queue lets us wait inside: that is no hang. */
static enum status emit(void *arg, const struct span *span, struct err *err)
{
	struct worker *w = arg;
	enum status st;

	if (gives_up(w))
		return give_up(err);
	__atomic_store_n(&w->activity, QUEUEING, __ATOMIC_RELAXED);
	st = w->sink.emit(w->sink.arg, span, err);
	__atomic_store_n(&w->activity, MAPPING, __ATOMIC_RELAXED);
	return st;
}

static enum status emit_packed(void *arg, const struct packed_span *span, bool *taken,
			       struct err *err)
{
	struct worker *w = arg;
	enum status st;

	if (gives_up(w))
		return give_up(err);
	__atomic_store_n(&w->activity, QUEUEING, __ATOMIC_RELAXED);
	st = w->sink.emit_packed(w->sink.arg, span, taken, err);
	__atomic_store_n(&w->activity, MAPPING, __ATOMIC_RELAXED);
	return st;
}

static enum status beat(void *arg, uint64_t done, uint64_t total, struct err *err)
{
	(void)done;
	(void)total;
	act(arg, MAPPING);
	return gives_up(arg) ? give_up(err) : ST_OK;
}

/* What another run has sent, and where spans go. Again after each failure of the queue. */
static enum status ready(struct worker *w, struct err *err)
{
	struct output_options o = { .send = w->send,
				    .resource = w->plan->resource,
				    .limits = w->plan->limits };
	enum status st = ST_OK;

	if (!w->seeded)
		st = queue_ids_each(send_queue(w->send), seed, &w->sent, err);
	if (st)
		return st;
	w->seeded = true;
	if (w->output)
		return ST_OK;
	st = output_open(&w->output, &o, err);
	if (!st)
		w->sink = output_sink(w->output);
	return st;
}

static enum status known(struct worker *w, const struct capture *c, struct queue_snapshot *s,
			 bool *is, struct err *err)
{
	struct queue *q = send_queue(w->send);
	enum status st = snapshot_place(c->fd, s, err);

	*is = false;
	if (!st && c->in_place)
		st = queue_file_done(q, s, is, err);
	if (st || *is)
		return st;
	st = snapshot_hash(c->fd, s, err);
	return st ? st : queue_snapshot_done(q, s, is, err);
}

/* Did somebody write to it while it was read? */
static bool changed(const struct capture *c, const struct queue_snapshot *before)
{
	struct queue_snapshot now;
	struct err ignored = ERR_INIT;

	return c->in_place && (snapshot_place(c->fd, &now, &ignored) || now.size != before->size ||
			       now.mtime_ns != before->mtime_ns);
}

/* Told once the spans are safe: another try at the same capture makes them again. */
static enum status keep_metrics(void *arg, const struct metrics *metrics, struct err *err)
{
	struct worker *w = arg;

	return otlp_metrics_put(&w->message, OTLP_PROTO, &w->plan->resource, metrics, err);
}

static enum status map(struct worker *w, const struct capture *c, struct convert_result *r,
		       struct err *err)
{
	struct mapper_options o = w->plan->mapper;
	struct sampling_rule *rules = NULL;
	struct file_source *f = file_source_open_fd(fcntl(c->fd, F_DUPFD_CLOEXEC, 3), err);
	enum status st;

	if (!f)
		return err->code;
	st = plan_sampling(&rules, &o, &w->plan->settings, c->source, err);
	if (st) {
		file_source_close(f);
		return st;
	}
	o.source = slice_str(c->name);
	o.trigger = slice_str(c->trigger);
	o.cause = slice_str(c->cause);
	o.request = slice_str(c->traceparent);
	o.sent = &w->sent;
	st = convert_source(f, c->name, &o,
			    (struct span_sink){ emit, w, w->sink.emit_packed ? emit_packed : NULL },
			    (struct metrics_sink){ w->metrics ? keep_metrics : NULL, w },
			    (struct convert_watch){ beat, w }, r, err);
	file_source_close(f);
	mem_free(rules);
	return st;
}

/* Nothing of it counts. */
static void undo(struct worker *w)
{
	sent_abort(&w->sent);
	output_close(w->output);
	w->output = NULL;
}

static enum status commit(struct worker *w, const struct queue_snapshot *s, struct err *err)
{
	enum status st;

	__atomic_store_n(&w->activity, QUEUEING, __ATOMIC_RELAXED);
	st = output_remember(w->output, &w->sent, err);
	if (!st)
		st = output_end(w->output, true, s, err);
	if (!st && w->message.len)
		metrics_send_put(w->metrics, buf_view(&w->message));
	if (!st)
		st = sent_commit(&w->sent, err);
	return st;
}

/* Whose fault it is that a capture could not be mapped. */
static enum capture_outcome blame(const struct worker *w, enum status st, struct err *err)
{
	if (st == ST_NOMEM || send_stopped() || gives_up(w))
		return CAPTURE_LATER;
	if (output_failed(w->output)) {
		if (st != ST_LIMIT)
			return CAPTURE_LATER;
		err_wrap(err, "its spans do not fit into the queue");
	}
	if (err->offset != ERR_NO_OFFSET) {
		char where[48];

		snprintf(where, sizeof(where), " (at byte %" PRIu64 ")", err->offset);
		if (strlen(err->msg) + strlen(where) < sizeof(err->msg))
			memcpy(err->msg + strlen(err->msg), where, strlen(where) + 1);
	}
	return CAPTURE_BAD;
}

static void tell(const struct capture *c, struct convert_result *r, uint64_t ns)
{
	const struct mapper_summary *s = &r->summary;

	if (r->damaged)
		log_warn("%s: %s: damaged trace, converted %s: %s (at byte %" PRIu64 ")", c->source,
			 c->name,
			 r->salvaged ? "with what is left of its last generation"
				     : "up to the damage",
			 r->damage.msg, r->damage.offset);
	log_info("%s: %s: %" PRIu64 " spans of %" PRIu64 " traces queued (%" PRIu64
		 " events, %.0f ms)%s%s",
		 c->source, c->name, s->spans, s->traces, s->events, (double)ns / 1e6,
		 *c->cause ? "; " : "", c->cause);
}

static void keep_record(struct worker *w, const struct capture *c, enum capture_outcome outcome,
			const struct convert_result *r, uint64_t bytes, const char *why)
{
	struct worker_capture *x = &w->last[w->n_last++ % WORKER_CAPTURES];
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	*x = (struct worker_capture){ .at_ms = t.tv_sec * (int64_t)1000 + t.tv_nsec / 1000000,
				      .outcome = outcome,
				      .damaged = r->damaged,
				      .bytes = bytes,
				      .events = r->summary.events,
				      .spans = r->summary.spans,
				      .traces = r->summary.traces };
	snprintf(x->source, sizeof(x->source), "%s", c->source);
	snprintf(x->name, sizeof(x->name), "%s", c->name);
	snprintf(x->trigger, sizeof(x->trigger), "%s", c->trigger);
	snprintf(x->cause, sizeof(x->cause), "%s", c->cause);
	snprintf(x->why, sizeof(x->why), "%.250s", outcome == CAPTURE_QUEUED ? "" : why);
}

static void count(struct worker *w, const struct capture *c, enum capture_outcome outcome,
		  const struct convert_result *r, uint64_t bytes, const char *why)
{
	pthread_mutex_lock(&w->mutex);
	keep_record(w, c, outcome, r, bytes, why);
	w->counts.captures[outcome]++;
	if (outcome == CAPTURE_QUEUED) {
		w->counts.damaged += r->damaged;
		w->counts.events += r->summary.events;
		w->counts.spans += r->summary.spans;
		w->counts.bytes += bytes;
		w->counts.unsampled_spans += r->summary.unsampled_spans;
		w->counts.dropped_spans += r->summary.dropped_spans;
	}
	pthread_mutex_unlock(&w->mutex);
}

static enum capture_outcome process(struct worker *w, const struct capture *c, struct err *err)
{
	uint64_t began = now_ns();
	struct convert_result r = { .damaged = false };
	struct queue_snapshot s = { 0 };
	enum capture_outcome outcome = CAPTURE_QUEUED;
	bool is_known = false;
	enum status st = ready(w, err);

	if (!st)
		st = known(w, c, &s, &is_known, err);
	if (st) {
		count(w, c, CAPTURE_LATER, &r, 0, err->msg);
		return CAPTURE_LATER;
	}
	if (is_known) {
		count(w, c, CAPTURE_KNOWN, &r, 0, "");
		log_debug("%s: %s: done before", c->source, c->name);
		return CAPTURE_KNOWN;
	}
	buf_clear(&w->message);
	st = map(w, c, &r, err);
	if (st)
		outcome = blame(w, st, err);
	if (changed(c, &s))
		outcome = CAPTURE_CHANGED;
	if (outcome == CAPTURE_QUEUED && commit(w, &s, err))
		outcome = CAPTURE_LATER;
	if (outcome != CAPTURE_QUEUED)
		undo(w);
	else
		tell(c, &r, now_ns() - began);
	count(w, c, outcome, &r, s.size, err->msg);
	return outcome;
}

/* A moment for the queue to recover, unless somebody wants us to end. */
static void pause_a_second(const struct worker *w)
{
	struct timespec step = { 0, 50000000 };

	for (int i = 0; i < 20 && !is_set(&w->stop); i++)
		nanosleep(&step, NULL);
}

static void serve(struct worker *w, struct capture *c)
{
	struct err err = ERR_INIT;
	enum capture_outcome outcome;
	bool later;

	act(w, MAPPING);
	w->grace_ns = c->in_place ? FILE_GRACE_NS : CAPTURE_GRACE_NS;
	if ((is_set(&w->stop) && c->in_place) || gives_up(w)) {
		outcome = CAPTURE_LATER;
		(void)give_up(&err);
	} else {
		outcome = process(w, c, &err);
	}
	close(c->fd);
	if (outcome == CAPTURE_LATER && c->in_place && gives_up(w))
		log_warn("%s: %s: %s; the next start reads it", c->source, c->name, err.msg);
	later = outcome == CAPTURE_LATER && !is_set(&w->stop);
	if (later)
		log_error("%s: %s: %s; tried again", c->source, c->name, err.msg);
	c->done(c, outcome, err.msg);
	act(w, IDLE);
	if (later)
		pause_a_second(w);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct capture *c;

	while (!is_set(&w->stop)) {
		c = inbox_take(w->inbox, TAKE_NS, &w->stop);
		if (c)
			serve(w, c);
	}
	while (is_set(&w->drain) && (c = inbox_take(w->inbox, 0, NULL)) != NULL)
		serve(w, c);
	return NULL;
}

enum status worker_open(struct worker **out, struct inbox *inbox, struct err *err)
{
	struct worker *w = mem_zalloc(sizeof(*w));

	if (!w)
		return err_nomem(err, "the worker");
	w->inbox = inbox;
	sent_init(&w->sent, MAX_SENT_KEYS);
	buf_init(&w->message, MAX_BATCH_BYTES);
	pthread_mutex_init(&w->mutex, NULL);
	*out = w;
	return ST_OK;
}

enum status worker_start(struct worker *w, const struct run_plan *plan, struct send *send,
			 struct metrics_send *metrics, struct err *err)
{
	sigset_t all, old;
	int rc;

	w->plan = plan;
	w->send = send;
	w->metrics = metrics;
	w->stop = w->drain = false;
	act(w, IDLE);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->runs = !rc;
	return rc ? err_set(err, ST_NOMEM, ERR_NO_OFFSET, "cannot start a thread") : ST_OK;
}

void worker_ends(struct worker *w)
{
	__atomic_store_n(&w->ended_ns, now_ns(), __ATOMIC_RELAXED);
}

void worker_stop(struct worker *w, bool drain)
{
	if (!w->runs)
		return;
	if (drain && !__atomic_load_n(&w->ended_ns, __ATOMIC_RELAXED))
		worker_ends(w);
	__atomic_store_n(&w->drain, drain, __ATOMIC_RELEASE);
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	inbox_wake(w->inbox);
	pthread_join(w->thread, NULL);
	w->runs = false;
	output_close(w->output);
	w->output = NULL;
}

void worker_close(struct worker *w)
{
	if (!w)
		return;
	worker_stop(w, false);
	sent_release(&w->sent);
	buf_release(&w->message);
	pthread_mutex_destroy(&w->mutex);
	mem_free(w);
}

void worker_counts(struct worker *w, struct worker_counts *out)
{
	pthread_mutex_lock(&w->mutex);
	*out = w->counts;
	pthread_mutex_unlock(&w->mutex);
}

size_t worker_last(struct worker *w, struct worker_capture *out)
{
	size_t n;

	pthread_mutex_lock(&w->mutex);
	n = w->n_last < WORKER_CAPTURES ? (size_t)w->n_last : WORKER_CAPTURES;
	for (size_t i = 0; i < n; i++)
		out[i] = w->last[(w->n_last - 1 - i) % WORKER_CAPTURES];
	pthread_mutex_unlock(&w->mutex);
	return n;
}

bool worker_stuck(struct worker *w, uint64_t ns)
{
	return __atomic_load_n(&w->activity, __ATOMIC_RELAXED) == MAPPING &&
	       now_ns() - __atomic_load_n(&w->beat_ns, __ATOMIC_RELAXED) > ns;
}
