/*
 * pull: snapshots that a program's flight recorder writes when it is asked.
 *
 * A trigger that captures this source has one request sent once its delay is over. The
 * answer goes to a file without a name as it comes, then to the inbox, and is kept until
 * its spans are safe in the queue: if the queue fails, it is put in again.
 *
 * One thread, and one request at a time for each host and port, as the URLs name them,
 * whatever the number of sources: a recorder that is asked twice at once answers 409, 500 ("already
 * in progress") or 503, and works twice as hard. Those, 429, and a connection that fails are tried
 * again after a pause that doubles, or after Retry-After, until `timeout` since the first attempt
 * is over. Other answers will not change: the capture is given up, told, and counted.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collector/source/fetch.h"
#include "collector/source/gate.h"
#include "collector/source/kept.h"
#include "collector/source/listener.h"
#include "collector/source/source.h"
#include "collector/source/spool.h"

#define SECOND_NS ((uint64_t)1000000000)
#define FIRST_PAUSE_NS (SECOND_NS / 2)
#define LONGEST_PAUSE_NS (10 * SECOND_NS)
#define CHUNK_BYTES 65536u

struct pull {
	const struct source_settings *set;
	struct source_env env;
	pthread_t thread;
	bool runs, stop;       /* stop: atomic */
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t changed;
	struct trigger_request pending[MAX_KEPT]; /* the oldest first */
	size_t n_pending;
	struct kept kept;
	bool failed; /* the last request */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static bool stopped(const struct pull *p)
{
	return __atomic_load_n(&p->stop, __ATOMIC_ACQUIRE);
}

/* Until `ns` on the monotonic clock, or stop() was called. */
static void wait_until(struct pull *p, uint64_t ns)
{
	struct timespec t = { (time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS) };
	int rc = 0;

	pthread_mutex_lock(&p->mutex);
	while (!stopped(p) && !rc)
		rc = pthread_cond_timedwait(&p->changed, &p->mutex, &t);
	pthread_mutex_unlock(&p->mutex);
}

/* ---- requests ---- */

/* May another attempt have another answer? *pause_ns: what the answer asks for. */
static enum status refused(const struct pull *p, struct fetch *f, bool *again, uint64_t *pause_ns,
			   struct err *err)
{
	long code = fetch_status(f);
	uint64_t after = fetch_retry_after(f);
	char words[256];

	fetch_words(f, words, sizeof(words));
	*again = code == 409 || code == 429 || code >= 500;
	*pause_ns = after > p->set->pull.timeout_ns / SECOND_NS ? p->set->pull.timeout_ns
								: after * SECOND_NS;
	return err_set(err, ST_REMOTE, ERR_NO_OFFSET, "HTTP status %ld: %s%s", code, words,
		       code == 401 || code == 403   ? " (see pull.token_file and pull.headers)"
		       : code == 404 || code == 405 ? " (see pull.url and pull.method)"
		       : code >= 300 && code < 400
			       ? " (a redirection is not followed: see pull.url)"
		       : code == 409 || code == 500 ? " (another snapshot is being written?)"
						    : "");
}

/* The whole body into the file. */
static enum status store(struct pull *p, struct fetch *f, int fd, bool *again, struct err *err)
{
	uint8_t *chunk = mem_alloc(CHUNK_BYTES);
	uint64_t bytes = 0;
	size_t n = 0;
	enum status st = ST_OK;

	if (!chunk)
		return err_nomem(err, "a snapshot");
	do {
		st = fetch_read(f, chunk, CHUNK_BYTES, &n, err);
		*again = st == ST_REMOTE;
		bytes += n;
		if (!st && bytes > p->set->pull.max_bytes)
			st = err_set(err, ST_LIMIT, ERR_NO_OFFSET,
				     "larger than max_size (%" PRIu64 " bytes)",
				     p->set->pull.max_bytes);
		if (!st && n)
			st = spool_write(fd, chunk, n, err);
	} while (!st && n);
	mem_free(chunk);
	if (!st && !bytes) {
		*again = true;
		return err_set(err, ST_REMOTE, ERR_NO_OFFSET, "an empty answer");
	}
	return st;
}

/* One attempt, which may take until `deadline`. On success *fd is the caller's. */
static enum status attempt(struct pull *p, uint64_t deadline, int *fd, bool *again,
			   uint64_t *pause_ns, struct err *err)
{
	uint64_t now = now_ns();
	char token[MAX_SECRET_BYTES] = "";
	struct fetch_settings set = { .url = p->set->pull.url,
				      .timeout_ns = deadline > now ? deadline - now : 1,
				      .stop = &p->stop,
				      .method = p->set->pull.method,
				      .headers = p->set->pull.headers,
				      .token = token };
	struct fetch *f = NULL;
	enum status st;

	*fd = -1;
	*again = false;
	*pause_ns = 0;
	/* libcurl counts in ms, and 0 is forever. */
	if (set.timeout_ns < 1000000)
		set.timeout_ns = 1000000;
	st = secret_load(p->set->pull.token, p->set->pull.token_file, token, sizeof(token), err);
	if (!st) {
		st = fetch_open(&f, &set, err);
		*again = st == ST_REMOTE;
	}
	explicit_bzero(token, sizeof(token));
	if (!st && stopped(p))
		st = err_set(err, ST_LIMIT, ERR_NO_OFFSET, "the program stops");
	if (!st && fetch_status(f) != 200)
		st = refused(p, f, again, pause_ns, err);
	if (!st)
		st = spool_open(p->env.spool, fd, err);
	if (!st)
		st = store(p, f, *fd, again, err);
	if (!st && stopped(p))
		st = err_set(err, ST_LIMIT, ERR_NO_OFFSET, "the program stops");
	fetch_close(f);
	if (st && *fd >= 0)
		close(*fd);
	return st;
}

/* Attempts until one succeeds, or none can, or the time is over. */
static enum status fetch_snapshot(struct pull *p, int *fd, struct err *err)
{
	uint64_t deadline = now_ns() + p->set->pull.timeout_ns, pause = FIRST_PAUSE_NS, asked;
	const char *url = p->set->pull.url;
	enum status st;
	bool again;

	for (;;) {
		while (!gate_enter(url)) {
			wait_until(p, now_ns() + SECOND_NS / 20);
			if (stopped(p) || now_ns() > deadline)
				return err_set(err, ST_REMOTE, ERR_NO_OFFSET,
					       "its program writes another source's snapshot");
		}
		*err = (struct err)ERR_INIT;
		st = attempt(p, deadline, fd, &again, &asked, err);
		gate_leave(url);
		if (!st || !again || stopped(p))
			return st;
		asked = asked > pause ? asked : pause;
		if (now_ns() + asked >= deadline)
			return st;
		source_tell(&p->env, LOG_LEVEL_WARN, "%s; asked again in %.1f s", err->msg,
			    (double)asked / 1e9);
		wait_until(p, now_ns() + asked);
		if (stopped(p))
			return st;
		pause = pause < LONGEST_PAUSE_NS / 2 ? 2 * pause : LONGEST_PAUSE_NS;
	}
}

static void serve(struct pull *p, const struct trigger_request *r)
{
	struct err err = ERR_INIT;
	int fd = -1;
	enum status st;

	wait_until(p, r->fired_ns + r->delay_ns);
	if (stopped(p))
		st = err_set(&err, ST_LIMIT, ERR_NO_OFFSET, "the program stops");
	else
		st = fetch_snapshot(p, &fd, &err);
	if (!st)
		st = kept_add(&p->kept, r, fd, &err);
	pthread_mutex_lock(&p->mutex);
	p->failed = st == ST_REMOTE;
	p->kept.n_lost += st != ST_OK;
	pthread_mutex_unlock(&p->mutex);
	if (!st)
		return;
	source_tell(&p->env, LOG_LEVEL_ERROR, "trigger %s (%s): no snapshot: %s", r->name, r->cause,
		    err.msg);
}

/* The next thing to do, with the mutex held, which is let go of meanwhile. */
static void step(struct pull *p)
{
	struct trigger_request r;

	if (p->kept.waiting) {
		pthread_mutex_unlock(&p->mutex);
		/* Without a descriptor for it: later. */
		if (!kept_retry(&p->kept, true))
			wait_until(p, now_ns() + SECOND_NS / 20);
		pthread_mutex_lock(&p->mutex);
		return;
	}
	r = p->pending[0];
	pthread_mutex_unlock(&p->mutex);
	serve(p, &r);
	pthread_mutex_lock(&p->mutex);
	p->n_pending--;
	memmove(p->pending, p->pending + 1, p->n_pending * sizeof(*p->pending));
}

static void *pull_run(void *arg)
{
	struct pull *p = arg;

	pthread_mutex_lock(&p->mutex);
	while (p->n_pending || p->kept.waiting || !stopped(p)) {
		if (p->n_pending || p->kept.waiting)
			step(p);
		else
			pthread_cond_wait(&p->changed, &p->mutex);
	}
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

/* ---- the interface ---- */

static bool ask(void *source, const struct trigger_request *r)
{
	struct pull *p = source;
	bool room;

	pthread_mutex_lock(&p->mutex);
	room = p->n_pending + p->kept.n < MAX_KEPT;
	if (room) {
		p->pending[p->n_pending] = *r;
		p->pending[p->n_pending++].rules = NULL;
		pthread_cond_broadcast(&p->changed);
	}
	p->kept.n_lost += !room;
	pthread_mutex_unlock(&p->mutex);
	return room;
}

static void stop(void *source)
{
	struct pull *p = source;

	pthread_mutex_lock(&p->mutex);
	__atomic_store_n(&p->stop, true, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->mutex);
	inbox_wake(p->env.inbox);
	if (p->runs)
		pthread_join(p->thread, NULL);
	p->runs = false;
}

static bool idle(void *source)
{
	struct pull *p = source;
	bool is;

	pthread_mutex_lock(&p->mutex);
	is = !p->kept.n;
	pthread_mutex_unlock(&p->mutex);
	return is;
}

static void status(void *source, struct source_status *out)
{
	struct pull *p = source;

	pthread_mutex_lock(&p->mutex);
	*out = (struct source_status){ .ready = !p->failed,
				       .waiting = p->n_pending + p->kept.n,
				       .left_out = p->kept.n_lost };
	pthread_mutex_unlock(&p->mutex);
}

static void pull_close(void *source)
{
	struct pull *p = source;

	if (p->runs)
		stop(p);
	kept_abandon(&p->kept);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->mutex);
	mem_free(p);
}

static enum status pull_open(void **out, const struct source_settings *set,
			     const struct source_env *env, struct err *err)
{
	struct pull *p = mem_zalloc(sizeof(*p));
	char token[MAX_SECRET_BYTES];
	pthread_condattr_t attr;
	sigset_t all, old;
	enum status st;

	if (!p)
		return err_nomem(err, "a source");
	p->set = set;
	p->env = *env;
	p->kept = (struct kept){
		.env = &p->env, .stop = &p->stop, .mutex = &p->mutex, .changed = &p->changed
	};
	pthread_mutex_init(&p->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* A file that cannot be read is told now, not when it matters. */
	st = secret_load(set->pull.token, set->pull.token_file, token, sizeof(token), err);
	explicit_bzero(token, sizeof(token));
	if (!st) {
		kept_restore(&p->kept);
		/* Signals are the main thread's. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		p->runs = !pthread_create(&p->thread, NULL, pull_run, p);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		if (!p->runs)
			st = err_set(err, ST_NOMEM, ERR_NO_OFFSET, "cannot start a thread");
	}
	if (st)
		pull_close(p);
	else
		*out = p;
	return st;
}

const struct source_kind source_pull = {
	.word = "pull",
	.open = pull_open,
	.ask = ask,
	.stop = stop,
	.idle = idle,
	.status = status,
	.close = pull_close,
};
