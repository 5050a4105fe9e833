#include "collector/source/source.h"

#include <stdarg.h>
#include <time.h>

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

void source_tell_limit(const struct source_env *env, uint64_t *told_ns, const char *fmt, ...)
{
	const uint64_t minute = (uint64_t)60 * 1000000000;
	uint64_t before = __atomic_load_n(told_ns, __ATOMIC_RELAXED), now;
	char line[LOG_LINE_BYTES];
	struct timespec t;
	va_list ap;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	/* One thread of several tells. */
	if ((before && now - before < minute) ||
	    !__atomic_compare_exchange_n(told_ns, &before, now, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	source_tell(env, LOG_LEVEL_WARN, "%s", line);
}
