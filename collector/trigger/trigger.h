/*
 * trigger: when to capture, and not too often.
 *
 * The set is one for the life of the process; a reload gives it other rules. Whoever sees
 * that a rule's condition is met calls trigger_fire(), from any thread: cooldown and
 * max_per_hour decide, and what is left waits for the main thread (trigger_next()), which
 * alone asks sources to capture. watch.h looks for conditions in the events of a stream;
 * the schedule is looked at by trigger_tick(), Prometheus metrics by a thread of the set.
 */
#ifndef COLLECTOR_TRIGGER_TRIGGER_H
#define COLLECTOR_TRIGGER_TRIGGER_H

#include "config/settings.h"

struct trigger_set;

/* Rules of one load, shared by those that use them at the moment. */
struct trigger_rules {
	unsigned int refs; /* atomic */
	const struct trigger_settings *ptr;
	size_t n;
	void *owner; /* keeps the texts */
	void (*release)(void *owner);
};

/* `wake` is called, from any thread, when trigger_next() has something. */
MUST_CHECK enum status trigger_open(struct trigger_set **out, void (*wake)(void *arg), void *arg,
				    struct err *err);
/* NULL is fine. */
void trigger_close(struct trigger_set *t);

/*
 * Other rules from now on. Rules that are the same keep their cooldown. `owner` is given to
 * `release` when nobody uses the texts any more, also on failure.
 */
MUST_CHECK enum status trigger_update(struct trigger_set *t, const struct trigger_settings *rules,
				      size_t n, void *owner, void (*release)(void *owner),
				      struct err *err);
/* The rules now, until trigger_unref(). */
struct trigger_rules *trigger_rules(struct trigger_set *t);
void trigger_unref(struct trigger_rules *r);

enum trigger_answer { TRIGGER_FIRED, TRIGGER_TOO_SOON, TRIGGER_UNKNOWN };

/* The rule of this name is met; `cause` is one line for people, with the value. */
enum trigger_answer trigger_fire(struct trigger_set *t, const char *name, const char *cause);
/* The signal came. */
void trigger_signal(struct trigger_set *t, enum setting_signal number);
/* Look at the schedule; about once a second. */
void trigger_tick(struct trigger_set *t);

/* A capture for the rule of this name is in the queue. */
void trigger_count_capture(struct trigger_set *t, const char *name);

/* A trigger that fired. */
struct trigger_request {
	char name[80], cause[256];
	uint64_t delay_ns;
	uint64_t fired_ns;	     /* monotonic */
	struct trigger_rules *rules; /* whose `capture` holds names; for trigger_unref() */
	const struct setting_texts *capture;
};
/* The oldest that nobody has taken; false: none. */
bool trigger_next(struct trigger_set *t, struct trigger_request *out);

struct trigger_count {
	char name[80];
	uint64_t fired, held; /* held back by cooldown or max_per_hour */
	uint64_t captures;    /* made for it, and their spans are in the queue */
};
/* Those of the rules now; returns how many of at most `max`. */
size_t trigger_counts(struct trigger_set *t, struct trigger_count *out, size_t max);

/* Is `every` this rule's condition? And `signal`? */
bool trigger_by_every(const struct trigger_settings *s);
bool trigger_by_signal(const struct trigger_settings *s);

#endif /* COLLECTOR_TRIGGER_TRIGGER_H */
