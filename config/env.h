/*
 * env: where environment variables come from.
 *
 * A value, passed in, so that tests bring their own and nothing below cli/ reads
 * the process. Texts are borrowed until the environment changes.
 */
#ifndef CONFIG_ENV_H
#define CONFIG_ENV_H

#include "base/slice.h"

struct env {
	/* The value of `name`, or NULL. */
	const char *(*get)(void *arg, const char *name);
	void *arg;
};

/* The environment of this process. */
struct env env_process(void);

/* The value of `name`; empty when it is unset, as OpenTelemetry wants it. */
struct slice env_get(const struct env *env, const char *name);

#endif /* CONFIG_ENV_H */
