#include "cli/summary.h"

#include <inttypes.h>

#include "base/log.h"

#define DURATION_BYTES 24

const char *summary_duration(uint64_t ns, char *text)
{
	static const struct {
		uint64_t ns;
		const char *unit;
	} units[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "us" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double v = (double)ns / (double)units[i].ns;

		if (ns < units[i].ns)
			continue;
		snprintf(text, DURATION_BYTES,
			 v < 10	   ? "%.2f %s"
			 : v < 100 ? "%.1f %s"
				   : "%.0f %s",
			 v, units[i].unit);
		return text;
	}
	snprintf(text, DURATION_BYTES, "%" PRIu64 " ns", ns);
	return text;
}

static void print_count(FILE *out, uint64_t n, const char *one, const char *more)
{
	fprintf(out, "%" PRIu64 " %s", n, n == 1 ? one : more);
}

static void print_slowest(FILE *out, const struct mapper_summary *s)
{
	char text[DURATION_BYTES];

	if (!s->slowest.any) {
		fputs("  no tasks: nothing says where a request begins and ends\n", out);
		return;
	}
	fprintf(out, "  slowest task: %s, %s%s, trace ", s->slowest.name,
		summary_duration(s->slowest.duration_ns, text),
		s->slowest.cut ? " (cut by the capture's edge)" : "");
	for (int i = 0; i < TRACE_ID_BYTES; i++)
		fprintf(out, "%02x", s->slowest.trace_id[i]);
	fputc('\n', out);
	if (!s->slowest.wait_ns)
		return;
	fprintf(out, "    waited %s for \"%s\"", summary_duration(s->slowest.wait_ns, text),
		s->slowest.reason);
	if (s->slowest.where[0])
		fprintf(out, " in %s", s->slowest.where);
	if (s->slowest.waker[0])
		fprintf(out, "\n    until woken by %s", s->slowest.waker);
	fputc('\n', out);
}

void summary_print(FILE *out, const char *path, const struct convert_result *r)
{
	const struct mapper_summary *s = &r->summary;
	char name[256];

	log_escape(slice_str(strcmp(path, "-") ? path : "standard input"), name, sizeof(name));
	fprintf(out, "%s: ", name);
	print_count(out, s->events, "event", "events");
	fputs(" in ", out);
	print_count(out, s->generations, "generation", "generations");
	fputs("\n  ", out);
	print_count(out, s->traces, "trace", "traces");
	fputs(", ", out);
	print_count(out, s->spans, "span", "spans");
	fputs(": ", out);
	print_count(out, s->tasks, "task", "tasks");
	if (s->cut_tasks)
		fprintf(out, " (%" PRIu64 " cut by the capture's edges)", s->cut_tasks);
	fputs(", ", out);
	print_count(out, s->regions, "region", "regions");
	fputs(", ", out);
	print_count(out, s->waits, "wait", "waits");
	fputs(", ", out);
	print_count(out, s->logs, "log", "logs");
	fputc('\n', out);
	if (s->in_context)
		fprintf(out, "  %" PRIu64 " tasks belong to spans of the service's own traces\n",
			s->in_context);
	if (s->dropped_spans || s->dropped_events)
		fprintf(out,
			"  over the limits: %" PRIu64 " spans and %" PRIu64 " events left out\n",
			s->dropped_spans, s->dropped_events);
	if (s->unsampled_spans)
		fprintf(out,
			"  not kept by the sampling policies: %" PRIu64 " traces, %" PRIu64
			" spans\n",
			s->unsampled_traces, s->unsampled_spans);
	if (s->repeated_spans)
		fprintf(out, "  sent with an earlier file: %" PRIu64 " spans\n", s->repeated_spans);
	if (!s->has_clock)
		fputs("  the trace has no clock: its end is taken for the file's time\n", out);
	print_slowest(out, s);
}

void summary_print_size(FILE *out, uint64_t bytes)
{
	if (bytes >= 10000000)
		fprintf(out, "%.0f MB", (double)bytes / 1e6);
	else if (bytes >= 10000)
		fprintf(out, "%.0f kB", (double)bytes / 1e3);
	else
		fprintf(out, "%" PRIu64 " bytes", bytes);
}

void summary_print_file(FILE *out, const char *path, const char *format, uint64_t bytes)
{
	char name[256];

	log_escape(slice_str(path), name, sizeof(name));
	fprintf(out, "spans written to %s (", name);
	summary_print_size(out, bytes);
	fprintf(out, ", %s)\n", format);
}
