#include "base/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <time.h>
#include <utf8proc.h>

static enum log_level shown = LOG_LEVEL_INFO;
static enum log_form form;
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

/* RFC 3339 in UTC, with milliseconds. */
static void stamp(char out[static 32])
{
	struct timespec t;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + strlen(out), 32 - strlen(out), ".%03ldZ", t.tv_nsec / 1000000);
}

/* `text` is escaped: what is left to do for JSON is quotes and backslashes. */
static void write_json(FILE *out, const char *word, const char *text)
{
	char line[2 * LOG_LINE_BYTES];
	char time[32];
	size_t n = 0;

	for (; *text && n + 2 < sizeof(line); text++) {
		if (*text == '"' || *text == '\\')
			line[n++] = '\\';
		line[n++] = *text;
	}
	line[n] = '\0';
	stamp(time);
	fprintf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"}\n", time, word, line);
}

static void put_line(enum log_level level, const char *text)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };
	enum log_form as = __atomic_load_n(&form, __ATOMIC_RELAXED);
	FILE *out = stream ? stream : stderr;
	char safe[LOG_LINE_BYTES];
	char time[32];

	log_escape(slice_str(text), safe, sizeof(safe));
	if (as == LOG_JSON) {
		write_json(out, words[level], safe);
	} else if (as == LOG_TIMED) {
		stamp(time);
		fprintf(out, "%s flightspan: %s: %s\n", time, words[level], safe);
	} else {
		fprintf(out, "flightspan: %s: %s\n", words[level], safe);
	}
}

/* A kind of message in its current stretch of time. */
struct kind {
	uint64_t key; /* 0: free */
	uint64_t began_ns;
	unsigned int shown;
	uint64_t held;
	enum log_level level;
	char last[160]; /* of those held */
};

#define N_KINDS 64

static struct {
	pthread_mutex_t mutex;
	unsigned int burst;
	uint64_t ns;
	struct kind kinds[N_KINDS];
} repeats = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* FNV-1a. The address of a format is as good as its text; numbers tell no kinds apart. */
static uint64_t kind_of(const char *fmt, const char *text)
{
	const char *at = strcmp(fmt, "%s") ? fmt : text;
	uint64_t h = 0xcbf29ce484222325u;

	for (; *at; at++) {
		if (*at >= '0' && *at <= '9')
			continue;
		h = (h ^ (unsigned char)*at) * 0x100000001b3u;
	}
	return h | 1;
}

static void sum_up(struct kind *k)
{
	char text[LOG_LINE_BYTES];

	if (k->held) {
		snprintf(text, sizeof(text), "%llu more like this were not shown, the last: %s",
			 (unsigned long long)k->held, k->last);
		put_line(k->level, text);
	}
	*k = (struct kind){ .key = 0 };
}

/* The slot of a kind: its own, a free one, or the one that began first. */
static struct kind *find_kind(uint64_t key, uint64_t now)
{
	struct kind *best = &repeats.kinds[0];

	for (size_t i = 0; i < N_KINDS; i++) {
		struct kind *k = &repeats.kinds[i];

		if (k->key == key) {
			best = k;
			break;
		}
		if (best->key && (!k->key || k->began_ns < best->began_ns))
			best = k;
	}
	if (best->key != key || now - best->began_ns >= repeats.ns) {
		sum_up(best);
		*best = (struct kind){ .key = key, .began_ns = now };
	}
	return best;
}

static bool hold_back(enum log_level level, const char *fmt, const char *text)
{
	bool held = false;

	pthread_mutex_lock(&repeats.mutex);
	if (repeats.burst) {
		struct kind *k = find_kind(kind_of(fmt, text), now_ns());

		k->level = level;
		held = k->shown >= repeats.burst;
		k->shown += !held;
		if (held) {
			k->held++;
			snprintf(k->last, sizeof(k->last), "%.150s", text);
		}
	}
	pthread_mutex_unlock(&repeats.mutex);
	return held;
}

void log_set_form(enum log_form as)
{
	__atomic_store_n(&form, as, __ATOMIC_RELAXED);
}

void log_set_repeats(unsigned int burst, uint64_t ns)
{
	pthread_mutex_lock(&repeats.mutex);
	for (size_t i = 0; i < N_KINDS; i++)
		sum_up(&repeats.kinds[i]);
	repeats.burst = burst;
	repeats.ns = ns;
	pthread_mutex_unlock(&repeats.mutex);
}

void log_sum_up(void)
{
	uint64_t now = now_ns();

	pthread_mutex_lock(&repeats.mutex);
	for (size_t i = 0; i < N_KINDS; i++) {
		struct kind *k = &repeats.kinds[i];

		if (k->key && now - k->began_ns >= repeats.ns)
			sum_up(k);
	}
	pthread_mutex_unlock(&repeats.mutex);
}

static void write_line(enum log_level level, const char *fmt, va_list ap)
{
	char text[LOG_LINE_BYTES + 1]; /* one more, so that a cut line shows */

	if (!log_shows(level))
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	if (level == LOG_LEVEL_DEBUG || !hold_back(level, fmt, text))
		put_line(level, text);
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
