/*
 * kept_file: captures that wait have a name on the disk, so that the next start finds them.
 *
 * Beside the queue: STEM.trace is the capture, STEM.txt what else is known of it, a line each:
 * source, trigger, cause, traceparent. The text is written first and removed last, so a trace
 * without it does not exist. Whoever holds the capture holds a lock of the trace.
 */
#ifndef COLLECTOR_SOURCE_KEPT_FILE_H
#define COLLECTOR_SOURCE_KEPT_FILE_H

#include "collector/source/inbox.h"

/*
 * Give the nameless file of a capture a name beside that path, and lock it. On success *stem is the
 * caller's, for kept_file_remove() or mem_free(); on failure nothing is left behind.
 */
MUST_CHECK enum status kept_file_make(char **stem, const char *beside, const struct capture *c,
				      int fd, struct err *err);
/* The capture is done with; takes the stem. NULL is fine. */
void kept_file_remove(char *stem);

/*
 * One that an earlier process left to this source, and that nobody holds: its fields are filled,
 * *fd and *stem are the caller's. ST_END: there is none.
 */
MUST_CHECK enum status kept_file_find(char **stem, const char *beside, const char *source,
				      struct capture *c, int *fd, struct err *err);

#endif /* COLLECTOR_SOURCE_KEPT_FILE_H */
