/*
 * bench_encode: spans per second through the batch, protobuf and JSON.
 *
 * The spans look like what a busy HTTP service gives: about 450 bytes of
 * protobuf, six attributes, one event, every fourth a scheduling span. Prints
 * one line a format. Argument: millions of spans (default 4). Not a test.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "exporter/otlp_batch.h"

#define TEXT(k, v)                                                                                 \
	{                                                                                          \
		.key = SLICE(k), .type = ATTR_STRING, .str = SLICE(v)                              \
	}
#define NUMBER(k, v)                                                                               \
	{                                                                                          \
		.key = SLICE(k), .type = ATTR_INT, .i = (v)                                        \
	}

static const struct attr attrs[] = {
	NUMBER("flightspan.goroutine.id", 4711),
	NUMBER("flightspan.time.running_ns", 1234567),
	NUMBER("flightspan.time.blocked_ns", 98765432),
	NUMBER("flightspan.time.runnable_ns", 54321),
	TEXT("code.function.name", "example.com/orders/internal/store.(*DB).QueryContext"),
	TEXT("flightspan.block.reason", "network"),
};
static const struct attr event_attrs[] = {
	TEXT("message", "cache miss for customer 1234, asking the database"),
};
static const struct span_event events[] = {
	{ .time_unix_ns = 1763900000000000000,
	  .name = SLICE("cache"),
	  .attrs = event_attrs,
	  .n_attrs = 1 },
};
static const struct attr resource_attrs[] = {
	TEXT("service.name", "orders"),
	TEXT("service.instance.id", "orders-7d9f4b6c5-x2x9z"),
	TEXT("process.runtime.name", "go"),
};

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fill(struct span *s, uint64_t i)
{
	*s = (struct span){
		.scope = i % 4 ? SCOPE_TASK : SCOPE_SCHED,
		.name = SLICE("GET /api/v1/orders/{id}"),
		.start_unix_ns = 1763900000000000000 + i * 1000,
		.end_unix_ns = 1763900000000500000 + i * 1000,
		.flags = SPAN_FLAG_SAMPLED | SPAN_FLAG_HAS_IS_REMOTE,
		.attrs = attrs,
		.n_attrs = sizeof(attrs) / sizeof(attrs[0]),
		.events = events,
		.n_events = 1,
	};
	for (unsigned int k = 0; k < 8; k++)
		s->span_id[k] = s->trace_id[k] = s->parent_id[k] = (uint8_t)(i * 97 >> (8 * k) | 1);
}

static int finish(struct otlp_batch *b, size_t *bytes)
{
	struct slice out;
	struct err err = ERR_INIT;

	if (otlp_batch_finish(b, &out, &err)) {
		fprintf(stderr, "bench_encode: %s\n", err.msg);
		return 1;
	}
	*bytes += out.len;
	otlp_batch_clear(b);
	return 0;
}

static int run(const char *name, enum otlp_format format, uint64_t n)
{
	const struct resource r = { resource_attrs, 3 };
	struct otlp_batch b;
	struct err err = ERR_INIT;
	struct span s;
	size_t bytes = 0;
	double start = cpu_seconds(), took;

	otlp_batch_init(&b, format, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	if (otlp_batch_resource(&b, &r, &err))
		return 1;
	for (uint64_t i = 0; i < n; i++) {
		enum status st;

		fill(&s, i);
		st = otlp_batch_add(&b, &s, &err);
		if (st == ST_END && !finish(&b, &bytes))
			st = otlp_batch_add(&b, &s, &err);
		if (st)
			return 1;
	}
	if (finish(&b, &bytes))
		return 1;
	took = cpu_seconds() - start;
	printf("%-5s %6.2f M spans/s  %7.1f MB/s  %5.1f bytes/span\n", name, (double)n / took / 1e6,
	       (double)bytes / took / 1e6, (double)bytes / (double)n);
	otlp_batch_release(&b);
	return 0;
}

int main(int argc, char **argv)
{
	double millions = argc > 1 ? strtod(argv[1], NULL) : 4;
	uint64_t n = (uint64_t)(millions * 1e6);

	return run("proto", OTLP_PROTO, n) || run("json", OTLP_JSON, n);
}
