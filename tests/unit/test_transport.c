#include "exporter/transport.h"

#include <check.h>
#include <inttypes.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "base/version.h"
#include "exporter/compress.h"
#include "tests/unit/suites.h"
#include "tests/unit/transport_fixture.h"

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

/* Three protocols with three compressions; many requests on one connection. */
START_TEST(requests)
{
	enum setting_protocol protocol = (enum setting_protocol)(_i / 3);
	struct exporter_settings set = fixture_settings(protocol);
	struct setting_pair headers[] = { { .name = "X-Scope-OrgID", .text = "team-a" },
					  { .name = "empty", .text = "" } };
	char encoding[64], first[64] = "";

	set.otlp.compression = (enum setting_compression)(_i % 3);
	set.otlp.headers.ptr = headers;
	set.otlp.headers.n = 2;
	snprintf(encoding, sizeof(encoding), request_forms[protocol].encoding,
		 compression_name(set.otlp.compression));
	start_receiver("[]", NULL);
	open_with(&set);
	/* What was borrowed may change now. */
	headers[0].text = "x";
	for (int i = 0; i < 5; i++) {
		const char *line, *wire;

		ck_assert_msg(attempt() == SEND_ACCEPTED, "%s", fx.result.outcome);
		line = otlp_server_request(&fx.server);
		has(line, "method=POST ");
		has(line, "conn=1 ");
		has(line, request_forms[protocol].path);
		has(line, request_forms[protocol].type);
		has(line, request_forms[protocol].proto);
		has(line, "spans=40 ");
		has(line, "{X-Scope-Orgid: team-a}");
		has(line, "{Empty: }");
		has(line, "{Authorization: Basic ");
		has(line, "{User-Agent: flightspan/" FLIGHTSPAN_VERSION
			  " OTel-OTLP-Exporter-C/" FLIGHTSPAN_VERSION "}");
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

/* Over a megabyte libcurl would ask first and wait for an answer. */
START_TEST(large_bodies_go_at_once)
{
	static uint8_t text[(size_t)5 << 18];
	const struct attr big = { .key = SLICE("k"), .str = { text, sizeof(text) / 2 } };
	struct exporter_settings set = fixture_settings((enum setting_protocol)_i);

	memset(text, 'x', sizeof(text));
	otlp_batch_clear(&fx.batch);
	for (uint8_t i = 1; i <= 2; i++) {
		const struct span s = {
			.trace_id = { 1 }, .span_id = { i }, .attrs = &big, .n_attrs = 1
		};

		ck_assert(!otlp_batch_add(&fx.batch, &s, &fx.err));
	}
	ck_assert(!otlp_batch_finish(&fx.batch, &fx.message, &fx.err));
	ck_assert_uint_gt(fx.message.len, sizeof(text));
	start_receiver("[]", NULL);
	open_with(&set);
	transport_attempt(fx.transport, fx.message, 2, &fx.result);
	ck_assert_msg(fx.result.class == SEND_ACCEPTED, "%s", fx.result.outcome);
	ck_assert_ptr_null(strstr(otlp_server_request(&fx.server), "{Expect"));
}
END_TEST

/* ---- what comes back ---- */

#define HTTP_BOTH (1 << SETTING_HTTP_PROTOBUF | 1 << SETTING_HTTP_JSON)
#define PB_ONLY (1 << SETTING_HTTP_PROTOBUF)
#define JSON_ONLY (1 << SETTING_HTTP_JSON)
#define GRPC_ONLY (1 << SETTING_GRPC)
#define ALL (HTTP_BOTH | GRPC_ONLY)
/* partial_success { rejected_spans: 3, error_message: "no\nway" }, and variations. */
#define PARTIAL "\"body_hex\":\"0a0a080312066e6f0a776179\""
#define WARNING "\"body_hex\":\"0a0412026f6b\""
#define TOO_MANY "\"body_hex\":\"0a0308ff7f\""
#define NEGATIVE "\"body_hex\":\"0a0b08ffffffffffffffffff01\""
/* google.rpc.Status { code: 3, message: "bad\x1b[31m id" } */
#define BAD_ID "\"body_hex\":\"0803120b6261641b5b33316d206964\""
#define H2_SETTINGS "\"raw_hex\":\"000000040000000000\""

static const struct {
	const char *step;
	int protocols;
	enum send_class class;
	uint64_t wait_ns;
	unsigned int rejected;
	bool unreadable;
	const char *outcome, *text; /* no text: any */
	const char *hint;	    /* part of it, if any */
} answers[] = {
	{ "{}", ALL, SEND_ACCEPTED, 0, 0, false, "", "" },
	{ "{\"status\":202}", HTTP_BOTH, SEND_ACCEPTED, 0, 0, false, "", "" },
	{ "{" PARTIAL "}", PB_ONLY, SEND_ACCEPTED, 0, 3, false, "", "no way" },
	{ "{" PARTIAL "}", GRPC_ONLY, SEND_ACCEPTED, 0, 3, false, "", "no way" },
	{ "{\"body\":\"{\\\"partialSuccess\\\":{\\\"rejectedSpans\\\":\\\"3\\\",\\\"errorMessage\\\":\\\"no\\\"}}\"}",
	  JSON_ONLY, SEND_ACCEPTED, 0, 3, false, "", "no" },
	{ "{" WARNING "}", PB_ONLY | GRPC_ONLY, SEND_ACCEPTED, 0, 0, false, "", "ok" },
	{ "{" TOO_MANY "}", PB_ONLY | GRPC_ONLY, SEND_ACCEPTED, 0, N_SPANS, false, "", "" },
	{ "{" NEGATIVE "}", PB_ONLY | GRPC_ONLY, SEND_ACCEPTED, 0, 0, false, "", "" },
	{ "{\"body_hex\":\"ffff\"}", ALL, SEND_ACCEPTED, 0, 0, true, "", "" },
	{ "{\"type\":\"application/json\",\"body\":\"{}\"}", HTTP_BOTH, SEND_ACCEPTED, 0, 0, false,
	  "", "" },
	{ "{\"type\":\"text/html\",\"body\":\"<h1>fine</h1>\"}", HTTP_BOTH, SEND_ACCEPTED, 0, 0,
	  false, "", "" },
	{ "{\"body_bytes\":4194304}", HTTP_BOTH, SEND_ACCEPTED, 0, 0, true, "", "" },
	{ "{\"body_bytes\":5000000}", ALL, SEND_ACCEPTED, 0, 0, true, "", "" },
	{ "{\"bomb_bytes\":50000000,\"encoding\":\"gzip\"}", ALL, SEND_ACCEPTED, 0, 0, true, "",
	  "" },
	{ "{\"encoding\":\"br\",\"body\":\"x\"}", ALL, SEND_ACCEPTED, 0, 0, true, "", "" },
	{ "{\"status\":503}", HTTP_BOTH, SEND_RETRY, 0, 0, false, "HTTP status 503", "" },
	{ "{\"status\":502,\"type\":\"text/html\",\"body\":\"<h1>no</h1>\"}", HTTP_BOTH, SEND_RETRY,
	  0, 0, false, "HTTP status 502", "<h1>no</h1>" },
	{ "{\"status\":504}", HTTP_BOTH, SEND_RETRY, 0, 0, false, "HTTP status 504", "" },
	{ "{\"status\":503,\"body_bytes\":5000000}", HTTP_BOTH, SEND_RETRY, 0, 0, false,
	  "HTTP status 503", "" },
	{ "{\"status\":429,\"retry_after\":\"0\"}", ALL, SEND_RETRY, 0, 0, false, "HTTP status 429",
	  "" },
	{ "{\"status\":429,\"retry_after\":\"junk\"}", ALL, SEND_RETRY, 0, 0, false,
	  "HTTP status 429", "" },
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
	{ "{\"status\":400," BAD_ID "}", PB_ONLY, SEND_PERMANENT, 0, 0, false, "HTTP status 400",
	  "bad [31m id" },
	{ "{\"status\":400,\"body_hex\":\"ffff\"}", HTTP_BOTH, SEND_PERMANENT, 0, 0, false,
	  "HTTP status 400", NULL },
	{ "{\"status\":401,\"type\":\"text/plain\",\"body\":\"no\\ttoken\\n\"}", HTTP_BOTH,
	  SEND_CONFIG, 0, 0, false, "HTTP status 401", "no token", "credentials" },
	{ "{\"status\":403}", ALL, SEND_CONFIG, 0, 0, false, "HTTP status 403", "", "credentials" },
	{ "{\"status\":404,\"type\":\"text/html\",\"body\":\"<h1>Not found</h1>\"}", HTTP_BOTH,
	  SEND_CONFIG, 0, 0, false, "HTTP status 404", "<h1>Not found</h1>", "/v1/traces" },
	{ "{\"status\":500}", ALL, SEND_PERMANENT, 0, 0, false, "HTTP status 500", "" },
	{ "{\"status\":408}", HTTP_BOTH, SEND_PERMANENT, 0, 0, false, "HTTP status 408", "" },
	{ "{\"status\":415}", HTTP_BOTH, SEND_CONFIG, 0, 0, false, "HTTP status 415", "",
	  "protobuf" },
	{ "{" H2_SETTINGS "}", HTTP_BOTH, SEND_OURS, 0, 0, false, "", "", "gRPC port (4317)" },
	{ "{\"status\":413}", ALL, SEND_TOO_BIG, 0, 0, false, "HTTP status 413", "" },
	{ "{\"status\":302,\"location\":\"/v1/traces\"}", HTTP_BOTH, SEND_CONFIG, 0, 0, false,
	  "HTTP status 302", "", "redirects are not followed" },
	{ "{\"close\":true}", ALL, SEND_TRANSPORT, 0, 0, false, "", "" },
	{ "{\"reset\":true}", ALL, SEND_TRANSPORT, 0, 0, false, "", "" },
	{ "{\"reset_stream\":true}", GRPC_ONLY, SEND_TRANSPORT, 0, 0, false, "", "" },
	{ "{\"cut\":true,\"body\":\"x\"}", ALL, SEND_TRANSPORT, 0, 0, false, "", "" },
};

START_TEST(verdicts)
{
	for (int p = SETTING_HTTP_PROTOBUF; p <= SETTING_GRPC; p++) {
		struct exporter_settings set = fixture_settings((enum setting_protocol)p);
		char script[1024];

		if (!(answers[_i].protocols & 1 << p))
			continue;
		snprintf(script, sizeof(script), "[%s]", answers[_i].step);
		start_receiver(script, NULL);
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
		if (answers[_i].text)
			ck_assert_str_eq(fx.result.text, answers[_i].text);
		if (answers[_i].hint)
			has(fx.result.hint, answers[_i].hint);
		/* The connection, or a new one, goes on working. */
		ck_assert_msg(attempt() == SEND_ACCEPTED, "protocol %d: %s", p, fx.result.outcome);
		stop_receiver();
	}
}
END_TEST

/* As JSON it is larger: the limit is about that, too. */
START_TEST(json_has_the_same_limit)
{
	struct exporter_settings set = fixture_settings(SETTING_HTTP_JSON);

	ck_assert_uint_lt(fx.message.len, fx.json.len - 1);
	set.otlp.max_request_bytes = fx.json.len - (_i ? 0 : 1);
	start_receiver("[]", NULL);
	open_with(&set);
	ck_assert_int_eq(attempt(), _i ? SEND_ACCEPTED : SEND_TOO_BIG);
}
END_TEST

/* One byte more in front moves the cut into a rune. */
START_TEST(long_words_are_cut_between_runes)
{
	struct exporter_settings set = fixture_settings((enum setting_protocol)(_i / 2));
	char script[4096], line[400];
	size_t len = (size_t)snprintf(script, sizeof(script), "[{\"%s\":\"%s",
				      _i / 2 == SETTING_GRPC
					      ? "grpc\":2,\"message"
					      : "status\":500,\"type\":\"text/plain\",\"body",
				      _i % 2 ? "x" : "");

	for (; len < 3000; len += 2)
		memcpy(script + len, "\xc3\xa4", 3);
	memcpy(script + len, "\"}]", 4);
	start_receiver(script, NULL);
	open_with(&set);
	ck_assert_int_eq(attempt(), SEND_PERMANENT);
	ck_assert(utf8_valid(slice_str(fx.result.text)));
	ck_assert_uint_ge(strlen(fx.result.text), MAX_SERVER_TEXT - 1);
	attempt_describe(&fx.result, 1, line, sizeof(line));
	ck_assert(utf8_valid(slice_str(line)));
	ck_assert_uint_ge(strlen(line), sizeof(line) - 2);
}
END_TEST

/* ---- limits, settings and memory ---- */

START_TEST(nothing_larger_than_receivers_take)
{
	struct exporter_settings set = fixture_settings((enum setting_protocol)(_i % 3));
	uint8_t *large = mem_zalloc(MAX_HTTP_REQUEST + 1);
	size_t size = _i >= 3		   ? (size_t)1 << 20
		      : _i == SETTING_GRPC ? MAX_GRPC_REQUEST
					   : MAX_HTTP_REQUEST;

	ck_assert_ptr_nonnull(large);
	if (_i >= 3)
		set.otlp.max_request_bytes = size;
	start_receiver("[]", NULL);
	open_with(&set);
	transport_attempt(fx.transport, (struct slice){ large, size + 1 }, 2, &fx.result);
	ck_assert_int_eq(fx.result.class, SEND_TOO_BIG);
	ck_assert_uint_eq(fx.result.bytes_sent, 0);
	mem_free(large);
}
END_TEST

static struct setting_pair bad_headers[] = {
	{ .name = "", .text = "secret" },	   { .name = "a:", .text = "secret" },
	{ .name = "a", .text = "secret\r\nb: c" }, { .name = "a b", .text = "secret" },
	{ .name = "a\n", .text = "secret" },	   { .name = "a", .text = "secret\x7f" },
};

START_TEST(bad_settings)
{
	struct exporter_settings set = fixture_settings(SETTING_HTTP_PROTOBUF);

	set.otlp.endpoint = "http://localhost";
	set.otlp.headers.ptr = &bad_headers[_i];
	set.otlp.headers.n = 1;
	ck_assert_int_eq(transport_open(&fx.transport, &set, NULL, &fx.err), ST_CONFIG);
	ck_assert_ptr_null(strstr(fx.err.msg, "secret"));
	set.otlp.headers.n = 0;
	set.otlp.endpoint = "localhost:4318";
	ck_assert_int_eq(transport_open(&fx.transport, &set, NULL, &fx.err), ST_CONFIG);
}
END_TEST

START_TEST(survives_no_memory)
{
	struct exporter_settings set = fixture_settings((enum setting_protocol)_i);
	struct setting_pair header = { .name = "a", .text = "b" };
	bool done = false;

	set.otlp.compression = SETTING_GZIP;
	set.otlp.headers.ptr = &header;
	set.otlp.headers.n = 1;
	start_receiver("[]", NULL);
	for (uint64_t n = 1; !done; n++) {
		enum status st;

		mem_fail_at(n);
		st = transport_open(&fx.transport, &set, &fixture_clock, &fx.err);
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
	tcase_add_checked_fixture(t, transport_setup, transport_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, requests, 0, 9);
	tcase_add_loop_test(t, large_bodies_go_at_once, 0, 3);
	tcase_add_loop_test(t, verdicts, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_loop_test(t, long_words_are_cut_between_runes, 0, 6);
	tcase_add_loop_test(t, nothing_larger_than_receivers_take, 0, 6);
	tcase_add_loop_test(t, json_has_the_same_limit, 0, 2);
	tcase_add_loop_test(t, bad_settings, 0, sizeof(bad_headers) / sizeof(bad_headers[0]));
	tcase_add_loop_test(t, survives_no_memory, 0, 3);
	tcase_add_test(t, descriptions);
	suite_add_tcase(s, t);
	return s;
}
