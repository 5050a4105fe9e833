#include "exporter/transport.h"

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "exporter/compress.h"
#include "exporter/otlp_batch.h"
#include "exporter/otlp_transcode.h"
#include "tests/unit/otlp_server.h"
#include "tests/unit/suites.h"

#define S ((uint64_t)1000000000)
#define N_SPANS 40
#define EXPORT "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

/* The one test's state. */
static struct {
	struct otlp_server server;
	struct transport *transport;
	struct otlp_batch batch;
	struct slice message;
	struct buf json; /* the same */
	struct err err;
	struct attempt_result result;
	char url[64], cert[64];
} fx;

static int64_t fixed_wall(void *arg)
{
	(void)arg;
	return 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
}

static const struct retry_clock fixed_clock = { .wall_s = fixed_wall };

static void setup(void)
{
	const struct attr service = { .key = SLICE("service.name"), .str = SLICE("orders") };
	struct span s = { .trace_id = { 1 }, .name = SLICE("GET /"), .start_unix_ns = 5 };

	setenv("no_proxy", "127.0.0.1", 1);
	memset(&fx, 0, sizeof(fx));
	fx.err = (struct err)ERR_INIT;
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

static void teardown(void)
{
	transport_close(fx.transport);
	otlp_batch_release(&fx.batch);
	buf_release(&fx.json);
	if (fx.server.pid)
		otlp_server_stop(&fx.server);
	if (fx.cert[0])
		unlink(fx.cert);
}

static struct exporter_settings settings(enum setting_protocol protocol)
{
	return (struct exporter_settings){
		.is_otlp = true,
		.otlp = { .protocol = protocol, .endpoint = fx.url, .timeout_ns = 10 * S },
	};
}

static void open_with(const struct exporter_settings *set)
{
	transport_close(fx.transport);
	fx.transport = NULL;
	ck_assert_msg(!transport_open(&fx.transport, set, &fixed_clock, &fx.err), "%s", fx.err.msg);
}

static void start(const char *script, const char *const *options)
{
	otlp_server_start_with(&fx.server, script, options);
	snprintf(fx.url, sizeof(fx.url), "http://me:pass@127.0.0.1:%d", fx.server.port);
}

static enum send_class attempt(void)
{
	transport_attempt(fx.transport, fx.message, N_SPANS, &fx.result);
	ck_assert_ptr_null(strstr(fx.result.outcome, "pass"));
	ck_assert_ptr_null(strpbrk(fx.result.text, "\n\t\x1b"));
	return fx.result.class;
}

static void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in: %s", part, text);
}

/* The server's own words for a body: its length and FNV-1a hash. */
static const char *fingerprint(struct slice bytes)
{
	static char text[64];
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < bytes.len; i++)
		h = (h ^ bytes.ptr[i]) * 0x100000001b3u;
	snprintf(text, sizeof(text), " plain=%zu:%016" PRIx64 " ", bytes.len, h);
	return text;
}

/* ---- what is sent ---- */

static const struct {
	const char *path, *type, *encoding, *proto;
} forms[] = {
	[SETTING_HTTP_PROTOBUF] = { "path=/v1/traces ", "{Content-Type: application/x-protobuf}",
				    "{Content-Encoding: %s}", "proto=HTTP/1.1 " },
	[SETTING_HTTP_JSON] = { "path=/v1/traces ", "{Content-Type: application/json}",
				"{Content-Encoding: %s}", "proto=HTTP/1.1 " },
	[SETTING_GRPC] = { "path=" EXPORT " ", "{Content-Type: application/grpc}",
			   "{Grpc-Encoding: %s}", "proto=HTTP/2.0 " },
};

/* Three protocols with three compressions; many requests on one connection. */
START_TEST(requests)
{
	enum setting_protocol protocol = (enum setting_protocol)(_i / 3);
	struct exporter_settings set = settings(protocol);
	struct setting_pair headers[] = { { .name = "X-Scope-OrgID", .text = "team-a" },
					  { .name = "empty", .text = "" } };
	char encoding[64], first[64] = "";

	set.otlp.compression = (enum setting_compression)(_i % 3);
	set.otlp.headers.ptr = headers;
	set.otlp.headers.n = 2;
	snprintf(encoding, sizeof(encoding), forms[protocol].encoding,
		 compression_name(set.otlp.compression));
	start("[]", NULL);
	open_with(&set);
	/* What was borrowed may change now. */
	headers[0].text = "x";
	for (int i = 0; i < 5; i++) {
		const char *line, *wire;

		ck_assert_msg(attempt() == SEND_ACCEPTED, "%s", fx.result.outcome);
		line = otlp_server_request(&fx.server);
		has(line, "method=POST ");
		has(line, "conn=1 ");
		has(line, forms[protocol].path);
		has(line, forms[protocol].type);
		has(line, forms[protocol].proto);
		has(line, "spans=40 ");
		has(line, "{X-Scope-Orgid: team-a}");
		has(line, "{Empty: }");
		has(line, "{Authorization: Basic ");
		has(line, " OTel-OTLP-Exporter-C/");
		has(line,
		    fingerprint(protocol == SETTING_HTTP_JSON ? buf_view(&fx.json) : fx.message));
		ck_assert((strstr(line, encoding) != NULL) ==
			  (set.otlp.compression != SETTING_NONE));
		ck_assert_ptr_null(strstr(line, "{Expect"));
		ck_assert_ptr_null(strstr(line, "{Accept-Encoding"));
		if (protocol == SETTING_GRPC)
			has(line, "{Te: trailers}");
		/* The same bytes each time. */
		wire = strstr(line, " wire=");
		ck_assert_ptr_nonnull(wire);
		if (!i)
			snprintf(first, 30, "%s", wire);
		ck_assert_int_eq(strncmp(first, wire, strlen(first)), 0);
	}
}
END_TEST

/* ---- what comes back ---- */

#define HTTP_BOTH (1 << SETTING_HTTP_PROTOBUF | 1 << SETTING_HTTP_JSON)
#define PB_ONLY (1 << SETTING_HTTP_PROTOBUF)
#define JSON_ONLY (1 << SETTING_HTTP_JSON)
#define GRPC_ONLY (1 << SETTING_GRPC)
#define ALL (HTTP_BOTH | GRPC_ONLY)
#define PARTIAL "\"body_hex\":\"0a0a080312066e6f0a776179\""

static const struct {
	const char *step;
	int protocols;
	enum send_class class;
	uint64_t wait_ns;
	unsigned int rejected;
	bool unreadable;
	const char *outcome, *text;
} answers[] = {
	{ "{}", ALL, SEND_ACCEPTED, 0, 0, false, "", "" },
	{ "{\"status\":202}", HTTP_BOTH, SEND_ACCEPTED, 0, 0, false, "", "" },
	{ "{" PARTIAL "}", PB_ONLY, SEND_ACCEPTED, 0, 3, false, "", "no way" },
	{ "{" PARTIAL "}", GRPC_ONLY, SEND_ACCEPTED, 0, 3, false, "", "no way" },
	{ "{\"body\":\"{\\\"partialSuccess\\\":{\\\"rejectedSpans\\\":\\\"3\\\",\\\"errorMessage\\\":\\\"no\\\"}}\"}",
	  JSON_ONLY, SEND_ACCEPTED, 0, 3, false, "", "no" },
	{ "{\"body_hex\":\"ffff\"}", ALL, SEND_ACCEPTED, 0, 0, true, "", "" },
	{ "{\"type\":\"text/html\",\"body\":\"<h1>fine</h1>\"}", HTTP_BOTH, SEND_ACCEPTED, 0, 0,
	  false, "", "" },
	{ "{\"body_bytes\":5000000}", ALL, SEND_ACCEPTED, 0, 0, true, "", "" },
	{ "{\"bomb_bytes\":50000000,\"encoding\":\"gzip\"}", ALL, SEND_ACCEPTED, 0, 0, true, "",
	  "" },
	{ "{\"encoding\":\"br\",\"body\":\"x\"}", ALL, SEND_ACCEPTED, 0, 0, true, "", "" },
	{ "{\"status\":503}", HTTP_BOTH, SEND_RETRY, 0, 0, false, "HTTP status 503", "" },
	{ "{\"status\":429,\"retry_after\":\"3\"}", ALL, SEND_RETRY, 3 * S, 0, false,
	  "HTTP status 429", "" },
	{ "{\"status\":503,\"retry_after\":\"Sun, 06 Nov 1994 08:50:00 GMT\"}", ALL, SEND_RETRY,
	  23 * S, 0, false, "HTTP status 503", "" },
	{ "{\"status\":429,\"retry_info_ms\":2500,\"message\":\"busy\"}", PB_ONLY, SEND_RETRY,
	  2500000000, 0, false, "HTTP status 429", "busy" },
	{ "{\"grpc\":14,\"message\":\"later, please: 50%\"}", GRPC_ONLY, SEND_RETRY, 0, 0, false,
	  "gRPC status 14 UNAVAILABLE", "later, please: 50%" },
	{ "{\"grpc\":8,\"retry_info_ms\":5000,\"message\":\"busy\"}", GRPC_ONLY, SEND_RETRY, 5 * S,
	  0, false, "gRPC status 8 RESOURCE_EXHAUSTED", "busy" },
	{ "{\"grpc\":8,\"trailers_too\":true,\"retry_info_ms\":5000}", GRPC_ONLY, SEND_RETRY, 5 * S,
	  0, false, "gRPC status 8", "" },
	{ "{\"grpc\":8}", GRPC_ONLY, SEND_TOO_BIG, 0, 0, false, "gRPC status 8", "" },
	{ "{\"grpc\":3,\"message\":\"bad \\u001b[31m id\"}", GRPC_ONLY, SEND_PERMANENT, 0, 0, false,
	  "gRPC status 3 INVALID_ARGUMENT", "bad [31m id" },
	{ "{\"grpc\":16}", GRPC_ONLY, SEND_CONFIG, 0, 0, false, "gRPC status 16", "" },
	{ "{\"grpc\":77}", GRPC_ONLY, SEND_PERMANENT, 0, 0, false, "gRPC status 77", "" },
	{ "{\"no_trailers\":true}", GRPC_ONLY, SEND_TRANSPORT, 0, 0, false, "HTTP status 200", "" },
	{ "{\"status\":404}", GRPC_ONLY, SEND_CONFIG, 0, 0, false, "HTTP status 404", "" },
	{ "{\"status\":400,\"message\":\"bad id\"}", HTTP_BOTH, SEND_PERMANENT, 0, 0, false,
	  "HTTP status 400", "bad id" },
	{ "{\"status\":400,\"type\":\"application/json\",\"body\":\"{\\\"message\\\":\\\"bad\\\"}\"}",
	  JSON_ONLY, SEND_PERMANENT, 0, 0, false, "HTTP status 400", "bad" },
	{ "{\"status\":413}", ALL, SEND_TOO_BIG, 0, 0, false, "HTTP status 413", "" },
	{ "{\"status\":302,\"location\":\"/v1/traces\"}", HTTP_BOTH, SEND_CONFIG, 0, 0, false,
	  "HTTP status 302", "" },
	{ "{\"close\":true}", ALL, SEND_TRANSPORT, 0, 0, false, "", "" },
	{ "{\"reset\":true}", ALL, SEND_TRANSPORT, 0, 0, false, "", "" },
	{ "{\"reset_stream\":true}", GRPC_ONLY, SEND_TRANSPORT, 0, 0, false, "", "" },
	{ "{\"cut\":true,\"body\":\"x\"}", ALL, SEND_TRANSPORT, 0, 0, false, "", "" },
};

START_TEST(verdicts)
{
	for (int p = SETTING_HTTP_PROTOBUF; p <= SETTING_GRPC; p++) {
		struct exporter_settings set = settings((enum setting_protocol)p);
		char script[1024];

		if (!(answers[_i].protocols & 1 << p))
			continue;
		snprintf(script, sizeof(script), "[%s]", answers[_i].step);
		start(script, NULL);
		open_with(&set);
		ck_assert_msg(attempt() == answers[_i].class &&
				      fx.result.wait_ns == answers[_i].wait_ns &&
				      fx.result.spans_rejected == answers[_i].rejected &&
				      fx.result.unreadable == answers[_i].unreadable,
			      "protocol %d, %s: class %d, wait %" PRIu64
			      ", %u rejected, unreadable %d: %s",
			      p, answers[_i].step, (int)fx.result.class, fx.result.wait_ns,
			      (unsigned int)fx.result.spans_rejected, fx.result.unreadable,
			      fx.result.outcome);
		has(fx.result.outcome, answers[_i].outcome);
		ck_assert_str_eq(fx.result.text, answers[_i].text);
		/* The connection, or a new one, goes on working. */
		ck_assert_msg(attempt() == SEND_ACCEPTED, "protocol %d: %s", p, fx.result.outcome);
		otlp_server_stop(&fx.server);
		fx.server.pid = 0;
	}
}
END_TEST

/* ---- connections ---- */

/* Closed or told to go away while idle: a new one at once, and nobody notices. */
START_TEST(stale_connections)
{
	static const char *const scripts[] = { "[{},{\"last\":true},{}]",
					       "[{},{\"close\":true},{}]",
					       "[{},{\"reset\":true},{}]" };
	struct exporter_settings set = settings((enum setting_protocol)(_i / 3));
	const char *line = "";

	start(scripts[_i % 3], NULL);
	open_with(&set);
	for (int i = 0; i < 3; i++) {
		enum send_class class = attempt();

		/* A GOAWAY that overtakes the trailers costs them, in libcurl. */
		if (_i == 3 * SETTING_GRPC && i == 1)
			ck_assert_int_eq(class, SEND_TRANSPORT);
		else
			ck_assert_msg(class == SEND_ACCEPTED, "%d: %s", i, fx.result.outcome);
	}
	for (int i = 0; i < (_i % 3 ? 4 : 3); i++)
		line = otlp_server_request(&fx.server);
	/* gRPC may have tried one of HTTP/1.1 between. */
	ck_assert_ptr_null(strstr(line, "conn=1 "));
}
END_TEST

START_TEST(nobody_listens)
{
	struct exporter_settings set = settings((enum setting_protocol)_i);

	start("[]", NULL);
	open_with(&set);
	otlp_server_stop(&fx.server);
	fx.server.pid = 0;
	ck_assert_int_eq(attempt(), SEND_TRANSPORT);
	ck_assert_int_eq(fx.result.rc, 7);
	has(fx.result.hint, "4318 is OTLP/HTTP, 4317 is gRPC");
}
END_TEST

START_TEST(timeouts)
{
	struct exporter_settings set = settings((enum setting_protocol)_i);

	set.otlp.timeout_ns = 300 * S / 1000;
	start("[{\"hang\":true}]", NULL);
	open_with(&set);
	ck_assert_int_eq(attempt(), SEND_TRANSPORT);
	ck_assert_int_eq(fx.result.rc, 28);
	ck_assert_msg(attempt() == SEND_ACCEPTED, "%s", fx.result.outcome);
}
END_TEST

static void start_tls(void)
{
	const char *const options[] = { "-tls", fx.cert, NULL };

	snprintf(fx.cert, sizeof(fx.cert), "/tmp/flightspan-test-XXXXXX");
	close(mkstemp(fx.cert));
	start("[]", options);
	snprintf(fx.url, sizeof(fx.url), "https://127.0.0.1:%d", fx.server.port);
}

/* What is wrong is mended on disk, and the open transport goes on. */
START_TEST(certificates)
{
	struct exporter_settings set = settings((enum setting_protocol)_i);
	char ca[64] = "/tmp/flightspan-test-ca-XXXXXX";

	/* The authority of another receiver. */
	close(mkstemp(ca));
	start_tls();
	ck_assert(rename(fx.cert, ca) == 0);
	otlp_server_stop(&fx.server);
	start_tls();
	set.otlp.tls.ca_file = "/nonexistent/ca.pem";
	open_with(&set);
	ck_assert_int_eq(attempt(), SEND_TLS);
	ck_assert_int_eq(fx.result.http_status, 0);
	set.otlp.tls.ca_file = "";
	open_with(&set);
	ck_assert_int_eq(attempt(), SEND_TLS);
	set.otlp.tls.ca_file = ca;
	open_with(&set);
	ck_assert_int_eq(attempt(), SEND_TLS);
	ck_assert(rename(fx.cert, ca) == 0);
	for (int i = 0; i < 3; i++)
		ck_assert_msg(attempt() == SEND_ACCEPTED, "%s", fx.result.outcome);
	for (int i = 0; i < 3; i++) {
		const char *line = otlp_server_request(&fx.server);

		has(line, "spans=40 ");
		if (i)
			has(line, forms[_i].proto);
	}
	unlink(ca);
}
END_TEST

/* TLS is not given up because the other side speaks none. */
START_TEST(no_plaintext_fallback)
{
	struct exporter_settings set = settings((enum setting_protocol)_i);

	start("[]", NULL);
	snprintf(fx.url, sizeof(fx.url), "https://127.0.0.1:%d", fx.server.port);
	open_with(&set);
	ck_assert_int_eq(attempt(), SEND_TRANSPORT);
	has(fx.result.hint, "does this port speak TLS?");
}
END_TEST

/* ---- compression ---- */

START_TEST(zstd_falls_back_once)
{
	static const char *const options[] = { "-no-zstd", NULL };
	static const char *const names[] = { "zstd", "gzip", "gzip" };
	struct exporter_settings set = settings((enum setting_protocol)_i);

	set.otlp.compression = SETTING_ZSTD;
	start("[]", options);
	open_with(&set);
	ck_assert_msg(attempt() == SEND_ACCEPTED, "%s", fx.result.outcome);
	has(fx.result.notice, "gzip from now on");
	ck_assert_int_eq(attempt(), SEND_ACCEPTED);
	ck_assert_ptr_null(fx.result.notice);
	for (int i = 0; i < 3; i++) {
		char encoding[64];

		snprintf(encoding, sizeof(encoding), forms[_i].encoding, names[i]);
		has(otlp_server_request(&fx.server), encoding);
	}
}
END_TEST

/* ---- limits and memory ---- */

START_TEST(nothing_larger_than_receivers_take)
{
	struct exporter_settings set = settings((enum setting_protocol)_i);
	uint8_t *large = mem_zalloc(MAX_HTTP_REQUEST + 1);
	size_t size = _i == SETTING_GRPC ? MAX_GRPC_REQUEST : MAX_HTTP_REQUEST;

	ck_assert_ptr_nonnull(large);
	start("[]", NULL);
	open_with(&set);
	transport_attempt(fx.transport, (struct slice){ large, size + 1 }, 2, &fx.result);
	ck_assert_int_eq(fx.result.class, SEND_TOO_BIG);
	ck_assert_uint_eq(fx.result.bytes_sent, 0);
	mem_free(large);
}
END_TEST

START_TEST(survives_no_memory)
{
	struct exporter_settings set = settings((enum setting_protocol)_i);
	struct setting_pair header = { .name = "a", .text = "b" };
	bool done = false;

	set.otlp.compression = SETTING_GZIP;
	set.otlp.headers.ptr = &header;
	set.otlp.headers.n = 1;
	start("[]", NULL);
	for (uint64_t n = 1; !done; n++) {
		enum status st;

		mem_fail_at(n);
		st = transport_open(&fx.transport, &set, &fixed_clock, &fx.err);
		if (!st) {
			attempt();
			done = fx.result.class == SEND_ACCEPTED && mem_count() < n;
		}
		mem_fail_at(0);
		ck_assert_msg(!st || st == ST_NOMEM, "%s", fx.err.msg);
		if (!st)
			ck_assert_msg(fx.result.class == SEND_ACCEPTED ||
					      fx.result.class == SEND_OURS,
				      "%" PRIu64 ": %s", n, fx.result.outcome);
		transport_close(fx.transport);
		fx.transport = NULL;
		ck_assert_uint_lt(n, 200);
	}
}
END_TEST

START_TEST(descriptions)
{
	struct attempt_result r = { .outcome = "HTTP status 503", .text = "caf\xc3\xa9" };
	char line[64];

	attempt_describe(&r, 0, line, sizeof(line));
	ck_assert_str_eq(line, "HTTP status 503; the server says: caf\xc3\xa9");
	r.hint = "h";
	attempt_describe(&r, 1, line, sizeof(line));
	ck_assert_str_eq(line, "HTTP status 503 (1 attempt); h; the server says: caf\xc3\xa9");
	attempt_describe(&r, 2, line, 20);
	ck_assert_str_eq(line, "HTTP status 503 (2 ");
	r.hint = NULL;
	attempt_describe(&r, 0, line, strlen("HTTP status 503; the server says: caf") + 2);
	ck_assert_str_eq(line, "HTTP status 503; the server says: caf");
}
END_TEST

Suite *transport_suite(void)
{
	Suite *s = suite_create("transport");
	TCase *t = tcase_create("transport");

	if (!otlp_server_available()) {
		printf("SKIP transport: no build/otlp-server (needs Go)\n");
		return s;
	}
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, requests, 0, 9);
	tcase_add_loop_test(t, verdicts, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_loop_test(t, stale_connections, 0, 9);
	tcase_add_loop_test(t, nobody_listens, 0, 3);
	tcase_add_loop_test(t, timeouts, 0, 3);
	tcase_add_loop_test(t, certificates, 0, 3);
	tcase_add_loop_test(t, no_plaintext_fallback, 0, 3);
	tcase_add_loop_test(t, zstd_falls_back_once, 0, 3);
	tcase_add_loop_test(t, nothing_larger_than_receivers_take, 0, 3);
	tcase_add_loop_test(t, survives_no_memory, 0, 3);
	tcase_add_test(t, descriptions);
	suite_add_tcase(s, t);
	return s;
}
