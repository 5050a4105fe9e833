#include <getopt.h>
#include <inttypes.h>
#include <time.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/summary.h"
#include "config/settings.h"
#include "exporter/queue_look.h"

/* More than anybody reads; --all lists them all. */
#define LETTERS 20

struct options {
	const char *config, *exporter;
	bool all, queued;
};

/* UTC, to the second. */
static const char *moment(int64_t s, char text[static 32])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(text, 32, "%" PRId64, s);
	return text;
}

static void print_counts(void *arg, const struct queue_counts *c)
{
	char name[2 * MAX_DESTINATION_NAME], since[32];

	(void)arg;
	log_escape(slice_str(c->name), name, sizeof(name));
	printf("%s: %" PRIu64 " spans queued", name, c->queued);
	if (c->queued) {
		printf(" in %" PRIu64 " requests (", c->queued_deliveries);
		summary_print_size(stdout, c->queued_bytes);
		printf(", the oldest since %s)", moment(c->oldest_s, since));
	}
	printf(", %" PRIu64 " in dead letters\n  %" PRIu64 " produced = %" PRIu64
	       " acknowledged + %" PRIu64 " rejected + %" PRIu64 " dead-lettered",
	       c->dead, c->produced, c->acknowledged, c->rejected, c->dead);
	for (size_t i = 0; i < N_QUEUE_REASONS; i++) {
		if (c->dropped[i])
			printf(" + %" PRIu64 " dropped (%s)", c->dropped[i],
			       queue_reason_name((enum queue_reason)i));
	}
	printf(" + %" PRIu64 " queued\n", c->queued);
}

static void print_letter(void *arg, const struct queue_letter *x)
{
	unsigned int *n = arg;
	char name[2 * MAX_DESTINATION_NAME], why[2048], since[32];

	log_escape(slice_str(x->destination), name, sizeof(name));
	log_escape(slice_str(x->why), why, sizeof(why));
	if (!(*n)++)
		puts("dead letters, the newest first:");
	printf("  %" PRId64 " %s %s %" PRIu32 " span%s, ", x->id, moment(x->since_s, since), name,
	       x->spans, x->spans == 1 ? "" : "s");
	summary_print_size(stdout, x->bytes);
	if (x->damaged)
		printf(", damaged batch %" PRId64 ": %s\n", x->batch, why);
	else
		printf(", %u attempt%s: %s\n", x->attempts, x->attempts == 1 ? "" : "s", why);
}

static enum status list(struct queue_look *l, const char *path, const struct settings *s,
			const struct options *o, struct err *err)
{
	uint64_t bytes;
	int64_t pid;
	unsigned int n = 0;
	enum status st = queue_look_usage(l, &bytes, &pid, err);

	if (st)
		return st;
	printf("queue %s: ", path);
	summary_print_size(stdout, bytes);
	printf(" of ");
	summary_print_size(stdout, s->queue.max_bytes);
	if (pid > 0)
		printf(", process %" PRId64 " delivers from it\n", pid);
	else
		puts(pid ? ", a process delivers from it" : ", nobody delivers from it now");
	st = queue_look_counts(l, print_counts, NULL, err);
	if (!st)
		st = queue_look_letters(l, o->all ? INT64_MAX : LETTERS, print_letter, &n, err);
	if (!st && n == LETTERS && !o->all)
		puts("  ... (--all lists all)");
	return st;
}

static enum status retry(struct queue_look *l, const struct options *o, struct err *err)
{
	uint64_t spans;
	enum status st = queue_look_retry(l, o->exporter, &spans, err);

	if (!st)
		printf("%" PRIu64 " spans are queued again\n", spans);
	return st;
}

static enum status purge(struct queue_look *l, const struct options *o, struct err *err)
{
	uint64_t spans;
	enum status st = queue_look_purge(l, o->exporter, o->queued, &spans, err);

	if (!st)
		printf("%" PRIu64 " spans are removed\n", spans);
	return st;
}

enum action { LIST, RETRY, PURGE, N_ACTIONS };
static const char *const actions[N_ACTIONS] = { "list", "retry", "purge" };

static int act(enum action action, const struct options *o)
{
	struct env env = env_process();
	struct queue_look *l = NULL;
	struct err err = ERR_INIT;
	struct settings s;
	enum status st = settings_load(&s, o->config, &env, &err);

	if (st) {
		log_error("%s", err.msg);
		return st == ST_CONFIG ? EXIT_USAGE : EXIT_FAILED;
	}
	log_set_level(s.log.level);
	st = queue_look_open(&l, s.queue.path, action != LIST, &err);
	if (st == ST_END)
		printf("queue %s: there is no such file, so nothing is queued\n", s.queue.path);
	else if (!st && action == LIST)
		st = list(l, s.queue.path, &s, o, &err);
	else if (!st)
		st = action == RETRY ? retry(l, o, &err) : purge(l, o, &err);
	if (st < 0)
		log_error("%s", err.msg);
	queue_look_close(l);
	settings_release(&s);
	return st >= 0 ? EXIT_DONE : st == ST_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

enum { OPT_CONFIG, OPT_EXPORTER, OPT_ALL, OPT_QUEUED, N_OPTIONS };

static const struct cli_option options[N_OPTIONS + 1] = {
	[OPT_CONFIG] = { "config", 'c', CLI_FILE, "the YAML file" },
	[OPT_EXPORTER] = { "exporter", 0, "", "only what is for this exporter" },
	[OPT_ALL] = { "all", 0, NULL, "list all dead letters" },
	[OPT_QUEUED] = { "queued", 0, NULL, "purge what waits to be sent, too" },
};

/* EXIT_DONE: *o is complete. `argv` begins at the action. */
static int parse_options(int argc, char **argv, struct options *o)
{
	int opt;

	while ((opt = cli_next(&cmd_queue, argc, argv)) != CLI_END) {
		switch (opt) {
		case OPT_CONFIG:
			o->config = optarg;
			break;
		case OPT_EXPORTER:
			o->exporter = optarg;
			break;
		case OPT_ALL:
			o->all = true;
			break;
		case OPT_QUEUED:
			o->queued = true;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind != argc)
		return cli_usage(&cmd_queue, "unexpected %s", argv[optind]);
	if (!o->config)
		return cli_usage(&cmd_queue, "expected -c CONFIG, which says where the queue is");
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct options o = { .config = NULL };
	enum action action = LIST;
	int status;

	while (argc > 1 && action < N_ACTIONS && strcmp(actions[action], argv[1]) != 0)
		action++;
	if (argc < 2 || action == N_ACTIONS)
		return cli_usage(&cmd_queue, "expected list, retry or purge");
	status = parse_options(argc - 1, argv + 1, &o);
	if (status != EXIT_DONE)
		return status;
	if (action == LIST && (o.exporter || o.queued))
		return cli_usage(&cmd_queue, "list has no --exporter and no --queued");
	if (action == RETRY && o.queued)
		return cli_usage(&cmd_queue, "only purge has --queued");
	if (action != LIST && o.all)
		return cli_usage(&cmd_queue, "only list has --all");
	return act(action, &o);
}

const struct command cmd_queue = {
	.name = "queue",
	.args = "list|retry|purge -c CONFIG [--exporter NAME] [--all] [--queued]",
	.summary = "look into the durable queue and its dead letters",
	.help = "The queue is the file that queue.path of the configuration names; looking into\n"
		"it is fine while a process delivers from it.\n\n"
		"  list    size, who delivers from it, and for each exporter where every span is:\n"
		"          produced = acknowledged + rejected + dead-lettered + dropped + queued;\n"
		"          then the dead letters: what a receiver has refused for good, and why\n"
		"  retry   queue the dead letters again, once their cause is mended\n"
		"  purge   remove the dead letters; they are counted as dropped (purged)\n\n"
		"  -c, --config FILE  the YAML file\n"
		"  --exporter NAME    retry, purge: only those of this exporter\n"
		"  --all              list: all dead letters, not only the newest twenty\n"
		"  --queued           purge: what still waits to be sent is removed, too\n\n"
		"Try: flightspan queue list -c flightspan.yaml",
	.actions = "list retry purge",
	.options = options,
	.run = run,
};
