#include "tests/unit/span_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/cursor.h"
#include "tests/support/support.h"

void span_set_release(struct span_set *s)
{
	free(s->ptr);
	*s = (struct span_set){ 0 };
}

void span_set_add(struct span_set *s, const struct span_key *k)
{
	if (s->n == s->cap) {
		s->cap = 2 * s->cap + 64;
		s->ptr = realloc(s->ptr, s->cap * sizeof(*s->ptr));
		if (!s->ptr)
			die("no memory for a set of spans");
	}
	s->ptr[s->n++] = *k;
}

/* Call `fn` for each length-delimited field `number`; other fields are stepped over. */
static void each(struct slice in, uint64_t number, void (*fn)(void *arg, struct slice content),
		 void *arg)
{
	struct cursor c;
	struct slice content = { NULL, 0 };
	uint64_t tag, len;

	cursor_init(&c, in);
	while (!cursor_at_end(&c)) {
		bool ok = cursor_uvarint(&c, &tag);

		switch (tag & 7) {
		case 0:
			ok = ok && cursor_uvarint(&c, &len);
			break;
		case 1:
			ok = ok && cursor_bytes(&c, 8, &content);
			break;
		case 2:
			ok = ok && cursor_uvarint(&c, &len) && cursor_bytes(&c, len, &content);
			break;
		case 5:
			ok = ok && cursor_bytes(&c, 4, &content);
			break;
		default:
			ok = false;
		}
		if (!ok)
			die("a message cannot be read at byte %zu", c.pos);
		if (tag == (number << 3 | 2))
			fn(arg, content);
	}
}

static void take_trace(void *arg, struct slice id)
{
	if (id.len == 16)
		memcpy(((struct span_key *)arg)->trace, id.ptr, 16);
}

static void take_span(void *arg, struct slice id)
{
	if (id.len == 8)
		memcpy(((struct span_key *)arg)->span, id.ptr, 8);
}

static void add_span(void *arg, struct slice span)
{
	struct span_key k = { .hash = XXH3_64bits(span.ptr, span.len) };

	each(span, 1, take_trace, &k);
	each(span, 2, take_span, &k);
	span_set_add(arg, &k);
}

static void add_scope(void *arg, struct slice scope)
{
	each(scope, 2, add_span, arg);
}

static void add_resource(void *arg, struct slice resource)
{
	each(resource, 2, add_scope, arg);
}

size_t span_set_message(struct span_set *s, struct slice message)
{
	size_t before = s->n;

	each(message, 1, add_resource, s);
	return s->n - before;
}

void span_set_join(struct span_set *s, const struct span_set *more)
{
	for (size_t i = 0; i < more->n; i++)
		span_set_add(s, &more->ptr[i]);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct span_key));
}

size_t span_set_sort(struct span_set *s)
{
	size_t before = s->n;
	size_t n = 0;

	if (s->n)
		qsort(s->ptr, s->n, sizeof(*s->ptr), compare);
	for (size_t i = 0; i < before; i++) {
		if (!n || compare(&s->ptr[n - 1], &s->ptr[i]) != 0)
			s->ptr[n++] = s->ptr[i];
	}
	s->n = n;
	return before - n;
}

bool span_set_within(struct span_set *part, struct span_set *whole)
{
	size_t at = 0;

	span_set_sort(part);
	span_set_sort(whole);
	for (size_t i = 0; i < part->n; i++) {
		while (at < whole->n && compare(&whole->ptr[at], &part->ptr[i]) < 0)
			at++;
		if (at == whole->n || compare(&whole->ptr[at], &part->ptr[i]) != 0) {
			fprintf(stderr, "span ");
			for (int b = 0; b < 8; b++)
				fprintf(stderr, "%02x", part->ptr[i].span[b]);
			fprintf(stderr, " is in one set (%zu) and not in the other (%zu)\n",
				part->n, whole->n);
			return false;
		}
	}
	return true;
}

bool span_set_same(struct span_set *a, struct span_set *b)
{
	return span_set_within(a, b) && span_set_within(b, a);
}
