/* The long answers of the admin address: metrics and captures. */
#include <dirent.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/admin.h"
#include "cli/metrics_send.h"
#include "cli/run_worker.h"
#include "cli/send.h"

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void quoted(struct buf *b, const char *text)
{
	char safe[1024];

	log_escape(slice_str(text), safe, sizeof(safe));
	buf_u8(b, '"');
	for (const char *at = safe; *at; at++) {
		if (*at == '"' || *at == '\\')
			buf_u8(b, '\\');
		buf_u8(b, (uint8_t)*at);
	}
	buf_u8(b, '"');
}

static void simple(struct buf *b, const char *name, const char *type, const char *help, uint64_t v)
{
	head(b, name, type, help);
	buf_printf(b, "%s %" PRIu64 "\n", name, v);
}

/*
 * OpenTelemetry's conventions for the SDK's own metrics, which our queue and senders are:
 * otel.sdk.exporter.span.exported and otel.sdk.processor.span.*.
 */
static void exporter_row(struct buf *b, const char *name, const struct exporter_settings *e,
			 const char *error, uint64_t v)
{
	const char *type = e->is_file				   ? "file_span_exporter"
			   : e->otlp.protocol == SETTING_GRPC	   ? "otlp_grpc_span_exporter"
			   : e->otlp.protocol == SETTING_HTTP_JSON ? "otlp_http_json_span_exporter"
								   : "otlp_http_span_exporter";

	buf_printf(b, "%s{otel_component_name=", name);
	quoted(b, e->name);
	buf_printf(b, ",otel_component_type=\"%s\"", type);
	if (error)
		buf_printf(b, ",error_type=\"%s\"", error);
	buf_printf(b, "} %" PRIu64 "\n", v);
}

static void exported(struct buf *b, const struct settings *s, const struct queue_counts *c)
{
	static const char name[] = "otel_sdk_exporter_span_exported_total";

	head(b, name, "counter", "Spans that a destination has answered for, by error.type.");
	for (size_t i = 0; i < s->exporters.n; i++) {
		exporter_row(b, name, &s->exporters.ptr[i], "", c[i].acknowledged);
		exporter_row(b, name, &s->exporters.ptr[i], "rejected", c[i].rejected);
	}
}

static void processed(struct buf *b, const struct settings *s, const struct queue_counts *c)
{
	static const char name[] = "otel_sdk_processor_span_processed_total";

	head(b, name, "counter",
	     "Spans that left the queue; with error.type those dropped, and why.");
	for (size_t i = 0; i < s->exporters.n; i++) {
		exporter_row(b, name, &s->exporters.ptr[i], "", c[i].acknowledged + c[i].rejected);
		for (size_t r = 0; r < N_QUEUE_REASONS; r++)
			exporter_row(b, name, &s->exporters.ptr[i],
				     queue_reason_name((enum queue_reason)r), c[i].dropped[r]);
	}
}

static void destinations(struct buf *b, const struct run_view *v)
{
	struct queue_counts c[MAX_DESTINATIONS];
	const struct settings *s = v->settings;
	struct err err = ERR_INIT;
	uint64_t used, max;
	struct timespec now;

	for (size_t i = 0; i < s->exporters.n; i++) {
		if (queue_count(send_queue(v->send), i, &c[i], &err))
			return;
	}
	exported(b, s, c);
	processed(b, s, c);
	head(b, "otel_sdk_processor_span_queue_size", "gauge", "Spans that wait to be sent.");
	for (size_t i = 0; i < s->exporters.n; i++)
		exporter_row(b, "otel_sdk_processor_span_queue_size", &s->exporters.ptr[i], NULL,
			     c[i].queued);
	head(b, "flightspan_dead_letter_spans", "gauge", "Spans refused for good, and kept.");
	for (size_t i = 0; i < s->exporters.n; i++)
		exporter_row(b, "flightspan_dead_letter_spans", &s->exporters.ptr[i], NULL,
			     c[i].dead);
	clock_gettime(CLOCK_REALTIME, &now);
	head(b, "flightspan_lag_seconds", "gauge", "Age of the oldest batch that waits.");
	for (size_t i = 0; i < s->exporters.n; i++)
		exporter_row(b, "flightspan_lag_seconds", &s->exporters.ptr[i], NULL,
			     c[i].oldest_s && now.tv_sec > c[i].oldest_s
				     ? (uint64_t)(now.tv_sec - c[i].oldest_s)
				     : 0);
	if (queue_usage(send_queue(v->send), &used, &max, &err))
		return;
	simple(b, "flightspan_queue_used_bytes", "gauge", "Size of the queue on disk.", used);
	simple(b, "flightspan_queue_capacity_bytes", "gauge", "Largest size of the queue.", max);
}

static void requests(struct buf *b, const struct run_view *v)
{
	struct delivery_status d;
	const char *shown;

	head(b, "flightspan_requests_total", "counter",
	     "Requests to a destination since the start.");
	for (size_t i = 0; send_status(v->send, i, &shown, &d); i++)
		exporter_row(b, "flightspan_requests_total", &v->settings->exporters.ptr[i], NULL,
			     d.stats.requests);
	head(b, "flightspan_retries_total", "counter", "Those of them that repeated one.");
	for (size_t i = 0; send_status(v->send, i, &shown, &d); i++)
		exporter_row(b, "flightspan_retries_total", &v->settings->exporters.ptr[i], NULL,
			     d.stats.retries);
	head(b, "flightspan_sent_bytes_total", "counter", "Bytes acknowledged, as sent.");
	for (size_t i = 0; send_status(v->send, i, &shown, &d); i++)
		exporter_row(b, "flightspan_sent_bytes_total", &v->settings->exporters.ptr[i], NULL,
			     d.stats.bytes_sent);
}

static void metrics_row(struct buf *b, const struct run_view *v, const char *name, bool lost)
{
	struct metrics_counts c;

	for (size_t i = 0; i < v->settings->exporters.n; i++) {
		if (metrics_send_counts(v->metrics, i, &c))
			exporter_row(b, name, &v->settings->exporters.ptr[i], NULL,
				     lost ? c.lost : c.sent);
	}
}

static void metrics(struct buf *b, const struct run_view *v)
{
	head(b, "flightspan_metrics_sent_total", "counter",
	     "Messages of metrics of the traced program that were acknowledged.");
	metrics_row(b, v, "flightspan_metrics_sent_total", false);
	head(b, "flightspan_metrics_lost_total", "counter",
	     "Messages of such metrics that were not.");
	metrics_row(b, v, "flightspan_metrics_lost_total", true);
}

static void work(struct buf *b, const struct run_view *v)
{
	struct worker_counts c;

	worker_counts(v->worker, &c);
	head(b, "flightspan_captures_total", "counter", "Captures read, by what became of them.");
	for (int i = 0; i <= CAPTURE_LATER; i++)
		buf_printf(b, "flightspan_captures_total{outcome=\"%s\"} %" PRIu64 "\n",
			   capture_outcome_name((enum capture_outcome)i), c.captures[i]);
	simple(b, "flightspan_captures_damaged_total", "counter", "Those queued that were damaged.",
	       c.damaged);
	simple(b, "flightspan_read_bytes_total", "counter", "Bytes of captures queued.", c.bytes);
	simple(b, "flightspan_read_events_total", "counter", "Events in them.", c.events);
	simple(b, "flightspan_spans_total", "counter", "Spans made of them.", c.spans);
	simple(b, "flightspan_unsampled_spans_total", "counter", "Spans that no policy kept.",
	       c.unsampled_spans);
	simple(b, "flightspan_limited_spans_total", "counter", "Spans left out for mapping.limits.",
	       c.dropped_spans);
	simple(b, "flightspan_inbox_captures", "gauge", "Captures that wait to be read.",
	       inbox_length(v->inbox));
}

static void source_row(struct buf *b, const char *name, const struct run_view *v, size_t i,
		       uint64_t n)
{
	buf_printf(b, "%s{source=", name);
	quoted(b, v->sources[i].name);
	buf_printf(b, ",kind=\"%s\"} %" PRIu64 "\n", v->sources[i].kind, n);
}

static void sources(struct buf *b, const struct run_view *v)
{
	head(b, "flightspan_source_ready", "gauge",
	     "1: its folder is there, its socket listens, its program answers.");
	for (size_t i = 0; i < v->n_sources; i++)
		source_row(b, "flightspan_source_ready", v, i, v->sources[i].status.ready);
	head(b, "flightspan_source_waiting", "gauge", "Snapshots that are not done.");
	for (size_t i = 0; i < v->n_sources; i++)
		source_row(b, "flightspan_source_waiting", v, i, v->sources[i].status.waiting);
	head(b, "flightspan_source_refused_total", "counter",
	     "Those not taken because of a limit.");
	for (size_t i = 0; i < v->n_sources; i++)
		source_row(b, "flightspan_source_refused_total", v, i,
			   v->sources[i].status.left_out);
	head(b, "flightspan_open_tasks", "gauge", "Tasks that are open in the traced program.");
	for (size_t i = 0; i < v->n_sources; i++) {
		if (!strcmp(v->sources[i].kind, "stream"))
			source_row(b, "flightspan_open_tasks", v, i,
				   v->sources[i].status.open_tasks);
	}
}

static void triggers(struct buf *b, const struct run_view *v)
{
	struct trigger_count *c = mem_alloc(MAX_TRIGGERS * sizeof(*c));
	size_t n = c ? trigger_counts(v->triggers, c, MAX_TRIGGERS) : 0;

	head(b, "flightspan_triggers_fired_total", "counter", "How often a trigger fired.");
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "flightspan_triggers_fired_total{trigger=\"%s\"} %" PRIu64 "\n",
			   c[i].name, c[i].fired);
	head(b, "flightspan_triggers_held_total", "counter",
	     "How often one was met within its cooldown or over max_per_hour.");
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "flightspan_triggers_held_total{trigger=\"%s\"} %" PRIu64 "\n",
			   c[i].name, c[i].held);
	head(b, "flightspan_trigger_captures_total", "counter",
	     "Captures that were made for a trigger, and whose spans are queued.");
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "flightspan_trigger_captures_total{trigger=\"%s\"} %" PRIu64 "\n",
			   c[i].name, c[i].captures);
	mem_free(c);
}

/* The process metrics that every Prometheus client has. */
static void process(struct buf *b)
{
	struct rusage u;
	char text[128] = "";
	uint64_t pages = 0, fds = 0;
	FILE *in = fopen("/proc/self/statm", "re");
	DIR *d = opendir("/proc/self/fd");

	if (in && fgets(text, sizeof(text), in)) {
		const char *at = text + strcspn(text, " ");

		at += strspn(at, " ");
		(void)num_u64((struct slice){ (const uint8_t *)at, strcspn(at, " ") }, UINT64_MAX,
			      &pages);
	}
	if (in)
		fclose(in);
	/* Less ".", ".." and the one that counts. */
	while (d && readdir(d))
		fds++;
	if (d)
		closedir(d);
	getrusage(RUSAGE_SELF, &u);
	head(b, "process_cpu_seconds_total", "counter", "CPU time of this process.");
	buf_printf(b, "process_cpu_seconds_total %.3f\n",
		   (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
			   (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	simple(b, "process_resident_memory_bytes", "gauge", "Memory of this process.",
	       pages * (uint64_t)sysconf(_SC_PAGESIZE));
	simple(b, "process_open_fds", "gauge", "Open files of this process.",
	       fds > 3 ? fds - 3 : 0);
}

void admin_metrics(struct buf *b, const struct run_view *v)
{
	if (v->send) {
		destinations(b, v);
		requests(b, v);
	}
	if (v->metrics)
		metrics(b, v);
	work(b, v);
	sources(b, v);
	triggers(b, v);
	process(b);
}

static void member(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, ",\"%s\":", name);
	quoted(b, value);
}

void admin_captures(struct buf *b, const struct run_view *v)
{
	struct worker_capture *all = mem_alloc(WORKER_CAPTURES * sizeof(*all));
	size_t n = all ? worker_last(v->worker, all) : 0;

	if (!all)
		b->failed = ST_NOMEM;
	buf_u8(b, '[');
	for (size_t i = 0; i < n; i++) {
		const struct worker_capture *c = &all[i];

		buf_printf(b, "%s{\"unix_ms\":%" PRIi64, i ? ",\n" : "", c->at_ms);
		member(b, "source", c->source);
		member(b, "name", c->name);
		member(b, "outcome", capture_outcome_name(c->outcome));
		if (*c->why)
			member(b, "why", c->why);
		if (*c->trigger)
			member(b, "trigger", c->trigger);
		if (*c->cause)
			member(b, "cause", c->cause);
		buf_printf(b,
			   ",\"bytes\":%" PRIu64 ",\"events\":%" PRIu64 ",\"spans\":%" PRIu64
			   ",\"traces\":%" PRIu64 ",\"damaged\":%s}",
			   c->bytes, c->events, c->spans, c->traces, c->damaged ? "true" : "false");
	}
	buf_str(b, "]\n");
	mem_free(all);
}
