/*
 * run: the sidecar from start to end.
 *
 * Owns everything: sources, inbox, worker, destinations. All of these functions belong to
 * the main thread. docs/decisions/070 says why the threads are as they are.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <signal.h>

#include "cli/run_plan.h"
#include "collector/source/source.h"

struct run;
struct inbox;
struct send;
struct metrics_send;
struct worker;
struct trigger_set;

/* On success everything works, and *out is the caller's until run_close(). */
MUST_CHECK enum status run_open(struct run **out, const char *path, struct err *err);

/*
 * Read the file again. What has not changed goes on undisturbed; what is invalid changes
 * nothing, and is the error.
 */
MUST_CHECK enum status run_reload(struct run *r, struct err *err);

/* After a reload that failed: not even the old destinations could be opened again. */
bool run_lost(const struct run *r);

/* Sent to the main thread when a trigger fired: run_tick() asks the sources then. */
#define RUN_WAKE SIGRTMIN
/* SIGUSR1 or SIGUSR2 came. */
void run_signal(struct run *r, int number);

/* Housekeeping, about once a second. False: it hangs. `ns`: the watchdog's patience, or 0. */
bool run_tick(struct run *r, uint64_t ns);

/* A stop was asked for: what is being read has its time from now. Then run_finish(). */
void run_ends(struct run *r);

/*
 * Stop: no new captures, what is being read ends, what is queued is sent for as long as
 * queue.flush says; then the account, logged. False: something is amiss.
 */
bool run_finish(struct run *r);
/*
 * What others than the main thread may look at, in the admin's thread: between the two
 * calls nothing is exchanged.
 */
struct run_view {
	struct worker *worker;
	struct send *send;	      /* NULL: there are no destinations now */
	struct metrics_send *metrics; /* NULL: none are sent */
	struct inbox *inbox;
	const struct settings *settings;
	size_t n_sources;
	struct {
		const char *name, *kind;
		struct source_status status;
	} sources[64];
	struct trigger_set *triggers; /* NULL: none */
	bool stopping;
};
void run_look(struct run *r, struct run_view *out);
void run_look_end(struct run *r);

/* NULL is fine. */
void run_close(struct run *r);

#endif /* CLI_RUN_H */
