/* Reads what printable.go writes: our quoting has to escape the same runes. */
#include "collector/trace/gotext.h"

#define N_RUNES 0x110000

static uint8_t want[N_RUNES];

static size_t encode(uint32_t rune, uint8_t *out)
{
	if (rune < 0x80) {
		out[0] = (uint8_t)rune;
		return 1;
	}
	if (rune < 0x800) {
		out[0] = (uint8_t)(0xc0 | rune >> 6);
		out[1] = (uint8_t)(0x80 | (rune & 63));
		return 2;
	}
	if (rune < 0x10000) {
		out[0] = (uint8_t)(0xe0 | rune >> 12);
		out[1] = (uint8_t)(0x80 | (rune >> 6 & 63));
		out[2] = (uint8_t)(0x80 | (rune & 63));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | rune >> 18);
	out[1] = (uint8_t)(0x80 | (rune >> 12 & 63));
	out[2] = (uint8_t)(0x80 | (rune >> 6 & 63));
	out[3] = (uint8_t)(0x80 | (rune & 63));
	return 4;
}

int main(void)
{
	struct buf b;

	if (fread(want, 1, N_RUNES, stdin) != N_RUNES) {
		puts("the input is cut off");
		return 1;
	}
	buf_init(&b, 100);
	for (uint32_t rune = 0; rune < N_RUNES; rune++) {
		uint8_t bytes[4];
		size_t n = encode(rune, bytes);
		bool plain;

		/* These two are escaped though they print. */
		if (rune == '"' || rune == '\\')
			continue;
		buf_clear(&b);
		gotext_escape(&b, (struct slice){ bytes, n });
		plain = b.len == n && !memcmp(b.ptr, bytes, n);
		if (plain != (want[rune] == '1')) {
			printf("U+%04X: %s here, not in Go\n", rune, plain ? "plain" : "escaped");
			return 1;
		}
	}
	buf_release(&b);
	return 0;
}
