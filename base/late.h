/*
 * late: libraries that are loaded when they are first needed.
 *
 * libcurl and libmicrohttpd bring thirty other libraries with them, TLS twice: 6 MiB and most of
 * the time that a start takes, of which a command that only reads needs nothing. curl.h and
 * microhttpd.h stand for their headers. Once loaded, a library stays; any thread may load.
 */
#ifndef BASE_LATE_H
#define BASE_LATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct late_function {
	const char *name;
	void *place; /* of a pointer to it */
};

struct late {
	const char *soname;
	const char *what; /* for messages: "libcurl, which sends and fetches" */
	const struct late_function *functions;
	size_t n;
	bool (*begin)(void); /* called once they are there; NULL: nothing to do */
	pthread_mutex_t mutex;
	bool loaded; /* with the mutex */
};

/* ST_IO: it is not there, or lacks a function, or could not begin; another call tries again. */
MUST_CHECK enum status late_load(struct late *l, struct err *err);

/*
 * Tells tools that look into the program, as those for packages and bills of materials,
 * which library is loaded: an ELF note of the UAPI group's specification "dlopen metadata".
 */
#define LATE_NOTE(name, json)                                                                      \
	static const struct {                                                                      \
		uint32_t owner_size, size, type;                                                   \
		char owner[4];                                                                     \
		char text[(sizeof(json) + 3) / 4 * 4];                                             \
	} name /* NOLINT(bugprone-macro-parentheses) */ __attribute__((                            \
		used, aligned(4), section(".note.dlopen"))) = { sizeof("FDO"), sizeof(json),       \
								0x407c0c0a, "FDO", json }

#endif /* BASE_LATE_H */
