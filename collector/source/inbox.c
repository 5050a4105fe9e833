#include "collector/source/inbox.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

struct inbox {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool ended;
	size_t first, n, cap;
	struct capture *ring[];
};

enum status inbox_open(struct inbox **out, size_t cap, struct err *err)
{
	struct inbox *b = mem_zalloc(sizeof(*b) + cap * sizeof(struct capture *));
	pthread_condattr_t attr;

	if (!b)
		return err_nomem(err, "captures");
	b->cap = cap;
	pthread_mutex_init(&b->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->changed, &attr);
	pthread_condattr_destroy(&attr);
	*out = b;
	return ST_OK;
}

void inbox_close(struct inbox *b)
{
	struct capture *c;

	if (!b)
		return;
	inbox_end(b);
	while ((c = inbox_take(b, 0, NULL)) != NULL) {
		close(c->fd);
		c->done(c, CAPTURE_LATER, "the program stops");
	}
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->mutex);
	mem_free(b);
}

static bool put(struct inbox *b, struct capture *c)
{
	if (b->ended || b->n == b->cap)
		return false;
	b->ring[(b->first + b->n++) % b->cap] = c;
	pthread_cond_broadcast(&b->changed);
	return true;
}

/* Looked at with the mutex held: who sets it calls inbox_wake(), which takes it. */
static bool stopped(const bool *stop)
{
	return stop && __atomic_load_n(stop, __ATOMIC_ACQUIRE);
}

bool inbox_put(struct inbox *b, struct capture *c, const bool *stop)
{
	bool in = false;

	pthread_mutex_lock(&b->mutex);
	while (!b->ended && !stopped(stop) && !(in = put(b, c)))
		pthread_cond_wait(&b->changed, &b->mutex);
	pthread_mutex_unlock(&b->mutex);
	return in;
}

bool inbox_offer(struct inbox *b, struct capture *c)
{
	bool in;

	pthread_mutex_lock(&b->mutex);
	in = put(b, c);
	pthread_mutex_unlock(&b->mutex);
	return in;
}

struct capture *inbox_take(struct inbox *b, uint64_t ns, const bool *stop)
{
	struct capture *c = NULL;
	struct timespec t;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ns += (uint64_t)t.tv_nsec;
	t.tv_sec += (time_t)(ns / 1000000000u);
	t.tv_nsec = (long)(ns % 1000000000u);
	pthread_mutex_lock(&b->mutex);
	while (!b->n && !b->ended && !stopped(stop) && !rc)
		rc = pthread_cond_timedwait(&b->changed, &b->mutex, &t);
	if (b->n) {
		c = b->ring[b->first];
		b->first = (b->first + 1) % b->cap;
		b->n--;
		pthread_cond_broadcast(&b->changed);
	}
	pthread_mutex_unlock(&b->mutex);
	return c;
}

void inbox_wake(struct inbox *b)
{
	pthread_mutex_lock(&b->mutex);
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->mutex);
}

void inbox_end(struct inbox *b)
{
	pthread_mutex_lock(&b->mutex);
	b->ended = true;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->mutex);
}

size_t inbox_length(struct inbox *b)
{
	size_t n;

	pthread_mutex_lock(&b->mutex);
	n = b->n;
	pthread_mutex_unlock(&b->mutex);
	return n;
}
