/*
 * progress: one line on the terminal that shows how far a file is read.
 *
 * Only for people: call it only if stderr is a terminal. It draws at most ten
 * times a second and wipes its line when done.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdint.h>
#include <time.h>

struct progress {
	const char *name;
	struct timespec last;
	int shown;
};

void progress_start(struct progress *p, const char *name);
/* `total` 0: unknown. */
void progress_show(struct progress *p, uint64_t done, uint64_t total);
void progress_end(struct progress *p);

#endif /* CLI_PROGRESS_H */
