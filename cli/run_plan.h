/*
 * run_plan: what `run` makes of one load of its configuration.
 *
 * Settings and what follows from them, never changed, and shared: a reload makes a new
 * one, and sources that live on keep the one they borrowed texts from.
 */
#ifndef CLI_RUN_PLAN_H
#define CLI_RUN_PLAN_H

#include "cli/plan.h"

struct run_plan {
	unsigned int refs; /* atomic */
	struct settings settings;
	struct resource resource;
	struct mapper_options mapper; /* without sampling, which is by source */
	struct span_limits limits;
};

/*
 * Load and check; with one reference, the caller's. ST_CONFIG tells what is wrong, and
 * where in the file.
 */
MUST_CHECK enum status run_plan_load(struct run_plan **out, const char *path, struct err *err);
struct run_plan *run_plan_ref(struct run_plan *p);
/* NULL is fine. */
void run_plan_unref(struct run_plan *p);

/*
 * What a file must have besides being well-formed, for this version of the program to run
 * by it: keys that depend on each other, addresses that can be used, kinds that exist.
 */
MUST_CHECK enum status run_check(const struct settings *s, struct err *err);

#endif /* CLI_RUN_PLAN_H */
