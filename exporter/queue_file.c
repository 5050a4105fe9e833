#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "exporter/queue_db.h"

uint64_t queue_lock_holder(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	uint64_t pid;

	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	if (n <= 0 || !num_u64((struct slice){ (const uint8_t *)text, (size_t)n }, INT32_MAX, &pid))
		return 0;
	return pid;
}

static enum status held(const char *path, int fd, struct err *err)
{
	uint64_t pid = queue_lock_holder(fd);

	if (!pid)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			       "queue %s: another process delivers from it; each process needs a"
			       " queue of its own",
			       path);
	return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
		       "queue %s: process %" PRIu64 " delivers from it; each process needs a queue"
		       " of its own",
		       path, pid);
}

enum status queue_lock_file(const char *path, int *fd, struct err *err)
{
	char name[PATH_MAX + 8];
	char text[32];
	char what[PATH_MAX + 64];
	int len;
	enum status st;

	snprintf(name, sizeof(name), "%s.lock", path);
	*fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0) {
		snprintf(what, sizeof(what), "queue %s: cannot create %s", path, name);
		return err_errno(err, what);
	}
	if (flock(*fd, LOCK_EX | LOCK_NB)) {
		snprintf(what, sizeof(what), "queue %s: cannot lock %s", path, name);
		st = errno == EWOULDBLOCK ? held(path, *fd, err) : err_errno(err, what);
		close(*fd);
		*fd = -1;
		return st;
	}
	/* For people and for the next process; a full disk does not make it less locked. */
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(*fd, 0) || pwrite(*fd, text, (size_t)len, 0) != len)
		return ST_OK;
	return ST_OK;
}

enum status queue_set_aside(const char *path, int64_t now_s, char *aside, size_t cap,
			    struct err *err)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	char from[PATH_MAX + 8], to[PATH_MAX + 64], what[PATH_MAX + 128];
	unsigned int n = 0;

	/* A name that is free: several may break within a second. */
	do {
		snprintf(aside, cap, "%s.damaged-%" PRId64 "%s%.0u", path, now_s, n ? "-" : "", n);
	} while (!access(aside, F_OK) && ++n < 1000);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", path, parts[i]);
		snprintf(to, sizeof(to), "%s%s", aside, parts[i]);
		if (rename(from, to) && errno != ENOENT) {
			snprintf(what, sizeof(what), "queue %s: is damaged and cannot be renamed",
				 from);
			return err_errno(err, what);
		}
	}
	return ST_OK;
}
