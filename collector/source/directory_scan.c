/* Which files the folder of a directory source holds. */
#include "collector/source/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/limits.h"
#include "base/mem.h"

#define RESCAN_NS (10 * DIRECTORY_SECOND_NS)
#define WATCHED                                                                                    \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |    \
	 IN_ONLYDIR)

static bool may_be_ours(const struct directory *d, const char *name)
{
	const char *pattern = d->set->directory.pattern;

	if (!strncmp(name, FOLDER_TAKEN, strlen(FOLDER_TAKEN)))
		return true;
	if (name[0] == '.' && pattern[0] != '.')
		return false;
	return glob_match(slice_str(pattern), slice_str(name));
}

void directory_leave(struct directory *d)
{
	if (d->notify >= 0)
		close(d->notify);
	if (d->dir >= 0)
		close(d->dir);
	d->notify = -1;
	pthread_mutex_lock(&d->mutex);
	d->dir = -1;
	pthread_mutex_unlock(&d->mutex);
}

/* Is the folder at the path the one that is watched? */
bool directory_same(const struct directory *d)
{
	struct folder_file now;
	struct stat s;

	if (stat(d->set->directory.path, &s))
		return false;
	now = folder_file_of(&s);
	return now.device == d->folder.device && now.inode == d->folder.inode;
}

bool directory_enter(struct directory *d)
{
	const char *path = d->set->directory.path;
	struct stat s;
	int dir;

	d->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	/* Without inotify (a limit of the machine) the scans have to do. */
	if (d->notify >= 0 && inotify_add_watch(d->notify, path, WATCHED) < 0 && errno == ENOSPC)
		source_tell(
			&d->env, LOG_LEVEL_WARN,
			"%s: no inotify watches are left (fs.inotify.max_user_watches): looking every "
			"10 s instead",
			path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &s)) {
		if (!d->missing_told)
			source_tell(&d->env, LOG_LEVEL_WARN, "%s: %s; waiting for the folder", path,
				    strerror(errno));
		d->missing_told = true;
		if (dir >= 0)
			close(dir);
		directory_leave(d);
		return false;
	}
	if (d->missing_told)
		source_tell(&d->env, LOG_LEVEL_INFO, "%s: the folder is there now", path);
	d->missing_told = false;
	d->folder = folder_file_of(&s);
	d->next_scan_ns = 0;
	pthread_mutex_lock(&d->mutex);
	d->dir = dir;
	pthread_mutex_unlock(&d->mutex);
	return true;
}

/* A file that is new here, or has another name than before. */
static struct file *remember(struct directory *d, const struct folder_file *is, const char *name)
{
	struct err err = ERR_INIT;
	struct file *f = mem_zalloc(sizeof(*f) + strlen(name) + 1);

	if (f && !map_put(&d->files, is->inode, f, &err)) {
		memcpy(f->name, name, strlen(name) + 1);
		f->is = *is;
		return f;
	}
	mem_free(f);
	d->n_over++;
	return NULL;
}

/* The folder has this file. Under the mutex. `complete`: its writer says so. */
static void note(struct directory *d, const char *name, const struct stat *s, bool complete)
{
	struct folder_file is = folder_file_of(s);
	struct file *f = map_get(&d->files, is.inode);
	uint64_t now = directory_now_ns();
	struct timespec wall;

	if (f && strcmp(f->name, name) != 0) {
		struct file *renamed = remember(d, &is, name);

		if (!renamed)
			return;
		renamed->is = f->is;
		renamed->state = f->state;
		renamed->since_ns = f->since_ns;
		mem_free(f);
		f = renamed;
	}
	if (!f) {
		f = remember(d, &is, name);
		if (!f)
			return;
		f->since_ns = now;
		/* What is old already has settled. */
		clock_gettime(CLOCK_REALTIME, &wall);
		if (wall.tv_sec * (int64_t)DIRECTORY_SECOND_NS + wall.tv_nsec - is.mtime_ns >
		    (int64_t)d->set->directory.settle_ns)
			f->complete = true;
	} else if (f->state == FILE_DENIED) {
		f->is = is;
		f->state = FILE_WAITING;
	} else if (!folder_same(&f->is, &is)) {
		f->is = is;
		f->since_ns = now;
		f->complete = false;
		if (f->state != FILE_ASKED)
			f->state = FILE_WAITING;
	}
	f->seen = d->scan;
	f->complete |= complete;
}

static void look_at(struct directory *d, const char *name, bool complete)
{
	struct stat s;

	if (!may_be_ours(d, name) || fstatat(d->dir, name, &s, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(s.st_mode))
		return;
	pthread_mutex_lock(&d->mutex);
	note(d, name, &s, complete);
	pthread_mutex_unlock(&d->mutex);
}

/* Forget what the last scan did not see. */
static void forget(struct directory *d)
{
	struct map_slot *slot;
	size_t at = 0;
	uint64_t *gone = NULL;
	size_t n = 0, cap = 0;
	struct err err = ERR_INIT;

	pthread_mutex_lock(&d->mutex);
	while ((slot = map_next(&d->files, &at)) != NULL) {
		const struct file *f = slot->val;

		if (f->seen == d->scan || f->state == FILE_ASKED)
			continue;
		if (mem_grow((void **)&gone, &cap, n + 1, sizeof(*gone), MAX_DIRECTORY_FILES,
			     "files", &err))
			break;
		gone[n++] = slot->key;
	}
	for (size_t i = 0; i < n; i++)
		mem_free(map_del(&d->files, gone[i]));
	pthread_mutex_unlock(&d->mutex);
	mem_free(gone);
}

void directory_scan(struct directory *d)
{
	int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *all = fd < 0 ? NULL : fdopendir(fd);
	uint64_t over = d->n_over;
	const struct dirent *e;

	d->next_scan_ns = directory_now_ns() + RESCAN_NS;
	if (!all) {
		source_tell(&d->env, LOG_LEVEL_WARN, "%s: cannot list it: %s",
			    d->set->directory.path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	d->scan++;
	while (!directory_stopped(d) && (e = readdir(all)) != NULL)
		look_at(d, e->d_name, false);
	closedir(all);
	if (!directory_stopped(d))
		forget(d);
	if (d->n_over != over)
		source_tell_limit(&d->env, &d->told_ns,
				  "%s: over %zu files: %llu are not looked at",
				  d->set->directory.path, MAX_DIRECTORY_FILES,
				  (unsigned long long)(d->n_over - over));
}

void directory_events(struct directory *d)
{
	_Alignas(struct inotify_event) char bytes[16384];
	const struct inotify_event *e;
	ssize_t n;

	while (d->notify >= 0 && (n = read(d->notify, bytes, sizeof(bytes))) > 0) {
		for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
			e = (const void *)(bytes + at);
			if (e->mask & IN_Q_OVERFLOW)
				d->next_scan_ns = 0;
			if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
				directory_leave(d);
				return;
			}
			if (e->len)
				look_at(d, e->name, e->mask & (IN_CLOSE_WRITE | IN_MOVED_TO));
		}
	}
}
