#include "base/distance.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(struct slice a, size_t i, struct slice b, size_t j)
{
	return lower(a.ptr[i]) == lower(b.ptr[j]);
}

/*
 * Optimal string alignment, three rows of the table at a time: rows[i % 3][j] is
 * the distance of the first i bytes of `a` to the first j bytes of `b`.
 */
size_t distance(struct slice a, struct slice b)
{
	size_t rows[3][DISTANCE_CHARS + 1];

	if (a.len > DISTANCE_CHARS || b.len > DISTANCE_CHARS)
		return DISTANCE_FAR;
	for (size_t j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *row = rows[i % 3];
		const size_t *up = rows[(i + 2) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			row[j] = up[j - 1] + !same(a, i - 1, b, j - 1);
			row[j] = least(row[j], least(up[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a, i - 1, b, j - 2) && same(a, i - 2, b, j - 1))
				row[j] = least(row[j], rows[(i + 1) % 3][j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

size_t distance_near(struct slice typed, struct slice known)
{
	size_t n = distance(typed, known);

	if (n >= known.len || n > (typed.len + 2) / 3)
		return DISTANCE_FAR;
	return n;
}
