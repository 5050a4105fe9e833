#include "exporter/otlp_http.h"

#include <inttypes.h>

#include "base/version.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/suites.h"

/* The server's own words for a body: its length and FNV-1a hash. */
static const char *fingerprint(const char *name, struct slice bytes)
{
	static char text[64];
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < bytes.len; i++)
		h = (h ^ bytes.ptr[i]) * 0x100000001b3u;
	snprintf(text, sizeof(text), " %s=%zu:%016" PRIx64 " ", name, bytes.len, h);
	return text;
}

/* ---- what is sent ---- */

START_TEST(a_request_is_as_it_should_be)
{
	struct setting_pair headers[] = { { .name = "X-Scope-OrgID", .text = "team-a" },
					  { .name = "x-other", .text = "b" } };
	struct otlp_http_settings set = DEFAULTS;
	const char *line;

	set.otlp.headers.ptr = headers;
	set.otlp.headers.n = 2;
	http_start("[]", set);
	ck_assert_msg(http_send() == ST_OK, "%s", fx.err.msg);
	line = otlp_server_request(&fx.server);
	has_text(line, "method=POST path=/v1/traces ");
	has_text(line, fingerprint("plain", fx.message));
	has_text(line, "{Content-Type: application/x-protobuf}");
	has_text(line, "{Content-Encoding: gzip}");
	has_text(line, "{User-Agent: flightspan/" FLIGHTSPAN_VERSION
		       " OTel-OTLP-Exporter-C/" FLIGHTSPAN_VERSION "}");
	has_text(line, "{X-Scope-Orgid: team-a}");
	has_text(line, "{X-Other: b}");
	ck_assert_ptr_null(strstr(line, "{Expect"));
	ck_assert_ptr_null(strstr(line, "{Accept-Encoding"));
	ck_assert_uint_eq(http_stats()->spans_accepted, N_SPANS);
	ck_assert_uint_eq(http_stats()->requests, 1);
	ck_assert_uint_eq(
		http_stats()->retries + http_stats()->spans_rejected + http_stats()->unreadable, 0);
	ck_assert_uint_eq(http_stats()->bytes_plain, fx.message.len);
	ck_assert_uint_lt(http_stats()->bytes_compressed, fx.message.len / 4);
	ck_assert_str_eq(http_stats()->message, "");
}
END_TEST

START_TEST(uncompressed_and_kept_alive)
{
	struct otlp_http_settings set = DEFAULTS;

	set.otlp.compression = SETTING_NONE;
	http_start("[]", set);
	for (int i = 0; i < 3; i++) {
		const char *line;

		ck_assert_int_eq(http_send(), ST_OK);
		line = otlp_server_request(&fx.server);
		has_text(line, "conn=1 ");
		has_text(line, fingerprint("wire", fx.message));
		ck_assert_ptr_null(strstr(line, "{Content-Encoding"));
	}
	ck_assert_uint_eq(http_stats()->bytes_compressed, 3 * fx.message.len);
	ck_assert_uint_eq(http_stats()->spans_accepted, 3ul * N_SPANS);
}
END_TEST

/* Over a megabyte libcurl would ask first and wait for an answer. */
START_TEST(large_bodies_go_at_once)
{
	static uint8_t text[(size_t)5 << 18];
	const struct attr big = { .key = SLICE("k"), .str = { text, sizeof(text) / 2 } };
	struct otlp_http_settings set = DEFAULTS;
	const char *line;

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
	set.otlp.compression = SETTING_NONE;
	http_start("[]", set);
	ck_assert(!otlp_http_send(fx.sender, fx.message, 2, &fx.err));
	line = otlp_server_request(&fx.server);
	has_text(line, fingerprint("wire", fx.message));
	ck_assert_ptr_null(strstr(line, "{Expect"));
}
END_TEST

/* ---- accepted, in one way or another ---- */

/* partial_success { rejected_spans: 3, error_message: "no\nway" }, and variations. */
#define PARTIAL "\"body_hex\":\"0a0a080312066e6f0a776179\""
#define WARNING "\"body_hex\":\"0a0412026f6b\""
#define TOO_MANY "\"body_hex\":\"0a0308ff7f\""
#define NEGATIVE "\"body_hex\":\"0a0b08ffffffffffffffffff01\""

static const struct {
	const char *script;
	unsigned int rejected, unreadable;
	const char *message;
} accepted[] = {
	{ "[{}]", 0, 0, "" },
	{ "[{\"status\":202}]", 0, 0, "" },
	{ "[{" PARTIAL "}]", 3, 0, "no way" },
	{ "[{" WARNING "}]", 0, 0, "ok" },
	{ "[{" TOO_MANY "}]", N_SPANS, 0, "" },
	{ "[{" NEGATIVE "}]", 0, 0, "" },
	{ "[{\"body_hex\":\"ffff\"}]", 0, 1, "" },
	{ "[{\"type\":\"text/html\",\"body\":\"<h1>fine</h1>\"}]", 0, 0, "" },
	{ "[{\"type\":\"application/json\",\"body\":\"{}\"}]", 0, 0, "" },
	{ "[{\"body_bytes\":4194305}]", 0, 1, "" },
	{ "[{\"body_bytes\":4194304}]", 0, 1, "" },
};

START_TEST(accepts)
{
	http_start(accepted[_i].script, DEFAULTS);
	ck_assert_msg(http_send() == ST_OK, "%s: %s", accepted[_i].script, fx.err.msg);
	ck_assert_uint_eq(http_stats()->requests, 1);
	ck_assert_uint_eq(http_stats()->spans_rejected, accepted[_i].rejected);
	ck_assert_uint_eq(http_stats()->spans_accepted, N_SPANS - accepted[_i].rejected);
	ck_assert_uint_eq(http_stats()->unreadable, accepted[_i].unreadable);
	ck_assert_str_eq(http_stats()->message, accepted[_i].message);
	/* The connection, or a new one, goes on working. */
	ck_assert_int_eq(http_send(), ST_OK);
}
END_TEST

/* ---- accepted in the end ---- */

static const struct {
	const char *script;
	uint64_t first_nap;
	unsigned int retries;
	unsigned int conn; /* of the last request */
} retried[] = {
	{ "[{\"status\":503},{\"status\":503}]", 400 * MS, 2, 1 },
	{ "[{\"status\":502,\"type\":\"text/html\",\"body\":\"<h1>no</h1>\"}]", 400 * MS, 1, 1 },
	{ "[{\"status\":504}]", 400 * MS, 1, 1 },
	{ "[{\"status\":429,\"retry_after\":\"3\"}]", 3 * SECOND, 1, 1 },
	{ "[{\"status\":429,\"retry_after\":\"0\"}]", 400 * MS, 1, 1 },
	{ "[{\"status\":429,\"retry_after\":\"junk\"}]", 400 * MS, 1, 1 },
	{ "[{\"status\":503,\"retry_after\":\"Sun, 06 Nov 1994 08:50:00 GMT\"}]", 23 * SECOND, 1,
	  1 },
	{ "[{\"close\":true}]", 400 * MS, 1, 2 },
	{ "[{\"reset\":true}]", 400 * MS, 1, 2 },
	{ "[{\"cut\":true,\"body\":\"x\"}]", 400 * MS, 1, 2 },
	{ "[{\"status\":503,\"body_bytes\":5000000}]", 400 * MS, 1, 2 },
};

START_TEST(retries)
{
	char first[64] = "", conn[16];
	const char *line = "";

	http_start(retried[_i].script, DEFAULTS);
	ck_assert_msg(http_send() == ST_OK, "%s: %s", retried[_i].script, fx.err.msg);
	ck_assert_uint_eq(http_stats()->requests, retried[_i].retries + 1);
	ck_assert_uint_eq(http_stats()->retries, retried[_i].retries);
	ck_assert_uint_eq(http_stats()->spans_accepted, N_SPANS);
	ck_assert_uint_eq(fx.clock.n_naps, retried[_i].retries);
	ck_assert_msg(fx.clock.naps[0] == retried[_i].first_nap, "%s: %" PRIu64, retried[_i].script,
		      fx.clock.naps[0]);
	for (unsigned int i = 0; i <= retried[_i].retries; i++) {
		const char *wire;

		line = otlp_server_request(&fx.server);
		wire = strstr(line, " wire=");
		ck_assert_ptr_nonnull(wire);
		if (!i)
			memcpy(first, wire, 28);
		/* Every attempt has the same bytes. */
		ck_assert_mem_eq(first, wire, 28);
	}
	snprintf(conn, sizeof(conn), "conn=%u ", retried[_i].conn);
	has_text(line, conn);
}
END_TEST

START_TEST(slow_beyond_the_timeout)
{
	struct otlp_http_settings set = DEFAULTS;

	set.otlp.timeout_ns = 500 * MS;
	http_start("[{\"delay_ms\":5000}]", set);
	ck_assert_msg(http_send() == ST_OK, "%s", fx.err.msg);
	ck_assert_uint_eq(http_stats()->retries, 1);
	ck_assert_uint_eq(fx.clock.n_naps, 1);
}
END_TEST

/* The receiver closed a kept connection: libcurl goes on at once, without a nap. */
START_TEST(stale_connection)
{
	http_start(_i ? "[{},{\"reset\":true}]" : "[{},{\"close\":true}]", DEFAULTS);
	ck_assert_int_eq(http_send(), ST_OK);
	ck_assert_int_eq(http_send(), ST_OK);
	ck_assert_uint_eq(fx.clock.n_naps, 0);
	ck_assert_uint_eq(http_stats()->spans_accepted, 2ul * N_SPANS);
}
END_TEST

Suite *otlp_http_suite(void)
{
	Suite *s = suite_create("otlp_http");
	TCase *t = tcase_create("otlp_http");

	if (!otlp_server_available()) {
		printf("SKIP otlp_http: no build/otlp-server (needs Go)\n");
		return s;
	}
	tcase_add_checked_fixture(t, http_setup, http_teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, a_request_is_as_it_should_be);
	tcase_add_test(t, uncompressed_and_kept_alive);
	tcase_add_test(t, large_bodies_go_at_once);
	tcase_add_loop_test(t, accepts, 0, sizeof(accepted) / sizeof(accepted[0]));
	tcase_add_loop_test(t, retries, 0, sizeof(retried) / sizeof(retried[0]));
	tcase_add_test(t, slow_beyond_the_timeout);
	tcase_add_loop_test(t, stale_connection, 0, 2);
	suite_add_tcase(s, t);
	return s;
}
