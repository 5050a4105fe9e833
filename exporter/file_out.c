#include "exporter/file_out.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"

struct file_out {
	enum otlp_format format;
	int fd; /* -1: closed */
	uint64_t bytes;
	char path[PATH_MAX]; /* for messages, and the name to give; "-" is standard output */
	char temp[PATH_MAX]; /* "": written directly */
};

static enum status failed(const struct file_out *f, const char *what, struct err *err)
{
	char text[PATH_MAX + 32];

	snprintf(text, sizeof(text), "cannot %s %s", what,
		 f->path[0] == '-' && !f->path[1] ? "standard output" : f->path);
	return err_errno(err, text);
}

/* Into a new file beside `path`, with the mode of the file it will replace. */
static enum status open_temp(struct file_out *f, const struct stat *old, struct err *err)
{
	int n = snprintf(f->temp, sizeof(f->temp), "%s.%ld.tmp", f->path, (long)getpid());

	if (n < 0 || (size_t)n >= sizeof(f->temp)) {
		f->temp[0] = '\0';
		errno = ENAMETOOLONG;
		return failed(f, "create", err);
	}
	f->fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (f->fd < 0) {
		f->temp[0] = '\0';
		return failed(f, "create a file beside", err);
	}
	if (old && fchmod(f->fd, old->st_mode & 0777))
		return failed(f, "keep the mode of", err);
	return ST_OK;
}

static enum status open_named(struct file_out *f, const char *path, struct err *err)
{
	struct stat st;
	bool exists = stat(path, &st) == 0;

	/* A link stays a link: what it points at is replaced. */
	if (!exists || !realpath(path, f->path)) {
		if (snprintf(f->path, sizeof(f->path), "%s", path) >= (int)sizeof(f->path)) {
			errno = ENAMETOOLONG;
			return failed(f, "create", err);
		}
	}
	if (exists && access(f->path, W_OK))
		return failed(f, "write", err);
	if (!exists || S_ISREG(st.st_mode))
		return open_temp(f, exists ? &st : NULL, err);
	f->fd = open(f->path, O_WRONLY | O_CLOEXEC);
	return f->fd < 0 ? failed(f, "open", err) : ST_OK;
}

enum status file_out_open(struct file_out **out, const char *path, enum otlp_format format,
			  struct err *err)
{
	struct file_out *f = mem_zalloc(sizeof(*f));
	enum status st = ST_OK;

	if (!f)
		return err_nomem(err, "the output file");
	f->format = format;
	f->path[0] = '-';
	f->fd = -1;
	if (path && strcmp(path, "-") != 0)
		st = open_named(f, path, err);
	else if ((f->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) < 0)
		st = failed(f, "open", err);
	if (st) {
		file_out_close(f);
		return st;
	}
	*out = f;
	return ST_OK;
}

/* Step over `n` written bytes. */
static void advance(struct iovec *parts, size_t n_parts, size_t n)
{
	for (size_t i = 0; i < n_parts; i++) {
		size_t here = n < parts[i].iov_len ? n : parts[i].iov_len;

		parts[i].iov_base = (uint8_t *)parts[i].iov_base + here;
		parts[i].iov_len -= here;
		n -= here;
	}
}

/* writev() only reads, but its type has no const. */
static struct iovec readable(const void *bytes, size_t len)
{
	void *base = (void *)(uintptr_t)bytes; // NOLINT(performance-no-int-to-ptr)

	return (struct iovec){ base, len };
}

static enum status write_all(struct file_out *f, struct iovec *parts, size_t n_parts, size_t left,
			     struct err *err)
{
	while (left) {
		ssize_t n = writev(f->fd, parts, (int)n_parts);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(f, "write", err);
		f->bytes += (uint64_t)n;
		left -= (size_t)n;
		advance(parts, n_parts, (size_t)n);
	}
	return ST_OK;
}

enum status file_out_write_parts(struct file_out *f, const struct slice *parts, size_t n,
				 struct err *err)
{
	struct iovec list[MAX_FILE_PARTS + 1];
	uint32_t frame;
	size_t len = 0, at = 0;
	bool proto = f->format == OTLP_PROTO;

	assert(n <= MAX_FILE_PARTS);
	for (size_t i = 0; i < n; i++)
		len += parts[i].len;
	frame = htobe32((uint32_t)len);
	if (proto)
		list[at++] = readable(&frame, sizeof(frame));
	for (size_t i = 0; i < n; i++)
		list[at++] = readable(parts[i].ptr, parts[i].len);
	if (!proto)
		list[at++] = readable("\n", 1);
	return write_all(f, list, at, len + (proto ? sizeof(frame) : 1), err);
}

enum status file_out_write(struct file_out *f, struct slice message, struct err *err)
{
	return file_out_write_parts(f, &message, 1, err);
}

uint64_t file_out_bytes(const struct file_out *f)
{
	return f->bytes;
}

enum status file_out_finish(struct file_out *f, struct err *err)
{
	int fd = f->fd;

	/* Directly written files are the user's: a pipe or a device cannot be synced. */
	if (f->temp[0] && fsync(fd))
		return failed(f, "write", err);
	f->fd = -1;
	/* Network file systems report a failed write only here. */
	if (close(fd) && errno != EINTR)
		return failed(f, "close", err);
	if (!f->temp[0])
		return ST_OK;
	if (rename(f->temp, f->path))
		return failed(f, "replace", err);
	f->temp[0] = '\0';
	return ST_OK;
}

void file_out_close(struct file_out *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	if (f->temp[0])
		unlink(f->temp);
	mem_free(f);
}
