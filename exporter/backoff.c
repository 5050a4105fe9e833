#include "exporter/backoff.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "exporter/classify.h"

#define SECOND_NS ((uint64_t)1000000000)

/* `first`, doubled n times, but not above `most`. */
static uint64_t doubled(uint64_t first, unsigned int n, uint64_t most)
{
	for (; n && first < most; n--)
		first *= 2;
	return first < most ? first : most;
}

uint64_t backoff_next_ns(struct backoff *b, uint64_t random, uint64_t asked_ns)
{
	uint64_t wait = random % (doubled(BACKOFF_FIRST_NS, b->n_failed, BACKOFF_MAX_NS) + 1);

	b->n_failed++;
	if (wait < asked_ns)
		wait = asked_ns;
	if (wait < BACKOFF_FLOOR_NS)
		wait = BACKOFF_FLOOR_NS;
	return wait < RETRY_WAIT_MAX_NS ? wait : RETRY_WAIT_MAX_NS;
}

bool backoff_fits(uint64_t *wait_ns, uint64_t asked_ns, uint64_t left_ns)
{
	if (*wait_ns > left_ns && asked_ns <= left_ns && left_ns >= BACKOFF_FLOOR_NS)
		*wait_ns = left_ns;
	return *wait_ns <= left_ns;
}

uint64_t backoff_hold_ns(unsigned int n, uint64_t random)
{
	uint64_t ceiling = doubled(HOLD_FIRST_NS, n, HOLD_MAX_NS);

	return ceiling / 2 + random % (ceiling / 2);
}

static uint64_t system_now_ns(void *arg)
{
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static int64_t system_wall_s(void *arg)
{
	(void)arg;
	return time(NULL);
}

static void system_sleep_ns(void *arg, uint64_t ns)
{
	struct timespec left = { (time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS) };

	(void)arg;
	while (nanosleep(&left, &left) && errno == EINTR)
		continue;
}

static uint64_t system_random(void *arg)
{
	uint64_t v;

	(void)arg;
	if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
		v = system_now_ns(NULL) * 0x9e3779b97f4a7c15u;
	return v;
}

const struct retry_clock retry_clock_system = {
	.now_ns = system_now_ns,
	.wall_s = system_wall_s,
	.sleep_ns = system_sleep_ns,
	.random = system_random,
};
