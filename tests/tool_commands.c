/* Stand-ins for commands that do not exist yet, so that the others can be tested. */
#include "cli/cli.h"

static int run(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return EXIT_USAGE;
}

const struct command cmd_convert = { "convert", "", "not there yet", "", run };
const struct command cmd_stats = { "stats", "", "not there yet", "", run };
