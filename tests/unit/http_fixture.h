/*
 * http_fixture: a batch, a scripted receiver and a sender that waits in no time.
 *
 * What the tests of otlp_http share. The clock stands still unless somebody
 * sleeps, and remembers each nap; the random number is 0.4 s, below every
 * ceiling of the backoff. All state is of the one test that runs.
 */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include "exporter/otlp_batch.h"
#include "exporter/otlp_http.h"
#include "tests/unit/otlp_server.h"

#define MS ((uint64_t)1000000)
#define SECOND (1000 * MS)
#define N_SPANS 101
#define DEFAULTS ((struct otlp_http_settings){ OTLP_HTTP_DEFAULTS })

struct fake_clock {
	uint64_t now;
	uint64_t naps[16];
	size_t n_naps;
};

/* The one test's state. */
extern struct http_fixture {
	struct fake_clock clock;
	struct otlp_server server;
	struct otlp_http *sender;
	struct otlp_batch batch;
	struct slice message; /* the batch's bytes */
	struct err err;
} fx;

extern const struct retry_clock fake_clock_functions;

/* A finished batch of N_SPANS small spans; no receiver and no sender yet. */
void http_setup(void);
void http_teardown(void);

/* A URL with user name and password for a loopback port, borrowed until the next call. */
const char *http_endpoint(int port);

/* A receiver with this script, and a sender to it. */
void http_start(const char *script, struct otlp_http_settings set);

enum status http_send(void);
const struct otlp_http_stats *http_stats(void);

/* Fail unless `part` occurs in `text`. */
void has_text(const char *text, const char *part);

#endif /* TESTS_UNIT_HTTP_FIXTURE_H */
