/*
 * spool: bytes that came over a network, in a file without a name.
 *
 * It lies beside the queue, on the one disk that the sidecar may write to, and is gone with
 * its last descriptor, also after a crash.
 */
#ifndef COLLECTOR_SOURCE_SPOOL_H
#define COLLECTOR_SOURCE_SPOOL_H

#include <stddef.h>

#include "base/err.h"

/* In the folder that `beside` is in. */
MUST_CHECK enum status spool_open(const char *beside, int *fd, struct err *err);
MUST_CHECK enum status spool_write(int fd, const void *bytes, size_t n, struct err *err);

#endif /* COLLECTOR_SOURCE_SPOOL_H */
