/*
 * shim: a machine that misbehaves, between a program and the C library (LD_PRELOAD).
 *
 * Three files, named by the environment and looked at in each call, so that a test
 * changes them while the program runs; a file that is not there changes nothing:
 *
 *	SHIM_FAULT  "ERRNO WHERE": calls on files whose path begins with SHIM_PATH fail
 *		    with that number; WHERE holds o (open), w (write), s (sync), t (truncate)
 *	SHIM_CLOCK  seconds that the time of day is ahead; the monotonic clock is not touched
 *	SHIM_CURL   seconds that the monotonic clock is ahead, as libcurl sees it
 *	SHIM_HOSTS  "NAME ADDRESS MS": what that name resolves to, after that time
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 4096

static bool watched[MAX_FDS]; /* descriptors of files below SHIM_PATH; atomic */

/* The C library's own. */
#define REAL(name)                                                                                 \
	static __typeof__(name) *real;                                                             \
	if (!real)                                                                                 \
	*(void **)&real = dlsym(RTLD_NEXT, #name)

/* A control file's text; false if there is none. By system calls, which nobody intercepts. */
static bool control(const char *variable, char *text, size_t cap)
{
	const char *path = getenv(variable);
	long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
	long n;

	if (fd < 0)
		return false;
	n = syscall(SYS_read, fd, text, cap - 1);
	syscall(SYS_close, fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* True, with errno set, if a call of this kind has to fail. */
static bool fails(char kind)
{
	char text[64];
	char *where;
	int saved = errno;

	if (!control("SHIM_FAULT", text, sizeof(text))) {
		errno = saved;
		return false;
	}
	saved = (int)strtoimax(text, &where, 10);
	if (!strchr(where, kind))
		return false;
	errno = saved;
	return true;
}

static bool is_watched(int fd)
{
	return fd >= 0 && fd < MAX_FDS && __atomic_load_n(&watched[fd], __ATOMIC_RELAXED);
}

static bool below(const char *path)
{
	const char *prefix = getenv("SHIM_PATH");

	return prefix && !strncmp(path, prefix, strlen(prefix));
}

static int opened(int fd, bool watch)
{
	if (fd >= 0 && fd < MAX_FDS)
		__atomic_store_n(&watched[fd], watch, __ATOMIC_RELAXED);
	return fd;
}

#define OPEN(name)                                                                                 \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		REAL(name);                                                                        \
		mode_t mode = 0;                                                                   \
		va_list ap;                                                                        \
                                                                                                   \
		va_start(ap, flags);                                                               \
		if (flags & O_CREAT)                                                               \
			mode = va_arg(ap, mode_t);                                                 \
		va_end(ap);                                                                        \
		if (!below(path))                                                                  \
			return opened(real(path, flags, mode), false);                             \
		if ((flags & O_ACCMODE) != O_RDONLY && fails('o'))                                 \
			return -1;                                                                 \
		return opened(real(path, flags, mode), true);                                      \
	}
OPEN(open)
OPEN(open64)

#define ON_FILE(kind, type, name, parameters, arguments)                                           \
	type name parameters                                                                       \
	{                                                                                          \
		REAL(name);                                                                        \
		return is_watched(fd) && fails(kind) ? -1 : real arguments;                        \
	}
ON_FILE('w', ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n))
ON_FILE('w', ssize_t, pwrite, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at))
ON_FILE('w', ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t at), (fd, b, n, at))
ON_FILE('s', int, fsync, (int fd), (fd))
ON_FILE('s', int, fdatasync, (int fd), (fd))
ON_FILE('t', int, ftruncate, (int fd, off_t n), (fd, n))
ON_FILE('t', int, ftruncate64, (int fd, off64_t n), (fd, n))

static time_t ahead(void)
{
	char text[64];

	return control("SHIM_CLOCK", text, sizeof(text)) ? (time_t)strtoimax(text, NULL, 10) : 0;
}

/* Is that in libcurl? Nobody else sees another uptime: the kernel waits by its own. */
static bool in_libcurl(const void *code)
{
	Dl_info info;

	return dladdr(code, &info) && info.dli_fname && strstr(info.dli_fname, "libcurl");
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	REAL(clock_gettime);
	int rc = real(clock, t);
	char text[64];

	if (!rc && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		t->tv_sec += ahead();
	else if (!rc && in_libcurl(__builtin_return_address(0)) &&
		 control("SHIM_CURL", text, sizeof(text)))
		t->tv_sec += (time_t)strtoimax(text, NULL, 10);
	return rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	REAL(gettimeofday);
	int rc = real(t, zone);

	if (!rc)
		t->tv_sec += ahead();
	return rc;
}

time_t time(time_t *out)
{
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t))
		return -1;
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
	REAL(getaddrinfo);
	char text[512];
	char *address, *ms;

	if (name && control("SHIM_HOSTS", text, sizeof(text)) && (address = strchr(text, ' ')) &&
	    (ms = strchr(address + 1, ' '))) {
		intmax_t wait = strtoimax(ms, NULL, 10);
		struct timespec pause = { wait / 1000, wait % 1000 * 1000000L };

		*address++ = *ms = '\0';
		if (!strcmp(name, text)) {
			nanosleep(&pause, NULL);
			name = address;
		}
	}
	return real(name, service, hints, out);
}
