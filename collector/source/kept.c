#include "collector/source/kept.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

struct kept_capture {
	struct capture c;
	struct kept *k;
	struct kept_capture *next;
	int file; /* for another try; the capture's is a duplicate */
};

static bool stopped(const struct kept *k)
{
	return __atomic_load_n(k->stop, __ATOMIC_ACQUIRE);
}

/* It is over: told and counted if it is lost. */
static void end(struct kept_capture *x, bool lost, const char *why)
{
	struct kept *k = x->k;

	if (lost)
		source_tell(k->env, LOG_LEVEL_ERROR, "a capture (%s: %s) is lost: %s", x->c.trigger,
			    x->c.cause, why);
	close(x->file);
	mem_free(x);
	pthread_mutex_lock(k->mutex);
	k->n_lost += lost;
	k->n--; /* its source may be closed from here on */
	pthread_mutex_unlock(k->mutex);
}

/* False: the source stops, and nobody would take it. */
static bool let_wait(struct kept_capture *x)
{
	struct kept *k = x->k;
	bool waits;

	pthread_mutex_lock(k->mutex);
	waits = !stopped(k);
	if (waits) {
		x->next = k->waiting;
		k->waiting = x;
		if (k->changed)
			pthread_cond_broadcast(k->changed);
	}
	pthread_mutex_unlock(k->mutex);
	return waits;
}

static void done(struct capture *c, enum capture_outcome outcome, const char *why)
{
	struct kept_capture *x = c->arg;

	if (outcome == CAPTURE_QUEUED)
		trigger_count_capture(x->k->env->triggers, c->trigger);
	if (outcome != CAPTURE_LATER || !let_wait(x))
		end(x, outcome != CAPTURE_QUEUED && outcome != CAPTURE_KNOWN, why);
}

/* Into the inbox, with its first byte next. False: no room, or no descriptor. */
static bool offer(struct kept_capture *x, bool wait)
{
	struct inbox *b = x->k->env->inbox;
	int fd = fcntl(x->file, F_DUPFD_CLOEXEC, 3);

	x->c.fd = fd;
	/* Room is taken even when the source stops. */
	if (fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 &&
	    (inbox_offer(b, &x->c) || (wait && inbox_put(b, &x->c, x->k->stop))))
		return true;
	if (fd >= 0)
		close(fd);
	return false;
}

enum status kept_add(struct kept *k, const struct trigger_request *r, int fd, struct err *err)
{
	struct kept_capture *x = mem_zalloc(sizeof(*x));

	if (!x) {
		close(fd);
		return err_nomem(err, "a capture");
	}
	x->k = k;
	x->file = fd;
	x->c = (struct capture){ .done = done, .arg = x };
	snprintf(x->c.name, sizeof(x->c.name), "%s", k->env->name);
	snprintf(x->c.source, sizeof(x->c.source), "%s", k->env->name);
	snprintf(x->c.trigger, sizeof(x->c.trigger), "%s", r->name);
	snprintf(x->c.cause, sizeof(x->c.cause), "%s", r->cause);
	pthread_mutex_lock(k->mutex);
	k->n++;
	pthread_mutex_unlock(k->mutex);
	if (offer(x, false) || let_wait(x))
		return ST_OK;
	pthread_mutex_lock(k->mutex);
	k->n--;
	pthread_mutex_unlock(k->mutex);
	close(fd);
	mem_free(x);
	return err_set(err, ST_LIMIT, ERR_NO_OFFSET, "the program stops");
}

static struct kept_capture *next_waiting(struct kept *k)
{
	struct kept_capture *x;

	pthread_mutex_lock(k->mutex);
	x = k->waiting;
	if (x)
		k->waiting = x->next;
	pthread_mutex_unlock(k->mutex);
	return x;
}

bool kept_retry(struct kept *k, bool wait)
{
	struct kept_capture *x = next_waiting(k);

	if (!x)
		return false;
	if (offer(x, wait))
		return true;
	if (!let_wait(x))
		end(x, true, "the program stops");
	return false;
}

void kept_abandon(struct kept *k)
{
	struct kept_capture *x;

	while ((x = next_waiting(k)) != NULL)
		end(x, true, "the program stops");
}
