#include "collector/source/source.h"

#include <stdarg.h>

#include "base/num.h"

const struct source_kind *source_kind_of(const struct source_settings *set)
{
	if (set->is_directory)
		return &source_directory;
	if (set->is_stream)
		return &source_stream;
	if (set->is_pull)
		return &source_pull;
	if (set->is_push)
		return &source_push;
	return NULL; /* the file's check wants one of them */
}

uint64_t source_number(const char *text)
{
	uint64_t n;

	return num_u64(slice_str(text), UINT64_MAX, &n) ? n : UINT64_MAX;
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
