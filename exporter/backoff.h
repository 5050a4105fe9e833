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

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_NS ((uint64_t)500 * 1000000)
#define BACKOFF_MAX_NS ((uint64_t)30 * 1000000000)
#define BACKOFF_FLOOR_NS ((uint64_t)100 * 1000000)
#define HOLD_FIRST_NS ((uint64_t)5 * 1000000000)
#define HOLD_MAX_NS ((uint64_t)120 * 1000000000)

/* Zero-initialised: no attempt failed yet. */
struct backoff {
	unsigned int n_failed;
};

/*
 * The wait after one more failed attempt: jitter below the ceiling, but not less
 * than what the receiver asked for nor than BACKOFF_FLOOR_NS.
 */
uint64_t backoff_next_ns(struct backoff *b, uint64_t random, uint64_t asked_ns);

/*
 * Cut a wait that chance has drawn to what is left of a budget, so that the last
 * attempt comes at its end; what the receiver asked for is not cut. False: there is
 * no time for another attempt.
 */
bool backoff_fits(uint64_t *wait_ns, uint64_t asked_ns, uint64_t left_ns);

/*
 * The wait for somebody to mend the settings, after `n` such waits: 5 s to two minutes,
 * never at once, and many senders not all at the same time.
 */
uint64_t backoff_hold_ns(unsigned int n, uint64_t random);

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
