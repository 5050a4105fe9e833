#include "collector/source/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"

/* How many other names are tried when one is taken. */
#define MAX_NAMES 10000u

static int64_t ns_of(const struct timespec *t)
{
	return t->tv_sec * (int64_t)1000000000 + t->tv_nsec;
}

struct folder_file folder_file_of(const struct stat *s)
{
	return (struct folder_file){ .device = s->st_dev,
				     .inode = s->st_ino,
				     .size = (uint64_t)s->st_size,
				     .mtime_ns = ns_of(&s->st_mtim),
				     .ctime_ns = ns_of(&s->st_ctim) };
}

static bool same_content(const struct folder_file *a, const struct folder_file *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}

bool folder_same(const struct folder_file *a, const struct folder_file *b)
{
	return same_content(a, b) && a->ctime_ns == b->ctime_ns;
}

bool folder_is_still(int dir, const char *name, const struct folder_file *f)
{
	struct folder_file now;
	struct stat s;

	if (fstatat(dir, name, &s, AT_SYMLINK_NOFOLLOW))
		return false;
	now = folder_file_of(&s);
	return same_content(&now, f);
}

/* Give it a name that nobody else uses, and make sure that it is the file meant. */
static enum status take(int dir, const char *name, const struct folder_file *f,
			char taken[NAME_MAX + 1], struct err *err)
{
	if (!folder_is_still(dir, name, f))
		return ST_END;
	snprintf(taken, NAME_MAX + 1, FOLDER_TAKEN "%" PRIu64, f->inode);
	if (!strcmp(name, taken))
		return ST_OK;
	if (renameat(dir, name, dir, taken))
		return errno == ENOENT ? ST_END : err_errno(err, "cannot rename it");
	if (folder_is_still(dir, taken, f))
		return ST_OK;
	/* Another file got the name at the last moment. If its name is gone, it is found as it is.
	 */
	if (renameat2(dir, taken, dir, name, RENAME_NOREPLACE) && errno != EEXIST)
		return err_errno(err, "cannot rename it back");
	return ST_END;
}

enum status folder_remove(int dir, const char *name, const struct folder_file *f, struct err *err)
{
	char taken[NAME_MAX + 1];
	enum status st = take(dir, name, f, taken, err);

	if (st)
		return st;
	return unlinkat(dir, taken, 0) ? err_errno(err, "cannot remove it") : ST_OK;
}

struct listed {
	int64_t mtime_ns;
	uint64_t size;
	char name[NAME_MAX + 1];
};

static int older(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return x->mtime_ns < y->mtime_ns ? -1 : x->mtime_ns > y->mtime_ns;
}

static enum status list(DIR *d, struct listed **out, size_t *n, uint64_t *total, struct err *err)
{
	const struct dirent *e;
	size_t cap = 0;
	struct stat s;

	while ((e = readdir(d)) != NULL) {
		enum status st;

		if (fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW) || !S_ISREG(s.st_mode))
			continue;
		st = mem_grow((void **)out, &cap, *n + 1, sizeof(**out), MAX_DIRECTORY_FILES,
			      "files in one folder", err);
		if (st)
			return st;
		(*out)[*n].mtime_ns = folder_file_of(&s).mtime_ns;
		(*out)[*n].size = (uint64_t)s.st_size;
		snprintf((*out)[*n].name, sizeof((*out)[*n].name), "%s", e->d_name);
		*total += (*out)[(*n)++].size;
	}
	return ST_OK;
}

/* Remove the oldest files until at most `max_bytes` are left. */
static enum status shrink(int below, uint64_t max_bytes, struct err *err)
{
	struct listed *all = NULL;
	uint64_t total = 0;
	size_t n = 0;
	int fd = openat(below, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	enum status st;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return err_errno(err, "cannot list its files");
	}
	st = list(d, &all, &n, &total, err);
	/* With too many to list, the oldest of those that were. */
	if (n)
		qsort(all, n, sizeof(*all), older);
	for (size_t i = 0; i < n && total > max_bytes; i++) {
		if (!unlinkat(below, all[i].name, 0))
			total -= all[i].size;
	}
	closedir(d);
	mem_free(all);
	return st;
}

static enum status write_note(int below, const char *name, const char *note, struct err *err)
{
	char path[NAME_MAX + 8];
	size_t len = strlen(note);
	int fd;
	bool good;

	snprintf(path, sizeof(path), "%.250s.txt", name);
	fd = openat(below, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_errno(err, "cannot write the note beside it");
	good = write(fd, note, len) == (ssize_t)len && write(fd, "\n", 1) == 1;
	if (!good)
		err_errno(err, "cannot write the note beside it");
	close(fd);
	return good ? ST_OK : ST_IO;
}

/* Under its name, or the first NAME.N that is free. */
static enum status move_as(int dir, const char *taken, int below, const char *name,
			   char as[NAME_MAX + 1], struct err *err)
{
	for (unsigned int i = 0; i < MAX_NAMES; i++) {
		if (i)
			snprintf(as, NAME_MAX + 1, "%.*s.%u", NAME_MAX - 8, name, i);
		else
			snprintf(as, NAME_MAX + 1, "%s", name);
		if (!renameat2(dir, taken, below, as, RENAME_NOREPLACE))
			return ST_OK;
		if (errno != EEXIST)
			break;
	}
	return err_errno(err, "cannot move it");
}

enum status folder_move(int dir, const char *name, const struct folder_file *f, const char *below,
			uint64_t max_bytes, const char *note, struct err *err)
{
	char taken[NAME_MAX + 1], as[NAME_MAX + 1];
	enum status st;
	int fd;

	if (!folder_is_still(dir, name, f))
		return ST_END;
	if (mkdirat(dir, below, 0777) && errno != EEXIST)
		return err_errno(err, "cannot make the folder for it");
	fd = openat(dir, below, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "cannot open the folder for it");
	st = take(dir, name, f, taken, err);
	if (!st) {
		st = move_as(dir, taken, fd, name, as, err);
		/* Not under a name that nobody knows. */
		if (st && renameat2(dir, taken, dir, name, RENAME_NOREPLACE))
			err_wrap(err, "left as %s", taken);
	}
	if (!st && note)
		st = write_note(fd, as, note, err);
	if (!st)
		st = shrink(fd, max_bytes, err);
	close(fd);
	return st;
}
