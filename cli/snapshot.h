/*
 * snapshot: which file this is, for a queue that remembers what it has seen.
 */
#ifndef CLI_SNAPSHOT_H
#define CLI_SNAPSHOT_H

#include "exporter/queue.h"

/*
 * Where the file lies, and the hash of its bytes, all of which are read. ST_END: it
 * is no regular file.
 */
MUST_CHECK enum status snapshot_identify(const char *path, struct queue_snapshot *out,
					 struct err *err);

/* Where an open file lies, without its hash. */
MUST_CHECK enum status snapshot_place(int fd, struct queue_snapshot *out, struct err *err);
/* The hash of all of its bytes; it is read again from its first one afterwards. */
MUST_CHECK enum status snapshot_hash(int fd, struct queue_snapshot *out, struct err *err);

#endif /* CLI_SNAPSHOT_H */
