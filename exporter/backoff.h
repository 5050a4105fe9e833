/*
 * backoff: how long to wait before the next attempt, and who does the waiting.
 *
 * Full jitter: a random time between nothing and a ceiling that doubles with
 * each attempt, so that many senders that lost the same receiver do not come
 * back together. Time, sleep and randomness are a table of functions, so that
 * tests neither sleep nor guess.
 */
#ifndef EXPORTER_BACKOFF_H
#define EXPORTER_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_NS ((uint64_t)500 * 1000000)
#define BACKOFF_MAX_NS ((uint64_t)30 * 1000000000)
#define BACKOFF_FLOOR_NS ((uint64_t)100 * 1000000)

/* Zero-initialised: no attempt failed yet. */
struct backoff {
	unsigned int n_failed;
};

/*
 * The wait after one more failed attempt: jitter below the ceiling, but not less
 * than what the receiver asked for nor than BACKOFF_FLOOR_NS.
 */
uint64_t backoff_next_ns(struct backoff *b, uint64_t random, uint64_t asked_ns);

struct retry_clock {
	uint64_t (*now_ns)(void *arg); /* monotonic */
	int64_t (*wall_s)(void *arg);  /* Unix seconds */
	void (*sleep_ns)(void *arg, uint64_t ns);
	uint64_t (*random)(void *arg);
	void *arg;
};

/* The machine's own. */
extern const struct retry_clock retry_clock_system;

#endif /* EXPORTER_BACKOFF_H */
