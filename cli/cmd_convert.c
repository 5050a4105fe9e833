#include <getopt.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/convert.h"
#include "cli/output.h"
#include "cli/summary.h"
#include "config/settings.h"

/* The sections of a sidecar's file that this command has no use for. */
#define UNUSED_SECTIONS "sources triggers queue admin exporters"

/* How long a receiver may be away, unless the user says otherwise. */
#define RETRY_NS ((uint64_t)60 * 1000000000)

struct options {
	const char *config, *out, *endpoint, *protocol, *compression;
	enum otlp_format format;
	uint64_t retry_ns; /* of one batch */
	bool strict, quiet, metrics;
};

/* Everything that settings have to be turned into, with the memory for it. */
struct plan {
	struct settings settings;
	struct attr *attrs; /* of the resource */
	size_t n_attrs;
	struct otlp_http_settings http;
	struct output_options output;
	struct sampling_rule *sampling;
	struct mapper_options mapper;
};

static void plan_release(struct plan *p)
{
	mem_free(p->attrs);
	mem_free(p->sampling);
	settings_release(&p->settings);
}

static void add_attr(struct plan *p, const char *key, const char *value)
{
	if (!*value)
		return;
	p->attrs[p->n_attrs++] = (struct attr){ .key = slice_str(key),
						.type = ATTR_STRING,
						.str = slice_str(value) };
}

static void add_user_attr(struct plan *p, const struct setting_pair *pair)
{
	struct attr a = { .key = slice_str(pair->name) };

	switch (pair->value.type) {
	case SCALAR_BOOL:
		a.type = ATTR_BOOL;
		a.b = pair->value.b;
		break;
	case SCALAR_INT:
		a.type = ATTR_INT;
		a.i = pair->value.i;
		break;
	case SCALAR_FLOAT:
		a.type = ATTR_DOUBLE;
		a.d = pair->value.d;
		break;
	default:
		a.type = ATTR_STRING;
		a.str = slice_str(pair->text);
	}
	p->attrs[p->n_attrs++] = a;
}

/* The same bytes in every request: a fixed order. */
static enum status plan_resource(struct plan *p, struct err *err)
{
	const struct service_settings *s = &p->settings.service;

	p->attrs = mem_alloc((s->attributes.n + 8) * sizeof(*p->attrs));
	if (!p->attrs)
		return err_nomem(err, "the resource");
	add_attr(p, "service.name", s->name);
	add_attr(p, "service.namespace", s->namespace);
	add_attr(p, "service.version", s->version);
	add_attr(p, "service.instance.id", s->instance_id);
	add_attr(p, "process.runtime.name", "go");
	add_attr(p, "telemetry.distro.name", "flightspan");
	add_attr(p, "telemetry.distro.version", FLIGHTSPAN_VERSION);
	for (size_t i = 0; i < s->attributes.n; i++)
		add_user_attr(p, &s->attributes.ptr[i]);
	p->output.resource = (struct resource){ p->attrs, p->n_attrs };
	return ST_OK;
}

/* A minute of silence would look like a program that hangs. */
static void tell_wait(void *arg, const char *why, uint64_t wait_ns)
{
	(void)arg;
	log_warn("%s; trying again in %.1f s", why, (double)wait_ns / 1e9);
}

static void plan_http(struct plan *p, uint64_t retry_ns)
{
	const struct otlp_settings *o = &p->settings.exporters.ptr[0].otlp;

	p->http.otlp = *o;
	p->http.retry_budget_ns = retry_ns;
	p->output.http = &p->http;
}

static uint32_t to_u32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static void plan_mapper(struct plan *p)
{
	static const enum context_mode modes[] = { [SETTING_ADOPT] = CONTEXT_ADOPT,
						   [SETTING_LINK] = CONTEXT_LINK,
						   [SETTING_OFF] = CONTEXT_OFF };
	const struct mapping_settings *s = &p->settings.mapping;
	struct mapper_options *o = &p->mapper;

	mapper_options_default(o);
	o->service_name = slice_str(p->settings.service.name);
	o->service_namespace = slice_str(p->settings.service.namespace);
	o->service_instance = slice_str(p->settings.service.instance_id);
	o->spans_over_ns = s->blocking.spans_over_ns;
	o->events_over_ns = s->blocking.events_over_ns;
	o->stacks = s->blocking.stacks;
	o->regions = s->regions;
	o->logs = s->logs;
	o->gc = s->runtime.gc;
	o->stop_the_world = s->runtime.stop_the_world;
	o->events_per_span = to_u32(s->limits.events_per_span);
	o->spans_per_trace = o->spans_per_capture = to_u32(s->limits.spans_per_trace);
	o->attribute_length = to_u32(s->limits.attribute_bytes);
	o->context = modes[s->context.mode];
	o->metrics = s->metrics;
	o->links_per_span = to_u32(s->limits.links_per_span);
	o->context_categories = s->context.categories.ptr;
	o->n_context_categories = s->context.categories.n;
}

static enum status plan_sampling(struct plan *p, struct err *err)
{
	size_t n = p->settings.sampling.n;

	p->sampling = mem_alloc((n + 1) * sizeof(*p->sampling));
	if (!p->sampling)
		return err_nomem(err, "sampling");
	for (size_t i = 0; i < n; i++) {
		const struct sampling_settings *s = &p->settings.sampling.ptr[i];

		p->sampling[i] = (struct sampling_rule){ .by_latency = s->by_latency,
							 .by_log = s->by_log,
							 .longer_than_ns = s->longer_than_ns,
							 .category = s->category,
							 .message = s->message,
							 .keep = s->keep };
	}
	p->mapper.sampling = p->sampling;
	p->mapper.n_sampling = n;
	return ST_OK;
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

static enum status plan_make(struct plan *p, const struct options *o, struct err *err)
{
	struct env env = env_process();
	enum status st = settings_load(&p->settings, o->config, &env, err);

	if (!st && o->endpoint)
		st = send_to(&p->settings, o, err);
	if (!st)
		st = plan_resource(p, err);
	if (st)
		return st;
	log_set_level(p->settings.log.level);
	for (size_t i = 0; i < p->settings.warnings.n; i++)
		log_warn("%s", p->settings.warnings.ptr[i]);
	if (o->metrics)
		p->settings.mapping.metrics = true;
	plan_mapper(p);
	st = plan_sampling(p, err);
	if (st)
		return st;
	p->output.path = o->out ? o->out : o->endpoint ? NULL : "-";
	p->output.format = o->format;
	if (p->mapper.metrics && o->format == OTLP_PROTO && p->output.path &&
	    !strcmp(p->output.path, "-"))
		return err_set(
			err, ST_CONFIG, ERR_NO_OFFSET,
			"metrics in otlp-proto go to a file beside that of the spans: name one "
			"with -o, or use otlp-json");
	p->output.limits = (struct span_limits){
		.attributes = p->settings.mapping.limits.attributes_per_span,
		.links = p->settings.mapping.limits.links_per_span,
		.event_attributes = p->settings.mapping.limits.attributes_per_event,
		.link_attributes = p->settings.mapping.limits.attributes_per_link,
	};
	p->http = (struct otlp_http_settings){ OTLP_HTTP_DEFAULTS };
	if (!o->quiet)
		p->http.waiting = tell_wait;
	if (o->endpoint)
		plan_http(p, o->retry_ns);
	return ST_OK;
}

static void warn_unused(const struct settings *s, const char *path)
{
	char names[128];

	if (settings_unused(s, UNUSED_SECTIONS, names, sizeof(names)))
		log_warn("%s: convert does not use %s", path, names);
}

/* Output that is not standard output, nor only a receiver. */
static bool names_file(const struct plan *p)
{
	return p->output.path && strcmp(p->output.path, "-") != 0;
}

/* One file; returns false if it failed. *fatal: the output failed, not the input. */
static bool convert_one(const char *path, const struct plan *p, struct output *out,
			const struct options *o, bool *fatal)
{
	struct convert_result r;
	struct err err = ERR_INIT;
	bool progress = !o->quiet && isatty(STDERR_FILENO);
	struct metrics_sink metrics = { NULL, NULL };
	enum status st;

	if (p->mapper.metrics)
		metrics = output_metrics_sink(out);
	st = convert_file(path, &p->mapper, output_sink(out), metrics, progress, &r, &err);

	if (!st && p->mapper.sent)
		st = sent_commit(p->mapper.sent, &err);
	if (st) {
		if (p->mapper.sent)
			sent_abort(p->mapper.sent);
		*fatal = output_failed(out) || st == ST_NOMEM;
		cli_fail(path, &err);
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
	if (!o->quiet && (names_file(p) || !p->output.path))
		summary_print(stdout, path, &r);
	return !(r.damaged && o->strict);
}

static int convert_all(int n, char **files, struct plan *p, const struct options *o)
{
	struct err err = ERR_INIT;
	struct output *out;
	bool fatal = false;
	int converted = 0;
	bool ok;
	/* Snapshots overlap: what one has sent, the next ones leave out. */
	struct sent_set sent;
	enum status st = output_open(&out, &p->output, &err);

	if (st) {
		log_error("%s", err.msg);
		return st == ST_CONFIG ? EXIT_USAGE : EXIT_FAILED;
	}
	sent_init(&sent, MAX_SENT_KEYS);
	if (n > 1)
		p->mapper.sent = &sent;
	for (int i = 0; i < n && !fatal; i++)
		converted += convert_one(files[i], p, out, o, &fatal);
	sent_release(&sent);
	ok = converted == n;
	/* Of several files the good ones count; without any, an old output stays. */
	if (!converted && names_file(p))
		fatal = true;
	if (!fatal)
		st = output_finish(out, &err);
	if (st) {
		log_error("%s", err.msg);
		ok = false;
	}
	if (!o->quiet && (names_file(p) || !p->output.path)) {
		bool written = !fatal && (!st || st == ST_REMOTE);

		summary_print_output(stdout, written ? p->output.path : NULL,
				     o->format == OTLP_JSON ? "OTLP JSON lines"
							    : "OTLP protobuf, length-prefixed",
				     out);
	}
	output_close(out);
	return ok && !fatal ? EXIT_DONE : EXIT_FAILED;
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

/* EXIT_DONE: *o is complete and optind is at the first file. */
static int parse_options(int argc, char **argv, struct options *o)
{
	enum { FORMAT = 256, ENDPOINT, PROTOCOL, COMPRESSION, RETRY, STRICT, METRICS };
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "output", required_argument, NULL, 'o' },
						 { "format", required_argument, NULL, FORMAT },
						 { "endpoint", required_argument, NULL, ENDPOINT },
						 { "protocol", required_argument, NULL, PROTOCOL },
						 { "compression", required_argument, NULL,
						   COMPRESSION },
						 { "retry-for", required_argument, NULL, RETRY },
						 { "strict", no_argument, NULL, STRICT },
						 { "metrics", no_argument, NULL, METRICS },
						 { "quiet", no_argument, NULL, 'q' },
						 { NULL, 0, NULL, 0 } };
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":c:o:q", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			o->config = optarg;
			break;
		case 'o':
			o->out = optarg;
			break;
		case 'q':
			o->quiet = true;
			break;
		case FORMAT:
			if (!parse_format(optarg, &o->format))
				return cli_usage(&cmd_convert,
						 "--format %s: expected otlp-json or otlp-proto",
						 optarg);
			break;
		case ENDPOINT:
			o->endpoint = optarg;
			break;
		case PROTOCOL:
			o->protocol = optarg;
			break;
		case COMPRESSION:
			o->compression = optarg;
			break;
		case RETRY:
			if (!parse_retry(optarg, &o->retry_ns))
				return cli_usage(&cmd_convert,
						 "--retry-for %s: expected a duration such as 90s",
						 optarg);
			break;
		case STRICT:
			o->strict = true;
			break;
		case METRICS:
			o->metrics = true;
			break;
		case ':':
			return cli_usage(&cmd_convert, "%s needs a value", argv[optind - 1]);
		default:
			return cli_usage(&cmd_convert, "unknown option %s", argv[optind - 1]);
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
	struct plan p = { .attrs = NULL };
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
			warn_unused(&p.settings, o.config);
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
		"                     sections apply\n"
		"  --metrics          write and send metrics of the Go runtime too: scheduling\n"
		"                     latency, GC pauses, heap goal, goroutines, GOMAXPROCS\n"
		"  --strict           a damaged trace is a failure (exit status 1)\n"
		"  -q, --quiet        no summary, no progress bar, no word on retries\n\n"
		"The service is named by OTEL_SERVICE_NAME or the file's service.name.\n"
		"A damaged trace gives every span before the damage, what can be salvaged of\n"
		"the generation in which it was cut, and a warning.\n\n"
		"Try: OTEL_SERVICE_NAME=orders flightspan convert -o spans.jsonl snapshot.trace",
	.run = run,
};
