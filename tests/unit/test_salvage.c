/*
 * What is salvaged of a trace that was cut, compared with the whole one.
 *
 * The promise (docs/decisions/015): whole generations come as ever. Of the one
 * that is cut each thread's events are the first ones it has in the whole trace,
 * field by field; where all batches with events are there, all events come, in
 * the same order. A text is the same or LOST_TEXT, a stack the same or empty.
 */
#include <glob.h>

#include "collector/trace/reader.h"
#include "collector/trace/tables.h"
#include "tests/support/batches.h"
#include "tests/support/support.h"
#include "tests/unit/suites.h"

#define MIB ((size_t)1 << 20)

/* An event that was read, with what it names. */
struct seen {
	struct event ev;
	uint64_t texts[3], stacks[2]; /* hashes; 0: none, or lost */
	uint64_t generation;	      /* the how manieth, from 1 */
};

struct record {
	struct seen *list;
	size_t n, cap;
	enum status end;
	uint64_t n_generations;
	struct salvage salvage; /* generation 0: there was none */
};

static uint64_t hash(struct slice s)
{
	uint64_t h = 0xcbf29ce484222325u;

	if (!s.len || slice_is(s, LOST_TEXT))
		return 0;
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.ptr[i]) * 0x100000001b3u;
	return h;
}

/* By address and line: the names of its frames may be lost where the stack is not. */
static uint64_t hash_stack(bool has, struct stack s)
{
	struct frame f;
	uint64_t h = 0;

	while (has && stack_next(&s, &f))
		h = h * 31 + f.pc * 7 + f.line + 1;
	return h;
}

static void see(struct record *rec, const struct event *ev, uint64_t generation)
{
	struct seen *s;
	struct stack stack = { .left = 0 };
	bool has;

	if (rec->n == rec->cap) {
		rec->cap = rec->cap * 2 + 64;
		rec->list = realloc(rec->list, rec->cap * sizeof(*rec->list));
		ck_assert_ptr_nonnull(rec->list);
	}
	s = &rec->list[rec->n++];
	*s = (struct seen){ .ev = *ev, .generation = generation };
	if (ev->kind == EVENT_SYNC)
		return;
	s->texts[0] = hash(event_name(ev));
	s->texts[1] = hash(ev->kind == EVENT_LABEL ? event_label(ev)
			   : ev->kind == EVENT_LOG ? event_log_category(ev)
						   : event_reason(ev));
	if (ev->kind == EVENT_LOG)
		s->texts[2] = hash(event_log_message(ev));
	else if (ev->wire == EV_STW_BEGIN || ev->wire == EV_STW_END)
		s->texts[2] = hash(event_stw_kind(ev));
	has = event_stack(ev, &stack);
	s->stacks[0] = hash_stack(has, stack);
	has = event_transition_stack(ev, &stack);
	s->stacks[1] = hash_stack(has, stack);
}

static void record(struct record *rec, struct slice trace, bool salvage)
{
	struct memory m = { .in = trace };
	struct err err = ERR_INIT;
	struct reader *r = reader_open(memory_source(&m), &err);
	const struct event *ev;

	rec->n = 0;
	rec->n_generations = 0;
	rec->salvage.generation = 0;
	rec->end = err.code;
	if (!r)
		return;
	if (salvage)
		reader_salvage(r);
	while (!(rec->end = reader_next(r, &ev, &err)))
		see(rec, ev, reader_generations(r));
	rec->n_generations = reader_generations(r);
	if (reader_salvaged(r))
		rec->salvage = *reader_salvaged(r);
	reader_close(r);
}

static bool same_events(const struct seen *a, const struct seen *b)
{
	const struct event *x = &a->ev, *y = &b->ev;
	/* Without dt; behind them anything may be. */
	size_t n = wire_specs[x->wire].n_args;

	n = x->kind == EVENT_SYNC || x->kind == EVENT_STACK_SAMPLE ? 1 : n - 1;

	return x->kind == y->kind && x->wire == y->wire && x->resource == y->resource &&
	       x->wire_time == y->wire_time &&
	       (x->kind != EVENT_STATE_TRANSITION || (x->from == y->from && x->to == y->to)) &&
	       x->m == y->m && x->p == y->p && x->g == y->g &&
	       (x->resource == RESOURCE_NONE || x->id == y->id) &&
	       !memcmp(x->args, y->args, n * sizeof(x->args[0]));
}

/* Every text of the salvaged event is that of the whole one, or lost. */
static bool texts_agree(const struct seen *whole, const struct seen *got)
{
	for (int i = 0; i < 3; i++)
		if (got->texts[i] && got->texts[i] != whole->texts[i])
			return false;
	for (int i = 0; i < 2; i++)
		if (got->stacks[i] && got->stacks[i] != whole->stacks[i])
			return false;
	return true;
}

/* Samples are sorted apart; and some states are told by another thread than they are of. */
static bool is_of_its_thread(const struct seen *s)
{
	return s->ev.kind != EVENT_SYNC && s->ev.kind != EVENT_STACK_SAMPLE &&
	       s->ev.wire != EV_PROC_STATUS && s->ev.wire != EV_GO_STATUS &&
	       s->ev.wire != EV_GO_STATUS_STACK;
}

static const struct seen *next_of(const struct record *rec, size_t *at, uint64_t generation,
				  int64_t m)
{
	while (*at < rec->n) {
		const struct seen *s = &rec->list[(*at)++];

		if (s->generation == generation && s->ev.m == m && is_of_its_thread(s))
			return s;
	}
	return NULL;
}

/* Of every thread the first events of what it has in the whole trace. */
static void check_threads(const struct record *whole, const struct record *got, size_t cut)
{
	uint64_t generation = got->n_generations;

	for (size_t i = 0; i < got->n; i++) {
		int64_t m = got->list[i].ev.m;
		size_t a = 0, b = 0;
		const struct seen *s;

		/* Once a thread: at its first event. */
		if (got->list[i].generation != generation || !is_of_its_thread(&got->list[i]) ||
		    next_of(got, &b, generation, m) != &got->list[i])
			continue;
		b = 0;
		while ((s = next_of(got, &b, generation, m))) {
			const struct seen *w = next_of(whole, &a, generation, m);

			ck_assert_msg(w && same_events(w, s) && texts_agree(w, s),
				      "cut at %zu: event %zu, of thread %lld, is another: %s", cut,
				      b, (long long)m, wire_specs[s->ev.wire].name);
		}
	}
}

static const struct seen *next_event(const struct record *rec, size_t *at, uint64_t generation)
{
	while (*at < rec->n) {
		const struct seen *s = &rec->list[(*at)++];

		if (s->generation == generation && s->ev.kind != EVENT_SYNC &&
		    s->ev.kind != EVENT_STACK_SAMPLE)
			return s;
	}
	return NULL;
}

/* All events of the last generation of `got`, in the order of the whole trace. */
static void check_all_there(const struct record *whole, const struct record *got, size_t cut)
{
	uint64_t generation = got->n_generations;
	const struct seen *w, *s;
	size_t a = 0, b = 0;

	do {
		w = next_event(whole, &a, generation);
		s = next_event(got, &b, generation);
		ck_assert_msg(!w == !s, "cut at %zu: %s", cut, w ? "events are missing" : "more");
		ck_assert_msg(!w || (same_events(w, s) && texts_agree(w, s)),
			      "cut at %zu: event %zu is another", cut, b);
	} while (w);
}

/* What lies before the last generation is the same to the last bit. */
static void check_before(const struct record *whole, const struct record *got, size_t cut)
{
	for (size_t i = 0; i < got->n && got->list[i].generation < got->n_generations; i++)
		ck_assert_msg(i < whole->n && same_events(&whole->list[i], &got->list[i]) &&
				      whole->list[i].ev.time == got->list[i].ev.time,
			      "cut at %zu: event %zu is another", cut, i);
}

static size_t n_of_generation(const struct record *rec, uint64_t generation)
{
	size_t at = 0, n = 0;

	while (next_event(rec, &at, generation))
		n++;
	return n;
}

struct original {
	struct buf trace;
	struct batches batches;
	struct record whole;
};

static void original_init(struct original *o, const char *path)
{
	struct buf text;
	bool is_text = strstr(path, ".txt") != NULL;

	*o = (struct original){ .trace.len = 0 };
	buf_init(&text, 0);
	load_file(path, is_text ? &text : &o->trace);
	if (is_text)
		assemble(buf_view(&text), &o->trace);
	buf_release(&text);
	batches_find(&o->batches, buf_view(&o->trace));
	record(&o->whole, buf_view(&o->trace), true);
	ck_assert_int_eq(o->whole.end, ST_END);
	ck_assert_uint_eq(o->whole.salvage.generation, 0);
}

static void original_release(struct original *o)
{
	buf_release(&o->trace);
	batches_release(&o->batches);
	free(o->whole.list);
}

/* The batch that the cut is in or behind: its generation; NULL: before all. */
static const struct batch_place *batch_at(const struct batches *b, size_t cut)
{
	const struct batch_place *found = NULL;

	for (size_t i = 0; i < b->n && b->list[i].start < cut; i++)
		found = &b->list[i];
	return found;
}

/* Is the clock known: did a batch that tells it come before the cut? */
static bool knows_clock(const struct batches *b, size_t cut)
{
	uint8_t kind = b->version >= 25 ? EV_SYNC : EV_FREQUENCY;

	for (size_t i = 0; i < b->n && b->list[i].end <= cut; i++)
		if (b->list[i].kind == kind)
			return true;
	return false;
}

/* Cut at one byte. Returns the events of the generation that is cut. */
static size_t check_cut(const struct original *o, size_t cut, struct record *got)
{
	const struct batch_place *at = batch_at(&o->batches, cut);
	size_t events_end = at && at->gen ? batches_events_end(&o->batches, at->gen) : 0;
	bool clock = knows_clock(&o->batches, cut);

	record(got, (struct slice){ o->trace.ptr, cut }, true);
	ck_assert_msg(got->end == ST_END || got->end == ST_FORMAT, "cut at %zu: %d", cut, got->end);
	check_before(&o->whole, got, cut);
	if (!got->n_generations || !at)
		return 0;
	check_threads(&o->whole, got, cut);
	/* However it ended, the trace has its last sync event. */
	if (got->salvage.generation)
		ck_assert_msg(got->list[got->n - 1].ev.kind == EVENT_SYNC && got->n > 1 &&
				      !got->list[got->n - 1].ev.tables,
			      "cut at %zu: no sync event at the end", cut);
	/*
	 * Below 1.26 a cut behind strings looks like the end of the generation; the
	 * events up to the first that names what is missing come.
	 */
	if (o->batches.version < 26 && at->end == cut && at->kind == EV_STRINGS)
		return 0;
	if (clock && events_end && events_end <= cut)
		check_all_there(&o->whole, got, cut);
	return got->salvage.generation ? n_of_generation(got, got->n_generations) : 0;
}

static const char *const sources[] = {
	"tests/data/asm/three-generations-22.txt",
	"tests/data/asm/three-generations-23.txt",
	"tests/data/asm/three-generations-25.txt",
	"tests/data/asm/three-generations-26.txt",
	"tests/data/asm/samples.txt",
	"tests/data/good/late-go1.22.trace.zst",
	"tests/data/good/late-go1.24.trace.zst",
	"tests/data/good/late-go1.25.trace.zst",
	"tests/data/good/recorder-go1.26.trace.zst",
	"tests/data/good/annotations-go1.22.trace.zst",
	"tests/data/good/annotations-go1.26.trace.zst",
	"tests/data/good/coroutines-go1.26.trace.zst",
	"tests/data/good/generations-go1.27.trace.zst",
	"tests/data/good/cpuprofile-go1.26.trace.zst",
};
#define N_SOURCES (int)(sizeof(sources) / sizeof(sources[0]))

/* Cut at every byte; of the longer ones at so many, evenly. */
#define MAX_CUTS 1500

START_TEST(cut_everywhere)
{
	struct record got = { .n = 0 };
	struct original o;
	size_t step, before = 0, salvaged = 0;
	uint64_t generation = 0;

	original_init(&o, sources[_i]);
	step = o.trace.len / MAX_CUTS + 1;
	for (size_t cut = 16; cut < o.trace.len; cut += step) {
		size_t n = check_cut(&o, cut, &got);

		/* More bytes never give fewer events. */
		if (n && got.salvage.generation == generation)
			ck_assert_msg(n >= before, "cut at %zu: %zu events, before %zu", cut, n,
				      before);
		if (n) {
			generation = got.salvage.generation;
			before = n;
			salvaged++;
		}
	}
	ck_assert_uint_gt(salvaged, 0);
	free(got.list);
	original_release(&o);
}
END_TEST

/* Of a torn batch every whole event comes: one thread, so each event adds to the count. */
START_TEST(torn_batch)
{
	struct record got = { .n = 0 };
	struct original o;
	size_t rises = 0, before = 0;

	original_init(&o, sources[3]);
	for (size_t i = 0; i < o.batches.n; i++) {
		const struct batch_place *b = &o.batches.list[i];

		if (!b->events || b->gen != 8)
			continue;
		for (size_t cut = b->data; cut <= b->end; cut++) {
			size_t n = check_cut(&o, cut, &got);

			rises += n > before;
			before = n > before ? n : before;
		}
	}
	ck_assert_uint_ge(before, 4);
	ck_assert_uint_eq(rises, before);
	ck_assert_uint_eq(before, n_of_generation(&o.whole, 2));
	free(got.list);
	original_release(&o);
}
END_TEST

/* Thread 1 waits for what thread 2 did, thread 3 for nobody. */
static const char waiting[] = "Trace Go1.26\n"
			      "EventBatch gen=1 m=-1 time=1000 size=auto\n"
			      "Sync\n"
			      "Frequency freq=1000000000\n"
			      "ClockSnapshot dt=0 mono=1000 sec=1700000000 nsec=7\n"
			      "EventBatch gen=1 m=1 time=1010 size=auto\n"
			      "ProcStatus dt=1 p=0 pstatus=1\n"
			      "GoStatus dt=1 g=1 m=1 gstatus=2\n"
			      "GoBlock dt=1 reason_string=0 stack=0\n"
			      "GoStart dt=20 g=1 g_seq=2\n"
			      "GoStop dt=1 reason_string=0 stack=0\n"
			      "EventBatch gen=1 m=3 time=1015 size=auto\n"
			      "ProcStatus dt=1 p=2 pstatus=1\n"
			      "HeapAlloc dt=90 heapalloc_value=5\n"
			      "EventBatch gen=1 m=2 time=1012 size=auto\n"
			      "ProcStatus dt=1 p=1 pstatus=1\n"
			      "GoStatus dt=1 g=2 m=2 gstatus=2\n"
			      "GoUnblock dt=3 g=1 g_seq=1 stack=0\n"
			      "EndOfGeneration\n";

/* A thread whose only batch is lost: the others go on as far as they can. */
START_TEST(lost_thread)
{
	struct record got = { .n = 0 };
	struct original o = { .trace.len = 0 };
	size_t cut;

	assemble(slice_str(waiting), &o.trace);
	batches_find(&o.batches, buf_view(&o.trace));
	record(&o.whole, buf_view(&o.trace), false);
	ck_assert_int_eq(o.whole.end, ST_END);
	ck_assert_uint_eq(n_of_generation(&o.whole, 1), 10);
	cut = o.batches.list[3].start;
	/* Thread 1 up to its wait, and all of thread 3. */
	ck_assert_uint_eq(check_cut(&o, cut, &got), 5);
	ck_assert_uint_eq(got.salvage.n_stuck, 1);
	/* What it waited for came, but not where it is told from. */
	ck_assert_uint_eq(check_cut(&o, o.batches.list[3].end - 1, &got), 7);
	ck_assert_uint_eq(check_cut(&o, o.batches.list[3].end, &got), 10);
	ck_assert_uint_eq(got.salvage.n_stuck, 0);
	free(got.list);
	original_release(&o);
}
END_TEST

/* A whole trace is read as ever: nobody hears of salvage. */
START_TEST(whole_traces_are_whole)
{
	struct record plain = { .n = 0 };
	glob_t found;

	ck_assert_int_eq(glob("tests/data/good/*.zst", 0, NULL, &found), 0);
	ck_assert_uint_gt(found.gl_pathc, 60);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct original o;

		original_init(&o, found.gl_pathv[i]);
		record(&plain, buf_view(&o.trace), false);
		ck_assert_uint_eq(plain.n, o.whole.n);
		for (size_t k = 0; k < plain.n; k++)
			ck_assert(same_events(&plain.list[k], &o.whole.list[k]) &&
				  plain.list[k].ev.time == o.whole.list[k].ev.time);
		original_release(&o);
	}
	free(plain.list);
	globfree(&found);
}
END_TEST

Suite *salvage_suite(void)
{
	Suite *s = suite_create("salvage");
	TCase *t = tcase_create("salvage");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, cut_everywhere, 0, N_SOURCES);
	tcase_add_test(t, torn_batch);
	tcase_add_test(t, lost_thread);
	tcase_add_test(t, whole_traces_are_whole);
	suite_add_tcase(s, t);
	return s;
}
