#include "exporter/span_limit.h"

#include "base/mem.h"
#include "tests/unit/suites.h"

/* The last span that came through, and what was right of its events and links then. */
static struct span got;
static size_t event_attrs, link_attrs, n_got;
static uint32_t event_dropped, link_dropped;

static enum status take(void *arg, const struct span *span, struct err *err)
{
	(void)arg;
	(void)err;
	got = *span;
	n_got++;
	event_attrs = span->n_events > 1 ? span->events[1].n_attrs : 0;
	event_dropped = span->n_events > 1 ? span->events[1].dropped_attrs : 0;
	link_attrs = span->n_links ? span->links[0].n_attrs : 0;
	link_dropped = span->n_links ? span->links[0].dropped_attrs : 0;
	return ST_OK;
}

static const struct attr attrs[5];
static const struct span_event events[2] = { { .attrs = attrs, .n_attrs = 1 },
					     { .attrs = attrs, .n_attrs = 4, .dropped_attrs = 2 } };
static const struct span_link links[3] = { { .attrs = attrs, .n_attrs = 3 } };
static const struct span whole = {
	.attrs = attrs,
	.n_attrs = 5,
	.dropped_attrs = UINT32_MAX - 1,
	.events = events,
	.n_events = 2,
	.links = links,
	.n_links = 3,
	.dropped_links = 1,
};

START_TEST(inside_nothing_changes)
{
	const struct span_limits limits = { 5, 3, 4, 3 };
	struct span_limiter l;
	struct err err = ERR_INIT;
	struct span_sink sink;

	span_limiter_init(&l, &limits, (struct span_sink){ take, NULL });
	sink = span_limiter_sink(&l);
	ck_assert(!sink.emit(sink.arg, &whole, &err));
	ck_assert_mem_eq(&got, &whole, sizeof(got));
	span_limiter_release(&l);
}
END_TEST

START_TEST(what_goes_is_counted)
{
	const struct span_limits limits = { 2, 1, 3, 0 };
	struct span_limiter l;
	struct err err = ERR_INIT;
	struct span_sink sink;

	span_limiter_init(&l, &limits, (struct span_sink){ take, NULL });
	sink = span_limiter_sink(&l);
	for (int i = 0; i < 2; i++) {
		ck_assert(!sink.emit(sink.arg, &whole, &err));
		ck_assert_uint_eq(got.n_attrs, 2);
		ck_assert_uint_eq(got.dropped_attrs, UINT32_MAX);
		ck_assert_uint_eq(got.n_events, 2);
		ck_assert_uint_eq(event_attrs, 3);
		ck_assert_uint_eq(event_dropped, 3);
		ck_assert_uint_eq(got.n_links, 1);
		ck_assert_uint_eq(got.dropped_links, 3);
		ck_assert_uint_eq(link_attrs, 0);
		ck_assert_uint_eq(link_dropped, 3);
	}
	ck_assert_uint_eq(events[1].n_attrs, 4);
	span_limiter_release(&l);
}
END_TEST

static enum status take_packed(void *arg, const struct packed_span *span, bool *taken,
			       struct err *err)
{
	(void)arg;
	(void)span;
	(void)err;
	*taken = true;
	return ST_OK;
}

/* Bytes are not cut: over a limit, the span is asked for. */
START_TEST(packed_spans_pass_inside)
{
	const struct span_limits limits = { 5, 3, 4, 0 };
	const struct {
		struct packed_span span;
		bool taken;
	} rows[] = {
		{ { .n_attrs = 5, .n_links = 3, .most_event_attrs = 4 }, true },
		{ { .n_attrs = 6 }, false },
		{ { .n_links = 4 }, false },
		{ { .most_event_attrs = 5 }, false },
	};
	struct span_limiter l;
	struct err err = ERR_INIT;
	struct span_sink sink;

	span_limiter_init(&l, &limits, (struct span_sink){ take, NULL, take_packed });
	sink = span_limiter_sink(&l);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool taken = false;

		ck_assert(!sink.emit_packed(sink.arg, &rows[i].span, &taken, &err));
		ck_assert_int_eq(taken, rows[i].taken);
	}
	l.next.emit_packed = NULL;
	ck_assert(!span_limiter_sink(&l).emit_packed);
	span_limiter_release(&l);
}
END_TEST

START_TEST(no_memory_is_an_error)
{
	const struct span_limits limits = { 2, 1, 3, 0 };
	struct err err = ERR_INIT;

	for (uint64_t n = 1; n <= 2; n++) {
		struct span_limiter l;
		struct span_sink sink;
		size_t before = n_got;

		span_limiter_init(&l, &limits, (struct span_sink){ take, NULL });
		sink = span_limiter_sink(&l);
		mem_fail_at(n);
		ck_assert_int_eq(sink.emit(sink.arg, &whole, &err), ST_NOMEM);
		mem_fail_at(0);
		ck_assert_uint_eq(n_got, before);
		ck_assert(!sink.emit(sink.arg, &whole, &err));
		span_limiter_release(&l);
	}
}
END_TEST

Suite *span_limit_suite(void)
{
	Suite *s = suite_create("span_limit");
	TCase *t = tcase_create("span_limit");

	tcase_add_test(t, inside_nothing_changes);
	tcase_add_test(t, what_goes_is_counted);
	tcase_add_test(t, packed_spans_pass_inside);
	tcase_add_test(t, no_memory_is_an_error);
	suite_add_tcase(s, t);
	return s;
}
