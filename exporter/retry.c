#include "exporter/retry.h"

#include <stdio.h>

static enum status give_up(const struct transport *t, const char *what,
			   const struct attempt_result *last, unsigned int attempts,
			   struct err *err)
{
	char line[sizeof(err->msg)];
	int n = snprintf(line, sizeof(line), "cannot send %s to %s: ", what, transport_shown(t));

	if (n > 0 && (size_t)n < sizeof(line))
		attempt_describe(last, attempts, line + n, sizeof(line) - (size_t)n);
	return err_set(err, ST_REMOTE, ERR_NO_OFFSET, "%s", line);
}

enum status retry_send(struct transport *t, const struct retry_settings *set, struct slice message,
		       size_t n, struct attempt_result *last, struct err *err)
{
	const struct retry_clock *c = set->clock ? set->clock : &retry_clock_system;
	uint64_t deadline = c->now_ns(c->arg) + set->budget_ns;
	struct backoff backoff = { 0 };

	for (unsigned int attempts = 1;; attempts++) {
		uint64_t wait, now, left;

		transport_attempt(t, message, n, last);
		if (last->class == SEND_ACCEPTED)
			return ST_OK;
		if (last->class != SEND_RETRY && last->class != SEND_TRANSPORT)
			return give_up(t, set->what, last, attempts, err);
		wait = backoff_next_ns(&backoff, c->random(c->arg), last->wait_ns);
		now = c->now_ns(c->arg);
		left = now < deadline ? deadline - now : 0;
		if (!backoff_fits(&wait, last->wait_ns, left))
			return give_up(t, set->what, last, attempts, err);
		c->sleep_ns(c->arg, wait);
	}
}
