#include "exporter/delivery.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/mem.h"

#define SECOND_NS ((uint64_t)1000000000)

/* How often an idle sender looks for dead letters that somebody queued again. */
#define LOOK_NS (5 * SECOND_NS)

struct worker {
	struct delivery *d;
	size_t to;
	struct sender *sender;
	pthread_t thread;
	bool started;
	/* Under d->mutex: */
	struct delivery_status status;
	uint64_t seen; /* the queue's generation before the step that found nothing */
	bool ended;
};

struct delivery {
	struct delivery_settings set;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool stopping;
	uint64_t deadline_ns; /* on the monotonic clock, if stopping */
	size_t n;
	struct worker workers[MAX_DESTINATIONS];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static void until(struct timespec *t, uint64_t deadline_ns)
{
	t->tv_sec = (time_t)(deadline_ns / SECOND_NS);
	t->tv_nsec = (long)(deadline_ns % SECOND_NS);
}

static void tell(void *arg, const char *line, uint64_t wait_ns)
{
	struct worker *w = arg;

	if (w->d->set.tell)
		w->d->set.tell(w->d->set.tell_arg, w->to, line, wait_ns);
}

/* After a step: publish it; is that all? */
static bool publish(struct worker *w, enum sender_state state, uint64_t seen, uint64_t wait)
{
	struct delivery *d = w->d;
	uint64_t now = now_ns();
	bool end;

	pthread_mutex_lock(&d->mutex);
	w->status.state = state;
	w->status.stats = *sender_stats(w->sender);
	w->seen = seen;
	end = state == SENDER_HALTED;
	if (d->stopping)
		end |= now >= d->deadline_ns || state == SENDER_IDLE ||
		       (state == SENDER_WAIT && wait >= d->deadline_ns - now);
	w->ended = end;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->mutex);
	return end;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct queue *q = w->d->set.queue;

	for (;;) {
		uint64_t wait, seen = queue_generation(q);
		enum sender_state state = sender_step(w->sender, &wait);

		if (publish(w, state, seen, wait))
			break;
		if (state == SENDER_IDLE)
			queue_wait(q, seen, LOOK_NS);
		else if (state == SENDER_WAIT)
			queue_wait(q, seen, wait);
	}
	if (delivery_halted(w->d))
		queue_stop(q);
	return NULL;
}

/* Signals are the main thread's. */
static int start_thread(struct worker *w)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->started = !rc;
	return rc;
}

static enum status start(struct delivery *d, struct err *err)
{
	const struct delivery_settings *set = &d->set;
	enum status st = ST_OK;

	for (size_t i = 0; i < set->n_targets && !st; i++) {
		struct worker *w = &d->workers[i];
		struct sender_settings sender = {
			.queue = set->queue,
			.to = i,
			.shown = set->targets[i].shown,
			.attempt = set->targets[i].attempt,
			.arg = set->targets[i].arg,
			.clock = set->clock,
			.give_up_ns = set->give_up_ns,
			.spread_ns = set->spread_ns,
			.drain_bytes = set->drain_bytes,
			.tell = tell,
			.tell_arg = w,
		};

		w->d = d;
		w->to = i;
		w->status.state = SENDER_BUSY;
		st = sender_open(&w->sender, &sender, err);
		if (!st && start_thread(w))
			st = err_set(err, ST_NOMEM, ERR_NO_OFFSET, "cannot start a thread");
		if (!st)
			d->n++;
		else
			sender_close(w->sender);
	}
	return st;
}

enum status delivery_start(struct delivery **out, const struct delivery_settings *set,
			   struct err *err)
{
	struct delivery *d = mem_zalloc(sizeof(*d));
	pthread_condattr_t attr;
	enum status st;

	if (!d)
		return err_nomem(err, "the senders");
	assert(set->n_targets && set->n_targets <= MAX_DESTINATIONS);
	d->set = *set;
	pthread_mutex_init(&d->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &attr);
	pthread_condattr_destroy(&attr);
	st = start(d, err);
	if (st) {
		delivery_close(d);
		return st;
	}
	*out = d;
	return ST_OK;
}

/* Under d->mutex. */
static bool all_done(const struct delivery *d, uint64_t generation)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct worker *w = &d->workers[i];
		bool idle = w->status.state == SENDER_IDLE && w->seen >= generation;

		if (w->status.state != SENDER_HALTED && !idle && !w->ended)
			return false;
	}
	return true;
}

bool delivery_wait(struct delivery *d, uint64_t ns)
{
	uint64_t generation = queue_generation(d->set.queue);
	struct timespec t;
	int rc = 0;
	bool done;

	until(&t, now_ns() + ns);
	pthread_mutex_lock(&d->mutex);
	while (!(done = all_done(d, generation)) && !rc)
		rc = pthread_cond_timedwait(&d->changed, &d->mutex, &t);
	pthread_mutex_unlock(&d->mutex);
	return done;
}

bool delivery_halted(struct delivery *d)
{
	bool halted = true;

	pthread_mutex_lock(&d->mutex);
	for (size_t i = 0; i < d->set.n_targets; i++)
		halted &= d->workers[i].status.state == SENDER_HALTED;
	pthread_mutex_unlock(&d->mutex);
	return halted;
}

/* Under d->mutex. */
static bool all_ended(const struct delivery *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (!d->workers[i].ended)
			return false;
	}
	return true;
}

void delivery_stop(struct delivery *d, uint64_t flush_ns)
{
	struct timespec t;
	int rc = 0;

	pthread_mutex_lock(&d->mutex);
	d->stopping = true;
	d->deadline_ns = now_ns() + flush_ns;
	until(&t, d->deadline_ns);
	pthread_mutex_unlock(&d->mutex);
	queue_wake(d->set.queue);
	pthread_mutex_lock(&d->mutex);
	while (!all_ended(d) && !rc)
		rc = pthread_cond_timedwait(&d->changed, &d->mutex, &t);
	for (size_t i = 0; i < d->n; i++) {
		const struct delivery_target *target = &d->set.targets[i];

		if (!d->workers[i].ended && target->interrupt)
			target->interrupt(target->arg);
	}
	pthread_mutex_unlock(&d->mutex);
	/* Whoever waits for its turn wakes, and sees that the time is over. */
	queue_stop(d->set.queue);
	for (size_t i = 0; i < d->n; i++) {
		if (d->workers[i].started)
			pthread_join(d->workers[i].thread, NULL);
		d->workers[i].started = false;
	}
}

void delivery_status(struct delivery *d, size_t to, struct delivery_status *out)
{
	pthread_mutex_lock(&d->mutex);
	*out = d->workers[to].status;
	pthread_mutex_unlock(&d->mutex);
}

void delivery_close(struct delivery *d)
{
	if (!d)
		return;
	delivery_stop(d, 0);
	for (size_t i = 0; i < d->n; i++)
		sender_close(d->workers[i].sender);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->mutex);
	mem_free(d);
}
