#include "config/env.h"

#include <stdlib.h>

static const char *get_process(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

struct env env_process(void)
{
	return (struct env){ .get = get_process };
}

struct slice env_get(const struct env *env, const char *name)
{
	return slice_str(env->get(env->arg, name));
}
