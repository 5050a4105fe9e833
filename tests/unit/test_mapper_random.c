/*
 * What must hold for any capture, of random ones.
 *
 * The seed is printed; RANDOM_SEED=N takes another, RANDOM_RUNS=N more of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "tests/unit/map_program.h"
#include "tests/unit/suites.h"

#define SEED 20261124u
#define RUNS 2000u

static bool is_cut(const struct span *s)
{
	return span_attr(s, "flightspan.truncated");
}

static bool is(const struct span *s, const char *kind)
{
	return slice_is(span_attr(s, "flightspan.kind")->str, kind);
}

/* Check writes to a pipe for each assertion that holds: these are millions. */
#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg("seed %llu: not %s", (unsigned long long)seed, #condition);   \
	} while (0)

static void check_span(const struct records *r, const struct span *s, uint64_t seed)
{
	static const uint8_t none[TRACE_ID_BYTES];
	const struct span *parent = records_parent(r, s);

	HOLDS(memcmp(s->trace_id, none, TRACE_ID_BYTES) != 0);
	HOLDS(memcmp(s->span_id, none, SPAN_ID_BYTES) != 0);
	HOLDS(s->start_unix_ns <= s->end_unix_ns);
	HOLDS(records_by_id(r, s->trace_id, s->span_id) == s); /* no other before it */
	if (!memcmp(s->parent_id, none, SPAN_ID_BYTES)) {
		HOLDS(is(s, "task") || is(s, "capture") ||
		      span_attr(s, "flightspan.parent_task.id"));
	} else {
		HOLDS(parent);
		HOLDS(is_cut(s) || s->start_unix_ns >= parent->start_unix_ns);
		HOLDS(!is(parent, "wait") && !is(parent, "runtime"));
	}
	for (size_t i = 0; i < s->n_events; i++) {
		HOLDS(s->events[i].time_unix_ns >= s->start_unix_ns);
		HOLDS(!i || s->events[i].time_unix_ns >= s->events[i - 1].time_unix_ns);
	}
	HOLDS(!s->n_links || is(s, "wait"));
}

static void check_counts(const struct map_world *w, uint64_t seed)
{
	struct mapper_summary sum;
	uint64_t dropped = 0, lost = 0, events = 0, waits = 0;

	mapper_summarize(w->mapper, &sum);
	for (size_t i = 0; i < w->records.n; i++) {
		const struct span *s = &w->records.list[i];
		const struct attr *a = span_attr(s, "flightspan.dropped_spans");

		dropped += a ? (uint64_t)a->i : 0;
		lost += s->dropped_events;
		events += s->n_events;
		waits += is(s, "wait");
		HOLDS(s->n_events <= w->opt.events_per_span);
	}
	HOLDS(sum.spans == w->records.n);
	HOLDS(sum.dropped_spans == dropped);
	HOLDS(sum.dropped_events >= lost);
	HOLDS(sum.logs + sum.waits == events + waits);
}

static const char *const parts[] = { "running",	  "runnable", "syscall",
				     "gc_assist", "blocked",  "absent" };

static uint64_t part_ns(const struct span *s, size_t part)
{
	char key[64];
	const struct attr *a;

	snprintf(key, sizeof(key), "flightspan.time.%s_ns", parts[part]);
	a = span_attr(s, key);
	return a ? (uint64_t)a->i : 0;
}

/* All goroutines' time is in the spans without a parent, the capture's among them. */
static void check_totals(const struct map_world *w, const uint64_t *total_ns, uint64_t seed)
{
	static const uint8_t none[SPAN_ID_BYTES];
	uint64_t sum[5] = { 0 };

	for (size_t i = 0; i < w->records.n; i++) {
		const struct span *s = &w->records.list[i];

		for (size_t k = 0; !memcmp(s->parent_id, none, SPAN_ID_BYTES) && k < 5; k++)
			sum[k] += part_ns(s, k);
	}
	for (size_t k = 0; k < 5; k++)
		if (sum[k] != total_ns[k])
			ck_abort_msg("seed %llu: %s: %llu ns in spans, %llu in goroutines",
				     (unsigned long long)seed, parts[k], (unsigned long long)sum[k],
				     (unsigned long long)total_ns[k]);
}

static bool is_below(const struct records *r, const struct span *s, const struct span *above)
{
	while (s && s != above)
		s = records_parent(r, s);
	return s == above;
}

/* Did its goroutine begin something meanwhile that is not below it? */
static bool was_interrupted(const struct map_world *w, const struct span *s)
{
	int64_t g = span_attr(s, "flightspan.goroutine.id")->i;

	for (size_t i = 0; i < w->records.n; i++) {
		const struct span *x = &w->records.list[i];
		const struct attr *a = span_attr(x, "flightspan.goroutine.id");

		if (x != s && a && a->i == g && span_attr(x, "flightspan.task.id") &&
		    x->start_unix_ns > s->start_unix_ns && x->start_unix_ns < s->end_unix_ns &&
		    !is_below(&w->records, x, s))
			return true;
	}
	return false;
}

/*
 * What one goroutine did for a span adds up to the span; `all`: whether it did
 * something else meanwhile can be told, as all spans are there and of one clock.
 */
static uint64_t check_budgets(const struct map_world *w, bool all, uint64_t seed)
{
	uint64_t exact = 0;

	for (size_t i = 0; i < w->records.n; i++) {
		const struct span *s = &w->records.list[i];
		const struct attr *n = span_attr(s, "flightspan.goroutines");
		const struct attr *stw = span_attr(s, "flightspan.time.stop_the_world_ns");
		uint64_t sum = 0, length = s->end_unix_ns - s->start_unix_ns;

		HOLDS(!stw || (uint64_t)stw->i <= length);
		for (size_t k = 0; k < 6; k++)
			sum += part_ns(s, k);
		if (!n || n->i != 1 || is_cut(s))
			continue;
		HOLDS(sum <= length);
		if (!all || was_interrupted(w, s))
			continue;
		HOLDS(sum == length);
		exact++;
	}
	return exact;
}

static uint64_t sum_of(const struct span *s, const char *family)
{
	static const char *const kinds[] = { "running_ns", "runnable_ns", "syscall_ns",
					     "blocked_ns", "unknown_ns" };
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char key[64];
		const struct attr *a;

		snprintf(key, sizeof(key), "flightspan.%s.%s", family, kinds[i]);
		a = span_attr(s, key);
		sum += a ? (uint64_t)a->i : 0;
	}
	return sum;
}

/* A critical path is as long as its task, what a waker did as the wait for it. */
static uint64_t check_paths(const struct map_world *w, uint64_t seed)
{
	uint64_t paths = 0;

	for (size_t i = 0; i < w->records.n; i++) {
		const struct span *s = &w->records.list[i];
		const struct attr *blocked = span_attr(s, "flightspan.wait.blocked_ns");
		uint64_t path = sum_of(s, "critical"), waker = sum_of(s, "waker.time");

		HOLDS(!path || is(s, "task"));
		HOLDS(!path || path == s->end_unix_ns - s->start_unix_ns);
		HOLDS(!waker || (blocked && waker == (uint64_t)blocked->i));
		HOLDS(!waker == !span_attr(s, "flightspan.wait.explanation"));
		if (span_attr(s, "flightspan.critical"))
			HOLDS(records_parent(&w->records, s));
		paths += path && !is_cut(s);
	}
	return paths;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);
	uint64_t v;

	return s && num_u64(slice_str(s), UINT64_MAX, &v) ? v : otherwise;
}

START_TEST(what_holds_for_any_capture)
{
	uint64_t first_seed = setting("RANDOM_SEED", SEED), runs = setting("RANDOM_RUNS", RUNS);
	uint64_t spans = 0, packed = 0, exact = 0, paths = 0, first_ns[MAP_PROGRAM_PARTS],
		 second_ns[MAP_PROGRAM_PARTS];

	printf("mapper_random: seed %llu\n", (unsigned long long)first_seed);
	for (uint64_t seed = first_seed; seed < first_seed + runs; seed++) {
		struct mapper_summary sum;
		struct map_world first, second;
		struct buf x, y;

		map_program_play(&first, seed, false, first_ns);
		for (size_t k = 0; k < first.records.n; k++)
			check_span(&first.records, &first.records.list[k], seed);
		check_counts(&first, seed);
		check_totals(&first, first_ns, seed);
		mapper_summarize(first.mapper, &sum);
		exact += check_budgets(&first, !sum.dropped_spans && sum.has_clock, seed);
		paths += check_paths(&first, seed);
		spans += first.records.n;
		packed += first.records.n_packed;
		/* The same again; every other one with metrics, for which no short cut is taken. */
		map_program_play(&second, seed, seed % 2, second_ns);
		first.records.budgets = second.records.budgets = true;
		buf_init(&x, (size_t)1 << 24);
		buf_init(&y, (size_t)1 << 24);
		records_bytes(&first.records, &x);
		records_bytes(&second.records, &y);
		HOLDS(slice_eq(buf_view(&x), buf_view(&y)));
		buf_release(&x);
		buf_release(&y);
		map_world_release(&first);
		map_world_release(&second);
	}
	ck_assert_uint_gt(spans, 20 * runs);
	ck_assert_uint_gt(packed, spans * 3 / 4);
	ck_assert_uint_gt(exact, runs);
	ck_assert_uint_gt(paths, runs);
}
END_TEST

Suite *mapper_random_suite(void)
{
	Suite *s = suite_create("mapper_random");
	TCase *c = tcase_create("mapper_random");

	tcase_set_timeout(c, 300);
	tcase_add_test(c, what_holds_for_any_capture);
	suite_add_tcase(s, c);
	return s;
}
