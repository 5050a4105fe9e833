#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/reference.h"
#include "cli/run_plan.h"

/* What `run` would say of the file, without running. */
static int check(const char *path)
{
	struct env env = env_process();
	struct err err = ERR_INIT;
	struct settings s;
	enum status st = settings_load(&s, path, &env, &err);

	if (!st) {
		for (size_t i = 0; i < s.warnings.n; i++)
			log_warn("%s", s.warnings.ptr[i]);
		st = run_check(&s, &err);
		settings_release(&s);
	}
	if (st) {
		log_error("%s", err.msg);
		return st == ST_CONFIG || st == ST_LIMIT ? EXIT_USAGE : EXIT_FAILED;
	}
	printf("%s: no mistakes found\n", path);
	return EXIT_DONE;
}

static void print_key(void *arg, const char *path, const char *shown, enum setting_origin origin,
		      const char *variable)
{
	(void)arg;
	printf("%s: %s%s# %s%s%s\n", path, shown, *shown ? "  " : " ", settings_origin_name(origin),
	       variable ? " " : "", variable ? variable : "");
}

static int print(const char *path)
{
	struct env env = env_process();
	struct err err = ERR_INIT;
	struct settings s;

	if (settings_load(&s, path, &env, &err)) {
		log_error("%s", err.msg);
		return EXIT_USAGE;
	}
	settings_visit(&s, print_key, NULL);
	for (size_t i = 0; i < s.warnings.n; i++)
		log_warn("%s", s.warnings.ptr[i]);
	settings_release(&s);
	return EXIT_DONE;
}

/* The table of keys in a form for others. */
static int write_out(void (*make)(struct buf *b))
{
	struct err err = ERR_INIT;
	struct buf b;
	int status = EXIT_DONE;

	buf_init(&b, MAX_CONFIG_BYTES);
	make(&b);
	if (buf_status(&b, "the table of keys", &err)) {
		log_error("%s", err.msg);
		status = EXIT_FAILED;
	} else {
		fwrite(b.ptr, 1, b.len, stdout);
	}
	buf_release(&b);
	return status;
}

static int run(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool takes_file = !strcmp(what, "check") || !strcmp(what, "print");

	if (argc > 1 && argv[argc - 1][0] == '-' && argv[argc - 1][1])
		return cli_usage(&cmd_config, "unknown option %s", argv[argc - 1]);
	if (takes_file && argc != 3)
		return cli_usage(&cmd_config, "%s needs one configuration file", what);
	if (!strcmp(what, "check"))
		return check(argv[2]);
	if (!strcmp(what, "print"))
		return print(argv[2]);
	if (!strcmp(what, "schema") && argc == 2)
		return write_out(reference_schema);
	if (!strcmp(what, "reference") && argc == 2)
		return write_out(reference_page);
	if (!strcmp(what, "man") && argc == 2)
		return write_out(reference_man);
	return cli_usage(&cmd_config,
			 *what ? "%s: expected check, print, schema, reference or man"
			       : "what is missing%s",
			 what);
}

const struct command cmd_config = {
	.name = "config",
	.args = "check CONFIG | print CONFIG | schema | reference | man",
	.summary = "validate a configuration file, or tell about its keys",
	.help = "  check CONFIG   what is wrong with the file, with its line and column: unknown\n"
		"                 keys, values, and all that `run` would refuse\n"
		"  print CONFIG   every setting as it is in effect, and where it comes from: file,\n"
		"                 environment, default; secrets are masked\n"
		"  schema         a JSON Schema of the file, for editors\n"
		"  reference      every key with its type, default and meaning, as Markdown\n"
		"  man            the same as the manual page flightspan.yaml(5)\n\n"
		"Try: flightspan config check flightspan.yaml",
	.actions = "check print schema reference man",
	.run = run,
};
