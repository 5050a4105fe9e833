#include "config/pairs.h"

#include <utf8proc.h>

#include "base/limits.h"
#include "base/num.h"

void pairs_put(struct setting_pairs *pairs, struct setting_pair pair)
{
	for (size_t i = 0; i < pairs->n; i++) {
		if (!strcmp(pairs->ptr[i].name, pair.name)) {
			pairs->ptr[i] = pair;
			return;
		}
	}
	pairs->ptr[pairs->n++] = pair;
}

enum status pairs_grow(struct setting_pairs old, size_t more, struct arena *arena,
		       struct setting_pairs *out, struct err *err)
{
	struct setting_pair *ptr;

	if (more > MAX_CONFIG_PAIRS - old.n)
		return err_set(err, ST_LIMIT, ERR_NO_OFFSET, "more than %zu entries",
			       MAX_CONFIG_PAIRS);
	ptr = arena_alloc(arena, (old.n + more) * sizeof(*ptr), err);
	if (!ptr)
		return arena_failed(err);
	if (old.n)
		memcpy(ptr, old.ptr, old.n * sizeof(*ptr));
	*out = (struct setting_pairs){ ptr, old.n };
	return ST_OK;
}

static struct slice trim(struct slice s)
{
	while (s.len && (*s.ptr == ' ' || *s.ptr == '\t'))
		s = (struct slice){ s.ptr + 1, s.len - 1 };
	while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Is it text: UTF-8 without a NUL? */
static bool is_text(struct slice s)
{
	while (s.len) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate(s.ptr, (utf8proc_ssize_t)s.len, &c);

		if (n <= 0 || !c)
			return false;
		s = (struct slice){ s.ptr + n, s.len - (size_t)n };
	}
	return true;
}

static enum status decode(struct slice in, struct arena *arena, const char **out, struct err *err)
{
	char *copy = arena_alloc(arena, in.len + 1, err);
	size_t n = 0;

	if (!copy)
		return arena_failed(err);
	for (size_t i = 0; i < in.len; i++) {
		uint64_t byte = in.ptr[i];

		if (byte == '%') {
			struct slice hex = { in.ptr + i + 1, 2 };

			if (in.len - i < 3 || !num_base(hex, 16, 255, &byte))
				return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
					       "a %% is not followed by two hexadecimal digits");
			i += 2;
		}
		copy[n++] = (char)byte;
	}
	if (!is_text((struct slice){ (const uint8_t *)copy, n }))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "what it decodes to is not UTF-8");
	*out = copy;
	return ST_OK;
}

static enum status parse_pair(struct slice member, struct arena *arena, struct setting_pairs *out,
			      struct err *err)
{
	struct setting_pair pair = { .origin = ORIGIN_ENV, .value.type = SCALAR_STRING };
	const uint8_t *equals = memchr(member.ptr, '=', member.len);
	struct slice name, value;
	enum status st;

	if (!equals)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "an entry is not name=value");
	name = trim((struct slice){ member.ptr, (size_t)(equals - member.ptr) });
	value = trim((struct slice){ equals + 1, member.len - (size_t)(equals - member.ptr) - 1 });
	if (!name.len)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "an entry has no name");
	st = decode(name, arena, &pair.name, err);
	if (!st)
		st = decode(value, arena, &pair.text, err);
	if (!st)
		pairs_put(out, pair);
	return st;
}

enum status pairs_parse(struct slice text, struct arena *arena, struct setting_pairs *out,
			struct err *err)
{
	struct setting_pairs pairs = { 0 };
	size_t members = 1;
	enum status st;

	for (size_t i = 0; i < text.len; i++)
		members += text.ptr[i] == ',';
	st = pairs_grow((struct setting_pairs){ 0 }, members, arena, &pairs, err);
	while (!st && text.len) {
		const uint8_t *comma = memchr(text.ptr, ',', text.len);
		size_t len = comma ? (size_t)(comma - text.ptr) : text.len;
		struct slice member = trim((struct slice){ text.ptr, len });

		if (member.len)
			st = parse_pair(member, arena, &pairs, err);
		len += comma != NULL;
		text = (struct slice){ text.ptr + len, text.len - len };
	}
	if (!st)
		*out = pairs;
	return st;
}
