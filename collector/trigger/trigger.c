#include "collector/trigger/trigger.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collector/trigger/prometheus.h"

#define SECOND_NS ((uint64_t)1000000000)
#define HOUR_NS (3600 * SECOND_NS)
#define MAX_WAITING 64u

/* What a rule has done. */
struct past {
	uint64_t last_ns; /* when it fired; 0: never */
	uint64_t next_ns; /* `every` is due; `prometheus` is read */
	uint64_t fired, held, captures;
	uint64_t *times; /* a ring of its last max_per_hour */
	size_t cap;
};

struct trigger_set {
	void (*wake)(void *arg);
	void *arg;
	pthread_t reader; /* of Prometheus metrics */
	bool reads;
	bool stop; /* atomic */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct trigger_rules *rules;
	struct past past[MAX_TRIGGERS];
	struct trigger_request waiting[MAX_WAITING];
	size_t first, n;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

bool trigger_by_every(const struct trigger_settings *s)
{
	return settings_entry_origin(&s->record, "triggers[].every") != ORIGIN_DEFAULT;
}

bool trigger_by_signal(const struct trigger_settings *s)
{
	return settings_entry_origin(&s->record, "triggers[].signal") != ORIGIN_DEFAULT;
}

struct trigger_rules *trigger_rules(struct trigger_set *t)
{
	struct trigger_rules *r;

	pthread_mutex_lock(&t->mutex);
	r = t->rules;
	if (r)
		__atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&t->mutex);
	return r;
}

void trigger_unref(struct trigger_rules *r)
{
	if (!r || __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL))
		return;
	r->release(r->owner);
	mem_free(r);
}

/* May it fire now? Under the mutex. */
static bool allowed(struct past *p, const struct trigger_settings *s, uint64_t now)
{
	size_t at = p->fired % s->max_per_hour;

	if (p->last_ns && now - p->last_ns < s->cooldown_ns)
		return false;
	if (!p->times) {
		p->times = mem_zalloc(s->max_per_hour * sizeof(*p->times));
		p->cap = p->times ? s->max_per_hour : 0;
	}
	/* The one that was max_per_hour ago. */
	return p->times && !(p->times[at] && now - p->times[at] < HOUR_NS);
}

static bool fire(struct trigger_set *t, size_t i, const char *cause)
{
	const struct trigger_settings *s = &t->rules->ptr[i];
	struct past *p = &t->past[i];
	struct trigger_request *r = &t->waiting[(t->first + t->n) % MAX_WAITING];
	uint64_t now = now_ns();

	if (t->n == MAX_WAITING || !allowed(p, s, now)) {
		p->held++;
		return false;
	}
	p->times[p->fired++ % s->max_per_hour] = now;
	p->last_ns = now;
	*r = (struct trigger_request){
		.delay_ns = s->delay_ns, .fired_ns = now, .rules = t->rules, .capture = &s->capture
	};
	snprintf(r->name, sizeof(r->name), "%s", s->name);
	snprintf(r->cause, sizeof(r->cause), "%s", cause);
	__atomic_add_fetch(&t->rules->refs, 1, __ATOMIC_RELAXED);
	t->n++;
	t->wake(t->arg);
	return true;
}

enum trigger_answer trigger_fire(struct trigger_set *t, const char *name, const char *cause)
{
	enum trigger_answer a = TRIGGER_UNKNOWN;

	pthread_mutex_lock(&t->mutex);
	for (size_t i = 0; t->rules && i < t->rules->n && a == TRIGGER_UNKNOWN; i++) {
		if (!strcmp(t->rules->ptr[i].name, name))
			a = fire(t, i, cause) ? TRIGGER_FIRED : TRIGGER_TOO_SOON;
	}
	pthread_mutex_unlock(&t->mutex);
	return a;
}

void trigger_signal(struct trigger_set *t, enum setting_signal number)
{
	static const char *const causes[] = { "signal USR1", "signal USR2" };

	pthread_mutex_lock(&t->mutex);
	for (size_t i = 0; t->rules && i < t->rules->n; i++) {
		const struct trigger_settings *s = &t->rules->ptr[i];

		if (trigger_by_signal(s) && s->signal == number)
			fire(t, i, causes[number]);
	}
	pthread_mutex_unlock(&t->mutex);
}

void trigger_count_capture(struct trigger_set *t, const char *name)
{
	pthread_mutex_lock(&t->mutex);
	for (size_t i = 0; t->rules && i < t->rules->n; i++)
		t->past[i].captures += !strcmp(t->rules->ptr[i].name, name);
	pthread_mutex_unlock(&t->mutex);
}

void trigger_tick(struct trigger_set *t)
{
	uint64_t now = now_ns();
	char cause[64];

	pthread_mutex_lock(&t->mutex);
	for (size_t i = 0; t->rules && i < t->rules->n; i++) {
		const struct trigger_settings *s = &t->rules->ptr[i];

		if (!trigger_by_every(s) || now < t->past[i].next_ns)
			continue;
		t->past[i].next_ns += s->every_ns * (1 + (now - t->past[i].next_ns) / s->every_ns);
		snprintf(cause, sizeof(cause), "every %.0f s", (double)s->every_ns / 1e9);
		fire(t, i, cause);
	}
	pthread_mutex_unlock(&t->mutex);
}

bool trigger_next(struct trigger_set *t, struct trigger_request *out)
{
	bool any;

	pthread_mutex_lock(&t->mutex);
	any = t->n > 0;
	if (any) {
		*out = t->waiting[t->first];
		t->first = (t->first + 1) % MAX_WAITING;
		t->n--;
	}
	pthread_mutex_unlock(&t->mutex);
	return any;
}

size_t trigger_counts(struct trigger_set *t, struct trigger_count *out, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&t->mutex);
	for (; t->rules && n < t->rules->n && n < max; n++) {
		out[n].fired = t->past[n].fired;
		out[n].held = t->past[n].held;
		out[n].captures = t->past[n].captures;
		snprintf(out[n].name, sizeof(out[n].name), "%s", t->rules->ptr[n].name);
	}
	pthread_mutex_unlock(&t->mutex);
	return n;
}

/* Under the mutex: which metric is to be read next, and when. */
static size_t next_metric(struct trigger_set *t, uint64_t *when)
{
	size_t best = MAX_TRIGGERS;

	*when = UINT64_MAX;
	for (size_t i = 0; t->rules && i < t->rules->n; i++) {
		if (!t->rules->ptr[i].by_prometheus || t->past[i].next_ns >= *when)
			continue;
		best = i;
		*when = t->past[i].next_ns;
	}
	return best;
}

/* Read one, without the mutex; the rules stay. */
static void read_metric(struct trigger_set *t, const struct trigger_settings *s)
{
	struct err err = ERR_INIT;
	char cause[256];
	double value;

	if (prometheus_read(s->prometheus.url, s->prometheus.metric, &t->stop, &value, &err)) {
		if (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE))
			log_warn("trigger %s: %s", s->name, err.msg);
		return;
	}
	if (value <= s->prometheus.above)
		return;
	snprintf(cause, sizeof(cause), "%.100s is %g, above %g", s->prometheus.metric, value,
		 s->prometheus.above);
	trigger_fire(t, s->name, cause);
}

static void *read_metrics(void *arg)
{
	struct trigger_set *t = arg;

	pthread_mutex_lock(&t->mutex);
	while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
		struct trigger_rules *rules = t->rules;
		uint64_t when, now = now_ns();
		size_t i = next_metric(t, &when);
		struct timespec until = { (time_t)(when / SECOND_NS), (long)(when % SECOND_NS) };

		if (i == MAX_TRIGGERS) {
			pthread_cond_wait(&t->changed, &t->mutex);
		} else if (when > now) {
			pthread_cond_timedwait(&t->changed, &t->mutex, &until);
		} else {
			t->past[i].next_ns = now + rules->ptr[i].prometheus.every_ns;
			__atomic_add_fetch(&rules->refs, 1, __ATOMIC_RELAXED);
			pthread_mutex_unlock(&t->mutex);
			read_metric(t, &rules->ptr[i]);
			trigger_unref(rules);
			pthread_mutex_lock(&t->mutex);
		}
	}
	pthread_mutex_unlock(&t->mutex);
	return NULL;
}

enum status trigger_open(struct trigger_set **out, void (*wake)(void *arg), void *arg,
			 struct err *err)
{
	struct trigger_set *t = mem_zalloc(sizeof(*t));
	pthread_condattr_t attr;

	if (!t)
		return err_nomem(err, "triggers");
	t->wake = wake;
	t->arg = arg;
	pthread_mutex_init(&t->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->changed, &attr);
	pthread_condattr_destroy(&attr);
	*out = t;
	return ST_OK;
}

void trigger_close(struct trigger_set *t)
{
	struct trigger_request r;

	if (!t)
		return;
	__atomic_store_n(&t->stop, true, __ATOMIC_RELEASE);
	pthread_mutex_lock(&t->mutex);
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->mutex);
	if (t->reads)
		pthread_join(t->reader, NULL);
	while (trigger_next(t, &r))
		trigger_unref(r.rules);
	trigger_unref(t->rules);
	for (size_t i = 0; i < MAX_TRIGGERS; i++)
		mem_free(t->past[i].times);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->mutex);
	mem_free(t);
}

/* The past of the rule that was the same before, or none. Under the mutex. */
static struct past inherit(struct trigger_set *t, const struct trigger_settings *s, uint64_t now)
{
	struct past p = { .next_ns = now + (trigger_by_every(s) ? s->every_ns : 0) };

	for (size_t i = 0; t->rules && i < t->rules->n; i++) {
		if (strcmp(t->rules->ptr[i].name, s->name) != 0 ||
		    !settings_same_entry("triggers", &t->rules->ptr[i].record, &s->record))
			continue;
		p = t->past[i];
		t->past[i] = (struct past){ 0 };
		break;
	}
	return p;
}

/* `past` is room for as much, of zeros. */
static void exchange(struct trigger_set *t, struct trigger_rules *fresh, struct past *past)
{
	uint64_t now = now_ns();

	for (size_t i = 0; i < fresh->n; i++)
		past[i] = inherit(t, &fresh->ptr[i], now);
	for (size_t i = 0; i < MAX_TRIGGERS; i++)
		mem_free(t->past[i].times);
	memcpy(t->past, past, sizeof(t->past));
	t->rules = fresh;
}

static bool any_prometheus(const struct trigger_settings *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i].by_prometheus)
			return true;
	}
	return false;
}

enum status trigger_update(struct trigger_set *t, const struct trigger_settings *rules, size_t n,
			   void *owner, void (*release)(void *owner), struct err *err)
{
	struct trigger_rules *fresh = mem_zalloc(sizeof(*fresh)), *old;
	struct past *past = mem_zalloc(sizeof(t->past));
	sigset_t all, before;

	if (!fresh || !past) {
		mem_free(fresh);
		mem_free(past);
		release(owner);
		return err_nomem(err, "triggers");
	}
	*fresh = (struct trigger_rules){ 1, rules, n, owner, release };
	pthread_mutex_lock(&t->mutex);
	old = t->rules;
	exchange(t, fresh, past);
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->mutex);
	mem_free(past);
	trigger_unref(old);
	if (t->reads || !any_prometheus(rules, n))
		return ST_OK;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	t->reads = !pthread_create(&t->reader, NULL, read_metrics, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return t->reads ? ST_OK : err_set(err, ST_NOMEM, ERR_NO_OFFSET, "cannot start a thread");
}
