/*
 * transport_fixture: a batch, a scripted receiver and a transport to it.
 *
 * What the tests of transport and retry share. The clock stands still unless somebody
 * sleeps, and remembers each nap; the random number is 0.4 s, below every ceiling of
 * the backoff. All state is of the one test that runs.
 */
#ifndef TESTS_UNIT_TRANSPORT_FIXTURE_H
#define TESTS_UNIT_TRANSPORT_FIXTURE_H

#include "base/buf.h"
#include "exporter/otlp_batch.h"
#include "exporter/transport.h"
#include "tests/unit/otlp_server.h"

#define MS ((uint64_t)1000000)
#define S (1000 * MS)
#define N_SPANS 40

/* What a request looks like on the wire, by protocol. */
struct request_form {
	const char *path, *type, *encoding, *proto;
};
extern const struct request_form request_forms[3];

/* The one test's state. */
extern struct transport_fixture {
	struct otlp_server server;
	struct transport *transport;
	struct otlp_batch batch;
	struct slice message;
	struct buf json; /* the same */
	struct err err;
	struct attempt_result result;
	char url[64], cert[64];
	uint64_t now_ns, naps[16];
	size_t n_naps;
} fx;

extern const struct retry_clock fixture_clock;

/* A finished batch of N_SPANS small spans; no receiver and no transport yet. */
void transport_setup(void);
void transport_teardown(void);

/* To fx.url, in 10 s, uncompressed. */
struct exporter_settings fixture_settings(enum setting_protocol protocol);

/* Instead of what was open. */
void open_with(const struct exporter_settings *set);

/* A receiver with this script; fx.url has a password for it. */
void start_receiver(const char *script, const char *const *options);
void stop_receiver(void);

/* One attempt for the batch; no secret and no control character comes out. */
enum send_class attempt(void);

/* Fail unless `part` occurs in `text`. */
void has(const char *text, const char *part);

#endif /* TESTS_UNIT_TRANSPORT_FIXTURE_H */
