#include "exporter/json_scan.h"

#include "base/num.h"

static size_t blanks(struct slice t, size_t i)
{
	while (i < t.len && t.ptr[i] && strchr(" \t\r\n", t.ptr[i]))
		i++;
	return i;
}

/* The byte after the string that begins at `i`; false if there is none. */
static bool string_end(struct slice t, size_t i, size_t *end)
{
	if (i >= t.len || t.ptr[i] != '"')
		return false;
	for (i++; i < t.len && t.ptr[i] != '"'; i++) {
		if (t.ptr[i] == '\\')
			i++;
	}
	*end = i + 1;
	return i < t.len;
}

/* The byte after the value that begins at `i`. */
static bool value_end(struct slice t, size_t i, size_t *end)
{
	size_t depth = 0;

	do {
		if (i >= t.len)
			return false;
		if (t.ptr[i] == '"') {
			if (!string_end(t, i, &i))
				return false;
			continue;
		}
		if (t.ptr[i] == '{' || t.ptr[i] == '[') {
			depth++;
		} else if (t.ptr[i] == '}' || t.ptr[i] == ']') {
			if (!depth)
				return false;
			depth--;
		} else if (!depth) {
			/* A number or a word. */
			while (i < t.len &&
			       (t.ptr[i] > '}' || !strchr(" \t\r\n,:[]{}\"", t.ptr[i])))
				i++;
			*end = i;
			return true;
		}
		i++;
	} while (depth);
	*end = i;
	return true;
}

bool json_is_object(struct slice text)
{
	size_t i = blanks(text, 0), end;

	return i < text.len && text.ptr[i] == '{' && value_end(text, i, &end) &&
	       blanks(text, end) == text.len;
}

bool json_member(struct slice text, const char *name, struct slice *value)
{
	size_t i = blanks(text, 0);
	size_t end;

	if (i >= text.len || text.ptr[i] != '{')
		return false;
	for (;;) {
		struct slice key;

		i = blanks(text, i + 1); /* after the bracket or a comma */
		if (!string_end(text, i, &end))
			return false;
		key = (struct slice){ text.ptr + i + 1, end - i - 2 };
		i = blanks(text, end);
		if (i >= text.len || text.ptr[i] != ':')
			return false;
		i = blanks(text, i + 1);
		if (!value_end(text, i, &end))
			return false;
		if (slice_is(key, name)) {
			*value = (struct slice){ text.ptr + i, end - i };
			return true;
		}
		i = blanks(text, end);
		if (i >= text.len || text.ptr[i] != ',')
			return false;
	}
}

/* The UTF-16 unit of "\uXXXX" at `i`; false if it is none. */
static bool read_unit(struct slice v, size_t i, uint64_t *unit)
{
	return v.len >= 6 && i <= v.len - 6 && v.ptr[i] == '\\' && v.ptr[i + 1] == 'u' &&
	       num_base((struct slice){ v.ptr + i + 2, 4 }, 16, 0xffff, unit);
}

static size_t put_rune(uint8_t *to, uint64_t rune)
{
	if (rune < 0x80) {
		to[0] = (uint8_t)rune;
		return 1;
	}
	if (rune < 0x800) {
		to[0] = (uint8_t)(0xc0 | rune >> 6);
		to[1] = (uint8_t)(0x80 | (rune & 0x3f));
		return 2;
	}
	if (rune < 0x10000) {
		to[0] = (uint8_t)(0xe0 | rune >> 12);
		to[1] = (uint8_t)(0x80 | (rune >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (rune & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | rune >> 18);
	to[1] = (uint8_t)(0x80 | (rune >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (rune >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (rune & 0x3f));
	return 4;
}

/* One escape at `i` into to[4]; steps *i over it. A lone surrogate is for others to repair. */
static size_t unescape(struct slice v, size_t *i, uint8_t *to)
{
	static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
	uint64_t unit, low;
	const char *at;

	if (read_unit(v, *i, &unit)) {
		*i += 6;
		if (unit >> 10 == 0x36 && read_unit(v, *i, &low) && low >> 10 == 0x37) {
			*i += 6;
			unit = 0x10000 + ((unit & 0x3ff) << 10 | (low & 0x3ff));
		}
		return put_rune(to, unit);
	}
	at = v.ptr[*i + 1] ? strchr(from, v.ptr[*i + 1]) : NULL;
	to[0] = at ? (uint8_t)into[at - from] : v.ptr[*i + 1];
	*i += 2;
	return 1;
}

size_t json_unquote(struct slice value, uint8_t *to, size_t cap)
{
	size_t len = 0;

	if (value.len < 2 || value.ptr[0] != '"')
		return 0;
	value.len--; /* the closing quote */
	for (size_t i = 1; i < value.len;) {
		uint8_t rune[4] = { value.ptr[i] };
		size_t n = 1;

		if (value.ptr[i] == '\\' && i + 1 < value.len)
			n = unescape(value, &i, rune);
		else
			i++;
		if (n > cap - len)
			break;
		memcpy(to + len, rune, n);
		len += n;
	}
	return len;
}
