#include "tests/unit/transport_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "exporter/otlp_transcode.h"

#define EXPORT "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

struct transport_fixture fx;

const struct request_form request_forms[] = {
	[SETTING_HTTP_PROTOBUF] = { "path=/v1/traces ", "{Content-Type: application/x-protobuf}",
				    "{Content-Encoding: %s}", "proto=HTTP/1.1 " },
	[SETTING_HTTP_JSON] = { "path=/v1/traces ", "{Content-Type: application/json}",
				"{Content-Encoding: %s}", "proto=HTTP/1.1 " },
	[SETTING_GRPC] = { "path=" EXPORT " ", "{Content-Type: application/grpc}",
			   "{Grpc-Encoding: %s}", "proto=HTTP/2.0 " },
};

static uint64_t fixed_now(void *arg)
{
	(void)arg;
	return fx.now_ns;
}

static int64_t fixed_wall(void *arg)
{
	(void)arg;
	return 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
}

static void fixed_sleep(void *arg, uint64_t ns)
{
	(void)arg;
	fx.now_ns += ns;
	if (fx.n_naps < sizeof(fx.naps) / sizeof(fx.naps[0]))
		fx.naps[fx.n_naps++] = ns;
}

static uint64_t fixed_random(void *arg)
{
	(void)arg;
	return 400 * MS;
}

const struct retry_clock fixture_clock = { fixed_now, fixed_wall, fixed_sleep, fixed_random, NULL };

void transport_setup(void)
{
	const struct attr service = { .key = SLICE("service.name"), .str = SLICE("orders") };
	struct span s = { .trace_id = { 1 }, .name = SLICE("GET /"), .start_unix_ns = 5 };

	setenv("no_proxy", "127.0.0.1", 1);
	memset(&fx, 0, sizeof(fx));
	fx.err = (struct err)ERR_INIT;
	fx.now_ns = 1000;
	buf_init(&fx.json, MAX_BATCH_BYTES);
	otlp_batch_init(&fx.batch, OTLP_PROTO, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	ck_assert(!otlp_batch_resource(&fx.batch, &(struct resource){ &service, 1 }, &fx.err));
	for (size_t i = 0; i < N_SPANS; i++) {
		s.span_id[0] = (uint8_t)(i + 1);
		s.end_unix_ns = 6 + i;
		s.scope = (enum span_scope)(i % N_SCOPES);
		ck_assert(!otlp_batch_add(&fx.batch, &s, &fx.err));
	}
	ck_assert(!otlp_batch_finish(&fx.batch, &fx.message, &fx.err));
	ck_assert(!otlp_transcode(fx.message, &fx.json, &fx.err));
}

void transport_teardown(void)
{
	transport_close(fx.transport);
	otlp_batch_release(&fx.batch);
	buf_release(&fx.json);
	if (fx.server.pid)
		stop_receiver();
	if (fx.cert[0])
		unlink(fx.cert);
}

struct exporter_settings fixture_settings(enum setting_protocol protocol)
{
	return (struct exporter_settings){
		.is_otlp = true,
		.otlp = { .protocol = protocol, .endpoint = fx.url, .timeout_ns = 10 * S },
	};
}

void open_with(const struct exporter_settings *set)
{
	transport_close(fx.transport);
	fx.transport = NULL;
	ck_assert_msg(!transport_open(&fx.transport, set, &fixture_clock, &fx.err), "%s",
		      fx.err.msg);
}

void start_receiver(const char *script, const char *const *options)
{
	otlp_server_start_with(&fx.server, script, options);
	snprintf(fx.url, sizeof(fx.url), "http://me:pass@127.0.0.1:%d", fx.server.port);
}

void stop_receiver(void)
{
	otlp_server_stop(&fx.server);
	fx.server.pid = 0;
}

enum send_class attempt(void)
{
	transport_attempt(fx.transport, fx.message, N_SPANS, &fx.result);
	ck_assert_ptr_null(strstr(fx.result.outcome, "pass"));
	ck_assert_ptr_null(strpbrk(fx.result.text, "\n\t\x1b"));
	return fx.result.class;
}

void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in: %s", part, text);
}
