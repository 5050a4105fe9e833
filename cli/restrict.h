/*
 * restrict: `run` keeps the rights that its configuration needs, and no others.
 *
 * After it, the process reads and writes only in the folders that the settings name, reads
 * what libraries need (certificates, the resolver's files) and executes nothing. Why so, and
 * why not more: docs/decisions/090.
 */
#ifndef CLI_RESTRICT_H
#define CLI_RESTRICT_H

#include "config/settings.h"

struct restriction;

/*
 * Restrict the process, before it has threads. `config` is the file that the settings are
 * from. *out is NULL if that is switched off or the kernel cannot do it: a reason is logged.
 */
MUST_CHECK enum status restrict_self(struct restriction **out, const struct settings *s,
				     const char *config, struct err *err);

/* Would other settings work, restricted as the process is? ST_CONFIG tells what would not. */
MUST_CHECK enum status restrict_permits(const struct restriction *r, const struct settings *s,
					const char *config, struct err *err);

/* Forget what was granted; the process stays restricted. NULL is fine. */
void restrict_free(struct restriction *r);

#endif /* CLI_RESTRICT_H */
