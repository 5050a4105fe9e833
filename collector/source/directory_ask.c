/* Files of a directory source on their way through the inbox, and what becomes of them. */
#include "collector/source/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collector/source/file.h"

/* One file in the inbox. */
struct ticket {
	struct capture c;
	struct directory *d;
	int dir;
	struct folder_file is;
};

/* ---- what the reader of the inbox says; its thread ---- */

/* The folder's copy of the file gets what the settings say. True: it is gone from there. */
static bool dispose(struct ticket *t, enum capture_outcome outcome, const char *why)
{
	struct directory *d = t->d;
	const struct source_settings *set = d->set;
	struct err err = ERR_INIT;
	enum status st = ST_OK;

	if (set->directory.after == SETTING_KEEP)
		return false;
	if (outcome == CAPTURE_BAD)
		st = folder_move(t->dir, t->c.name, &t->is, "bad", set->directory.archive_bytes,
				 why, &err);
	else if (set->directory.after == SETTING_ARCHIVE)
		st = folder_move(t->dir, t->c.name, &t->is, "archive", set->directory.archive_bytes,
				 NULL, &err);
	else
		st = folder_remove(t->dir, t->c.name, &t->is, &err);
	if (st < 0)
		source_tell(&d->env, LOG_LEVEL_WARN, "%s/%s: %s", set->directory.path, t->c.name,
			    err.msg);
	return !st;
}

static void settle_fate(struct ticket *t, enum capture_outcome outcome, bool gone)
{
	struct directory *d = t->d;
	struct file *f = map_get(&d->files, t->is.inode);

	/* The next scan forgets those that are gone. */
	if (!f || f->state != FILE_ASKED)
		return;
	f->state = FILE_DONE;
	if (outcome == CAPTURE_BAD)
		f->state = FILE_BAD;
	/* Its number may be that of a new file by now. */
	if (gone && folder_same(&f->is, &t->is))
		return;
	if (outcome == CAPTURE_CHANGED || outcome == CAPTURE_LATER ||
	    !folder_same(&f->is, &t->is)) {
		f->state = FILE_WAITING;
		f->since_ns = directory_now_ns();
		f->not_before_ns =
			outcome == CAPTURE_LATER ? directory_now_ns() + DIRECTORY_SECOND_NS : 0;
		/* Nobody wrote to it: it is as complete as it was. */
		f->complete |= outcome == CAPTURE_LATER;
	}
}

static void done(struct capture *c, enum capture_outcome outcome, const char *why)
{
	struct ticket *t = c->arg;
	struct directory *d = t->d;
	bool gone = false;

	/* Half of what somebody was writing just then is not bad. */
	if (outcome == CAPTURE_BAD && !folder_is_still(t->dir, c->name, &t->is))
		outcome = CAPTURE_CHANGED;
	if (outcome != CAPTURE_CHANGED && outcome != CAPTURE_LATER)
		gone = dispose(t, outcome, why);
	if (outcome == CAPTURE_BAD)
		source_tell(&d->env, LOG_LEVEL_WARN, "%s/%s: %s%s", d->set->directory.path, c->name,
			    why, gone ? "; moved to bad/" : "");
	pthread_mutex_lock(&d->mutex);
	settle_fate(t, outcome, gone);
	d->n_asked--;
	directory_wake(d);
	pthread_mutex_unlock(&d->mutex);
	close(t->dir);
	mem_free(t);
}

/* ---- one file ---- */

/*
 * Does it begin as a trace does, whatever it is packed in? *fd is at its start again. ST_NOMEM and
 * ST_IO: nobody knows yet.
 */
static enum status look_inside(int fd, bool *is, struct err *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct file_source *f = copy < 0 ? NULL : file_source_open_fd(copy, err);
	struct slice head = { 0 };
	enum status st;

	*is = false;
	if (copy < 0)
		return err_errno(err, "cannot look into it");
	if (!f)
		return err->code;
	st = file_source_peek(f, &head, err);
	if (!st)
		*is = head.len >= 5 && !memcmp(head.ptr, "go 1.", 5);
	file_source_close(f);
	if (lseek(fd, 0, SEEK_SET) != 0)
		return err_errno(err, "cannot look into it");
	/* Packed by somebody else, or damaged: no trace. */
	return st == ST_NOMEM || st == ST_IO ? st : ST_OK;
}

static struct ticket *new_ticket(struct directory *d, const struct file *f, int fd)
{
	struct ticket *t = mem_zalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->dir = fcntl(d->dir, F_DUPFD_CLOEXEC, 3);
	if (t->dir < 0) {
		mem_free(t);
		return NULL;
	}
	t->d = d;
	t->is = f->is;
	t->c = (struct capture){ .fd = fd, .in_place = true, .done = done, .arg = t };
	snprintf(t->c.name, sizeof(t->c.name), "%s", f->name);
	snprintf(t->c.source, sizeof(t->c.source), "%s", d->set->name);
	return t;
}

static void put_off(struct file *f, uint64_t ns)
{
	f->not_before_ns = directory_now_ns() + ns;
}

static void set_state(struct directory *d, struct file *f, enum file_state state)
{
	pthread_mutex_lock(&d->mutex);
	f->state = state;
	pthread_mutex_unlock(&d->mutex);
}

static bool is_waiting(struct directory *d, const struct file *f)
{
	bool waits;

	pthread_mutex_lock(&d->mutex);
	waits = f->state == FILE_WAITING;
	pthread_mutex_unlock(&d->mutex);
	return waits;
}

/* Put it into the inbox. False: not now. */
static bool ask(struct directory *d, struct file *f, int fd)
{
	struct ticket *t = new_ticket(d, f, fd);

	if (!t) {
		put_off(f, DIRECTORY_SECOND_NS);
		close(fd);
		return false;
	}
	pthread_mutex_lock(&d->mutex);
	f->state = FILE_ASKED;
	f->complete = false;
	d->n_asked++;
	pthread_mutex_unlock(&d->mutex);
	if (inbox_put(d->env.inbox, &t->c, &d->stop))
		return true;
	pthread_mutex_lock(&d->mutex);
	f->state = FILE_WAITING;
	d->n_asked--;
	pthread_mutex_unlock(&d->mutex);
	close(fd);
	close(t->dir);
	mem_free(t);
	return false;
}

static void deny(struct directory *d, struct file *f, const char *why)
{
	source_tell(&d->env, LOG_LEVEL_WARN,
		    "%s/%s: %s; tried again every 10 s and when that changes",
		    d->set->directory.path, f->name, why);
	set_state(d, f, FILE_DENIED);
}

/* Into the inbox with it, if it is a snapshot. */
static void hand_in(struct directory *d, struct file *f, int fd)
{
	struct err err = ERR_INIT;
	bool is;
	enum status st = look_inside(fd, &is, &err);

	if (!st && is) {
		ask(d, f, fd);
		return;
	}
	close(fd);
	if (st == ST_IO) {
		deny(d, f, err.msg);
	} else if (st) {
		put_off(f, DIRECTORY_SECOND_NS);
	} else {
		set_state(d, f, FILE_FOREIGN);
		source_tell(&d->env, LOG_LEVEL_DEBUG, "%s/%s: no Go execution trace, left alone",
			    d->set->directory.path, f->name);
	}
}

/* It is its turn: open it, and see whether it is still the same. */
static void consider(struct directory *d, struct file *f)
{
	int fd = openat(d->dir, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct folder_file is;
	struct stat s;

	if (fd < 0) {
		if (errno == EACCES || errno == EPERM)
			deny(d, f, strerror(errno));
		else
			put_off(f, DIRECTORY_SECOND_NS);
		return;
	}
	if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
		put_off(f, DIRECTORY_SECOND_NS);
		close(fd);
		return;
	}
	is = folder_file_of(&s);
	if (!folder_same(&is, &f->is)) {
		/* Another file by now, which will be noted; or more was written. */
		if (is.inode == f->is.inode) {
			f->is = is;
			f->since_ns = directory_now_ns();
			f->complete = false;
		} else {
			put_off(f, DIRECTORY_SECOND_NS);
			d->next_scan_ns = 0;
		}
		close(fd);
	} else {
		hand_in(d, f, fd);
	}
}

static int by_age(const void *a, const void *b)
{
	const struct file *x = *(struct file *const *)a, *y = *(struct file *const *)b;

	if (x->is.mtime_ns != y->is.mtime_ns)
		return x->is.mtime_ns < y->is.mtime_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* When a file that waits is due. */
static uint64_t due_ns(const struct directory *d, const struct file *f)
{
	uint64_t at = f->complete ? 0 : f->since_ns + d->set->directory.settle_ns;

	return at > f->not_before_ns ? at : f->not_before_ns;
}

/* Those whose turn it is, the oldest first. Returns when the next one is due. */
uint64_t directory_hand_over(struct directory *d)
{
	struct file **due = NULL;
	struct err err = ERR_INIT;
	uint64_t now = directory_now_ns(), next = UINT64_MAX;
	struct map_slot *slot;
	size_t at = 0, n = 0, cap = 0;

	pthread_mutex_lock(&d->mutex);
	while ((slot = map_next(&d->files, &at)) != NULL) {
		struct file *f = slot->val;
		uint64_t when = due_ns(d, f);

		if (f->state != FILE_WAITING)
			continue;
		if (when > now)
			next = when < next ? when : next;
		else if (!mem_grow((void **)&due, &cap, n + 1, sizeof(struct file *),
				   MAX_DIRECTORY_FILES, "files", &err))
			due[n++] = f;
		else
			next = now + DIRECTORY_SECOND_NS;
	}
	pthread_mutex_unlock(&d->mutex);
	if (n)
		qsort(due, n, sizeof(struct file *), by_age);
	for (size_t i = 0; i < n && !directory_stopped(d); i++) {
		consider(d, due[i]);
		if (is_waiting(d, due[i]) && due_ns(d, due[i]) < next)
			next = due_ns(d, due[i]);
	}
	mem_free(due);
	return next;
}
