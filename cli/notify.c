#include "cli/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/num.h"

void notify_send(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	char text[512];
	va_list ap;
	int fd;

	if (!len || len >= sizeof(to.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(to.sun_path, path, len);
	/* An abstract socket is written with an @ for its first byte, which is zero. */
	if (*path == '@')
		to.sun_path[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

uint64_t notify_watchdog_ns(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t number = 0, owner;

	if (pid && num_u64(slice_str(pid), UINT64_MAX, &owner) && owner != (uint64_t)getpid())
		return 0;
	if (!us || !num_u64(slice_str(us), UINT64_MAX / 1000, &number))
		return 0;
	return number * 1000;
}

void notify_reloading(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		    (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}
