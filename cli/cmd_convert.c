#include <getopt.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/convert.h"
#include "cli/metrics_out.h"
#include "cli/output.h"
#include "cli/plan.h"
#include "cli/snapshot.h"
#include "cli/summary.h"
#include "config/settings.h"

/* How long a receiver may be away, unless the user says otherwise. */
#define RETRY_NS ((uint64_t)60 * 1000000000)

struct options {
	const char *config, *out, *endpoint, *protocol, *compression;
	enum otlp_format format;
	uint64_t retry_ns; /* of one batch */
	bool strict, quiet, again, metrics;
};

/* Everything that settings have to be turned into, with the memory for it. */
struct plan {
	struct settings settings;
	struct send_options send; /* no exporters: nothing is sent */
	struct output_options output;
	struct sampling_rule *sampling;
	struct mapper_options mapper;
	struct metrics_out *metrics; /* while converting; NULL: nobody wants them */
};

static void plan_release(struct plan *p)
{
	plan_resource_release(&p->output.resource);
	mem_free(p->sampling);
	settings_release(&p->settings);
}

/* Where to send: the receiver of the command line, else the exporters of the file. */
static void plan_send(struct plan *p, const struct options *o)
{
	const struct settings *s = &p->settings;
	bool from_file = !o->endpoint && !o->out && settings_origin(s, "exporters") == ORIGIN_FILE;

	if (!o->endpoint && !from_file)
		return;
	p->send.exporters = s->exporters.ptr;
	p->send.n_exporters = s->exporters.n;
	p->send.give_up_ns = o->retry_ns;
	p->send.quiet = o->quiet;
	/* What another run left is for the file's exporters. */
	if (from_file && settings_origin(s, "queue.path") == ORIGIN_FILE)
		p->send.queue = &s->queue;
}

/* --endpoint and what goes with it; the message names the flag. */
static enum status send_to(struct settings *s, const struct options *o, struct err *err)
{
	enum status st = settings_send_to(s, o->endpoint, err);

	if (!st && o->protocol) {
		st = settings_set(s, "exporters[0].otlp.protocol", o->protocol, err);
		if (st)
			err_wrap(err, "--protocol %s", o->protocol);
	}
	if (!st && o->compression) {
		st = settings_set(s, "exporters[0].otlp.compression", o->compression, err);
		if (st)
			err_wrap(err, "--compression %s", o->compression);
	}
	return st;
}

/* Output that is not standard output, nor only a receiver. */
static bool names_file(const struct plan *p)
{
	return p->output.path && strcmp(p->output.path, "-") != 0;
}

static enum status plan_make(struct plan *p, const struct options *o, struct err *err)
{
	struct env env = env_process();
	enum status st = settings_load(&p->settings, o->config, &env, err);

	if (!st && o->endpoint)
		st = send_to(&p->settings, o, err);
	if (!st)
		st = plan_resource(&p->output.resource, &p->settings.service, err);
	if (st)
		return st;
	log_set_level(p->settings.log.level);
	for (size_t i = 0; i < p->settings.warnings.n; i++)
		log_warn("%s", p->settings.warnings.ptr[i]);
	if (o->metrics)
		p->settings.mapping.metrics = true;
	plan_mapper(&p->mapper, &p->settings);
	st = plan_sampling(&p->sampling, &p->mapper, &p->settings, NULL, err);
	if (st)
		return st;
	plan_send(p, o);
	p->output.path = o->out ? o->out : p->send.n_exporters ? NULL : "-";
	p->output.format = o->format;
	if (p->mapper.metrics && o->format == OTLP_PROTO && p->output.path && !names_file(p))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			       "metrics in otlp-proto have a file of their own: name one with -o, "
			       "or use otlp-json");
	p->output.limits = plan_limits(&p->settings);
	return ST_OK;
}

static void warn_unused(const struct plan *p, const char *path)
{
	char names[128];
	const char *unused = p->send.queue	   ? "sources triggers admin"
			     : p->send.n_exporters ? "sources triggers queue admin"
						   : "sources triggers queue admin exporters";

	if (settings_unused(&p->settings, unused, names, sizeof(names)))
		log_warn("%s: convert does not use %s", path, names);
}

/* What there is to say goes to standard output only if nothing else does. */
static bool reports(const struct plan *p, const struct options *o)
{
	return !o->quiet && (names_file(p) || !p->output.path);
}

/* Are its spans in the queue, or were they? */
static bool done_before(const char *path, const struct options *o, struct send *send,
			const struct queue_snapshot *snapshot)
{
	struct err err = ERR_INIT;
	bool done = false;

	if (!o->again && queue_snapshot_done(send_queue(send), snapshot, &done, &err))
		cli_warn(path, &err);
	return done;
}

/*
 * The snapshot has been read; its spans go to the queue, or nowhere. False if that
 * did not work.
 */
static bool end_one(const char *path, struct output *out, bool good, struct sent_set *sent,
		    const struct queue_snapshot *snapshot, bool *fatal)
{
	struct err err = ERR_INIT;
	enum status st = good && sent ? output_remember(out, sent, &err) : ST_OK;

	if (!st)
		st = output_end(out, good, snapshot, &err);
	if (!st && sent && good)
		st = sent_commit(sent, &err);
	else if (sent)
		sent_abort(sent);
	if (!st)
		return true;
	*fatal = true;
	cli_fail(path, &err);
	return false;
}

/* One file; returns false if it failed. *fatal: the output failed, not the input. */
static bool convert_one(const char *path, const struct plan *p, struct output *out,
			struct send *send, const struct options *o, bool *fatal)
{
	struct queue_snapshot snapshot;
	struct err err = ERR_INIT;
	/* A file that cannot be read fails where it is converted. */
	bool known = send && send_durable(send) && !snapshot_identify(path, &snapshot, &err);
	bool progress = !o->quiet && isatty(STDERR_FILENO);
	struct metrics_sink metrics = { NULL, NULL };
	struct convert_result r;
	enum status st;

	if (p->metrics)
		metrics = metrics_out_sink(p->metrics);
	if (known && done_before(path, o, send, &snapshot)) {
		if (reports(p, o))
			printf("%s: queued by an earlier run, and not again (--again)\n", path);
		return true;
	}
	st = convert_file(path, &p->mapper, output_sink(out), metrics, progress, &r, &err);
	if (st) {
		*fatal = output_failed(out) || st == ST_NOMEM;
		/* Why nobody takes spans is told at the end, for each destination. */
		if (st != ST_REMOTE || send_stopped())
			cli_fail(path, &err);
		end_one(path, out, false, p->mapper.sent, NULL, fatal);
		return false;
	}
	if (r.damaged) {
		err_wrap(&r.damage, r.salvaged ? "damaged trace, converted with what is left of"
						 " its last generation"
					       : "damaged trace, converted up to the damage");
		cli_warn(path, &r.damage);
	}
	if (r.summary.late_ends)
		log_debug("%s: %" PRIu64 " tasks ended more than once", path, r.summary.late_ends);
	if (!end_one(path, out, true, p->mapper.sent, known ? &snapshot : NULL, fatal))
		return false;
	if (reports(p, o))
		summary_print(stdout, path, &r);
	return !(r.damaged && o->strict);
}

/* All of the files, into `out`, and of that whatever can be finished. */
static bool convert_files(int n, char **files, const struct plan *p, struct output *out,
			  struct send *send, const struct options *o)
{
	struct err err = ERR_INIT;
	bool fatal = false;
	int converted = 0;

	for (int i = 0; i < n && !fatal; i++)
		converted += convert_one(files[i], p, out, send, o, &fatal);
	/* Of several files the good ones count; without any, an old output stays. */
	if (fatal || (!converted && names_file(p)))
		return false;
	if (output_finish(out, &err)) {
		log_error("%s", err.msg);
		return false;
	}
	if (reports(p, o) && p->output.path)
		summary_print_file(stdout, p->output.path,
				   o->format == OTLP_JSON ? "OTLP JSON lines"
							  : "OTLP protobuf, length-prefixed",
				   output_file_bytes(out));
	return converted == n;
}

static enum status seed(void *arg, uint64_t key, struct err *err)
{
	return sent_seed(arg, key, err);
}

static enum status open_metrics(struct plan *p, struct output *out, struct err *err)
{
	const struct metrics_out_options opt = { .output = out,
						 .path = p->output.path,
						 .format = p->output.format,
						 .resource = p->output.resource,
						 .exporters = p->send.exporters,
						 .n_exporters = p->send.n_exporters,
						 .give_up_ns = p->send.give_up_ns };

	return metrics_out_open(&p->metrics, &opt, err);
}

static int convert_all(int n, char **files, struct plan *p, const struct options *o)
{
	struct err err = ERR_INIT;
	struct output *out = NULL;
	struct send *send = NULL;
	/* Snapshots overlap: what one has sent, the next ones leave out. */
	struct sent_set sent;
	enum status st = ST_OK;
	bool good = false;

	if (p->send.n_exporters)
		st = send_open(&send, &p->send, &err);
	p->output.send = send;
	if (!st)
		st = output_open(&out, &p->output, &err);
	if (!st && p->mapper.metrics)
		st = open_metrics(p, out, &err);
	if (st) {
		log_error("%s", err.msg);
		output_close(out);
		send_close(send);
		return st == ST_CONFIG ? EXIT_USAGE : EXIT_FAILED;
	}
	sent_init(&sent, MAX_SENT_KEYS);
	if (n > 1 || (send && send_durable(send)))
		p->mapper.sent = &sent;
	if (send && send_durable(send))
		st = queue_ids_each(send_queue(send), seed, &sent, &err);
	if (st)
		log_error("%s", err.msg);
	good = !st && convert_files(n, files, p, out, send, o);
	p->mapper.sent = NULL;
	sent_release(&sent);
	if (p->metrics && !output_failed(out))
		good &= metrics_out_finish(p->metrics);
	metrics_out_close(p->metrics);
	output_close(out);
	if (send) {
		good &= send_finish(send, false);
		if (!o->quiet)
			send_report(send, stdout);
	}
	send_close(send);
	return good ? EXIT_DONE : EXIT_FAILED;
}

static bool parse_format(const char *text, enum otlp_format *format)
{
	if (!strcmp(text, "otlp-json"))
		*format = OTLP_JSON;
	else if (!strcmp(text, "otlp-proto"))
		*format = OTLP_PROTO;
	else
		return false;
	return true;
}

/* The sender adds it to the clock: half of the range is far enough. */
static bool parse_retry(const char *text, uint64_t *ns)
{
	return num_duration(slice_str(text), ns) && *ns <= INT64_MAX;
}

enum {
	OPT_CONFIG,
	OPT_OUTPUT,
	OPT_FORMAT,
	OPT_ENDPOINT,
	OPT_PROTOCOL,
	OPT_COMPRESSION,
	OPT_RETRY,
	OPT_AGAIN,
	OPT_METRICS,
	OPT_STRICT,
	OPT_QUIET,
	N_OPTIONS
};

static const struct cli_option options[N_OPTIONS + 1] = {
	[OPT_CONFIG] = { "config", 'c', CLI_FILE, "the YAML file" },
	[OPT_OUTPUT] = { "output", 'o', CLI_FILE, "write to this file" },
	[OPT_FORMAT] = { "format", 0, "otlp-json otlp-proto", "how spans are written" },
	[OPT_ENDPOINT] = { "endpoint", 0, "http://localhost:4318", "send to this OTLP receiver" },
	[OPT_PROTOCOL] = { "protocol", 0, "http/protobuf http/json grpc", "how to send" },
	[OPT_COMPRESSION] = { "compression", 0, "gzip none zstd", "of what is sent" },
	[OPT_RETRY] = { "retry-for", 0, "60s", "how long to try one batch" },
	[OPT_AGAIN] = { "again", 0, NULL, "convert what was queued already" },
	[OPT_METRICS] = { "metrics", 0, NULL, "metrics of the Go runtime, too" },
	[OPT_STRICT] = { "strict", 0, NULL, "a damaged trace is a failure" },
	[OPT_QUIET] = { "quiet", 'q', NULL, "no summary, no progress bar" },
};

/* EXIT_DONE: *o is complete and optind is at the first file. */
static int parse_options(int argc, char **argv, struct options *o)
{
	int opt;

	while ((opt = cli_next(&cmd_convert, argc, argv)) != CLI_END) {
		switch (opt) {
		case OPT_CONFIG:
			o->config = optarg;
			break;
		case OPT_OUTPUT:
			o->out = optarg;
			break;
		case OPT_QUIET:
			o->quiet = true;
			break;
		case OPT_FORMAT:
			if (!parse_format(optarg, &o->format))
				return cli_usage(&cmd_convert,
						 "--format %s: expected otlp-json or otlp-proto",
						 optarg);
			break;
		case OPT_ENDPOINT:
			o->endpoint = optarg;
			break;
		case OPT_PROTOCOL:
			o->protocol = optarg;
			break;
		case OPT_COMPRESSION:
			o->compression = optarg;
			break;
		case OPT_RETRY:
			if (!parse_retry(optarg, &o->retry_ns))
				return cli_usage(&cmd_convert,
						 "--retry-for %s: expected a duration such as 90s",
						 optarg);
			break;
		case OPT_STRICT:
			o->strict = true;
			break;
		case OPT_AGAIN:
			o->again = true;
			break;
		case OPT_METRICS:
			o->metrics = true;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (!o->endpoint && (o->protocol || o->compression))
		return cli_usage(&cmd_convert, "%s needs --endpoint",
				 o->protocol ? "--protocol" : "--compression");
	if (optind == argc)
		return cli_usage(&cmd_convert, "expected at least one file");
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct options o = { .format = OTLP_JSON, .retry_ns = RETRY_NS };
	struct plan p = { .send.n_exporters = 0 };
	struct err err = ERR_INIT;
	int status = parse_options(argc, argv, &o);
	enum status st;

	if (status != EXIT_DONE)
		return status;
	st = plan_make(&p, &o, &err);
	if (st) {
		log_error("%s", err.msg);
		status = st == ST_CONFIG ? EXIT_USAGE : EXIT_FAILED;
	} else {
		if (o.config)
			warn_unused(&p, o.config);
		status = convert_all(argc - optind, argv + optind, &p, &o);
	}
	plan_release(&p);
	return status;
}

const struct command cmd_convert = {
	.name = "convert",
	.args = "[-c CONFIG] [-o OUT] [--format otlp-json|otlp-proto] [--endpoint URL"
		" [--protocol NAME] [--compression NAME] [--retry-for TIME]] FILE...",
	.summary = "turn snapshots into OpenTelemetry spans, once",
	.help = "Reads each FILE (a flight recorder snapshot or any Go execution trace; zstd and\n"
		"gzip are unpacked; - is standard input) and writes its spans as OTLP.\n\n"
		"  -o, --output OUT   write to OUT instead of standard output; it appears whole\n"
		"                     or not at all\n"
		"  --format FORMAT    otlp-json: one JSON object a line (the default);\n"
		"                     otlp-proto: protobuf messages, each after its length in\n"
		"                     four bytes\n"
		"  --endpoint URL     send to an OTLP receiver, such as http://localhost:4318,\n"
		"                     and wait for the acknowledgement; for gRPC also HOST:PORT\n"
		"                     and unix:PATH; OTEL_EXPORTER_OTLP_HEADERS and the like apply\n"
		"  --protocol NAME    http/protobuf (the default), http/json, or grpc\n"
		"  --compression NAME gzip (the default), none, or zstd, which not every receiver\n"
		"                     reads\n"
		"  --retry-for TIME   how long to try a batch that the receiver cannot take now,\n"
		"                     such as 5m; 60s by default, 0 is one attempt\n"
		"  -c, --config FILE  the YAML file; its service, mapping and sampling\n"
		"                     sections apply.\n"
		"                     Without -o and --endpoint the spans go to its exporters;\n"
		"                     with queue.path they are queued in that file first: run\n"
		"                     it again after a crash, and nothing is lost or repeated\n"
		"  --again            convert what an earlier run has queued already\n"
		"  --metrics          write and send metrics of the Go runtime too: scheduling\n"
		"                     latency, GC pauses, heap goal, goroutines, GOMAXPROCS;\n"
		"                     they are not queued\n"
		"  --strict           a damaged trace is a failure (exit status 1)\n"
		"  -q, --quiet        no summary, no progress bar, no word on retries\n\n"
		"The service is named by OTEL_SERVICE_NAME or the file's service.name.\n"
		"A damaged trace gives every span before the damage, what can be salvaged of\n"
		"the generation in which it was cut, and a warning.\n\n"
		"Try: OTEL_SERVICE_NAME=orders flightspan convert -o spans.jsonl snapshot.trace",
	.options = options,
	.run = run,
};
