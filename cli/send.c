#include "cli/send.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/summary.h"
#include "exporter/delivery.h"

#define MS_NS ((uint64_t)1000000)

/* What a run without a file may hold while receivers are slow. */
#define MEMORY_QUEUE_BYTES ((uint64_t)16 << 20)
#define MEMORY_FLUSH_NS (5000 * MS_NS)

/* Between two looks at whether a signal came. */
#define LOOK_NS (100 * MS_NS)

static bool stopped; /* atomic */

struct send {
	struct queue *queue;
	struct delivery *delivery;
	struct transport *transports[MAX_DESTINATIONS];
	struct delivery_target targets[MAX_DESTINATIONS];
	struct queue_counts before[MAX_DESTINATIONS]; /* when it was opened */
	struct queue_counts after[MAX_DESTINATIONS];
	struct delivery_status status[MAX_DESTINATIONS];
	size_t n;
	const char *path; /* NULL: in memory */
	uint64_t flush_ns;
	bool quiet;
	pthread_t signals;
	bool catches; /* it runs */
	sigset_t old_signals;
};

bool send_stopped(void)
{
	return __atomic_load_n(&stopped, __ATOMIC_RELAXED);
}

/*
 * Ends the thread that waits for the others. Not pthread_cancel(), which wants a file
 * opened, and aborts if it cannot be.
 */
#define END_SIGNAL SIGRTMIN

static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

/* The first one asks; the next one finds its default action, which does not. */
static void *wait_for_signals(void *arg)
{
	struct send *s = arg;
	sigset_t stop, all, end;
	int number;

	stop_signals(&stop);
	all = stop;
	sigaddset(&all, END_SIGNAL);
	if (sigwait(&all, &number) || number == END_SIGNAL)
		return NULL;
	__atomic_store_n(&stopped, true, __ATOMIC_RELAXED);
	queue_stop(s->queue);
	pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
	sigemptyset(&end);
	sigaddset(&end, END_SIGNAL);
	sigwait(&end, &number);
	return NULL;
}

static enum status catch_signals(struct send *s, struct err *err)
{
	sigset_t set;

	stop_signals(&set);
	sigaddset(&set, END_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &set, &s->old_signals);
	if (pthread_create(&s->signals, NULL, wait_for_signals, s)) {
		pthread_sigmask(SIG_SETMASK, &s->old_signals, NULL);
		return err_set(err, ST_NOMEM, ERR_NO_OFFSET, "cannot start a thread");
	}
	s->catches = true;
	return ST_OK;
}

static void tell_queue(void *arg, const char *line)
{
	(void)arg;
	log_warn("%s", line);
}

/* A minute of silence would look like a program that hangs. */
static void tell_delivery(void *arg, size_t to, const char *line, uint64_t wait_ns)
{
	const struct send *s = arg;

	(void)to;
	if (s->quiet)
		return;
	if (wait_ns)
		log_warn("%s; trying again in %.1f s", line, (double)wait_ns / 1e9);
	else
		log_warn("%s", line);
}

static void attempt(void *arg, struct slice batch, size_t n_spans, struct attempt_result *out)
{
	transport_attempt(arg, batch, n_spans, out);
}

static void interrupt(void *arg)
{
	transport_interrupt(arg);
}

static enum status open_transports(struct send *s, const struct send_options *o, struct err *err)
{
	for (size_t i = 0; i < o->n_exporters; i++) {
		enum status st = transport_open(&s->transports[i], &o->exporters[i], NULL, err);

		if (st)
			return st;
		s->targets[i] = (struct delivery_target){
			.shown = transport_shown(s->transports[i]),
			.attempt = attempt,
			.interrupt = interrupt,
			.arg = s->transports[i],
		};
		s->n++;
	}
	return ST_OK;
}

static enum status open_queue(struct send *s, const struct send_options *o, struct err *err)
{
	const char *names[MAX_DESTINATIONS];
	struct queue_settings set = {
		.path = s->path,
		.max_bytes = o->queue ? o->queue->max_bytes : MEMORY_QUEUE_BYTES,
		.min_free_bytes = o->queue ? o->queue->min_free_bytes : 0,
		/* Files at rest can wait: nothing is dropped then. */
		.full = o->may_drop && o->queue && o->queue->full == SETTING_DROP_OLDEST
				? QUEUE_DROP_OLDEST
				: QUEUE_BLOCK,
		.destinations = names,
		.n_destinations = s->n,
		.tell = tell_queue,
	};
	enum status st;

	for (size_t i = 0; i < s->n; i++)
		names[i] = o->exporters[i].name;
	st = queue_open(&s->queue, &set, err);
	for (size_t i = 0; i < s->n && !st; i++)
		st = queue_count(s->queue, i, &s->before[i], err);
	return st;
}

enum status send_open(struct send **out, const struct send_options *o, struct err *err)
{
	struct send *s = mem_zalloc(sizeof(*s));
	struct delivery_settings set = { .give_up_ns = o->give_up_ns, .tell = tell_delivery };
	enum status st;

	if (!s)
		return err_nomem(err, "the destinations");
	s->path = o->queue ? o->queue->path : NULL;
	s->flush_ns = o->queue ? o->queue->flush_ns : MEMORY_FLUSH_NS;
	s->quiet = o->quiet;
	st = open_transports(s, o, err);
	if (!st)
		st = open_queue(s, o, err);
	if (!st && !o->own_signals)
		st = catch_signals(s, err);
	if (!st) {
		set.queue = s->queue;
		set.targets = s->targets;
		set.n_targets = s->n;
		set.tell_arg = s;
		set.spread_ns = o->queue ? o->queue->spread_ns : 0;
		set.drain_bytes = o->queue ? o->queue->drain_bytes : 0;
		st = delivery_start(&s->delivery, &set, err);
	}
	if (st) {
		send_close(s);
		return st;
	}
	*out = s;
	return ST_OK;
}

void send_close(struct send *s)
{
	if (!s)
		return;
	delivery_close(s->delivery);
	if (s->catches) {
		pthread_kill(s->signals, END_SIGNAL);
		pthread_join(s->signals, NULL);
		pthread_sigmask(SIG_SETMASK, &s->old_signals, NULL);
	}
	for (size_t i = 0; i < s->n; i++)
		transport_close(s->transports[i]);
	queue_close(s->queue);
	mem_free(s);
}

void send_stop(struct send *s)
{
	__atomic_store_n(&stopped, true, __ATOMIC_RELAXED);
	queue_stop(s->queue);
}

bool send_status(const struct send *s, size_t i, const char **shown, struct delivery_status *out)
{
	if (i >= s->n)
		return false;
	*shown = s->targets[i].shown;
	delivery_status(s->delivery, i, out);
	return true;
}

struct queue *send_queue(const struct send *s)
{
	return s->queue;
}

bool send_durable(const struct send *s)
{
	return s->path;
}

bool send_given_up(const struct send *s)
{
	return delivery_halted(s->delivery);
}

/* What went wrong at one destination, if anything; false if something did. */
static bool judge(const struct send *s, size_t i, bool may_wait)
{
	const struct sender_stats *stats = &s->status[i].stats;
	const struct queue_counts *c = &s->after[i];
	bool good = true;

	if (stats->failure[0]) {
		log_error("%s", stats->failure);
		good = false;
	}
	if (stats->spans_buried)
		log_error("%" PRIu64 " spans were refused for good by %s%s", stats->spans_buried,
			  s->targets[i].shown, s->path ? "; flightspan queue list shows them" : "");
	if (stats->spans_rejected)
		log_warn("%s rejected %" PRIu64 " spans%s%s", s->targets[i].shown,
			 stats->spans_rejected, stats->message[0] ? ": " : "", stats->message);
	if (c->queued && s->path)
		log_warn("%" PRIu64 " spans for %s stay queued in %s", c->queued,
			 s->targets[i].shown, s->path);
	return good && (!c->queued || (may_wait && s->path));
}

bool send_finish(struct send *s, bool may_wait)
{
	bool good = true;

	while (!send_stopped() && !delivery_wait(s->delivery, LOOK_NS))
		;
	delivery_stop(s->delivery, send_stopped() ? s->flush_ns : 0);
	for (size_t i = 0; i < s->n; i++) {
		struct err err = ERR_INIT;

		delivery_status(s->delivery, i, &s->status[i]);
		if (queue_count(s->queue, i, &s->after[i], &err)) {
			log_error("%s", err.msg);
			good = false;
		}
		good &= judge(s, i, may_wait);
	}
	return good;
}

static int64_t grown(uint64_t after, uint64_t before)
{
	return (int64_t)(after - before);
}

/* produced = acknowledged + rejected + dead-lettered + dropped(reason) + queued */
static void print_account(const struct send *s, size_t i, FILE *out)
{
	const struct queue_counts *a = &s->after[i], *b = &s->before[i];

	fprintf(out, "  %" PRId64 " spans produced", grown(a->produced, b->produced));
	if (b->queued)
		fprintf(out, " and %" PRIu64 " queued before", b->queued);
	fprintf(out,
		" = %" PRId64 " acknowledged + %" PRId64 " rejected + %" PRId64 " dead-lettered",
		grown(a->acknowledged, b->acknowledged), grown(a->rejected, b->rejected),
		grown(a->dead, b->dead));
	for (size_t r = 0; r < N_QUEUE_REASONS; r++) {
		int64_t n = grown(a->dropped[r], b->dropped[r]);

		if (n)
			fprintf(out, " + %" PRId64 " dropped (%s)", n,
				queue_reason_name((enum queue_reason)r));
	}
	fprintf(out, " + %" PRIu64 " queued\n", a->queued);
}

void send_report(const struct send *s, FILE *out)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct sender_stats *stats = &s->status[i].stats;

		fprintf(out, "%" PRIu64 " spans acknowledged by %s (", stats->spans_accepted,
			s->targets[i].shown);
		summary_print_size(out, stats->bytes_sent);
		fprintf(out, " in %" PRIu64 " requests, %" PRIu64 " retries)\n", stats->requests,
			stats->retries);
		print_account(s, i, out);
		if (stats->message[0])
			fprintf(out, "  the receiver says: %s\n", stats->message);
	}
}

void send_log_report(const struct send *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	char *line, *rest;

	if (!out)
		return;
	send_report(s, out);
	if (fclose(out))
		return;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_info("%s", line + strspn(line, " "));
	free(text); // NOLINT: open_memstream's
}
