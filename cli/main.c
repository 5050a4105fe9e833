#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>

#include "base/log.h"
#include "cli/cli.h"

const struct command *const cli_commands[] = {
	&cmd_completion, &cmd_config, &cmd_convert, &cmd_dump,	  &cmd_health,
	&cmd_queue,	 &cmd_run,    &cmd_stats,   &cmd_version, NULL
};

#define MAX_OPTIONS 16

static void print_overview(FILE *out)
{
	fputs("flightspan turns Go flight-recorder snapshots into OpenTelemetry traces.\n\n"
	      "Usage: flightspan COMMAND [ARGUMENT...]\n\nCommands:\n",
	      out);
	for (size_t i = 0; cli_commands[i]; i++)
		fprintf(out, "  %-11s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
	fputs("  help        tell more about a command\n\n"
	      "Try: flightspan convert snapshot.trace > spans.jsonl\n"
	      "Exit status: 0 done, 1 input or delivery failed, 2 usage or configuration.\n",
	      out);
}

static void print_help(const struct command *cmd)
{
	printf("Usage: flightspan %s %s\n\n%s\n", cmd->name, cmd->args, cmd->help);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; cli_commands[i]; i++)
		if (!strcmp(cli_commands[i]->name, name))
			return cli_commands[i];
	return NULL;
}

static const char *shown(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

int cli_fail(const char *path, const struct err *err)
{
	if (err->offset == ERR_NO_OFFSET)
		log_error("%s: %s", shown(path), err->msg);
	else
		log_error("%s: %s (at byte %" PRIu64 ")", shown(path), err->msg, err->offset);
	return EXIT_FAILED;
}

void cli_warn(const char *path, const struct err *err)
{
	if (err->offset == ERR_NO_OFFSET)
		log_warn("%s: %s", shown(path), err->msg);
	else
		log_warn("%s: %s (at byte %" PRIu64 ")", shown(path), err->msg, err->offset);
}

int cli_usage(const struct command *cmd, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_error("%s: %s; usage: flightspan %s %s", cmd->name, why, cmd->name, cmd->args);
	return EXIT_USAGE;
}

int cli_next(const struct command *cmd, int argc, char **argv)
{
	struct option options[MAX_OPTIONS + 1] = { { .name = NULL } };
	char letters[2 * MAX_OPTIONS + 2] = ":";
	size_t n = 1;
	int got;

	for (int i = 0; cmd->options[i].name; i++) {
		const struct cli_option *o = &cmd->options[i];

		assert(i < MAX_OPTIONS);
		options[i] = (struct option){ o->name, o->value ? required_argument : no_argument,
					      NULL, i };
		if (!o->letter)
			continue;
		letters[n++] = o->letter;
		if (o->value)
			letters[n++] = ':';
	}
	opterr = 0;
	got = getopt_long(argc, argv, letters, options, NULL);
	if (got == -1)
		return CLI_END;
	if (got == ':' || got == '?') {
		cli_usage(cmd, got == ':' ? "%s needs a value" : "unknown option %s",
			  argv[optind - 1]);
		return CLI_WRONG;
	}
	for (int i = 0; cmd->options[i].name; i++)
		if (got >= MAX_OPTIONS && cmd->options[i].letter == got)
			return i;
	return got;
}

static int help(int argc, char **argv)
{
	const struct command *cmd;

	if (argc < 2) {
		print_overview(stdout);
		return EXIT_DONE;
	}
	cmd = find_command(argv[1]);
	if (!cmd) {
		log_error("no command named %s; flightspan help lists them", argv[1]);
		return EXIT_USAGE;
	}
	print_help(cmd);
	return EXIT_DONE;
}

static bool asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

/* What was printed has to be on its way before the program says it is done. */
static int finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	/* A command that failed has told why: most likely this. */
	if (status == EXIT_DONE)
		log_error("cannot write to standard output");
	return status == EXIT_DONE ? EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
	const struct command *cmd;

	/* A closed pipe is a write error like any other, told once. */
	signal(SIGPIPE, SIG_IGN); // NOLINT(bugprone-signal-handler)
	if (argc < 2) {
		print_overview(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return finish(help(argc - 1, argv + 1));
	if (!strcmp(argv[1], "--version"))
		return finish(cmd_version.run(1, argv + 1));
	cmd = find_command(argv[1]);
	if (!cmd) {
		log_error("no command named %s; flightspan help lists them", argv[1]);
		return EXIT_USAGE;
	}
	if (asks_help(argc - 1, argv + 1)) {
		print_help(cmd);
		return finish(EXIT_DONE);
	}
	return finish(cmd->run(argc - 1, argv + 1));
}
