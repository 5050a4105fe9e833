#include "collector/source/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum status spool_open(const char *beside, int *fd, struct err *err)
{
	const char *slash = strrchr(beside, '/');
	char path[PATH_MAX];

	if (!slash)
		snprintf(path, sizeof(path), ".");
	else
		snprintf(path, sizeof(path), "%.*s", (int)(slash - beside + 1), beside);
	*fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return *fd >= 0 ? ST_OK : err_errno(err, "cannot make a temporary file");
	/* A filesystem without nameless files. */
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "%sflightspan-XXXXXX",
		 slash ? "" : "/");
	*fd = mkostemp(path, O_CLOEXEC);
	if (*fd < 0)
		return err_errno(err, "cannot make a temporary file");
	unlink(path);
	return ST_OK;
}

enum status spool_write(int fd, const void *bytes, size_t n, struct err *err)
{
	const char *at = bytes;

	while (n) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_errno(err, "cannot write a temporary file");
		at += done;
		n -= (size_t)done;
	}
	return ST_OK;
}
