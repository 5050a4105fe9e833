#include "tests/unit/otlp_server.h"

#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program(void)
{
	const char *path = getenv("OTLP_SERVER");

	return path ? path : "build/otlp-server";
}

bool otlp_server_available(void)
{
	return access(program(), X_OK) == 0;
}

static void run(int in, int out, const char *script, const char *const *options)
{
	const char *argv[16] = { program(), "-script", script };

	for (size_t i = 3; options && *options && i + 1 < sizeof(argv) / sizeof(argv[0]); i++)
		argv[i] = *options++;
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	execv(program(), (char **)(uintptr_t)argv); // NOLINT(performance-no-int-to-ptr)
	_exit(127);
}

void otlp_server_start(struct otlp_server *s, const char *script, int max)
{
	char limit[16];
	const char *const options[] = { "-max", limit, NULL };

	snprintf(limit, sizeof(limit), "%d", max);
	otlp_server_start_with(s, script, options);
}

void otlp_server_start_with(struct otlp_server *s, const char *script, const char *const *options)
{
	int in[2], out[2];

	ck_assert(pipe(in) == 0 && pipe(out) == 0);
	fcntl(in[1], F_SETFD, FD_CLOEXEC);
	fcntl(out[0], F_SETFD, FD_CLOEXEC);
	s->pid = fork();
	if (s->pid == 0)
		run(in[0], out[1], script, options);
	close(in[0]);
	close(out[1]);
	s->stdin_fd = in[1];
	s->log = fdopen(out[0], "r");
	ck_assert_ptr_nonnull(fgets(s->line, sizeof(s->line), s->log));
	ck_assert(strncmp(s->line, "port ", 5) == 0);
	s->port = (int)strtoimax(s->line + 5, NULL, 10);
}

const char *otlp_server_request(struct otlp_server *s)
{
	ck_assert_ptr_nonnull(fgets(s->line, sizeof(s->line), s->log));
	return s->line;
}

void otlp_server_stop(struct otlp_server *s)
{
	close(s->stdin_fd);
	waitpid(s->pid, NULL, 0);
	fclose(s->log);
}
