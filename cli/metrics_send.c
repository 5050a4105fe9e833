#include "cli/metrics_send.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "exporter/retry.h"

#define SECOND_NS ((uint64_t)1000000000)
#define PATIENCE_NS (600 * SECOND_NS) /* for one message */

struct message {
	size_t len;
	uint8_t bytes[];
};

/* One receiver. */
struct lane {
	struct metrics_send *m;
	struct transport *transport; /* NULL: a file, which gets none */
	pthread_t thread;
	bool runs, idle;
	struct message *waiting[MAX_WAITING_METRICS]; /* a ring */
	size_t first, n;
	struct metrics_counts counts;
};

struct metrics_send {
	struct lane *lanes; /* one for each exporter */
	size_t n;
	pthread_mutex_t mutex; /* of all that changes */
	pthread_cond_t changed;
	bool ended;
	uint64_t end_ns; /* monotonic; once it has ended */
};

enum status metrics_transport(struct transport **out, const struct exporter_settings *e,
			      struct err *err)
{
	struct exporter_settings set = { .is_otlp = true, .otlp = e->otlp };

	set.otlp.metrics = true;
	/* They are encoded once; who takes spans as JSON takes these as protobuf. */
	if (set.otlp.protocol == SETTING_HTTP_JSON)
		set.otlp.protocol = SETTING_HTTP_PROTOBUF;
	return transport_open(out, &set, NULL, err);
}

/* ---- the clock of a lane's retries: it hurries once there is an end ---- */

static uint64_t lane_now_ns(void *arg)
{
	struct metrics_send *m = arg;
	uint64_t now = retry_clock_system.now_ns(NULL);
	bool over;

	pthread_mutex_lock(&m->mutex);
	over = m->ended && now >= m->end_ns;
	pthread_mutex_unlock(&m->mutex);
	/* Beyond every deadline. */
	return over ? UINT64_MAX : now;
}

static int64_t lane_wall_s(void *arg)
{
	(void)arg;
	return retry_clock_system.wall_s(NULL);
}

static void lane_sleep_ns(void *arg, uint64_t ns)
{
	struct metrics_send *m = arg;
	uint64_t until = retry_clock_system.now_ns(NULL) + ns;
	int rc = 0;

	pthread_mutex_lock(&m->mutex);
	while (rc != ETIMEDOUT) {
		uint64_t end = m->ended && m->end_ns < until ? m->end_ns : until;
		struct timespec t = { (time_t)(end / SECOND_NS), (long)(end % SECOND_NS) };

		rc = pthread_cond_timedwait(&m->changed, &m->mutex, &t);
	}
	pthread_mutex_unlock(&m->mutex);
}

static uint64_t lane_random(void *arg)
{
	(void)arg;
	return retry_clock_system.random(NULL);
}

/* ---- a lane ---- */

/* With the mutex held. */
static struct message *take(struct lane *l)
{
	struct message *x = l->waiting[l->first];

	l->first = (l->first + 1) % MAX_WAITING_METRICS;
	l->n--;
	return x;
}

static bool send_one(struct lane *l, const struct message *x)
{
	const struct retry_clock clock = { lane_now_ns, lane_wall_s, lane_sleep_ns, lane_random,
					   l->m };
	const struct retry_settings set = { .clock = &clock,
					    .budget_ns = PATIENCE_NS,
					    .what = "metrics" };
	struct attempt_result last;
	struct err err = ERR_INIT;

	if (!retry_send(l->transport, &set, (struct slice){ x->bytes, x->len }, 1, &last, &err))
		return true;
	log_error("%s", err.msg);
	return false;
}

static void *work(void *arg)
{
	struct lane *l = arg;
	struct metrics_send *m = l->m;

	pthread_mutex_lock(&m->mutex);
	while (l->n || !m->ended) {
		struct message *x;
		bool sent = false, over;

		if (!l->n) {
			pthread_cond_wait(&m->changed, &m->mutex);
			continue;
		}
		x = take(l);
		over = m->ended && retry_clock_system.now_ns(NULL) >= m->end_ns;
		pthread_mutex_unlock(&m->mutex);
		if (!over)
			sent = send_one(l, x);
		mem_free(x);
		pthread_mutex_lock(&m->mutex);
		l->counts.sent += sent;
		l->counts.lost += !sent;
	}
	l->idle = true;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->mutex);
	return NULL;
}

static enum status open_lane(struct lane *l, const struct exporter_settings *e, struct err *err)
{
	enum status st = metrics_transport(&l->transport, e, err);
	sigset_t all, old;

	if (st)
		return st;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	l->runs = !pthread_create(&l->thread, NULL, work, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return l->runs ? ST_OK : err_set(err, ST_NOMEM, ERR_NO_OFFSET, "cannot start a thread");
}

enum status metrics_send_open(struct metrics_send **out, const struct exporter_settings *exporters,
			      size_t n, struct err *err)
{
	struct metrics_send *m = mem_zalloc(sizeof(*m));
	enum status st = ST_OK;
	pthread_condattr_t attr;

	if (m)
		m->lanes = mem_zalloc((n + 1) * sizeof(*m->lanes));
	if (!m || !m->lanes) {
		mem_free(m);
		return err_nomem(err, "the metrics");
	}
	pthread_mutex_init(&m->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->changed, &attr);
	pthread_condattr_destroy(&attr);
	m->n = n;
	for (size_t i = 0; i < n; i++)
		m->lanes[i].m = m;
	for (size_t i = 0; i < n && !st; i++) {
		if (exporters[i].is_otlp)
			st = open_lane(&m->lanes[i], &exporters[i], err);
	}
	if (st)
		metrics_send_close(m);
	else
		*out = m;
	return st;
}

static void put(struct lane *l, struct slice message)
{
	struct message *x = mem_alloc(sizeof(*x) + message.len);

	if (!x || l->n == MAX_WAITING_METRICS) {
		log_warn("metrics are lost: %s",
			 x ? "too many wait for their receiver" : "out of memory");
		l->counts.lost++;
		if (!x)
			return;
		mem_free(take(l));
	}
	x->len = message.len;
	memcpy(x->bytes, message.ptr, message.len);
	l->waiting[(l->first + l->n++) % MAX_WAITING_METRICS] = x;
}

void metrics_send_put(struct metrics_send *m, struct slice message)
{
	pthread_mutex_lock(&m->mutex);
	for (size_t i = 0; i < m->n; i++) {
		if (m->lanes[i].runs)
			put(&m->lanes[i], message);
	}
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->mutex);
}

bool metrics_send_counts(struct metrics_send *m, size_t i, struct metrics_counts *out)
{
	if (i >= m->n || !m->lanes[i].runs)
		return false;
	pthread_mutex_lock(&m->mutex);
	*out = m->lanes[i].counts;
	pthread_mutex_unlock(&m->mutex);
	return true;
}

void metrics_send_end(struct metrics_send *m, uint64_t flush_ns)
{
	pthread_mutex_lock(&m->mutex);
	m->ended = true;
	m->end_ns = retry_clock_system.now_ns(NULL) + flush_ns;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->mutex);
}

/* An attempt that runs beyond the end is cut short. */
static void close_lane(struct lane *l)
{
	struct metrics_send *m = l->m;
	struct timespec t = { (time_t)(m->end_ns / SECOND_NS), (long)(m->end_ns % SECOND_NS) };
	int rc = 0;

	if (l->runs) {
		pthread_mutex_lock(&m->mutex);
		while (!l->idle && rc != ETIMEDOUT)
			rc = pthread_cond_timedwait(&m->changed, &m->mutex, &t);
		pthread_mutex_unlock(&m->mutex);
		if (rc)
			transport_interrupt(l->transport);
		pthread_join(l->thread, NULL);
	}
	while (l->n)
		mem_free(take(l));
	transport_close(l->transport);
}

void metrics_send_close(struct metrics_send *m)
{
	if (!m)
		return;
	if (!m->ended)
		metrics_send_end(m, 0);
	for (size_t i = 0; i < m->n; i++)
		close_lane(&m->lanes[i]);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->mutex);
	mem_free(m->lanes);
	mem_free(m);
}
