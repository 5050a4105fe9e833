/*
 * stream: a live trace of a program, of which the last part is kept.
 *
 * Connects to the trace handler of net/http/pprof and reads without end: a flight recorder
 * outside of the program. Each generation that has come whole is packed (a zstd frame) and
 * put into a ring of the last `window`, of at most max_size as packed; its events are what
 * triggers are evaluated on. A capture is the header and the ring as it is at the first
 * generation's end after the trigger's delay, or before the generation that fired would be
 * dropped: zstd frames one behind the other, in a file beside the queue.
 *
 * One thread, which pulls the bytes. A new connection is a new trace: the ring is empty
 * then. A program that is traced by somebody else answers 500, which is told and tried
 * again; a server with a write timeout is asked for less at a time. Closing the connection
 * stops the tracing at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "collector/source/fetch.h"
#include "collector/source/kept.h"
#include "collector/source/source.h"
#include "collector/source/spool.h"
#include "collector/trace/header.h"
#include "collector/trace/reader.h"
#include "collector/trigger/watch.h"

#define SECOND_NS ((uint64_t)1000000000)
#define MAX_RING 4096u
#define LEVEL 1 /* of zstd: nobody waits, but it is the traced program's machine */

struct packed {
	void *bytes;
	size_t len;
	uint64_t came_ns;
};

struct stream {
	const struct source_settings *set;
	struct source_env env;
	pthread_t thread;
	bool runs, stop;    /* stop: atomic */
	unsigned int asked; /* which of the durations */
	/* Of the connection. */
	struct fetch *fetch;
	struct buf fresh;    /* bytes that belong to no packed generation yet */
	uint64_t fresh_base; /* offset of its first byte in the trace */
	void *head;	     /* the header, packed */
	size_t head_len;
	struct packed ring[MAX_RING];
	size_t first, n;
	uint64_t ring_bytes;
	uint64_t left_out;     /* of the watch */
	uint64_t told_ns;      /* when a person was told of it */
	pthread_mutex_t mutex; /* of what follows */
	bool connected;
	struct trigger_request pending[MAX_KEPT];
	size_t n_pending;
	struct kept kept;
	uint64_t open_tasks;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static bool stopped(const struct stream *s)
{
	return __atomic_load_n(&s->stop, __ATOMIC_ACQUIRE);
}

/* ---- the ring ---- */

static void drop_oldest(struct stream *s)
{
	struct packed *p = &s->ring[s->first];

	s->ring_bytes -= p->len;
	mem_free(p->bytes);
	s->first = (s->first + 1) % MAX_RING;
	s->n--;
}

static void forget_connection(struct stream *s)
{
	while (s->n)
		drop_oldest(s);
	mem_free(s->head);
	s->head = NULL;
	buf_clear(&s->fresh);
	s->fresh_base = 0;
}

static void *pack(const uint8_t *bytes, size_t n, size_t *len)
{
	size_t cap = ZSTD_compressBound(n);
	void *out = mem_alloc(cap), *fitted;

	if (!out)
		return NULL;
	*len = ZSTD_compress(out, cap, bytes, n, LEVEL);
	if (ZSTD_isError(*len)) {
		mem_free(out);
		return NULL;
	}
	fitted = mem_realloc(out, *len);
	return fitted ? fitted : out;
}

/* The reader has taken the trace up to `end`: that is a generation, or the header. */
static enum status keep(struct stream *s, uint64_t end, struct err *err)
{
	size_t n = (size_t)(end - s->fresh_base);
	struct packed p = { .came_ns = now_ns() };

	if (!s->head && n >= TRACE_HEADER_BYTES) {
		s->head = pack(s->fresh.ptr, TRACE_HEADER_BYTES, &s->head_len);
		if (!s->head)
			return err_nomem(err, "the window of a stream");
	}
	if (s->fresh_base == 0 && n >= TRACE_HEADER_BYTES)
		p.bytes = pack(s->fresh.ptr + TRACE_HEADER_BYTES, n - TRACE_HEADER_BYTES, &p.len);
	else
		p.bytes = pack(s->fresh.ptr, n, &p.len);
	if (!p.bytes)
		return err_nomem(err, "the window of a stream");
	memmove(s->fresh.ptr, s->fresh.ptr + n, s->fresh.len - n);
	s->fresh.len -= n;
	s->fresh_base = end;
	if (s->n == MAX_RING)
		drop_oldest(s);
	s->ring[(s->first + s->n++) % MAX_RING] = p;
	s->ring_bytes += p.len;
	return ST_OK;
}

/* ---- captures ---- */

static enum status write_ring(struct stream *s, int fd, struct err *err)
{
	enum status st = spool_write(fd, s->head, s->head_len, err);

	for (size_t i = 0; i < s->n && !st; i++) {
		const struct packed *p = &s->ring[(s->first + i) % MAX_RING];

		st = spool_write(fd, p->bytes, p->len, err);
	}
	return st;
}

static void capture(struct stream *s, const struct trigger_request *r)
{
	struct err err = ERR_INIT;
	int fd = -1;
	enum status st = spool_open(s->env.spool, &fd, &err);

	if (!st) {
		st = write_ring(s, fd, &err);
		if (st)
			close(fd);
	}
	if (!st)
		st = kept_add(&s->kept, r, fd, &err);
	if (!st)
		return;
	source_tell(&s->env, LOG_LEVEL_ERROR, "trigger %s (%s): no capture: %s", r->name, r->cause,
		    err.msg);
	pthread_mutex_lock(&s->mutex);
	s->kept.n_lost++;
	pthread_mutex_unlock(&s->mutex);
}

/* Those that it captures now, taken off the list: `due` says which. */
static void serve(struct stream *s,
		  bool (*due)(const struct stream *s, const struct trigger_request *r))
{
	struct trigger_request r;

	pthread_mutex_lock(&s->mutex);
	for (size_t i = 0; i < s->n_pending && s->n;) {
		if (!due(s, &s->pending[i])) {
			i++;
			continue;
		}
		r = s->pending[i];
		s->pending[i] = s->pending[--s->n_pending];
		pthread_mutex_unlock(&s->mutex);
		capture(s, &r);
		pthread_mutex_lock(&s->mutex);
	}
	pthread_mutex_unlock(&s->mutex);
	while (kept_retry(&s->kept, false))
		;
}

/* At a generation's end: it has all that came until the delay was over. */
static bool delay_is_over(const struct stream *s, const struct trigger_request *r)
{
	(void)s;
	return now_ns() - r->fired_ns >= r->delay_ns;
}

/* The generation in which it fired is the oldest, and about to be dropped. */
static bool fired_in_the_oldest(const struct stream *s, const struct trigger_request *r)
{
	return r->fired_ns < s->ring[(s->first + 1) % MAX_RING].came_ns;
}

/* What ended before the window began, or is too much; one generation at least stays. */
static void trim(struct stream *s)
{
	uint64_t newest_ns = s->ring[(s->first + s->n - 1) % MAX_RING].came_ns;

	while (s->n > 1 && (s->ring_bytes > s->set->stream.max_bytes ||
			    newest_ns - s->ring[s->first].came_ns > s->set->stream.window_ns)) {
		serve(s, fired_in_the_oldest);
		drop_oldest(s);
	}
}

/* There will be no more. */
static bool always(const struct stream *s, const struct trigger_request *r)
{
	(void)s;
	(void)r;
	return true;
}

static bool ask(void *source, const struct trigger_request *r)
{
	struct stream *s = source;
	bool room;

	pthread_mutex_lock(&s->mutex);
	room = s->n_pending + s->kept.n < MAX_KEPT && s->connected;
	if (room) {
		s->pending[s->n_pending] = *r;
		s->pending[s->n_pending++].rules = NULL;
	}
	s->kept.n_lost += !room;
	pthread_mutex_unlock(&s->mutex);
	return room;
}

/* ---- the connection ---- */

static enum status read_some(void *arg, uint8_t *dst, size_t cap, size_t *n, struct err *err)
{
	struct stream *s = arg;
	enum status st = fetch_read(s->fetch, dst, cap, n, err);

	if (st)
		return st;
	buf_add(&s->fresh, dst, *n);
	return buf_status(&s->fresh, "a generation of a stream", err);
}

static void set_connected(struct stream *s, bool is)
{
	pthread_mutex_lock(&s->mutex);
	s->connected = is;
	pthread_mutex_unlock(&s->mutex);
}

/* What the triggers' eyes have seen, and what was too much for them, told once a minute. */
static void note_watch(struct stream *s, const struct watch *w)
{
	uint64_t left_out = watch_left_out(w);

	if (left_out > s->left_out)
		source_tell_limit(&s->env, &s->told_ns,
				  "over %zu tasks or goroutines: %" PRIu64
				  " were not watched for triggers so far",
				  MAX_WATCHED, left_out);
	pthread_mutex_lock(&s->mutex);
	s->open_tasks = watch_open_tasks(w);
	s->left_out = left_out;
	pthread_mutex_unlock(&s->mutex);
}

/* Until the trace ends, whoever ends it. */
static enum status follow(struct stream *s, struct err *err)
{
	struct reader *r = reader_open((struct byte_source){ read_some, s }, err);
	const struct event *ev;
	struct watch *w = NULL;
	enum status st = r ? watch_open(&w, s->env.triggers, err) : err->code;

	while (!st && !stopped(s)) {
		st = reader_next(r, &ev, err);
		if (st)
			break;
		/* A generation is there: it is kept before its events are looked at. */
		if (ev->kind == EVENT_SYNC && ev->tables) {
			st = keep(s, reader_bytes(r), err);
			if (st)
				break;
			trim(s);
			set_connected(s, true);
			watch_rules(w);
			serve(s, delay_is_over);
			note_watch(s, w);
		} else {
			watch_event(w, ev);
		}
	}
	serve(s, always);
	watch_close(w);
	reader_close(r);
	return st;
}

/* How long to ask for; a server's WriteTimeout may forbid the longer ones. */
static const unsigned int durations[] = { 100000, 3600, 300, 60, 25, 8, 4, 2, 1 };
#define N_DURATIONS (sizeof(durations) / sizeof(durations[0]))

static enum status refused(struct stream *s, struct err *err)
{
	long code = fetch_status(s->fetch);
	char words[256];

	fetch_words(s->fetch, words, sizeof(words));
	if (code == 400 && strstr(words, "WriteTimeout") && s->asked + 1 < N_DURATIONS) {
		s->asked++;
		return ST_END;
	}
	return err_set(err, ST_REMOTE, ERR_NO_OFFSET, "HTTP status %ld: %s%s", code, words,
		       code == 500 ? " (somebody else traces this program)" : "");
}

/* One connection from begin to end. ST_END: the next one at once. */
static enum status connect_once(struct stream *s, struct err *err)
{
	char url[MAX_URL_BYTES];
	struct fetch_settings set = { .url = url, .stop = &s->stop };
	enum status st;

	snprintf(url, sizeof(url), "%.2000s%sseconds=%u", s->set->stream.url,
		 strchr(s->set->stream.url, '?') ? "&" : "?", durations[s->asked]);
	st = fetch_open(&s->fetch, &set, err);
	if (st)
		return st;
	if (!stopped(s))
		st = fetch_status(s->fetch) == 200 ? follow(s, err) : refused(s, err);
	set_connected(s, false);
	fetch_close(s->fetch);
	s->fetch = NULL;
	forget_connection(s);
	return st;
}

static void pause_for(struct stream *s, uint64_t ns)
{
	const struct timespec step = { 0, 100000000 };

	for (uint64_t end = now_ns() + ns; now_ns() < end && !stopped(s);) {
		(void)kept_retry(&s->kept, false);
		nanosleep(&step, NULL);
	}
}

static void *stream_run(void *arg)
{
	struct stream *s = arg;
	uint64_t wait = SECOND_NS;

	while (!stopped(s)) {
		struct err err = ERR_INIT;
		uint64_t began = now_ns();
		unsigned int asked = s->asked;
		enum status st = connect_once(s, &err);

		if (stopped(s))
			continue;
		/* A whole trace, or another duration to ask for; one after the other, not a storm.
		 */
		if (st == ST_END && (asked != s->asked || now_ns() - began > SECOND_NS / 2))
			continue;
		if (now_ns() - began > 30 * SECOND_NS)
			wait = SECOND_NS;
		source_tell(&s->env, LOG_LEVEL_WARN, "%s; connecting again in %.0f s",
			    *err.msg ? err.msg : "the stream ended", (double)wait / 1e9);
		pause_for(s, wait);
		wait = wait < 15 * SECOND_NS ? 2 * wait : 30 * SECOND_NS;
	}
	return NULL;
}

static void stop(void *source)
{
	struct stream *s = source;

	__atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
	if (s->runs)
		pthread_join(s->thread, NULL);
	s->runs = false;
	kept_abandon(&s->kept);
}

static bool idle(void *source)
{
	struct stream *s = source;
	bool is;

	pthread_mutex_lock(&s->mutex);
	is = !s->kept.n;
	pthread_mutex_unlock(&s->mutex);
	return is;
}

static void status(void *source, struct source_status *out)
{
	struct stream *s = source;

	pthread_mutex_lock(&s->mutex);
	*out = (struct source_status){ .ready = s->connected,
				       .waiting = s->n_pending + s->kept.n,
				       .left_out = s->kept.n_lost + s->left_out,
				       .open_tasks = s->open_tasks };
	pthread_mutex_unlock(&s->mutex);
}

static void stream_close(void *source)
{
	struct stream *s = source;

	if (s->runs)
		stop(s);
	kept_abandon(&s->kept);
	forget_connection(s);
	buf_release(&s->fresh);
	pthread_mutex_destroy(&s->mutex);
	mem_free(s);
}

static enum status stream_open(void **out, const struct source_settings *set,
			       const struct source_env *env, struct err *err)
{
	struct stream *s = mem_zalloc(sizeof(*s));
	sigset_t all, old;

	if (!s)
		return err_nomem(err, "a source");
	s->set = set;
	s->env = *env;
	s->kept = (struct kept){ .env = &s->env, .stop = &s->stop, .mutex = &s->mutex };
	buf_init(&s->fresh, MAX_STREAM_GENERATION);
	pthread_mutex_init(&s->mutex, NULL);
	kept_restore(&s->kept);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	s->runs = !pthread_create(&s->thread, NULL, stream_run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!s->runs) {
		stream_close(s);
		return err_set(err, ST_NOMEM, ERR_NO_OFFSET, "cannot start a thread");
	}
	*out = s;
	return ST_OK;
}

const struct source_kind source_stream = {
	.word = "stream",
	.open = stream_open,
	.ask = ask,
	.stop = stop,
	.idle = idle,
	.status = status,
	.close = stream_close,
};
