#include "base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <utf8proc.h>

static enum log_level shown = LOG_LEVEL_INFO;
static FILE *stream;

void log_set_level(enum log_level level)
{
	__atomic_store_n(&shown, level, __ATOMIC_RELAXED);
}

bool log_shows(enum log_level level)
{
	return level <= __atomic_load_n(&shown, __ATOMIC_RELAXED);
}

void log_set_stream(FILE *out)
{
	stream = out;
}

/* How many bytes at the front may be printed as they are: 0, or a character's. */
static size_t printable(struct slice s)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t n = utf8proc_iterate(s.ptr, (utf8proc_ssize_t)s.len, &c);

	if (n <= 0)
		return 0;
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return 0;
	default:
		return (size_t)n;
	}
}

size_t log_escape(struct slice text, char *out, size_t cap)
{
	static const char hex[] = "0123456789abcdef";
	static const char cut[] = "...";
	size_t len = 0;
	size_t fits = 0; /* the length after which the cut mark still fits */

	assert(cap >= 8);
	while (text.len) {
		size_t plain = printable(text);
		size_t need = plain ? plain : 4;

		if (len + need >= cap) {
			memcpy(out + fits, cut, sizeof(cut));
			return fits + sizeof(cut) - 1;
		}
		if (plain) {
			memcpy(out + len, text.ptr, plain);
		} else {
			memcpy(out + len, "\\x", 2);
			out[len + 2] = hex[text.ptr[0] >> 4];
			out[len + 3] = hex[text.ptr[0] & 15];
			plain = 1;
		}
		len += need;
		if (len + sizeof(cut) <= cap)
			fits = len;
		text.ptr += plain;
		text.len -= plain;
	}
	out[len] = '\0';
	return len;
}

static void write_line(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };
	char text[LOG_LINE_BYTES + 1]; /* one more, so that a cut line shows */
	char safe[LOG_LINE_BYTES];

	if (!log_shows(level))
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	log_escape(slice_str(text), safe, sizeof(safe));
	fprintf(stream ? stream : stderr, "flightspan: %s: %s\n", words[level], safe);
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_LEVEL_WARN, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}
