#include "config/value.h"

#include <assert.h>
#include <float.h>
#include <stdio.h>

#include "base/log.h"
#include "base/num.h"
#include "config/scalar.h"

#define NAME_CHARS 64

static const char *const described[] = {
	[KEY_STRING] = "text",
	[KEY_NAME] = "a name of up to 64 letters, digits, dots, dashes or underscores",
	[KEY_URL] = "an address without blanks",
	[KEY_BOOL] = "true or false",
	[KEY_COUNT] = "a whole number",
	[KEY_REAL] = "a number",
	[KEY_AMOUNT] = "a number, or a size such as 64MiB",
	[KEY_DURATION] = "a duration such as 300ms or 1h30m",
	[KEY_SIZE] = "a size such as 64MiB",
};

bool value_is_scalar(const struct key *k)
{
	return k->type == KEY_WORD ||
	       (k->type < sizeof(described) / sizeof(*described) && described[k->type]);
}

static bool alphanumeric(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Letters, digits and the bytes of `more`, at least one of them. */
static bool made_of(struct slice s, const char *more)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!alphanumeric(s.ptr[i]) && (!s.ptr[i] || !strchr(more, s.ptr[i])))
			return false;
	}
	return s.len > 0;
}

bool value_is_header_name(struct slice name)
{
	return made_of(name, "!#$%&'*+-.^_`|~"); /* RFC 9110, token */
}

bool value_is_header(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((text.ptr[i] < 0x20 && text.ptr[i] != '\t') || text.ptr[i] == 0x7f)
			return false;
	}
	return true;
}

static bool is_url(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] <= 0x20 || s.ptr[i] == 0x7f)
			return false;
	}
	return s.len > 0;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool same_word(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	}
	return true;
}

/* The next of some words separated by blanks; false at the end. */
static bool next_word(const char **words, struct slice *word)
{
	*words += strspn(*words, " ");
	*word = (struct slice){ (const uint8_t *)*words, strcspn(*words, " ") };
	*words += word->len;
	return word->len > 0;
}

static bool read_word(const struct key *k, struct slice text, unsigned int *out)
{
	const char *rest = k->words;
	struct slice word;

	for (unsigned int i = 0; next_word(&rest, &word); i++) {
		if (same_word(word, text)) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool read_count(struct slice text, bool quoted, uint64_t *out)
{
	struct scalar v = scalar_read(text, quoted);

	if (v.type != SCALAR_INT || v.i < 0)
		return false;
	*out = (uint64_t)v.i;
	return true;
}

static bool read_real(const struct key *k, struct slice text, bool quoted, double *out)
{
	uint64_t bytes;

	if (!quoted && num_double(text, -DBL_MAX, DBL_MAX, out))
		return true;
	if (k->type != KEY_AMOUNT || !num_size(text, &bytes))
		return false;
	*out = (double)bytes;
	return true;
}

static bool read_text(const struct key *k, struct slice text, const char **out)
{
	if (k->type == KEY_NAME && (text.len > NAME_CHARS || !made_of(text, ".-_")))
		return false;
	if (k->type == KEY_URL && !is_url(text))
		return false;
	*out = (const char *)text.ptr;
	return text.len || !(k->flags & KEY_NOT_EMPTY);
}

/* By type alone, whatever the bounds. */
static bool read_typed(const struct key *k, struct slice text, bool quoted, struct value *out)
{
	struct scalar v;

	switch (k->type) {
	case KEY_STRING:
	case KEY_NAME:
	case KEY_URL:
		return read_text(k, text, &out->text);
	case KEY_BOOL:
		v = scalar_read(text, quoted);
		out->flag = v.type == SCALAR_BOOL && v.b;
		return v.type == SCALAR_BOOL;
	case KEY_COUNT:
		return read_count(text, quoted, &out->number);
	case KEY_REAL:
	case KEY_AMOUNT:
		return read_real(k, text, quoted, &out->real);
	case KEY_DURATION:
		return num_duration(text, &out->number);
	case KEY_SIZE:
		return num_size(text, &out->number);
	case KEY_WORD:
		return read_word(k, text, &out->word);
	default:
		return false;
	}
}

/* Is `a` below `b`, both values of this row? */
static bool below(const struct key *k, const struct value *a, const struct value *b)
{
	if (k->type == KEY_REAL || k->type == KEY_AMOUNT)
		return a->real < b->real;
	return a->number < b->number;
}

static bool within(const struct key *k, const struct value *v)
{
	struct value bound;

	if (k->least && read_typed(k, slice_str(k->least), false, &bound) && below(k, v, &bound))
		return false;
	return !k->most || !read_typed(k, slice_str(k->most), false, &bound) ||
	       !below(k, &bound, v);
}

static void describe(const struct key *k, char out[VALUE_EXPECTED_CHARS])
{
	const char *rest = k->words;
	const char *separator = "one of ";
	struct slice word;
	size_t n = 0;

	if (k->type == KEY_WORD) {
		while (next_word(&rest, &word)) {
			n += (size_t)snprintf(out + n, VALUE_EXPECTED_CHARS - n, "%s%.*s",
					      separator, SLICE_ARG(word));
			separator = ", ";
		}
		return;
	}
	snprintf(out, VALUE_EXPECTED_CHARS, "%s%s%s%s%s%s", described[k->type],
		 k->flags & KEY_NOT_EMPTY ? ", not empty" : "", k->least ? ", at least " : "",
		 k->least ? k->least : "", k->most ? ", at most " : "", k->most ? k->most : "");
}

bool value_read(const struct key *k, struct slice text, bool quoted, struct value *out,
		char expected[VALUE_EXPECTED_CHARS])
{
	assert(value_is_scalar(k));
	if (read_typed(k, text, quoted, out) && within(k, out))
		return true;
	describe(k, expected);
	return false;
}

void value_store(const struct key *k, const struct value *v, void *record)
{
	void *field;

	if (!k->offset || !record)
		return;
	field = (char *)record + k->offset;
	switch (k->type) {
	case KEY_STRING:
	case KEY_NAME:
	case KEY_URL:
		*(const char **)field = v->text;
		break;
	case KEY_SECTION:
	case KEY_BOOL:
		*(bool *)field = v->flag;
		break;
	case KEY_COUNT:
	case KEY_DURATION:
	case KEY_SIZE:
		*(uint64_t *)field = v->number;
		break;
	case KEY_REAL:
	case KEY_AMOUNT:
		*(double *)field = v->real;
		break;
	case KEY_WORD:
		*(unsigned int *)field = v->word;
		break;
	default: /* lists and maps are not values */
		break;
	}
}

static size_t find(struct slice s, size_t from, const char *bytes)
{
	while (from < s.len && !strchr(bytes, s.ptr[from]))
		from++;
	return from;
}

/*
 * scheme://user:password@host/path?query without what may be secret: rather too
 * much goes than too little, since a password may hold any byte.
 */
static void mask_url(struct slice url, char *out, size_t cap)
{
	char masked[512];
	size_t user = 0; /* where the user would start */
	size_t host = 0; /* the last @, or the same */
	size_t query;

	for (size_t i = 0; i + 2 < url.len && !user; i++) {
		if (!memcmp(url.ptr + i, "://", 3))
			user = i + 3;
	}
	host = user;
	for (size_t i = user; i < url.len; i++) {
		if (url.ptr[i] == '@')
			host = i;
	}
	query = find(url, host, "?#");
	snprintf(masked, sizeof(masked), "%.*s%s%.*s%s", (int)user, (const char *)url.ptr,
		 host > user ? "***" : "", (int)(query - host), (const char *)url.ptr + host,
		 query < url.len ? "?***" : "");
	log_escape(slice_str(masked), out, cap);
}

void value_mask(const struct key *k, struct slice text, char *out, size_t cap)
{
	if (k->flags & KEY_SECRET)
		text = text.len ? SLICE("***") : text;
	if (k->type == KEY_URL)
		mask_url(text, out, cap);
	else
		log_escape(text, out, cap);
}
