#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/notify.h"
#include "cli/run.h"
#include "cli/trim.h"

#define TICK_NS 1000000000L

/* The signals that mean something here; they are taken by sigtimedwait() alone. */
static void our_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
	sigaddset(set, RUN_WAKE);
}

static void reload(struct run *r, const char *path)
{
	struct err err = ERR_INIT;

	notify_reloading();
	if (run_reload(r, &err))
		log_error("%s; %s", err.msg,
			  run_lost(r) ? "ending, for nothing can be queued"
				      : "going on with the settings as they were");
	else
		log_info("%s: read again, and in use", path);
	notify_send("READY=1");
}

/* Until a signal says stop. False: the watchdog should have us. */
static void serve(struct run *r, const char *path)
{
	const struct timespec tick = { 0, TICK_NS - 1 };
	uint64_t patience = notify_watchdog_ns();
	sigset_t set;
	int number;

	our_signals(&set);
	for (;;) {
		number = sigtimedwait(&set, NULL, &tick);
		if (number == SIGTERM || number == SIGINT)
			break;
		if (number == SIGHUP)
			reload(r, path);
		if (run_lost(r))
			return;
		if (number == SIGUSR1 || number == SIGUSR2)
			run_signal(r, number);
		/* The watchdog hears nothing of a process that hangs. */
		if (run_tick(r, patience) && patience)
			notify_send("WATCHDOG=1");
	}
	run_ends(r);
	log_info("stopping: %s", number == SIGTERM ? "SIGTERM" : "SIGINT");
	notify_send("STOPPING=1");
	/* The next one ends the program at once: all that counts is on disk. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int run_it(const char *path)
{
	struct err err = ERR_INIT;
	struct run *r = NULL;
	sigset_t set;
	enum status st;
	bool good;

	our_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	st = run_open(&r, path, &err);
	if (st) {
		log_error("%s", err.msg);
		return st == ST_CONFIG ? EXIT_USAGE : EXIT_FAILED;
	}
	log_info("started with %s", path);
	trim_code();
	notify_send("READY=1\nMAINPID=%ld", (long)getpid());
	serve(r, path);
	good = run_finish(r);
	run_close(r);
	return good ? EXIT_DONE : EXIT_FAILED;
}

static const struct cli_option options[] = {
	{ "config", 'c', CLI_FILE, "the YAML file" },
	{ .name = NULL },
};

static int run(int argc, char **argv)
{
	const char *config = NULL;
	int opt;

	while ((opt = cli_next(&cmd_run, argc, argv)) != CLI_END) {
		if (opt == CLI_WRONG)
			return EXIT_USAGE;
		config = optarg;
	}
	if (optind < argc)
		return cli_usage(&cmd_run, "unexpected argument %s", argv[optind]);
	if (!config)
		return cli_usage(&cmd_run, "a configuration file is needed (-c)");
	return run_it(config);
}

const struct command cmd_run = {
	.name = "run",
	.args = "-c CONFIG",
	.summary = "the sidecar: turn snapshots into spans as they come",
	.help = "Watches the sources of the configuration file, maps each snapshot to spans, and\n"
		"sends them to its exporters through the queue on disk, until it is told to stop.\n\n"
		"  -c, --config FILE  the YAML file; flightspan config check FILE tells what is\n"
		"                     wrong with it\n\n"
		"A file in a watched folder is removed (or archived, or kept: directory.after)\n"
		"once its spans are safe in the queue. One that cannot be read moves to bad/ there,\n"
		"with a note. A crash loses nothing and sends nothing twice that differs.\n\n"
		"SIGTERM, SIGINT  stop: end the snapshot at hand, send on for queue.flush, tell who\n"
		"                 got how many spans; the rest stays queued. Twice: at once\n"
		"SIGHUP           read the file again; if it is wrong, the old settings stay\n"
		"SIGUSR1, SIGUSR2 fire the triggers that name them\n\n"
		"Under systemd use Type=notify; WatchdogSec= is obeyed. log.format: json gives one\n"
		"object a line.\n\n"
		"Try: flightspan run -c flightspan.yaml",
	.options = options,
	.run = run,
};
