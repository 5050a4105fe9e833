/*
 * settings_fixture: settings loaded from text under an environment of the test's own.
 *
 * For the files that test config/; each includes its own copy of this state.
 * start() and finish() are the checked fixture.
 */
#ifndef TESTS_UNIT_SETTINGS_FIXTURE_H
#define TESTS_UNIT_SETTINGS_FIXTURE_H

#include <check.h>

#include "base/mem.h"
#include "config/settings.h"

#define LEN(a) (sizeof(a) / sizeof(*(a)))

static const char *const no_variables[] = { NULL };
static const char *const *variables = no_variables; /* name, value, ..., NULL */

static inline const char *get_variable(void *arg, const char *name)
{
	(void)arg;
	for (const char *const *v = variables; *v; v += 2) {
		if (!strcmp(v[0], name))
			return v[1];
	}
	return NULL;
}

static const struct env env = { .get = get_variable };
static struct settings s;
static struct err err;

/* Load `yaml` into s. */
static inline enum status load(const char *yaml)
{
	settings_release(&s);
	err = (struct err)ERR_INIT;
	return settings_parse(&s, "f.yaml", slice_str(yaml), &env, &err);
}

static inline void start(void)
{
	variables = no_variables;
}

static inline void finish(void)
{
	mem_fail_at(0);
	settings_release(&s);
}

#endif /* TESTS_UNIT_SETTINGS_FIXTURE_H */
