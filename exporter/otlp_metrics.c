#include "exporter/otlp_metrics.h"

#include <stdlib.h>

#include "base/version.h"
#include "exporter/otlp_json.h"
#include "exporter/otlp_wire.h"
#include "metrics.pb-c.h"

#define SCOPE_NAME "flightspan.runtime"

#define DELTA                                                                                      \
	OPENTELEMETRY__PROTO__METRICS__V1__AGGREGATION_TEMPORALITY__AGGREGATION_TEMPORALITY_DELTA
#define CUMULATIVE                                                                                 \
	OPENTELEMETRY__PROTO__METRICS__V1__AGGREGATION_TEMPORALITY__AGGREGATION_TEMPORALITY_CUMULATIVE

#define METRIC Opentelemetry__Proto__Metrics__V1__Metric
#define SUM Opentelemetry__Proto__Metrics__V1__Sum
#define NUMBER Opentelemetry__Proto__Metrics__V1__NumberDataPoint
#define HISTOGRAM Opentelemetry__Proto__Metrics__V1__ExponentialHistogram
#define POINT Opentelemetry__Proto__Metrics__V1__ExponentialHistogramDataPoint
#define BUCKETS Opentelemetry__Proto__Metrics__V1__ExponentialHistogramDataPoint__Buckets

/* One metric with all that hangs below it. */
struct message {
	METRIC metric, *metric_at;
	SUM sum;
	NUMBER number, *number_at;
	HISTOGRAM histogram;
	POINT point, *point_at;
	BUCKETS buckets;
	uint64_t counts[HISTOGRAM_BUCKETS];
};

/* The buckets between the first and the last that are not empty. */
static void range_of(const struct histogram *h, size_t *first, size_t *n)
{
	size_t last = HISTOGRAM_BUCKETS;

	*first = 0;
	while (*first < HISTOGRAM_BUCKETS && !h->buckets[*first])
		++*first;
	while (last > *first && !h->buckets[last - 1])
		last--;
	*n = last - *first;
	if (!*n)
		*first = 0;
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void fill_histogram(struct message *to, const struct histogram *h, const struct metrics *m)
{
	size_t first;

	opentelemetry__proto__metrics__v1__exponential_histogram__init(&to->histogram);
	opentelemetry__proto__metrics__v1__exponential_histogram_data_point__init(&to->point);
	opentelemetry__proto__metrics__v1__exponential_histogram_data_point__buckets__init(
		&to->buckets);
	range_of(h, &first, &to->buckets.n_bucket_counts);
	memcpy(to->counts, h->buckets + first, to->buckets.n_bucket_counts * sizeof(*to->counts));
	to->buckets.bucket_counts = to->counts;
	to->buckets.offset = (int32_t)first + HISTOGRAM_LEAST;
	to->point.start_time_unix_nano = m->start_unix_ns;
	to->point.time_unix_nano = m->end_unix_ns;
	to->point.count = h->count;
	to->point.zero_count = h->zeros;
	to->point.scale = HISTOGRAM_SCALE;
	to->point._sum_case =
		OPENTELEMETRY__PROTO__METRICS__V1__EXPONENTIAL_HISTOGRAM_DATA_POINT___SUM_SUM;
	to->point.sum = seconds(h->sum_ns);
	to->point._min_case =
		OPENTELEMETRY__PROTO__METRICS__V1__EXPONENTIAL_HISTOGRAM_DATA_POINT___MIN_MIN;
	to->point.min = seconds(h->min_ns);
	to->point._max_case =
		OPENTELEMETRY__PROTO__METRICS__V1__EXPONENTIAL_HISTOGRAM_DATA_POINT___MAX_MAX;
	to->point.max = seconds(h->max_ns);
	if (to->buckets.n_bucket_counts)
		to->point.positive = &to->buckets;
	to->point_at = &to->point;
	to->histogram.data_points = &to->point_at;
	to->histogram.n_data_points = 1;
	to->histogram.aggregation_temporality = DELTA;
	to->metric.data_case =
		OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_EXPONENTIAL_HISTOGRAM;
	to->metric.exponential_histogram = &to->histogram;
}

static void fill_value(struct message *to, int64_t value, const struct metrics *m)
{
	opentelemetry__proto__metrics__v1__sum__init(&to->sum);
	opentelemetry__proto__metrics__v1__number_data_point__init(&to->number);
	to->number.start_time_unix_nano = m->start_unix_ns;
	to->number.time_unix_nano = m->end_unix_ns;
	to->number.value_case = OPENTELEMETRY__PROTO__METRICS__V1__NUMBER_DATA_POINT__VALUE_AS_INT;
	to->number.as_int = value;
	to->number_at = &to->number;
	to->sum.data_points = &to->number_at;
	to->sum.n_data_points = 1;
	to->sum.aggregation_temporality = CUMULATIVE;
	to->metric.data_case = OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_SUM;
	to->metric.sum = &to->sum;
}

/* The texts are constants; protobuf-c wants them writable and does not write. */
static char *constant(const char *text)
{
	return (char *)(uintptr_t)text; // NOLINT(performance-no-int-to-ptr)
}

static void fill(struct message *to, const struct metric *metric, const struct metrics *m)
{
	opentelemetry__proto__metrics__v1__metric__init(&to->metric);
	to->metric.name = constant(metric->name);
	to->metric.unit = constant(metric->unit);
	to->metric.description = constant(metric->description);
	if (metric->histogram)
		fill_histogram(to, metric->histogram, m);
	else
		fill_value(to, metric->value, m);
}

static void put_field_head(struct buf *out, unsigned int field, size_t len)
{
	uint8_t bytes[16];

	buf_add(out, bytes, (size_t)(wire_head_put(bytes, WIRE_BYTES(field), len) - bytes));
}

/* The messages around the metrics, each after its length, from the outside in. */
static void put_wire(struct buf *out, const struct resource *resource, METRIC *const *metrics,
		     size_t n)
{
	size_t kept = wire_resource_fit(resource, MAX_RESOURCE_BYTES);
	size_t res = wire_resource_size(resource, kept);
	size_t name = wire_scope_size(SCOPE_RUNTIME), scope = wire_head_size(name) + name, all;
	uint8_t *end;

	for (size_t i = 0; i < n; i++) {
		size_t size = protobuf_c_message_get_packed_size(&metrics[i]->base);

		scope += wire_head_size(size) + size;
	}
	all = wire_head_size(res) + res + wire_head_size(scope) + scope;
	put_field_head(out, 1, all);
	put_field_head(out, 1, res);
	if (!buf_reserve(out, res + WIRE_SLACK))
		return;
	end = wire_resource_put(out->ptr + out->len, resource, kept);
	out->len = (size_t)(end - out->ptr);
	put_field_head(out, 2, scope);
	put_field_head(out, 1, name);
	if (!buf_reserve(out, name))
		return;
	end = wire_scope_put(out->ptr + out->len, SCOPE_RUNTIME);
	out->len = (size_t)(end - out->ptr);
	for (size_t i = 0; i < n; i++) {
		size_t size = protobuf_c_message_get_packed_size(&metrics[i]->base);

		put_field_head(out, 2, size);
		if (!buf_reserve(out, size))
			return;
		out->len += protobuf_c_message_pack(&metrics[i]->base, out->ptr + out->len);
	}
}

static void put_times(struct buf *out, uint64_t start, uint64_t end)
{
	buf_printf(out, "\"startTimeUnixNano\":\"%llu\",\"timeUnixNano\":\"%llu\"",
		   (unsigned long long)start, (unsigned long long)end);
}

static void put_json_metric(struct buf *out, const METRIC *m)
{
	const BUCKETS *b;
	const POINT *p;

	/* Constants of ours: nothing to escape. */
	buf_printf(out, "{\"name\":\"%s\",\"description\":\"%s\",\"unit\":\"%s\",", m->name,
		   m->description, m->unit);
	if (m->data_case == OPENTELEMETRY__PROTO__METRICS__V1__METRIC__DATA_SUM) {
		buf_str(out, "\"sum\":{\"dataPoints\":[{");
		put_times(out, m->sum->data_points[0]->start_time_unix_nano,
			  m->sum->data_points[0]->time_unix_nano);
		buf_str(out, ",\"asInt\":\"");
		buf_i64(out, m->sum->data_points[0]->as_int);
		buf_str(out, "\"}],\"aggregationTemporality\":2}}");
		return;
	}
	p = m->exponential_histogram->data_points[0];
	b = p->positive;
	buf_str(out, "\"exponentialHistogram\":{\"dataPoints\":[{");
	put_times(out, p->start_time_unix_nano, p->time_unix_nano);
	buf_printf(out, ",\"count\":\"%llu\",\"sum\":%.17g,\"scale\":%d,\"zeroCount\":\"%llu\"",
		   (unsigned long long)p->count, p->sum, (int)p->scale,
		   (unsigned long long)p->zero_count);
	if (b) {
		buf_printf(out, ",\"positive\":{\"offset\":%d,\"bucketCounts\":[", (int)b->offset);
		for (size_t i = 0; i < b->n_bucket_counts; i++)
			buf_printf(out, "%s\"%llu\"", i ? "," : "",
				   (unsigned long long)b->bucket_counts[i]);
		buf_str(out, "]}");
	}
	buf_printf(out, ",\"min\":%.17g,\"max\":%.17g}],\"aggregationTemporality\":1}}", p->min,
		   p->max);
}

static void put_json(struct buf *out, const struct resource *resource, METRIC *const *metrics,
		     size_t n)
{
	size_t kept = wire_resource_fit(resource, MAX_RESOURCE_BYTES);
	uint8_t *end;

	buf_str(out, "{\"resourceMetrics\":[{\"resource\":");
	if (!buf_reserve(out, json_resource_bound(resource, kept)))
		return;
	end = json_resource_put(out->ptr + out->len, resource, kept);
	out->len = (size_t)(end - out->ptr);
	buf_str(out, ",\"scopeMetrics\":[{\"scope\":{\"name\":\"" SCOPE_NAME
		     "\",\"version\":\"" FLIGHTSPAN_VERSION "\"},\"metrics\":[");
	for (size_t i = 0; i < n; i++) {
		buf_str(out, i ? "," : "");
		put_json_metric(out, metrics[i]);
	}
	buf_str(out, "]}]}]}");
}

enum status otlp_metrics_put(struct buf *out, enum otlp_format format,
			     const struct resource *resource, const struct metrics *m,
			     struct err *err)
{
	struct message messages[MAX_METRICS];
	METRIC *list[MAX_METRICS];

	for (size_t i = 0; i < m->n; i++) {
		fill(&messages[i], &m->list[i], m);
		list[i] = &messages[i].metric;
	}
	buf_clear(out);
	if (format == OTLP_JSON)
		put_json(out, resource, list, m->n);
	else
		put_wire(out, resource, list, m->n);
	return buf_status(out, "metrics", err);
}
