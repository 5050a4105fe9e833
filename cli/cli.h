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

/* One option: what getopt, the completions and their test know of it. */
struct cli_option {
	const char *name;  /* without the dashes */
	char letter;	   /* its short form, or 0 */
	const char *value; /* NULL: it takes none; FILE; or words separated by blanks; or "" */
	const char *brief; /* a few words, for completions that explain */
};

struct command {
	const char *name;
	const char *args;		   /* for the usage line */
	const char *summary;		   /* one line for `flightspan help` */
	const char *help;		   /* the rest of `flightspan help NAME` */
	const char *actions;		   /* what has to come first, or NULL */
	const struct cli_option *options;  /* up to one without a name, or NULL */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};

/* The value of an option is the name of a file. */
#define CLI_FILE "FILE"

/* Every command, up to a NULL; `help` is not among them. */
extern const struct command *const cli_commands[];

extern const struct command cmd_completion, cmd_config, cmd_convert, cmd_dump, cmd_health,
	cmd_queue, cmd_run, cmd_stats, cmd_version;

#define CLI_END (-1)   /* no more options: operands begin at optind */
#define CLI_WRONG (-2) /* told already; the command returns EXIT_USAGE */

/* The next option's place in cmd->options, with its value in optarg; or one of these two. */
int cli_next(const struct command *cmd, int argc, char **argv);

/* One error line for an input: "PATH: message (at byte N)". Returns EXIT_FAILED. */
int cli_fail(const char *path, const struct err *err);
/* The same as a warning. */
void cli_warn(const char *path, const struct err *err);
/* One line of what is wrong with the arguments; returns EXIT_USAGE. */
int cli_usage(const struct command *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* CLI_CLI_H */
