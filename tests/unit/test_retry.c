#include "exporter/retry.h"

#include <check.h>

#include "tests/unit/suites.h"
#include "tests/unit/transport_fixture.h"

#define BUSY "{\"status\":503,\"grpc\":14}"

static enum status send_within(uint64_t budget_ns)
{
	const struct retry_settings set = { .clock = &fixture_clock,
					    .budget_ns = budget_ns,
					    .what = "metrics" };

	return retry_send(fx.transport, &set, fx.message, N_SPANS, &fx.result, &fx.err);
}

static void begin(const char *script)
{
	struct exporter_settings set = fixture_settings(SETTING_HTTP_PROTOBUF);

	start_receiver(script, NULL);
	open_with(&set);
}

static const struct {
	const char *script;
	uint64_t budget_ns;
	size_t naps;
	uint64_t last_nap_ns;
	const char *says; /* NULL: acknowledged */
} cases[] = {
	{ "[]", 60 * S, 0, 0, NULL },
	{ "[" BUSY "," BUSY "]", 60 * S, 2, 400 * MS, NULL },
	{ "[{\"close\":true}]", 60 * S, 1, 400 * MS, NULL },
	{ "[{\"status\":429,\"retry_after\":\"3\"}]", 60 * S, 1, 3 * S, NULL },
	/* Naps of 0.4 s: the third is cut, and the receiver is back just in time. */
	{ "[" BUSY "," BUSY "," BUSY "]", S, 3, 200 * MS, NULL },
	{ "[" BUSY "," BUSY "," BUSY "," BUSY "]", S, 3, 200 * MS, "HTTP status 503 (4 attempts)" },
	{ "[" BUSY "]", 0, 0, 0, "HTTP status 503 (1 attempt)" },
	/* A wait beyond the budget is not begun. */
	{ "[{\"status\":429,\"retry_after\":\"61\"}]", 60 * S, 0, 0,
	  "HTTP status 429 (1 attempt)" },
	{ "[{\"status\":400,\"message\":\"bad\"}]", 60 * S, 0, 0,
	  "HTTP status 400 (1 attempt); the server says: bad" },
	{ "[{\"status\":401}]", 60 * S, 0, 0, "credentials" },
	{ "[{\"status\":413}]", 60 * S, 0, 0, "HTTP status 413 (1 attempt)" },
};

START_TEST(outcomes)
{
	enum status st;

	begin(cases[_i].script);
	st = send_within(cases[_i].budget_ns);
	ck_assert_msg(st == (cases[_i].says ? ST_REMOTE : ST_OK), "%s: %s", cases[_i].script,
		      fx.err.msg);
	ck_assert_uint_eq(fx.n_naps, cases[_i].naps);
	if (fx.n_naps)
		ck_assert_uint_eq(fx.naps[fx.n_naps - 1], cases[_i].last_nap_ns);
	if (!cases[_i].says)
		return;
	has(fx.err.msg, "cannot send metrics to http://127.0.0.1:");
	has(fx.err.msg, cases[_i].says);
	ck_assert_ptr_null(strstr(fx.err.msg, "pass"));
	/* A later message may fare better. */
	otlp_server_request(&fx.server);
	ck_assert_int_eq(send_within(60 * S), ST_OK);
}
END_TEST

START_TEST(nobody_listens)
{
	begin("[]");
	stop_receiver();
	ck_assert_int_eq(send_within(5 * S), ST_REMOTE);
	has(fx.err.msg, "(14 attempts)"); /* naps of 0.4 s, the last of 0.2 */
	ck_assert_uint_eq(fx.now_ns, 5 * S + 1000);
}
END_TEST

Suite *retry_suite(void)
{
	Suite *s = suite_create("retry");
	TCase *t = tcase_create("retry");

	if (!otlp_server_available()) {
		printf("SKIP retry: no build/otlp-server (needs Go)\n");
		return s;
	}
	tcase_add_checked_fixture(t, transport_setup, transport_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, outcomes, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(t, nobody_listens);
	suite_add_tcase(s, t);
	return s;
}
