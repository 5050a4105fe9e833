#include "collector/trace/longrun.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"

/* So many bytes with the mark one after another: the next number may be malformed. */
#define LONG_RUN 9u
#define WINDOW 64

typedef uint32_t words __attribute__((vector_size(16)));

/* May there be LONG_RUN of them in a window? Then there are four in a row at an even place. */
HOT bool may_have_long_run(const uint8_t *p)
{
	const words marks = { 0x80808080u, 0x80808080u, 0x80808080u, 0x80808080u };
	words any = { 0 };
	uint64_t half[2];

	for (size_t i = 0; i < WINDOW; i += sizeof(words)) {
		words w;

		memcpy(&w, p + i, sizeof(w));
		any |= (words)((w & marks) == marks);
	}
	memcpy(half, &any, sizeof(half));
	return half[0] | half[1];
}

/* Where in [p, end) the first run begins that is so long, or `end`. */
static const uint8_t *long_run_by_byte(const uint8_t *p, const uint8_t *end)
{
	unsigned int run = 0;

	for (; p < end; p++) {
		run = *p >= 0x80 ? run + 1 : 0;
		if (run == LONG_RUN)
			return p + 1 - LONG_RUN;
	}
	return end;
}

/* The same, by windows: two that follow each other share all of a run but one byte. */
const uint8_t *long_run(const uint8_t *p, const uint8_t *end)
{
	for (; end - p >= WINDOW; p += WINDOW - (LONG_RUN - 1)) {
		const uint8_t *run;

		if (LIKELY(!may_have_long_run(p)))
			continue;
		run = long_run_by_byte(p, p + WINDOW);
		if (run < p + WINDOW)
			return run;
	}
	return long_run_by_byte(p, end);
}
