/*
 * directory: snapshot files that appear in a folder.
 *
 * A thread of its own watches the folder (inotify, and a look at everything every ten
 * seconds, for filesystems and moments that inotify misses), tells snapshots by their first
 * bytes whatever they are called, waits until each is complete, and puts them into the
 * inbox. Complete is: closed by its writer, renamed into place, or not written to for the
 * settle time. What becomes of a file is decided when its spans are safe:
 *
 *   delete   it is removed;   archive  it moves to archive/;   keep  it stays
 *
 * A file that changed meanwhile, or whose name belongs to another file now, is left alone
 * and read again. One that cannot be read moves to bad/, with NAME.txt that says why
 * (keep: it stays, and that is logged). archive/ and bad/ hold at most archive_bytes each;
 * the oldest go. Other files, names that begin with a dot, links and folders are not ours.
 * A folder that is missing, or not readable, is waited for.
 *
 * What is done is remembered in memory by inode, size and time, and by the reader of the
 * inbox across restarts.
 */
#include "collector/source/directory.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"

#define LOOK_NS DIRECTORY_SECOND_NS /* for a folder that is missing */

uint64_t directory_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * DIRECTORY_SECOND_NS + (uint64_t)t.tv_nsec;
}

bool directory_stopped(const struct directory *d)
{
	return __atomic_load_n(&d->stop, __ATOMIC_ACQUIRE);
}

void directory_wake(struct directory *d)
{
	uint64_t one = 1;

	(void)!write(d->wake, &one, sizeof(one));
}

static void wait_for_more(struct directory *d, uint64_t until)
{
	struct pollfd fds[] = { { .fd = d->wake, .events = POLLIN },
				{ .fd = d->notify, .events = POLLIN } };
	uint64_t now = directory_now_ns(), ns = until > now ? until - now : 0;
	uint64_t ignored;

	/* A millisecond at least: nothing here is so urgent. */
	poll(fds, d->notify >= 0 ? 2 : 1, (int)(ns / 1000000 + 1));
	(void)!read(d->wake, &ignored, sizeof(ignored));
}

static void *watch(void *arg)
{
	struct directory *d = arg;

	while (!directory_stopped(d)) {
		uint64_t until, next;

		if (d->dir < 0 && !directory_enter(d)) {
			wait_for_more(d, directory_now_ns() + LOOK_NS);
			continue;
		}
		directory_events(d);
		if (d->dir >= 0 && directory_now_ns() >= d->next_scan_ns) {
			if (!directory_same(d)) {
				directory_leave(d);
				continue;
			}
			directory_scan(d);
		}
		if (d->dir < 0)
			continue;
		next = directory_hand_over(d);
		until = next < d->next_scan_ns ? next : d->next_scan_ns;
		wait_for_more(d, until);
	}
	return NULL;
}

static void stop(void *source)
{
	struct directory *d = source;

	__atomic_store_n(&d->stop, true, __ATOMIC_RELEASE);
	inbox_wake(d->env.inbox);
	directory_wake(d);
	if (d->runs)
		pthread_join(d->thread, NULL);
	d->runs = false;
}

static void directory_close(void *source)
{
	struct directory *d = source;
	struct map_slot *slot;
	size_t at = 0;

	if (d->runs)
		stop(d);
	directory_leave(d);
	while ((slot = map_next(&d->files, &at)) != NULL)
		mem_free(slot->val);
	map_release(&d->files);
	if (d->wake >= 0)
		close(d->wake);
	pthread_mutex_destroy(&d->mutex);
	mem_free(d);
}

static enum status start(struct directory *d, struct err *err)
{
	sigset_t all, old;
	int rc;

	d->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (d->wake < 0)
		return err_errno(err, "cannot watch a folder");
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&d->thread, NULL, watch, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	d->runs = !rc;
	return rc ? err_set(err, ST_NOMEM, ERR_NO_OFFSET, "cannot start a thread") : ST_OK;
}

static enum status directory_open(void **out, const struct source_settings *set,
				  const struct source_env *env, struct err *err)
{
	struct directory *d = mem_zalloc(sizeof(*d));
	enum status st;

	if (!d)
		return err_nomem(err, "a source");
	d->set = set;
	d->env = *env;
	d->dir = d->notify = -1;
	pthread_mutex_init(&d->mutex, NULL);
	map_init(&d->files, MAX_DIRECTORY_FILES, "files of one folder");
	st = start(d, err);
	if (st)
		directory_close(d);
	else
		*out = d;
	return st;
}

static bool idle(void *source)
{
	struct directory *d = source;
	bool is;

	pthread_mutex_lock(&d->mutex);
	is = !d->n_asked;
	pthread_mutex_unlock(&d->mutex);
	return is;
}

static void status(void *source, struct source_status *out)
{
	struct directory *d = source;
	struct map_slot *slot;
	size_t at = 0;

	*out = (struct source_status){ 0 };
	pthread_mutex_lock(&d->mutex);
	out->ready = d->dir >= 0;
	out->left_out = d->n_over;
	while ((slot = map_next(&d->files, &at)) != NULL) {
		const struct file *f = slot->val;

		out->waiting += f->state == FILE_WAITING || f->state == FILE_ASKED;
	}
	pthread_mutex_unlock(&d->mutex);
}

const struct source_kind source_directory = {
	.word = "directory",
	.open = directory_open,
	.stop = stop,
	.idle = idle,
	.status = status,
	.close = directory_close,
};
