#include "base/log.h"
#include "cli/cli.h"
#include "cli/completion.h"

static int run(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct buf b;
	int status = EXIT_DONE;

	if (argc != 2)
		return cli_usage(&cmd_completion, "expected bash, zsh or fish");
	buf_init(&b, (size_t)1 << 20);
	if (!strcmp(argv[1], "bash"))
		completion_bash(&b, cli_commands);
	else if (!strcmp(argv[1], "zsh"))
		completion_zsh(&b, cli_commands);
	else if (!strcmp(argv[1], "fish"))
		completion_fish(&b, cli_commands);
	else
		status = cli_usage(&cmd_completion, "%s: expected bash, zsh or fish", argv[1]);
	if (status == EXIT_DONE && buf_status(&b, "the completion", &err)) {
		log_error("%s", err.msg);
		status = EXIT_FAILED;
	}
	if (status == EXIT_DONE)
		fwrite(b.ptr, 1, b.len, stdout);
	buf_release(&b);
	return status;
}

const struct command cmd_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.summary = "print a shell's completion of these commands",
	.help = "Prints the completion of commands, options and their values for a shell;\n"
		"`make install` and the Debian package put all three where shells look for them.\n\n"
		"Try: source <(flightspan completion bash)\n"
		"     flightspan completion zsh > \"${fpath[1]}/_flightspan\"\n"
		"     flightspan completion fish > ~/.config/fish/completions/flightspan.fish",
	.actions = "bash zsh fish",
	.run = run,
};
