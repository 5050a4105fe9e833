/*
 * folder: what happens to files once their fate is known; for directory.c.
 *
 * All by names below an open folder, and only to the very file that was read: a name may
 * belong to another file by now. A file is first renamed, then looked at again, then
 * removed, so that no writer who opens the name meanwhile loses what he writes.
 */
#ifndef COLLECTOR_SOURCE_FOLDER_H
#define COLLECTOR_SOURCE_FOLDER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/* Names of files that are about to be removed begin so; a crash may leave one. */
#define FOLDER_TAKEN ".flightspan-taken-"

/* Which file, in which state. */
struct folder_file {
	uint64_t device, inode, size;
	int64_t mtime_ns;
	int64_t ctime_ns; /* of its inode, whose number a new file may have got */
};

struct folder_file folder_file_of(const struct stat *s);
bool folder_same(const struct folder_file *a, const struct folder_file *b);

/* Does the name still belong to the file, with what was in it? Renaming it changes nothing. */
bool folder_is_still(int dir, const char *name, const struct folder_file *f);

/* ST_END: the name belongs to something else now, which is left alone. */
MUST_CHECK enum status folder_remove(int dir, const char *name, const struct folder_file *f,
				     struct err *err);
/*
 * Move it to the folder `below`, made if need be, under its name or NAME.N, and remove the
 * oldest there until at most `max_bytes` are left. `note` (may be NULL) is written beside
 * it as NAME.txt. ST_END as above.
 */
MUST_CHECK enum status folder_move(int dir, const char *name, const struct folder_file *f,
				   const char *below, uint64_t max_bytes, const char *note,
				   struct err *err);

#endif /* COLLECTOR_SOURCE_FOLDER_H */
