#include "tests/unit/http_fixture.h"

#include <check.h>

struct http_fixture fx;

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

const struct retry_clock fake_clock_functions = { fake_now, fake_wall, fake_sleep, fake_random,
						  &fx.clock };

static void fill_batch(size_t n_spans)
{
	const struct attr service = { .key = SLICE("service.name"), .str = SLICE("orders") };
	struct span s = { .trace_id = { 1 }, .name = SLICE("GET /"), .start_unix_ns = 5 };

	otlp_batch_init(&fx.batch, OTLP_PROTO, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	ck_assert(!otlp_batch_resource(&fx.batch, &(struct resource){ &service, 1 }, &fx.err));
	for (size_t i = 0; i < n_spans; i++) {
		s.span_id[0] = (uint8_t)(i + 1);
		s.scope = (enum span_scope)(i % N_SCOPES);
		ck_assert(!otlp_batch_add(&fx.batch, &s, &fx.err));
	}
	ck_assert(!otlp_batch_finish(&fx.batch, &fx.message, &fx.err));
}

void http_setup(void)
{
	setenv("no_proxy", "127.0.0.1", 1);
	fx.clock = (struct fake_clock){ .now = 1000 };
	fx.err = (struct err)ERR_INIT;
	fx.server = (struct otlp_server){ 0 };
	fx.sender = NULL;
	fill_batch(N_SPANS);
}

void http_teardown(void)
{
	otlp_http_close(fx.sender);
	otlp_batch_release(&fx.batch);
	if (fx.server.pid)
		otlp_server_stop(&fx.server);
}

const char *http_endpoint(int port)
{
	static char url[64];

	snprintf(url, sizeof(url), "http://user:pass@127.0.0.1:%d/", port);
	return url;
}

void http_start(const char *script, struct otlp_http_settings set)
{
	otlp_server_start(&fx.server, script, 0);
	set.otlp.endpoint = http_endpoint(fx.server.port);
	set.clock = &fake_clock_functions;
	ck_assert_msg(!otlp_http_open(&fx.sender, &set, &fx.err), "%s", fx.err.msg);
}

enum status http_send(void)
{
	return otlp_http_send(fx.sender, fx.message, N_SPANS, &fx.err);
}

const struct otlp_http_stats *http_stats(void)
{
	return otlp_http_stats(fx.sender);
}

void has_text(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in: %s", part, text);
}
