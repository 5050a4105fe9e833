#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/suites.h"
#include "tests/unit/transport_fixture.h"

/* How a transport meets its receiver: connections, certificates, compression. */

/* ---- connections ---- */

/* Closed or told to go away while idle: a new one at once, and nobody notices. */
START_TEST(stale_connections)
{
	static const char *const scripts[] = { "[{},{\"last\":true},{}]",
					       "[{},{\"close\":true},{}]",
					       "[{},{\"reset\":true},{}]" };
	struct exporter_settings set = fixture_settings((enum setting_protocol)(_i / 3));
	const char *line = "";

	start_receiver(scripts[_i % 3], NULL);
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
	struct exporter_settings set = fixture_settings((enum setting_protocol)_i);

	start_receiver("[]", NULL);
	open_with(&set);
	stop_receiver();
	ck_assert_int_eq(attempt(), SEND_TRANSPORT);
	ck_assert_int_eq(fx.result.rc, 7);
	has(fx.result.hint, "4318 is OTLP/HTTP, 4317 is gRPC");
}
END_TEST

START_TEST(timeouts)
{
	struct exporter_settings set = fixture_settings((enum setting_protocol)_i);

	set.otlp.timeout_ns = 300 * S / 1000;
	start_receiver("[{\"hang\":true}]", NULL);
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
	start_receiver("[]", options);
	snprintf(fx.url, sizeof(fx.url), "https://127.0.0.1:%d", fx.server.port);
}

/* What is wrong is mended on disk, and the open transport goes on. */
START_TEST(certificates)
{
	struct exporter_settings set = fixture_settings((enum setting_protocol)_i);
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
			has(line, request_forms[_i].proto);
	}
	unlink(ca);
}
END_TEST

/* TLS is not given up because the other side speaks none. */
START_TEST(no_plaintext_fallback)
{
	struct exporter_settings set = fixture_settings((enum setting_protocol)_i);

	start_receiver("[]", NULL);
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
	struct exporter_settings set = fixture_settings((enum setting_protocol)_i);

	set.otlp.compression = SETTING_ZSTD;
	start_receiver("[]", options);
	open_with(&set);
	ck_assert_msg(attempt() == SEND_ACCEPTED, "%s", fx.result.outcome);
	has(fx.result.notice, "gzip from now on");
	ck_assert_int_eq(attempt(), SEND_ACCEPTED);
	ck_assert_ptr_null(fx.result.notice);
	for (int i = 0; i < 3; i++) {
		char encoding[64];

		snprintf(encoding, sizeof(encoding), request_forms[_i].encoding, names[i]);
		has(otlp_server_request(&fx.server), encoding);
	}
}
END_TEST

Suite *transport_links_suite(void)
{
	Suite *s = suite_create("transport_links");
	TCase *t = tcase_create("transport_links");

	if (!otlp_server_available()) {
		printf("SKIP transport_links: no build/otlp-server (needs Go)\n");
		return s;
	}
	tcase_add_checked_fixture(t, transport_setup, transport_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, stale_connections, 0, 9);
	tcase_add_loop_test(t, nobody_listens, 0, 3);
	tcase_add_loop_test(t, timeouts, 0, 3);
	tcase_add_loop_test(t, certificates, 0, 3);
	tcase_add_loop_test(t, no_plaintext_fallback, 0, 3);
	tcase_add_loop_test(t, zstd_falls_back_once, 0, 3);
	suite_add_tcase(s, t);
	return s;
}
