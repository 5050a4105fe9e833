#include "collector/source/kept.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "collector/source/kept_file.h"

struct kept_capture {
	struct capture c;
	struct kept *k;
	struct kept_capture *next;
	int file;   /* for another try; the capture's is a duplicate */
	char *stem; /* its name (kept_file.h); NULL: it could not be given one */
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
	kept_file_remove(x->stem);
	close(x->file);
	mem_free(x);
	pthread_mutex_lock(k->mutex);
	k->n_lost += lost;
	k->n--; /* its source may be closed from here on */
	pthread_mutex_unlock(k->mutex);
}

/* The source stops: left to the next start, if it has a name. */
static void leave(struct kept_capture *x)
{
	if (!x->stem) {
		end(x, true, "the program stops");
		return;
	}
	source_tell(x->k->env, LOG_LEVEL_INFO,
		    "a capture (%s: %s) waits for the next start: %s.trace", x->c.trigger,
		    x->c.cause, x->stem);
	mem_free(x->stem);
	x->stem = NULL;
	end(x, false, NULL);
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
	if (outcome != CAPTURE_LATER)
		end(x, outcome != CAPTURE_QUEUED && outcome != CAPTURE_KNOWN, why);
	else if (!let_wait(x))
		leave(x);
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

/* A new one of the source, counted. NULL: err is set, the file is still the caller's. */
static struct kept_capture *add(struct kept *k, int fd, struct err *err)
{
	struct kept_capture *x = mem_zalloc(sizeof(*x));

	if (!x) {
		err_nomem(err, "a capture");
		return NULL;
	}
	x->k = k;
	x->file = fd;
	x->c = (struct capture){ .done = done, .arg = x };
	snprintf(x->c.name, sizeof(x->c.name), "%s", k->env->name);
	snprintf(x->c.source, sizeof(x->c.source), "%s", k->env->name);
	pthread_mutex_lock(k->mutex);
	k->n++;
	pthread_mutex_unlock(k->mutex);
	return x;
}

void kept_restore(struct kept *k)
{
	for (size_t i = 0; i < MAX_KEPT; i++) {
		struct err err = ERR_INIT;
		struct capture c = { .fd = -1 };
		struct kept_capture *x;
		char *stem = NULL;
		int fd = -1;
		enum status st = kept_file_find(&stem, k->env->spool, k->env->name, &c, &fd, &err);

		if (st)
			return;
		x = add(k, fd, &err);
		if (!x) {
			close(fd);
			mem_free(stem);
			return;
		}
		x->stem = stem;
		memcpy(x->c.trigger, c.trigger, sizeof(x->c.trigger));
		memcpy(x->c.cause, c.cause, sizeof(x->c.cause));
		memcpy(x->c.traceparent, c.traceparent, sizeof(x->c.traceparent));
		source_tell(k->env, LOG_LEVEL_INFO, "a capture (%s: %s) of before is taken up",
			    c.trigger, c.cause);
		(void)let_wait(x);
	}
}

enum status kept_add(struct kept *k, const struct trigger_request *r, int fd, struct err *err)
{
	struct kept_capture *x = add(k, fd, err);
	struct err why = ERR_INIT;

	if (!x) {
		close(fd);
		return err->code;
	}
	snprintf(x->c.trigger, sizeof(x->c.trigger), "%s", r->name);
	snprintf(x->c.cause, sizeof(x->c.cause), "%s", r->cause);
	if (kept_file_make(&x->stem, k->env->spool, &x->c, fd, &why))
		source_tell(k->env, LOG_LEVEL_WARN, "a capture (%s) would not outlive a crash: %s",
			    r->name, why.msg);
	if (!offer(x, false) && !let_wait(x))
		leave(x);
	return ST_OK;
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
		leave(x);
	return false;
}

void kept_abandon(struct kept *k)
{
	struct kept_capture *x;

	while ((x = next_waiting(k)) != NULL)
		leave(x);
}
