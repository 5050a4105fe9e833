/*
 * launch: run a program TIMES times and tell what that cost: launch REPORT TIMES PROGRAM
 * [ARGUMENT...].
 *
 * REPORT gets one line: user CPU and system CPU in microseconds, of all runs, and the highest
 * peak of resident memory in KiB. A program of its own because the peak that wait4() tells
 * includes what the parent held at the fork, and this one holds next to nothing. Exit status:
 * that of the first run that failed, else 0.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"

#define MAX_TIMES 1000u

struct cost {
	long long user_us, system_us;
	long peak_kib;
};

static long long microseconds(struct timeval t)
{
	return (long long)t.tv_sec * 1000000 + t.tv_usec;
}

static int fail(const char *what)
{
	fprintf(stderr, "launch: %s: %s\n", what, strerror(errno));
	return 126;
}

static int run(char **argv, struct cost *cost)
{
	struct rusage used;
	int status;
	pid_t child = fork();

	if (child < 0)
		return fail("fork");
	if (!child) {
		execvp(argv[0], argv);
		_exit(fail(argv[0]));
	}
	while (wait4(child, &status, 0, &used) < 0)
		if (errno != EINTR)
			return fail("wait4");
	cost->user_us += microseconds(used.ru_utime);
	cost->system_us += microseconds(used.ru_stime);
	if (used.ru_maxrss > cost->peak_kib)
		cost->peak_kib = used.ru_maxrss;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct cost cost = { 0, 0, 0 };
	uint64_t times = 0;
	int status = 0;
	FILE *report;

	if (argc < 4 || !num_u64(slice_str(argv[2]), MAX_TIMES, &times)) {
		fprintf(stderr, "usage: launch REPORT TIMES PROGRAM [ARGUMENT...]\n");
		return 126;
	}
	for (uint64_t i = 0; !status && i < times; i++)
		status = run(argv + 3, &cost);
	if (status)
		return status;
	report = fopen(argv[1], "w");
	if (!report)
		return fail(argv[1]);
	fprintf(report, "%lld %lld %ld\n", cost.user_us, cost.system_us, cost.peak_kib);
	return fclose(report) ? fail(argv[1]) : 0;
}
