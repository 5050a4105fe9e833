/*
 * landlock: rights to files that a process gives up for good.
 *
 * A thin layer over the system calls of Landlock (the kernel's documentation,
 * userspace-api/landlock). Begin, name what stays allowed, enforce: from then on this
 * thread and all that it starts have nothing else. Descriptors that are open stay usable.
 * Programs cannot be executed any more, and nothing can give the rights back.
 */
#ifndef BASE_LANDLOCK_H
#define BASE_LANDLOCK_H

#include "base/err.h"

struct landlock {
	int fd;	 /* of the rule set; -1: none */
	int abi; /* the kernel's version of it */
};

enum landlock_access {
	LANDLOCK_READ,
	LANDLOCK_WRITE, /* and read, create, remove and rename */
};

/*
 * The kernel's version, or 0 if it has none that is of use here (1 cannot rename from one
 * folder into another), or if something above forbids it. Then errno says which: ENOSYS
 * or EOPNOTSUPP if the kernel has none, anything else if a filter of system calls is in the way.
 */
int landlock_abi(void);

MUST_CHECK enum status landlock_begin(struct landlock *l, struct err *err);
/* A folder and all below it, or a file. Not there: ST_IO. */
MUST_CHECK enum status landlock_allow(struct landlock *l, const char *path,
				      enum landlock_access access, struct err *err);
/* Of the calling thread: before any other is started. */
MUST_CHECK enum status landlock_enforce(struct landlock *l, struct err *err);
/* Also after landlock_enforce(). */
void landlock_release(struct landlock *l);

#endif /* BASE_LANDLOCK_H */
