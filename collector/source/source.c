#include "collector/source/source.h"

#include <stdarg.h>

const struct source_kind *source_kind_of(const struct source_settings *set)
{
	if (set->is_directory)
		return &source_directory;
	return NULL;
}

void source_tell(const struct source_env *env, enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_BYTES];
	va_list ap;

	if (!env->tell)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	env->tell(env->name, level, line);
}
