#include "exporter/otlp_http.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/version.h"
#include "exporter/otlp_batch.h"
#include "tests/unit/otlp_server.h"
#include "tests/unit/suites.h"

#define MS ((uint64_t)1000000)
#define SECOND (1000 * MS)
#define N_SPANS 101

/* Time goes on only when somebody sleeps. */
struct fake_clock {
	uint64_t now;
	uint64_t naps[16];
	size_t n_naps;
};

static struct fake_clock fake;
static struct otlp_server server;
static struct otlp_http *sender;
static struct otlp_batch batch;
static struct slice message; /* the batch's bytes */
static struct err err;

static uint64_t fake_now(void *arg)
{
	return ((struct fake_clock *)arg)->now;
}

static int64_t fake_wall(void *arg)
{
	(void)arg;
	return 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
}

static void fake_sleep(void *arg, uint64_t ns)
{
	struct fake_clock *c = arg;

	c->now += ns;
	if (c->n_naps < sizeof(c->naps) / sizeof(c->naps[0]))
		c->naps[c->n_naps++] = ns;
}

static uint64_t fake_random(void *arg)
{
	(void)arg;
	return 400 * MS; /* below every ceiling */
}

static const struct retry_clock fake_functions = { fake_now, fake_wall, fake_sleep, fake_random,
						   &fake };

static void fill_batch(size_t n_spans)
{
	const struct attr service = { .key = SLICE("service.name"), .str = SLICE("orders") };
	struct span s = { .trace_id = { 1 }, .name = SLICE("GET /"), .start_unix_ns = 5 };

	otlp_batch_init(&batch, OTLP_PROTO, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	ck_assert(!otlp_batch_resource(&batch, &(struct resource){ &service, 1 }, &err));
	for (size_t i = 0; i < n_spans; i++) {
		s.span_id[0] = (uint8_t)(i + 1);
		s.scope = (enum span_scope)(i % N_SCOPES);
		ck_assert(!otlp_batch_add(&batch, &s, &err));
	}
	ck_assert(!otlp_batch_finish(&batch, &message, &err));
}

static void setup(void)
{
	fake = (struct fake_clock){ .now = 1000 };
	err = (struct err)ERR_INIT;
	server = (struct otlp_server){ 0 };
	sender = NULL;
	fill_batch(N_SPANS);
}

static void teardown(void)
{
	otlp_http_close(sender);
	otlp_batch_release(&batch);
	if (server.pid)
		otlp_server_stop(&server);
}

static const char *endpoint(int port)
{
	static char url[64];

	snprintf(url, sizeof(url), "http://user:pass@127.0.0.1:%d/", port);
	return url;
}

/* A receiver with this script, and a sender to it. */
static void start(const char *script, struct otlp_http_settings set)
{
	otlp_server_start(&server, script, 0);
	set.endpoint = endpoint(server.port);
	set.clock = &fake_functions;
	ck_assert_msg(!otlp_http_open(&sender, &set, &err), "%s", err.msg);
}

#define DEFAULTS ((struct otlp_http_settings){ OTLP_HTTP_DEFAULTS })

static enum status send_batch(void)
{
	return otlp_http_send(sender, message, N_SPANS, &err);
}

static const struct otlp_http_stats *stats(void)
{
	return otlp_http_stats(sender);
}

static void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in: %s", part, text);
}

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
	static const char *const headers[] = { "X-Scope-OrgID: team-a", "x-other: b" };
	struct otlp_http_settings set = DEFAULTS;
	const char *line;

	set.headers = headers;
	set.n_headers = 2;
	start("[]", set);
	ck_assert_msg(send_batch() == ST_OK, "%s", err.msg);
	line = otlp_server_request(&server);
	has(line, "method=POST path=/v1/traces ");
	has(line, fingerprint("plain", message));
	has(line, "{Content-Type: application/x-protobuf}");
	has(line, "{Content-Encoding: gzip}");
	has(line, "{User-Agent: flightspan/" FLIGHTSPAN_VERSION
		  " OTel-OTLP-Exporter-C/" FLIGHTSPAN_VERSION "}");
	has(line, "{X-Scope-Orgid: team-a}");
	has(line, "{X-Other: b}");
	ck_assert_ptr_null(strstr(line, "{Expect"));
	ck_assert_ptr_null(strstr(line, "{Accept-Encoding"));
	ck_assert_uint_eq(stats()->spans_accepted, N_SPANS);
	ck_assert_uint_eq(stats()->requests, 1);
	ck_assert_uint_eq(stats()->retries + stats()->spans_rejected + stats()->unreadable, 0);
	ck_assert_uint_eq(stats()->bytes_plain, message.len);
	ck_assert_uint_lt(stats()->bytes_compressed, message.len / 4);
	ck_assert_str_eq(stats()->message, "");
}
END_TEST

START_TEST(uncompressed_and_kept_alive)
{
	struct otlp_http_settings set = DEFAULTS;

	set.gzip = false;
	start("[]", set);
	for (int i = 0; i < 3; i++) {
		const char *line;

		ck_assert_int_eq(send_batch(), ST_OK);
		line = otlp_server_request(&server);
		has(line, "conn=1 ");
		has(line, fingerprint("wire", message));
		ck_assert_ptr_null(strstr(line, "{Content-Encoding"));
	}
	ck_assert_uint_eq(stats()->bytes_compressed, 3 * message.len);
	ck_assert_uint_eq(stats()->spans_accepted, 3ul * N_SPANS);
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
	otlp_batch_clear(&batch);
	for (uint8_t i = 1; i <= 2; i++) {
		const struct span s = {
			.trace_id = { 1 }, .span_id = { i }, .attrs = &big, .n_attrs = 1
		};

		ck_assert(!otlp_batch_add(&batch, &s, &err));
	}
	ck_assert(!otlp_batch_finish(&batch, &message, &err));
	ck_assert_uint_gt(message.len, sizeof(text));
	set.gzip = false;
	start("[]", set);
	ck_assert(!otlp_http_send(sender, message, 2, &err));
	line = otlp_server_request(&server);
	has(line, fingerprint("wire", message));
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
	start(accepted[_i].script, DEFAULTS);
	ck_assert_msg(send_batch() == ST_OK, "%s: %s", accepted[_i].script, err.msg);
	ck_assert_uint_eq(stats()->requests, 1);
	ck_assert_uint_eq(stats()->spans_rejected, accepted[_i].rejected);
	ck_assert_uint_eq(stats()->spans_accepted, N_SPANS - accepted[_i].rejected);
	ck_assert_uint_eq(stats()->unreadable, accepted[_i].unreadable);
	ck_assert_str_eq(stats()->message, accepted[_i].message);
	/* The connection, or a new one, goes on working. */
	ck_assert_int_eq(send_batch(), ST_OK);
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

	start(retried[_i].script, DEFAULTS);
	ck_assert_msg(send_batch() == ST_OK, "%s: %s", retried[_i].script, err.msg);
	ck_assert_uint_eq(stats()->requests, retried[_i].retries + 1);
	ck_assert_uint_eq(stats()->retries, retried[_i].retries);
	ck_assert_uint_eq(stats()->spans_accepted, N_SPANS);
	ck_assert_uint_eq(fake.n_naps, retried[_i].retries);
	ck_assert_msg(fake.naps[0] == retried[_i].first_nap, "%s: %" PRIu64, retried[_i].script,
		      fake.naps[0]);
	for (unsigned int i = 0; i <= retried[_i].retries; i++) {
		const char *wire;

		line = otlp_server_request(&server);
		wire = strstr(line, " wire=");
		ck_assert_ptr_nonnull(wire);
		if (!i)
			memcpy(first, wire, 28);
		/* Every attempt has the same bytes. */
		ck_assert_mem_eq(first, wire, 28);
	}
	snprintf(conn, sizeof(conn), "conn=%u ", retried[_i].conn);
	has(line, conn);
}
END_TEST

START_TEST(slow_beyond_the_timeout)
{
	struct otlp_http_settings set = DEFAULTS;

	set.timeout_ns = 150 * MS;
	start("[{\"delay_ms\":1000}]", set);
	ck_assert_msg(send_batch() == ST_OK, "%s", err.msg);
	ck_assert_uint_eq(stats()->retries, 1);
	ck_assert_uint_eq(fake.n_naps, 1);
}
END_TEST

/* The receiver closed a kept connection: libcurl goes on at once, without a nap. */
START_TEST(stale_connection)
{
	start(_i ? "[{},{\"reset\":true}]" : "[{},{\"close\":true}]", DEFAULTS);
	ck_assert_int_eq(send_batch(), ST_OK);
	ck_assert_int_eq(send_batch(), ST_OK);
	ck_assert_uint_eq(fake.n_naps, 0);
	ck_assert_uint_eq(stats()->spans_accepted, 2ul * N_SPANS);
}
END_TEST

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
	start(refused[_i].script, DEFAULTS);
	ck_assert_int_eq(send_batch(), ST_REMOTE);
	for (size_t i = 0; i < 3 && refused[_i].says[i]; i++)
		has(err.msg, refused[_i].says[i]);
	has(err.msg, "cannot send 101 spans to http://127.0.0.1:");
	has(err.msg, "/v1/traces: ");
	has(err.msg, "(1 attempt)");
	ck_assert_ptr_null(strstr(err.msg, "pass"));
	ck_assert_ptr_null(strpbrk(err.msg, "\n\t\x1b"));
	ck_assert_uint_eq(stats()->requests, 1);
	ck_assert_uint_eq(stats()->spans_accepted, 0);
	ck_assert_uint_eq(fake.n_naps, 0);
	/* A later batch may fare better. */
	ck_assert_int_eq(send_batch(), ST_OK);
}
END_TEST

START_TEST(budget_ends_the_retries)
{
	struct otlp_http_settings set = DEFAULTS;

	set.retry_budget_ns = SECOND;
	start("[{\"status\":503},{\"status\":503},{\"status\":503},{\"status\":503}]", set);
	ck_assert_int_eq(send_batch(), ST_REMOTE);
	has(err.msg, "HTTP status 503 (3 attempts)");
	ck_assert_uint_eq(fake.n_naps, 2);
	ck_assert_uint_eq(stats()->requests, 3);
}
END_TEST

START_TEST(a_wait_beyond_the_budget_is_not_begun)
{
	start("[{\"status\":429,\"retry_after\":\"61\"}]", DEFAULTS);
	ck_assert_int_eq(send_batch(), ST_REMOTE);
	ck_assert_uint_eq(fake.n_naps, 0);
	ck_assert_uint_eq(stats()->requests, 1);
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

	set.endpoint = endpoint(closed_port());
	set.clock = &fake_functions;
	set.retry_budget_ns = 5 * SECOND;
	ck_assert_int_eq(otlp_http_open(&sender, &set, &err), ST_OK);
	ck_assert_int_eq(send_batch(), ST_REMOTE);
	has(err.msg, "4318 is OTLP/HTTP, 4317 is gRPC");
	has(err.msg, "(13 attempts)"); /* a nap of 0.4 s each */
	ck_assert_uint_le(fake.now, 5 * SECOND + 1000);
}
END_TEST

/* ---- too large ---- */

START_TEST(halves_until_it_fits)
{
	struct otlp_http_settings set = DEFAULTS;

	otlp_server_start(&server, "[]", (int)message.len / 3);
	set.endpoint = endpoint(server.port);
	set.clock = &fake_functions;
	ck_assert_int_eq(otlp_http_open(&sender, &set, &err), ST_OK);
	ck_assert_msg(send_batch() == ST_OK, "%s", err.msg);
	ck_assert_uint_eq(stats()->spans_accepted, N_SPANS);
	/* Whole, half, four quarters; the second half was known to be too large. */
	ck_assert_uint_eq(stats()->requests, 6);
	ck_assert_uint_eq(stats()->splits, 3);
	/* Now that is known of the whole, too. */
	ck_assert_int_eq(send_batch(), ST_OK);
	ck_assert_uint_eq(stats()->requests, 10);
	ck_assert_uint_eq(stats()->spans_accepted, 2ul * N_SPANS);
}
END_TEST

START_TEST(a_span_too_large_fails)
{
	struct otlp_http_settings set = DEFAULTS;

	otlp_server_start(&server, "[]", 20);
	set.endpoint = endpoint(server.port);
	set.clock = &fake_functions;
	ck_assert_int_eq(otlp_http_open(&sender, &set, &err), ST_OK);
	ck_assert_int_eq(send_batch(), ST_REMOTE);
	has(err.msg, "cannot send 1 spans");
	has(err.msg, "request body too large");
	ck_assert_uint_eq(stats()->requests, 7);
	ck_assert_uint_eq(stats()->spans_accepted, 0);
}
END_TEST

/* ---- settings and memory ---- */

static const char *const bad_headers[] = {
	"", "secret", ": secret", "a: secret\r\nb: c", "a b: secret", "a: secret\x7f"
};

START_TEST(bad_settings)
{
	struct otlp_http_settings set = DEFAULTS;

	set.endpoint = "http://localhost";
	set.headers = &bad_headers[_i];
	set.n_headers = 1;
	ck_assert_int_eq(otlp_http_open(&sender, &set, &err), ST_CONFIG);
	ck_assert_ptr_null(strstr(err.msg, "secret"));
	set.n_headers = 0;
	set.endpoint = "localhost:4318";
	ck_assert_int_eq(otlp_http_open(&sender, &set, &err), ST_CONFIG);
}
END_TEST

START_TEST(survives_no_memory)
{
	struct otlp_http_settings set = DEFAULTS;
	enum status st = ST_NOMEM;

	otlp_server_start(&server, "[]", (int)message.len - 1);
	set.endpoint = endpoint(server.port);
	set.clock = &fake_functions;
	for (uint64_t n = 1; st; n++) {
		mem_fail_at(n);
		st = otlp_http_open(&sender, &set, &err);
		if (!st)
			st = send_batch();
		mem_fail_at(0);
		ck_assert_msg(!st || st == ST_NOMEM || st == ST_REMOTE, "%s", err.msg);
		otlp_http_close(sender);
		sender = NULL;
		ck_assert_uint_lt(n, 100);
	}
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
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, a_request_is_as_it_should_be);
	tcase_add_test(t, uncompressed_and_kept_alive);
	tcase_add_test(t, large_bodies_go_at_once);
	tcase_add_loop_test(t, accepts, 0, sizeof(accepted) / sizeof(accepted[0]));
	tcase_add_loop_test(t, retries, 0, sizeof(retried) / sizeof(retried[0]));
	tcase_add_test(t, slow_beyond_the_timeout);
	tcase_add_loop_test(t, stale_connection, 0, 2);
	tcase_add_loop_test(t, refuses_at_once, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(t, budget_ends_the_retries);
	tcase_add_test(t, a_wait_beyond_the_budget_is_not_begun);
	tcase_add_test(t, connection_refused);
	tcase_add_test(t, halves_until_it_fits);
	tcase_add_test(t, a_span_too_large_fails);
	tcase_add_loop_test(t, bad_settings, 0, sizeof(bad_headers) / sizeof(bad_headers[0]));
	tcase_add_test(t, survives_no_memory);
	suite_add_tcase(s, t);
	return s;
}
