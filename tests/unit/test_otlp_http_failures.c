#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/suites.h"

/* ---- refused ---- */

/* google.rpc.Status { code: 3, message: "bad\x1b[31m id" } */
#define BAD_ID "\"body_hex\":\"0803120b6261641b5b33316d206964\""
#define H2_SETTINGS "\"raw_hex\":\"000000040000000000\""

static const struct {
	const char *script;
	const char *says[3];
} refused[] = {
	{ "[{\"status\":400," BAD_ID "}]", { "HTTP status 400", "the server says: bad [31m id" } },
	{ "[{\"status\":401,\"type\":\"text/plain\",\"body\":\"no\\ttoken\\n\"}]",
	  { "HTTP status 401", "credentials", "says: no token" } },
	{ "[{\"status\":403}]", { "HTTP status 403", "credentials" } },
	{ "[{\"status\":404,\"type\":\"text/html\",\"body\":\"<h1>Not found</h1>\"}]",
	  { "HTTP status 404", "/v1/traces", "<h1>Not found</h1>" } },
	{ "[{\"status\":302,\"location\":\"/v1/traces\"}]",
	  { "HTTP status 302", "redirects are not followed" } },
	{ "[{\"status\":500}]", { "HTTP status 500" } },
	{ "[{\"status\":408}]", { "HTTP status 408" } },
	{ "[{\"status\":415}]", { "HTTP status 415", "protobuf" } },
	{ "[{\"status\":400,\"body_hex\":\"ffff\"}]", { "HTTP status 400" } },
	{ "[{" H2_SETTINGS "}]", { "gRPC port (4317)" } },
};

START_TEST(refuses_at_once)
{
	http_start(refused[_i].script, DEFAULTS);
	ck_assert_int_eq(http_send(), ST_REMOTE);
	for (size_t i = 0; i < 3 && refused[_i].says[i]; i++)
		has_text(fx.err.msg, refused[_i].says[i]);
	has_text(fx.err.msg, "cannot send 101 spans to http://127.0.0.1:");
	has_text(fx.err.msg, "/v1/traces: ");
	has_text(fx.err.msg, "(1 attempt)");
	ck_assert_ptr_null(strstr(fx.err.msg, "pass"));
	ck_assert_ptr_null(strpbrk(fx.err.msg, "\n\t\x1b"));
	ck_assert_uint_eq(http_stats()->requests, 1);
	ck_assert_uint_eq(http_stats()->spans_accepted, 0);
	ck_assert_uint_eq(fx.clock.n_naps, 0);
	/* A later batch may fare better. */
	ck_assert_int_eq(http_send(), ST_OK);
}
END_TEST

/* One byte more in front moves the cut into a rune. */
START_TEST(long_words_are_cut_between_runes)
{
	char script[4096];
	size_t len = (size_t)snprintf(script, sizeof(script),
				      "[{\"status\":500,\"type\":\"text/plain\",\"body\":\"%s",
				      _i ? "x" : "");

	for (; len < 3000; len += 2)
		memcpy(script + len, "\xc3\xa4", 3);
	memcpy(script + len, "\"}]", 4);
	http_start(script, DEFAULTS);
	ck_assert_int_eq(http_send(), ST_REMOTE);
	ck_assert(utf8_valid(slice_str(fx.err.msg)));
	ck_assert_uint_ge(strlen(fx.err.msg), sizeof(fx.err.msg) - 2);
	ck_assert_uint_ge(strlen(otlp_http_last_words(fx.sender)), MAX_SERVER_TEXT - 1);
}
END_TEST

START_TEST(budget_ends_the_retries)
{
	struct otlp_http_settings set = DEFAULTS;

	set.retry_budget_ns = SECOND;
	http_start("[{\"status\":503},{\"status\":503},{\"status\":503},{\"status\":503}]", set);
	ck_assert_int_eq(http_send(), ST_REMOTE);
	has_text(fx.err.msg, "HTTP status 503 (4 attempts)");
	ck_assert_uint_eq(fx.clock.n_naps, 3);
	ck_assert_uint_eq(http_stats()->requests, 4);
}
END_TEST

/* Naps of 0.4 s: the third is cut, and the receiver is back just in time. */
START_TEST(the_last_attempt_is_at_the_end_of_the_budget)
{
	struct otlp_http_settings set = DEFAULTS;

	set.retry_budget_ns = SECOND;
	http_start("[{\"status\":503},{\"status\":503},{\"status\":503}]", set);
	ck_assert_msg(http_send() == ST_OK, "%s", fx.err.msg);
	ck_assert_uint_eq(fx.clock.n_naps, 3);
	ck_assert_uint_eq(fx.clock.naps[2], 200 * MS);
}
END_TEST

START_TEST(a_wait_beyond_the_budget_is_not_begun)
{
	http_start("[{\"status\":429,\"retry_after\":\"61\"}]", DEFAULTS);
	ck_assert_int_eq(http_send(), ST_REMOTE);
	ck_assert_uint_eq(fx.clock.n_naps, 0);
	ck_assert_uint_eq(http_stats()->requests, 1);
}
END_TEST

/* A port that was free a moment ago. */
static int closed_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert(bind(fd, (struct sockaddr *)&a, len) == 0);
	ck_assert(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	close(fd);
	return ntohs(a.sin_port);
}

START_TEST(connection_refused)
{
	struct otlp_http_settings set = DEFAULTS;

	set.otlp.endpoint = http_endpoint(closed_port());
	set.clock = &fake_clock_functions;
	set.retry_budget_ns = 5 * SECOND;
	ck_assert_int_eq(otlp_http_open(&fx.sender, &set, &fx.err), ST_OK);
	ck_assert_int_eq(http_send(), ST_REMOTE);
	has_text(fx.err.msg, "4318 is OTLP/HTTP, 4317 is gRPC");
	has_text(fx.err.msg, "(14 attempts)"); /* a nap of 0.4 s each, the last 0.2 */
	ck_assert_uint_le(fx.clock.now, 5 * SECOND + 1000);
}
END_TEST

/* ---- too large ---- */

START_TEST(halves_until_it_fits)
{
	struct otlp_http_settings set = DEFAULTS;

	otlp_server_start(&fx.server, "[]", (int)fx.message.len / 3);
	set.otlp.endpoint = http_endpoint(fx.server.port);
	set.clock = &fake_clock_functions;
	ck_assert_int_eq(otlp_http_open(&fx.sender, &set, &fx.err), ST_OK);
	ck_assert_msg(http_send() == ST_OK, "%s", fx.err.msg);
	ck_assert_uint_eq(http_stats()->spans_accepted, N_SPANS);
	/* Whole, half, four quarters; the second half was known to be too large. */
	ck_assert_uint_eq(http_stats()->requests, 6);
	ck_assert_uint_eq(http_stats()->splits, 3);
	/* Now that is known of the whole, too. */
	ck_assert_int_eq(http_send(), ST_OK);
	ck_assert_uint_eq(http_stats()->requests, 10);
	ck_assert_uint_eq(http_stats()->spans_accepted, 2ul * N_SPANS);
}
END_TEST

START_TEST(a_span_too_large_fails)
{
	struct otlp_http_settings set = DEFAULTS;

	otlp_server_start(&fx.server, "[]", 20);
	set.otlp.endpoint = http_endpoint(fx.server.port);
	set.clock = &fake_clock_functions;
	ck_assert_int_eq(otlp_http_open(&fx.sender, &set, &fx.err), ST_OK);
	ck_assert_int_eq(http_send(), ST_REMOTE);
	has_text(fx.err.msg, "cannot send 1 span to");
	has_text(fx.err.msg, "request body too large");
	ck_assert_uint_eq(http_stats()->requests, 7);
	ck_assert_uint_eq(http_stats()->spans_accepted, 0);
}
END_TEST

/* ---- TLS ---- */

START_TEST(only_known_receivers_are_trusted)
{
	char cert[] = "/tmp/flightspan-test-XXXXXX";
	struct otlp_http_settings set = DEFAULTS;
	char url[64];

	close(mkstemp(cert));
	otlp_server_start_with(&fx.server, "[]", (const char *const[]){ "-tls", cert, NULL });
	snprintf(url, sizeof(url), "https://127.0.0.1:%d", fx.server.port);
	set.otlp.endpoint = url;
	set.clock = &fake_clock_functions;
	ck_assert_int_eq(otlp_http_open(&fx.sender, &set, &fx.err), ST_OK);
	ck_assert_int_eq(http_send(), ST_REMOTE);
	has_text(fx.err.msg, "(1 attempt); does the CA file fit");
	otlp_http_close(fx.sender);
	fx.sender = NULL;
	set.otlp.tls.ca_file = cert;
	ck_assert_int_eq(otlp_http_open(&fx.sender, &set, &fx.err), ST_OK);
	ck_assert_msg(http_send() == ST_OK, "%s", fx.err.msg);
	unlink(cert);
}
END_TEST

/* ---- settings and memory ---- */

static struct setting_pair bad_headers[] = {
	{ .name = "", .text = "secret" },	   { .name = "a:", .text = "secret" },
	{ .name = "a", .text = "secret\r\nb: c" }, { .name = "a b", .text = "secret" },
	{ .name = "a\n", .text = "secret" },	   { .name = "a", .text = "secret\x7f" },
};

START_TEST(bad_settings)
{
	struct otlp_http_settings set = DEFAULTS;

	set.otlp.endpoint = "http://localhost";
	set.otlp.headers.ptr = &bad_headers[_i];
	set.otlp.headers.n = 1;
	ck_assert_int_eq(otlp_http_open(&fx.sender, &set, &fx.err), ST_CONFIG);
	ck_assert_ptr_null(strstr(fx.err.msg, "secret"));
	set.otlp.headers.n = 0;
	set.otlp.endpoint = "localhost:4318";
	ck_assert_int_eq(otlp_http_open(&fx.sender, &set, &fx.err), ST_CONFIG);
}
END_TEST

START_TEST(survives_no_memory)
{
	struct otlp_http_settings set = DEFAULTS;
	enum status st = ST_NOMEM;

	otlp_server_start(&fx.server, "[]", (int)fx.message.len - 1);
	set.otlp.endpoint = http_endpoint(fx.server.port);
	set.clock = &fake_clock_functions;
	for (uint64_t n = 1; st; n++) {
		mem_fail_at(n);
		st = otlp_http_open(&fx.sender, &set, &fx.err);
		if (!st)
			st = http_send();
		mem_fail_at(0);
		ck_assert_msg(!st || st == ST_NOMEM || st == ST_REMOTE, "%s", fx.err.msg);
		otlp_http_close(fx.sender);
		fx.sender = NULL;
		ck_assert_uint_lt(n, 100);
	}
}
END_TEST

Suite *otlp_http_failures_suite(void)
{
	Suite *s = suite_create("otlp_http_failures");
	TCase *t = tcase_create("otlp_http_failures");

	if (!otlp_server_available()) {
		printf("SKIP otlp_http_failures: no build/otlp-server (needs Go)\n");
		return s;
	}
	tcase_add_checked_fixture(t, http_setup, http_teardown);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, refuses_at_once, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_loop_test(t, long_words_are_cut_between_runes, 0, 2);
	tcase_add_test(t, budget_ends_the_retries);
	tcase_add_test(t, the_last_attempt_is_at_the_end_of_the_budget);
	tcase_add_test(t, a_wait_beyond_the_budget_is_not_begun);
	tcase_add_test(t, connection_refused);
	tcase_add_test(t, halves_until_it_fits);
	tcase_add_test(t, a_span_too_large_fails);
	tcase_add_test(t, only_known_receivers_are_trusted);
	tcase_add_loop_test(t, bad_settings, 0, sizeof(bad_headers) / sizeof(bad_headers[0]));
	tcase_add_test(t, survives_no_memory);
	suite_add_tcase(s, t);
	return s;
}
