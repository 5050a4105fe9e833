/*
 * launch: run one program and tell what it cost: launch REPORT PROGRAM [ARGUMENT...].
 *
 * REPORT gets one line: status, user CPU and system CPU in microseconds, peak resident memory
 * in KiB. A program of its own because the peak that wait4() tells includes what the parent
 * held at the fork, and this one holds next to nothing. Exit status: the child's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long long microseconds(struct timeval t)
{
	return (long long)t.tv_sec * 1000000 + t.tv_usec;
}

static int fail(const char *what)
{
	fprintf(stderr, "launch: %s: %s\n", what, strerror(errno));
	return 126;
}

int main(int argc, char **argv)
{
	struct rusage used;
	FILE *report;
	int status;
	pid_t child;

	if (argc < 3) {
		fprintf(stderr, "usage: launch REPORT PROGRAM [ARGUMENT...]\n");
		return 126;
	}
	child = fork();
	if (child < 0)
		return fail("fork");
	if (!child) {
		execvp(argv[2], argv + 2);
		_exit(fail(argv[2]));
	}
	while (wait4(child, &status, 0, &used) < 0)
		if (errno != EINTR)
			return fail("wait4");
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	report = fopen(argv[1], "w");
	if (!report)
		return fail(argv[1]);
	fprintf(report, "%d %lld %lld %ld\n", status, microseconds(used.ru_utime),
		microseconds(used.ru_stime), used.ru_maxrss);
	return fclose(report) ? fail(argv[1]) : status;
}
