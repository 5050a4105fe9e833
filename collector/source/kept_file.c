#include "collector/source/kept_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "collector/source/spool.h"

#define MARK ".capture-"
#define TEXT_BYTES 1024u

/* The names of both files. */
struct names {
	char trace[PATH_MAX], text[PATH_MAX];
};

static bool spell(struct names *n, const char *stem)
{
	int a = snprintf(n->trace, sizeof(n->trace), "%s.trace", stem);
	int b = snprintf(n->text, sizeof(n->text), "%s.txt", stem);

	return a > 0 && (size_t)a < sizeof(n->trace) && b > 0 && (size_t)b < sizeof(n->text);
}

static char *new_stem(const char *beside)
{
	static unsigned int count; /* atomic: sources have threads of their own */
	struct timespec now;
	char text[PATH_MAX];
	size_t len;
	char *stem;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(text, sizeof(text), "%.*s" MARK "%" PRId64 ".%09ld-%d-%u", PATH_MAX - 128, beside,
		 (int64_t)now.tv_sec, now.tv_nsec, (int)getpid(),
		 __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED));
	len = strlen(text) + 1;
	stem = mem_alloc(len);
	if (stem)
		memcpy(stem, text, len);
	return stem;
}

/* A line of it, whatever is in it. */
static size_t add_line(char *text, size_t at, const char *value)
{
	for (; *value && at < TEXT_BYTES - 1; value++)
		text[at++] = *value == '\n' ? ' ' : *value;
	text[at++] = '\n';
	return at;
}

static enum status write_text(const char *path, const struct capture *c, struct err *err)
{
	const char *const lines[] = { c->source, c->trigger, c->cause, c->traceparent };
	char text[TEXT_BYTES];
	size_t n = 0;
	enum status st;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	_Static_assert(sizeof(c->source) + sizeof(c->trigger) + sizeof(c->cause) +
				       sizeof(c->traceparent) <
			       TEXT_BYTES,
		       "all lines fit");
	if (fd < 0)
		return err_errno(err, "cannot write what is known of a capture");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		n = add_line(text, n, lines[i]);
	st = spool_write(fd, text, n, err);
	close(fd);
	return st;
}

enum status kept_file_make(char **stem, const char *beside, const struct capture *c, int fd,
			   struct err *err)
{
	struct names n;
	char own[64];
	enum status st;

	*stem = new_stem(beside);
	if (!*stem || !spell(&n, *stem)) {
		mem_free(*stem);
		*stem = NULL;
		return err_nomem(err, "a capture's name");
	}
	snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
	st = write_text(n.text, c, err);
	if (!st && (flock(fd, LOCK_EX | LOCK_NB) ||
		    linkat(AT_FDCWD, own, AT_FDCWD, n.trace, AT_SYMLINK_FOLLOW)))
		st = err_errno(err, "cannot give a capture a name");
	if (st) {
		kept_file_remove(*stem);
		*stem = NULL;
	}
	return st;
}

void kept_file_remove(char *stem)
{
	struct names n;

	if (stem && spell(&n, stem)) {
		unlink(n.trace);
		unlink(n.text);
	}
	mem_free(stem);
}

/* The next line, without its end, at `out`. False: there is none, or it is too long. */
static bool take_line(const char **at, char *out, size_t size)
{
	const char *end = strchr(*at, '\n');

	if (!end || (size_t)(end - *at) >= size)
		return false;
	memcpy(out, *at, (size_t)(end - *at));
	out[end - *at] = 0;
	*at = end + 1;
	return true;
}

static bool read_text(const char *path, struct capture *c)
{
	char text[TEXT_BYTES + 1];
	const char *at = text;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return false;
	text[n] = 0;
	return take_line(&at, c->source, sizeof(c->source)) &&
	       take_line(&at, c->trigger, sizeof(c->trigger)) &&
	       take_line(&at, c->cause, sizeof(c->cause)) &&
	       take_line(&at, c->traceparent, sizeof(c->traceparent));
}

/* -1: not for us, or somebody has it. */
static int take_trace(const struct names *n, const char *source, struct capture *c)
{
	int fd;

	if (!read_text(n->text, c) || strcmp(c->source, source) != 0)
		return -1;
	fd = open(n->trace, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	/* It ended before there was a trace, or after it was removed. */
	if (fd < 0 && errno == ENOENT)
		unlink(n->text);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The stem of an entry of the folder, if it is the text of a capture. */
static char *stem_of(const char *folder, size_t folder_len, const char *base, const char *entry)
{
	size_t base_len = strlen(base), len = strlen(entry);
	char *stem;

	if (strncmp(entry, base, base_len) != 0 ||
	    strncmp(entry + base_len, MARK, strlen(MARK)) != 0 || len < base_len + 4 ||
	    strcmp(entry + len - 4, ".txt") != 0)
		return NULL;
	stem = mem_alloc(folder_len + len - 3);
	if (stem) {
		memcpy(stem, folder, folder_len);
		memcpy(stem + folder_len, entry, len - 4);
		stem[folder_len + len - 4] = 0;
	}
	return stem;
}

enum status kept_file_find(char **stem, const char *beside, const char *source, struct capture *c,
			   int *fd, struct err *err)
{
	const char *slash = strrchr(beside, '/');
	const char *base = slash ? slash + 1 : beside;
	size_t folder_len = (size_t)(base - beside);
	char folder[PATH_MAX];
	struct dirent *e;
	struct names n;
	DIR *d;

	snprintf(folder, sizeof(folder), "%.*s", folder_len ? (int)folder_len : 1,
		 folder_len ? beside : ".");
	d = opendir(folder);
	if (!d)
		return err_errno(err, "cannot look for captures of before");
	*fd = -1;
	*stem = NULL;
	while (*fd < 0 && (e = readdir(d)) != NULL) {
		mem_free(*stem);
		*stem = stem_of(beside, folder_len, base, e->d_name);
		if (*stem && spell(&n, *stem))
			*fd = take_trace(&n, source, c);
	}
	closedir(d);
	if (*fd >= 0)
		return ST_OK;
	mem_free(*stem);
	*stem = NULL;
	return ST_END;
}
