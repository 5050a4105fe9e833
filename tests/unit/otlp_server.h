/*
 * otlp_server: starts the scripted receiver of tests/otlp/server for one test.
 *
 * The program is built by the Makefile if there is a Go toolchain; where it
 * lies, tests learn from OTLP_SERVER (default build/otlp-server). It lives until
 * otlp_server_stop(), or until the test process ends and its standard input
 * with it.
 */
#ifndef TESTS_UNIT_OTLP_SERVER_H
#define TESTS_UNIT_OTLP_SERVER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct otlp_server {
	pid_t pid;
	int stdin_fd; /* closing it ends the server */
	FILE *log;    /* one line per request */
	int port;
	char line[4096]; /* the last one read */
};

/* False, without a sound, if the program is not there. */
bool otlp_server_available(void);

/* `script`: JSON array of steps, see the server. `max`: largest body taken, 0 for any. */
void otlp_server_start(struct otlp_server *s, const char *script, int max);
/* With options of the server's command line, up to a NULL. */
void otlp_server_start_with(struct otlp_server *s, const char *script, const char *const *options);
void otlp_server_stop(struct otlp_server *s);

/*
 * The next request that arrived, as the line that describes it, borrowed until
 * the next call. Blocks until there is one.
 */
const char *otlp_server_request(struct otlp_server *s);

#endif /* TESTS_UNIT_OTLP_SERVER_H */
