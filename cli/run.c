#include "cli/run.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/admin.h"
#include "cli/metrics_send.h"
#include "cli/restrict.h"
#include "cli/run_worker.h"
#include "cli/send.h"
#include "collector/source/source.h"

#define SECOND_NS ((uint64_t)1000000000)

/* Messages of one kind in a minute. */
#define LOG_BURST 10u

/* The most that the file may have, and as many again that are being retired. */
#define MAX_SOURCES ((size_t)64)

struct running {
	const struct source_kind *kind; /* NULL: a free place */
	void *source;
	const struct source_settings *set;
	struct run_plan *plan; /* which `set` is in */
	bool retired;	       /* stopped; closed once it is idle */
};

struct run {
	const char *path;
	struct run_plan *plan;
	struct inbox *inbox;
	struct worker *worker;
	struct send *send;
	struct metrics_send *metrics; /* NULL: nobody wants them */
	struct admin *admin;
	struct trigger_set *triggers;
	struct restriction *restriction; /* NULL: not restricted */
	pthread_t main;			 /* gets RUN_WAKE when a trigger fires */
	bool stopping;
	pthread_mutex_t mutex; /* held while pointers change, or are looked at */
	struct running sources[2 * MAX_SOURCES];
};

static void tell(const char *name, enum log_level level, const char *line)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		log_error("%s: %s", name, line);
		break;
	case LOG_LEVEL_WARN:
		log_warn("%s: %s", name, line);
		break;
	case LOG_LEVEL_INFO:
		log_info("%s: %s", name, line);
		break;
	default:
		log_debug("%s: %s", name, line);
	}
}

static void apply_log(const struct settings *s)
{
	log_set_level(s->log.level);
	/* The journal has the time already. */
	log_set_form(s->log.format == SETTING_JSON ? LOG_JSON
		     : getenv("JOURNAL_STREAM")	   ? LOG_PLAIN
						   : LOG_TIMED);
	for (size_t i = 0; i < s->warnings.n; i++)
		log_warn("%s", s->warnings.ptr[i]);
}

static enum status open_send(struct run *r, const struct settings *s, struct err *err)
{
	struct send_options o = { .exporters = s->exporters.ptr,
				  .n_exporters = s->exporters.n,
				  .queue = &s->queue,
				  .give_up_ns = UINT64_MAX,
				  .own_signals = true,
				  .may_drop = true };

	return send_open(&r->send, &o, err);
}

static enum status open_metrics(struct run *r, const struct settings *s, struct err *err)
{
	if (!s->mapping.metrics)
		return ST_OK;
	return metrics_send_open(&r->metrics, s->exporters.ptr, s->exporters.n, err);
}

static enum status start_source(struct run *r, struct run_plan *plan,
				const struct source_settings *set, struct err *err)
{
	const struct source_env env = { .inbox = r->inbox,
					.triggers = r->triggers,
					.spool = plan->settings.queue.path,
					.tell = tell,
					.name = set->name };
	struct running *place = r->sources;
	enum status st;

	while (place->kind && place < &r->sources[2 * MAX_SOURCES - 1])
		place++;
	if (place->kind)
		return err_set(err, ST_LIMIT, ERR_NO_OFFSET,
			       "source %s: too many sources are still ending", set->name);
	st = source_kind_of(set)->open(&place->source, set, &env, err);
	if (st) {
		err_wrap(err, "source %s", set->name);
		return st;
	}
	place->kind = source_kind_of(set);
	place->set = set;
	place->plan = run_plan_ref(plan);
	place->retired = false;
	return ST_OK;
}

static void close_source(struct running *s)
{
	s->kind->close(s->source);
	run_plan_unref(s->plan);
	*s = (struct running){ .kind = NULL };
}

/* The source that works by these very settings, or NULL. */
static struct running *find_source(struct run *r, const struct source_settings *set)
{
	for (size_t i = 0; i < 2 * MAX_SOURCES; i++) {
		struct running *s = &r->sources[i];

		if (s->kind && !s->retired &&
		    settings_same_entry("sources", &s->set->record, &set->record))
			return s;
	}
	return NULL;
}

static void retire_all_but(struct run *r, const struct settings *s)
{
	for (size_t i = 0; i < 2 * MAX_SOURCES; i++) {
		struct running *old = &r->sources[i];
		bool stays = false;

		if (!old->kind || old->retired)
			continue;
		for (size_t j = 0; s && j < s->sources.n && !stays; j++)
			stays = settings_same_entry("sources", &old->set->record,
						    &s->sources.ptr[j].record);
		if (stays)
			continue;
		old->kind->stop(old->source);
		old->retired = true;
	}
}

static enum status start_sources(struct run *r, struct run_plan *plan, struct err *err)
{
	const struct settings *s = &plan->settings;
	enum status st = ST_OK;

	for (size_t i = 0; i < s->sources.n && !st; i++) {
		if (!find_source(r, &s->sources.ptr[i]))
			st = start_source(r, plan, &s->sources.ptr[i], err);
	}
	return st;
}

static void wake_main(void *arg)
{
	struct run *r = arg;

	pthread_kill(r->main, RUN_WAKE);
}

static void give_back(void *plan)
{
	run_plan_unref(plan);
}

static enum status use_triggers(struct run *r, struct run_plan *plan, struct err *err)
{
	return trigger_update(r->triggers, plan->settings.triggers.ptr, plan->settings.triggers.n,
			      run_plan_ref(plan), give_back, err);
}

static bool wanted(const struct setting_texts *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (!strcmp(names->ptr[i], name))
			return true;
	}
	return !names->n;
}

/* Ask the sources that a trigger names for a capture. */
static void capture_for(struct run *r, const struct trigger_request *t)
{
	unsigned int n = 0;

	for (size_t i = 0; i < 2 * MAX_SOURCES; i++) {
		struct running *s = &r->sources[i];

		if (!s->kind || s->retired || !s->kind->ask || !wanted(t->capture, s->set->name))
			continue;
		if (s->kind->ask(s->source, t))
			n++;
		else
			log_warn("trigger %s: source %s has nothing to capture now", t->name,
				 s->set->name);
	}
	log_info("trigger %s fired: %s; %u captures", t->name, t->cause, n);
}

static void serve_triggers(struct run *r)
{
	struct trigger_request t;

	trigger_tick(r->triggers);
	while (trigger_next(r->triggers, &t)) {
		capture_for(r, &t);
		trigger_unref(t.rules);
	}
}

void run_signal(struct run *r, int number)
{
	trigger_signal(r->triggers, number == SIGUSR1 ? SETTING_USR1 : SETTING_USR2);
}

static enum status start_admin(struct run *r, const struct settings *s, struct err *err)
{
	return *s->admin.listen ? admin_open(&r->admin, r, s, err) : ST_OK;
}

void run_look(struct run *r, struct run_view *out)
{
	pthread_mutex_lock(&r->mutex);
	*out = (struct run_view){ .worker = r->worker,
				  .send = r->send,
				  .metrics = r->metrics,
				  .inbox = r->inbox,
				  .settings = &r->plan->settings,
				  .triggers = r->triggers,
				  .stopping = r->stopping };
	for (size_t i = 0; i < 2 * MAX_SOURCES && out->n_sources < MAX_SOURCES; i++) {
		const struct running *s = &r->sources[i];

		if (!s->kind || s->retired)
			continue;
		out->sources[out->n_sources].name = s->set->name;
		out->sources[out->n_sources].kind = s->kind->word;
		s->kind->status(s->source, &out->sources[out->n_sources++].status);
	}
}

void run_look_end(struct run *r)
{
	pthread_mutex_unlock(&r->mutex);
}

enum status run_open(struct run **out, const char *path, struct err *err)
{
	struct run *r = mem_zalloc(sizeof(*r));
	enum status st;

	if (!r)
		return err_nomem(err, "the sidecar");
	r->path = path;
	pthread_mutex_init(&r->mutex, NULL);
	r->main = pthread_self();
	st = run_plan_load(&r->plan, path, err);
	if (!st) {
		apply_log(&r->plan->settings);
		log_set_repeats(LOG_BURST, 60 * SECOND_NS);
		st = restrict_self(&r->restriction, &r->plan->settings, path, err);
	}
	if (!st)
		st = trigger_open(&r->triggers, wake_main, r, err);
	if (!st)
		st = use_triggers(r, r->plan, err);
	if (!st)
		st = inbox_open(&r->inbox, MAX_WAITING_CAPTURES, err);
	if (!st)
		st = open_send(r, &r->plan->settings, err);
	if (!st)
		st = worker_open(&r->worker, r->inbox, err);
	if (!st)
		st = open_metrics(r, &r->plan->settings, err);
	if (!st)
		st = worker_start(r->worker, r->plan, r->send, r->metrics, err);
	if (!st)
		st = start_sources(r, r->plan, err);
	if (!st)
		st = start_admin(r, &r->plan->settings, err);
	if (st)
		run_close(r);
	else
		*out = r;
	return st;
}

/* Exchange the destinations; with the old ones back if the new ones do not work. */
static enum status exchange_send(struct run *r, struct run_plan *fresh, struct err *err)
{
	struct err again = ERR_INIT;
	enum status st;

	send_close(r->send);
	r->send = NULL;
	st = open_send(r, &fresh->settings, err);
	if (st && open_send(r, &r->plan->settings, &again)) {
		log_error("%s", again.msg);
		err_wrap(err, "the old destinations cannot be opened any more, either");
	}
	return st;
}

/* The receivers of the metrics, if they are others now; for the old ones a moment is left. */
static void exchange_metrics(struct run *r)
{
	struct err err = ERR_INIT;

	if (r->metrics)
		metrics_send_end(r->metrics, SECOND_NS);
	metrics_send_close(r->metrics);
	r->metrics = NULL;
	if (open_metrics(r, &r->plan->settings, &err))
		log_error("%s; there are none until the next reload", err.msg);
}

static enum status exchange(struct run *r, struct run_plan *fresh, struct err *err)
{
	bool metrics = r->plan->settings.mapping.metrics != fresh->settings.mapping.metrics ||
		       !settings_same(&r->plan->settings, &fresh->settings, "exporters");
	enum status st = ST_OK;
	bool same;

	same = settings_same(&r->plan->settings, &fresh->settings, "exporters") &&
	       settings_same(&r->plan->settings, &fresh->settings, "queue");
	if (!same)
		st = exchange_send(r, fresh, err);
	if (!st) {
		retire_all_but(r, &fresh->settings);
		st = start_sources(r, fresh, err);
	}
	if (st) {
		struct err again = ERR_INIT;

		/* As it was. */
		if (!same && r->send && exchange_send(r, r->plan, &again))
			log_error("%s", again.msg);
		retire_all_but(r, &r->plan->settings);
		if (start_sources(r, r->plan, &again))
			log_error("%s", again.msg);
		run_plan_unref(fresh);
	} else {
		/* Transports and queue have copied what they need. */
		if (use_triggers(r, fresh, err))
			log_error("%s", err->msg);
		run_plan_unref(r->plan);
		r->plan = fresh;
		apply_log(&fresh->settings);
		if (metrics)
			exchange_metrics(r);
	}
	if (r->send) {
		struct err again = ERR_INIT;

		if (worker_start(r->worker, r->plan, r->send, r->metrics, &again) && !st)
			*err = again, st = again.code;
	}
	return st;
}

/* The admin address, if it is another one now. Without the mutex: its thread takes it. */
static void exchange_admin(struct run *r, const struct settings *s)
{
	struct err err = ERR_INIT;

	admin_close(r->admin);
	r->admin = NULL;
	if (start_admin(r, s, &err))
		log_error("admin address: %s; there is none until the next reload", err.msg);
}

enum status run_reload(struct run *r, struct err *err)
{
	struct run_plan *fresh = NULL;
	enum status st = run_plan_load(&fresh, r->path, err);
	bool same;

	if (!st)
		st = restrict_permits(r->restriction, &fresh->settings, r->path, err);
	if (st) {
		run_plan_unref(fresh);
		return st;
	}
	same = settings_same(&r->plan->settings, &fresh->settings, "admin");
	/* What is being read ends before; the admin's thread does not wait for that. */
	worker_stop(r->worker, false);
	pthread_mutex_lock(&r->mutex);
	st = exchange(r, fresh, err);
	pthread_mutex_unlock(&r->mutex);
	if (!st && !same)
		exchange_admin(r, &r->plan->settings);
	return st;
}

bool run_lost(const struct run *r)
{
	return !r->send;
}

bool run_tick(struct run *r, uint64_t ns)
{
	for (size_t i = 0; i < 2 * MAX_SOURCES; i++) {
		struct running *s = &r->sources[i];

		if (!s->kind || !s->retired || !s->kind->idle(s->source))
			continue;
		pthread_mutex_lock(&r->mutex);
		close_source(s);
		pthread_mutex_unlock(&r->mutex);
	}
	serve_triggers(r);
	log_sum_up();
	return !ns || !worker_stuck(r->worker, ns);
}

static void log_counts(struct run *r)
{
	struct worker_counts c;

	worker_counts(r->worker, &c);
	log_info("%" PRIu64 " snapshots queued (%" PRIu64 " of them damaged), %" PRIu64
		 " known before, %" PRIu64 " unreadable; %" PRIu64 " events, %" PRIu64 " spans",
		 c.captures[CAPTURE_QUEUED], c.damaged, c.captures[CAPTURE_KNOWN],
		 c.captures[CAPTURE_BAD], c.events, c.spans);
}

void run_ends(struct run *r)
{
	worker_ends(r->worker);
}

bool run_finish(struct run *r)
{
	bool good;

	pthread_mutex_lock(&r->mutex);
	r->stopping = true;
	retire_all_but(r, NULL);
	pthread_mutex_unlock(&r->mutex);
	worker_stop(r->worker, true);
	inbox_end(r->inbox);
	if (run_lost(r))
		return false;
	send_stop(r->send);
	if (r->metrics)
		metrics_send_end(r->metrics, r->plan->settings.queue.flush_ns);
	/* What stays queued is safe, and nobody's failure. */
	good = send_finish(r->send, true);
	log_set_repeats(0, 0);
	log_counts(r);
	send_log_report(r->send);
	return good;
}

void run_close(struct run *r)
{
	if (!r)
		return;
	admin_close(r->admin);
	retire_all_but(r, NULL);
	worker_close(r->worker);
	/* Hands back what nobody took; then the sources are idle. */
	inbox_close(r->inbox);
	for (size_t i = 0; i < 2 * MAX_SOURCES; i++) {
		if (r->sources[i].kind)
			close_source(&r->sources[i]);
	}
	trigger_close(r->triggers);
	metrics_send_close(r->metrics);
	send_close(r->send);
	run_plan_unref(r->plan);
	restrict_free(r->restriction);
	pthread_mutex_destroy(&r->mutex);
	mem_free(r);
}
