/*
 * sender_fixture: a sender over the queue of queue_fixture, and a scripted receiver.
 *
 * What the tests of sender share. Waits pass at once. All state is of the one test
 * that runs.
 */
#ifndef TESTS_UNIT_SENDER_FIXTURE_H
#define TESTS_UNIT_SENDER_FIXTURE_H

#include "exporter/sender.h"
#include "tests/unit/queue_fixture.h"

/*
 * A receiver that answers by a script, one letter a request, then takes all:
 *
 *	. accepted          r patience   t no answer   c configuration   T certificates
 *	p refused, 400      P refused, 500             b too big         o our bug
 */
extern struct sender_fixture {
	const char *script;
	size_t max_bytes;  /* larger requests are too big; 0: none is */
	uint8_t poison[8]; /* a request with this span is answered by `poisoned` */
	char poisoned;	   /* 0: no span is poison */
	uint64_t asked_ns; /* of patience */
	uint64_t rejected;
	unsigned int n;	     /* requests */
	uint64_t at[64];     /* when they came */
	struct span_set got; /* accepted */
	size_t spans[64];    /* of each request */
	struct sender *sender;
	uint64_t waits[64];
	unsigned int n_waits, n_told;
	char told[8192];
} rx;

/* A queue in memory; no sender yet. */
void sender_setup(void);
void sender_teardown(void);

void open_sender(uint64_t give_up_ns);
/* With what else is set here; queue, attempt, clock and so on are filled in. */
void open_sender_with(struct sender_settings set);

/* Step until there is nothing to do, or time is over; waits pass at once. */
enum sender_state run_until(uint64_t end_ns);
enum sender_state run(void);

#endif /* TESTS_UNIT_SENDER_FIXTURE_H */
