#include "exporter/queue.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "exporter/queue_db.h"

#define SECOND_NS ((uint64_t)1000000000)

static const struct {
	const char *name, *count;
} reasons[N_QUEUE_REASONS] = {
	[QUEUE_FULL] = { "queue_full", "dropped:queue_full" },
	[QUEUE_DISK] = { "disk_full", "dropped:disk_full" },
	[QUEUE_CORRUPT] = { "corrupt", "dropped:corrupt" },
	[QUEUE_PURGED] = { "purged", "dropped:purged" },
	[QUEUE_UNSENT] = { "unsent", "dropped:unsent" },
};

const char *queue_reason_name(enum queue_reason reason)
{
	return reasons[reason].name;
}

const char *db_count_name(enum queue_reason reason)
{
	return reasons[reason].count;
}

void queue_tell(struct queue *q, const char *fmt, ...)
{
	char line[PATH_MAX + 1024];
	va_list ap;

	if (!q->tell)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	q->tell(q->tell_arg, line);
}

/* Spans are nobody else's business: SQLite takes the mode of a file that is there. */
static enum status create_private(const char *path, struct err *err)
{
	char what[PATH_MAX + 32];
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0) {
		close(fd);
		return ST_OK;
	}
	snprintf(what, sizeof(what), "queue %s: cannot open", path);
	return err_errno(err, what);
}

static enum status init_threads(struct queue *q, struct err *err)
{
	pthread_condattr_t attr;
	int rc = pthread_condattr_init(&attr);

	if (rc)
		return err_nomem(err, "the queue");
	/* glibc's three cannot fail with these arguments. */
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->changed, &attr);
	pthread_cond_init(&q->room, &attr);
	pthread_mutex_init(&q->mutex, NULL);
	pthread_condattr_destroy(&attr);
	return ST_OK;
}

static enum status take_settings(struct queue *q, const struct queue_settings *set, struct err *err)
{
	assert(set->n_destinations && set->n_destinations <= MAX_DESTINATIONS);
	q->lock_fd = -1;
	q->max_bytes = set->max_bytes ? set->max_bytes : UINT64_MAX;
	q->min_free_bytes = set->min_free_bytes;
	q->policy = set->full;
	q->clock = set->clock ? *set->clock : retry_clock_system;
	q->tell = set->tell;
	q->tell_arg = set->tell_arg;
	q->n_to = set->n_destinations;
	for (size_t i = 0; i < q->n_to; i++)
		snprintf(q->to[i].name, sizeof(q->to[i].name), "%s", set->destinations[i]);
	/* Room for the longest suffix, so that none is cut later. */
	if (set->path && strlen(set->path) > sizeof(q->path) - 64)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "queue: the path is too long");
	if (set->path)
		snprintf(q->path, sizeof(q->path), "%s", set->path);
	return ST_OK;
}

enum status queue_open(struct queue **out, const struct queue_settings *set, struct err *err)
{
	struct queue *q = mem_zalloc(sizeof(*q));
	enum status st;

	if (!q)
		return err_nomem(err, "the queue");
	st = take_settings(q, set, err);
	if (!st)
		st = init_threads(q, err);
	if (st) {
		mem_free(q);
		return st;
	}
	if (q->path[0]) {
		st = queue_lock_file(q->path, &q->lock_fd, err);
		if (!st)
			st = create_private(q->path, err);
	}
	if (!st)
		st = db_open(q, err);
	if (st) {
		queue_close(q);
		return st;
	}
	*out = q;
	return ST_OK;
}

void queue_close(struct queue *q)
{
	if (!q)
		return;
	db_close(q);
	/* The lock file stays: a name that comes and goes can be locked twice. */
	if (q->lock_fd >= 0)
		close(q->lock_fd);
	pthread_cond_destroy(&q->changed);
	pthread_cond_destroy(&q->room);
	pthread_mutex_destroy(&q->mutex);
	mem_free(q);
}

enum status queue_lock(struct queue *q, struct err *err)
{
	enum status st = ST_OK;

	pthread_mutex_lock(&q->mutex);
	if (q->damaged || !q->db) {
		db_close(q);
		st = db_open(q, err);
	}
	if (st)
		pthread_mutex_unlock(&q->mutex);
	return st;
}

void queue_unlock(struct queue *q)
{
	pthread_mutex_unlock(&q->mutex);
}

uint64_t queue_generation(struct queue *q)
{
	uint64_t n;

	pthread_mutex_lock(&q->mutex);
	n = q->generation;
	pthread_mutex_unlock(&q->mutex);
	return n;
}

void queue_wait(struct queue *q, uint64_t seen, uint64_t ns)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	if (ns > 3600 * SECOND_NS)
		ns = 3600 * SECOND_NS;
	ns += (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(ns / SECOND_NS);
	until.tv_nsec = (long)(ns % SECOND_NS);
	pthread_mutex_lock(&q->mutex);
	while (q->generation == seen && !rc)
		rc = pthread_cond_timedwait(&q->changed, &q->mutex, &until);
	pthread_mutex_unlock(&q->mutex);
}

void queue_wake(struct queue *q)
{
	pthread_mutex_lock(&q->mutex);
	q->generation++;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->mutex);
}

void queue_stop(struct queue *q)
{
	pthread_mutex_lock(&q->mutex);
	q->stopped = true;
	q->generation++;
	pthread_cond_broadcast(&q->changed);
	pthread_cond_broadcast(&q->room);
	pthread_mutex_unlock(&q->mutex);
}

enum status queue_usage(struct queue *q, uint64_t *used, uint64_t *max, struct err *err)
{
	enum status st = queue_lock(q, err);

	if (st)
		return st;
	*max = q->max_bytes;
	st = db_used(q, used, err);
	queue_unlock(q);
	return st;
}
