#include "config/subst.h"

#include "base/log.h"

static bool letter(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool name_char(uint8_t c)
{
	return letter(c) || c == '_' || (c >= '0' && c <= '9');
}

static bool is(struct slice s, size_t at, char c)
{
	return at < s.len && s.ptr[at] == (uint8_t)c;
}

static struct slice part(struct slice s, size_t from, size_t to)
{
	return (struct slice){ s.ptr + from, to - from };
}

/*
 * The reference that starts with the `${` at `at`: *end is its closing brace. False
 * when an escape, a line end or the text's end at *end comes before any brace.
 */
static bool braced(struct slice text, size_t at, size_t *end)
{
	size_t i = at + 2;

	for (; i < text.len && text.ptr[i] != '}'; i++) {
		uint8_t c = text.ptr[i];

		if ((c < 0x20 && c != '\t') || (c == '$' && is(text, i + 1, '$')))
			break;
	}
	*end = i;
	return is(text, i, '}');
}

/* Tell which reference is wrong: its name and the first odd byte, not its default. */
static enum status refuse(struct slice inside, size_t at, struct err *err)
{
	char shown[64];
	size_t n = 0;

	while (n < inside.len && (name_char(inside.ptr[n]) || inside.ptr[n] == ':'))
		n++;
	if (n < inside.len)
		n++;
	log_escape(part(inside, 0, n), shown, sizeof(shown));
	return err_set(err, ST_CONFIG, at,
		       "\"${%s%s}\" is not a substitution: expected ${NAME}, ${env:NAME} or "
		       "${NAME:-default}, or $$ for a dollar sign",
		       shown, n < inside.len ? "..." : "");
}

static enum status put_value(struct slice inside, size_t at, const struct env *env, struct buf *out,
			     struct err *err)
{
	char name[SUBST_NAME_CHARS + 1];
	struct slice value;
	size_t start = 0;
	size_t end;

	if (inside.len > 4 && !memcmp(inside.ptr, "env:", 4))
		start = 4;
	for (end = start; end < inside.len && name_char(inside.ptr[end]);)
		end++;
	if (end == start || !(letter(inside.ptr[start]) || inside.ptr[start] == '_'))
		return refuse(inside, at, err);
	if (end < inside.len && !(is(inside, end, ':') && is(inside, end + 1, '-')))
		return refuse(inside, at, err);
	if (end - start > SUBST_NAME_CHARS)
		return err_set(err, ST_CONFIG, at, "name of a variable over %d characters",
			       SUBST_NAME_CHARS);
	memcpy(name, inside.ptr + start, end - start);
	name[end - start] = '\0';
	value = env_get(env, name);
	if (!value.len && end < inside.len)
		value = part(inside, end + 2, inside.len);
	buf_slice(out, value);
	return ST_OK;
}

enum status subst(struct slice text, const struct env *env, struct buf *out, bool *changed,
		  struct err *err)
{
	size_t end = 0;	     /* how far the last search went */
	bool closed = false; /* and what it found: nothing before `end` differs */

	for (size_t i = 0; i < text.len;) {
		bool opens = is(text, i, '$') && is(text, i + 1, '{');

		if (opens && i >= end)
			closed = braced(text, i, &end);
		if (is(text, i, '$') && is(text, i + 1, '$')) {
			buf_u8(out, '$');
			*changed = true;
			i += 2;
		} else if (opens && closed) {
			enum status st = put_value(part(text, i + 2, end), i, env, out, err);

			if (st)
				return st;
			*changed = true;
			i = end + 1;
		} else {
			buf_u8(out, text.ptr[i++]);
		}
	}
	return buf_status(out, "value after substitution", err);
}
