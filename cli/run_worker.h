/*
 * run_worker: the thread that turns captures into spans in the queue.
 *
 * Takes captures from the inbox one at a time: was it done before, read and map it, commit
 * its spans together with the note that it is done, tell its source. One thread, since the
 * order of captures decides what counts as sent before. Stopped between captures, so that
 * plan and destinations can be exchanged.
 */
#ifndef CLI_RUN_WORKER_H
#define CLI_RUN_WORKER_H

#include "cli/metrics_send.h"
#include "cli/run_plan.h"
#include "cli/send.h"
#include "collector/source/inbox.h"

struct worker;

/* On success *out is the caller's until worker_close(); it does not run yet. */
MUST_CHECK enum status worker_open(struct worker **out, struct inbox *inbox, struct err *err);

/* All is borrowed until worker_stop(). `metrics` may be NULL: nobody wants them. */
MUST_CHECK enum status worker_start(struct worker *w, const struct run_plan *plan,
				    struct send *send, struct metrics_send *metrics,
				    struct err *err);
/* The program is to end: the time that worker_stop() gives counts from now. */
void worker_ends(struct worker *w);

/*
 * Wait until it has ended what it is at. `drain`, for the program's end: it first takes what
 * is in the inbox and exists nowhere else; files that stay where they are go back to their
 * source. It leaves what it is at 10 s after the end was asked for (worker_ends(), or now) if
 * that is such a file, else after 20 s.
 */
void worker_stop(struct worker *w, bool drain);

/* NULL is fine. */
void worker_close(struct worker *w);

struct worker_counts {
	uint64_t captures[CAPTURE_LATER + 1]; /* by outcome */
	uint64_t damaged;		      /* of those queued */
	uint64_t events, spans, bytes;	      /* of those queued; bytes as read */
	uint64_t unsampled_spans, dropped_spans;
};
void worker_counts(struct worker *w, struct worker_counts *out);

/* What became of one capture. */
struct worker_capture {
	int64_t at_ms; /* Unix time when it was done */
	enum capture_outcome outcome;
	bool damaged;
	uint64_t bytes, events, spans, traces;
	char source[80], name[CAPTURE_NAME_BYTES], trigger[80], cause[256];
	char why[256]; /* "" if it was queued */
};

#define WORKER_CAPTURES 100u

/* The last of them, the newest first, into out[WORKER_CAPTURES]; returns how many. */
size_t worker_last(struct worker *w, struct worker_capture *out);

/* "queued", "known", "bad", "changed" or "later". */
const char *capture_outcome_name(enum capture_outcome outcome);

/* Has it made no progress for `ns` although nobody lets it wait? For the watchdog. */
bool worker_stuck(struct worker *w, uint64_t ns);

#endif /* CLI_RUN_WORKER_H */
