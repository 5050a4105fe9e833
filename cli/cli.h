/*
 * cli: what the subcommands share.
 *
 * main() finds the command in one table and hands it its arguments; a command
 * returns the exit status of the program. Only cli/ prints and exits. Errors
 * are one line on stderr: the file, what is wrong and where (design section 3).
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/err.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* input or delivery failed */
	EXIT_USAGE = 2,	 /* arguments or configuration are wrong */
};

struct command {
	const char *name;
	const char *args;		   /* for the usage line */
	const char *summary;		   /* one line for `flightspan help` */
	const char *help;		   /* the rest of `flightspan help NAME` */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

extern const struct command cmd_config, cmd_convert, cmd_dump, cmd_queue, cmd_run, cmd_stats,
	cmd_version;

/* One error line for an input: "PATH: message (at byte N)". Returns EXIT_FAILED. */
int cli_fail(const char *path, const struct err *err);
/* The same as a warning. */
void cli_warn(const char *path, const struct err *err);
/* One line of what is wrong with the arguments; returns EXIT_USAGE. */
int cli_usage(const struct command *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* CLI_CLI_H */
