#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

#define BAR 30

void progress_start(struct progress *p, const char *name)
{
	*p = (struct progress){ .name = name };
}

static int64_t ms_since(const struct timespec *then, struct timespec *now)
{
	clock_gettime(CLOCK_MONOTONIC, now);
	return (int64_t)(now->tv_sec - then->tv_sec) * 1000 +
	       (now->tv_nsec - then->tv_nsec) / 1000000;
}

void progress_show(struct progress *p, uint64_t done, uint64_t total)
{
	struct timespec now;
	char name[64];
	char bar[BAR + 1];

	if (ms_since(&p->last, &now) < 100)
		return;
	p->last = now;
	p->shown = 1;
	log_escape(slice_str(p->name), name, sizeof(name));
	if (!total) {
		fprintf(stderr, "\r%s  %" PRIu64 " MB read\033[K", name, done / 1000000);
		return;
	}
	if (done > total)
		done = total;
	for (unsigned int i = 0; i < BAR; i++)
		bar[i] = i < BAR * done / total ? '#' : '.';
	bar[BAR] = '\0';
	fprintf(stderr, "\r%s  [%s] %3" PRIu64 " %%\033[K", name, bar, 100 * done / total);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
}
