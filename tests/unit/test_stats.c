#include "base/limits.h"
#include "base/mem.h"

#include "tests/unit/stats_world.h"
#include "tests/unit/suites.h"

static void check_dist(const struct dist *d, uint64_t count, uint64_t total, uint64_t cut,
		       uint64_t cut_ns)
{
	ck_assert_uint_eq(d->count, count);
	ck_assert_uint_eq(d->total_ns, total);
	ck_assert_uint_eq(d->cut, cut);
	ck_assert_uint_eq(d->cut_ns, cut_ns);
}

static const struct dist *row(const struct stats_rows *rows, const char *name)
{
	for (size_t i = 0; i < rows->n; i++)
		if (!rows->list[i]->rest && slice_is(rows->list[i]->name, name))
			return &rows->list[i]->dist;
	ck_abort_msg("no row named %s", name);
	return NULL;
}

START_TEST(blocks_by_reason)
{
	struct world w;
	const struct stats_report *r;

	world_init(&w);
	world_go(&w, 1010, 1, GO_UNDETERMINED, GO_RUNNING);
	world_block(&w, 1100, 1, S_NETWORK, 1);
	world_wake(&w, 1130, 1);
	world_run(&w, 1140, 1);
	world_block(&w, 1150, 1, S_SYNC, 2);
	world_wake(&w, 1200, 1);
	world_run(&w, 1220, 1);
	world_block(&w, 1250, 1, S_NETWORK, 1);		    /* the trace's end cuts it */
	world_go(&w, 1300, 2, GO_UNDETERMINED, GO_WAITING); /* since the trace's begin */
	world_wake(&w, 1320, 2);
	world_go(&w, 1330, 3, GO_UNDETERMINED, GO_WAITING); /* all the time */
	world_go_wire(&w, 1340, 4, EV_GO_CREATE_BLOCKED, GO_NOT_EXIST, GO_WAITING, 0,
		      0); /* no block */
	world_go_wire(&w, 1345, 4, EV_GO_UNBLOCK, GO_WAITING, GO_RUNNABLE, 0, 0);
	w.now = 1400;
	world_sync(&w);
	r = world_finish(&w);
	check_dist(row(&r->blocks, "network"), 1, 30, 1, 150);
	check_dist(row(&r->blocks, "sync"), 1, 50, 0, 0);
	check_dist(&r->all_blocks, 2, 80, 1, 150);
	check_dist(&r->blocked_before, 0, 0, 2, 320 + 400);
	check_dist(&r->latency, 2, 30, 2, 80 + 55);
	ck_assert_ptr_eq(&r->network->dist, row(&r->blocks, "network"));
	ck_assert_uint_eq(r->goroutines_seen, 4);
	ck_assert_uint_eq(r->goroutines_alive, 4);
	/* Each was in some state from the begin, or its creation, to the end. */
	ck_assert_uint_eq(r->state_ns[GO_RUNNING], 100 + 10 + 30);
	ck_assert_uint_eq(r->state_ns[GO_WAITING], 30 + 50 + 150 + 320 + 400 + 5);
	ck_assert_uint_eq(r->state_ns[GO_RUNNABLE], 10 + 20 + 80 + 55);
	ck_assert_uint_eq(r->state_ns[GO_SYSCALL], 0);
	world_release(&w);
}
END_TEST

START_TEST(a_restated_state_goes_on)
{
	struct world w;
	const struct stats_report *r;

	world_init(&w);
	world_go(&w, 1010, 1, GO_UNDETERMINED, GO_RUNNING);
	world_block(&w, 1100, 1, S_SYNC, 1);
	w.now = 1200;
	world_sync(&w);
	world_go(&w, 1210, 1, GO_WAITING, GO_WAITING);
	world_wake(&w, 1300, 1);
	r = world_finish(&w);
	check_dist(row(&r->blocks, "sync"), 1, 200, 0, 0);
	world_release(&w);
}
END_TEST

START_TEST(system_calls)
{
	struct world w;
	const struct stats_report *r;

	world_init(&w);
	world_go(&w, 1010, 1, GO_UNDETERMINED, GO_SYSCALL); /* called before the trace */
	world_go(&w, 1020, 1, GO_SYSCALL, GO_RUNNING);
	world_go(&w, 1100, 1, GO_RUNNING, GO_SYSCALL);
	world_go(&w, 1107, 1, GO_SYSCALL, GO_RUNNING);
	world_go(&w, 1200, 1, GO_RUNNING, GO_SYSCALL);
	world_go(&w, 1230, 1, GO_SYSCALL, GO_RUNNABLE); /* lost its proc */
	world_run(&w, 1250, 1);
	world_go_wire(&w, 1260, 2, EV_GO_CREATE_SYSCALL, GO_NOT_EXIST, GO_SYSCALL, 0,
		      0); /* no call */
	world_go(&w, 1270, 2, GO_SYSCALL, GO_RUNNING);
	world_go(&w, 1280, 2, GO_RUNNING, GO_SYSCALL);
	world_go(&w, 1285, 2, GO_SYSCALL, GO_NOT_EXIST);
	world_go(&w, 1290, 1, GO_RUNNING, GO_SYSCALL);
	w.now = 1300;
	world_sync(&w);
	r = world_finish(&w);
	check_dist(&r->syscalls, 3, 7 + 30 + 5, 2, 20 + 10);
	check_dist(&r->latency, 1, 20, 0, 0);
	ck_assert_uint_eq(r->state_ns[GO_SYSCALL], 20 + 7 + 30 + 10 + 5 + 10);
	ck_assert_uint_eq(r->goroutines_seen, 2);
	ck_assert_uint_eq(r->goroutines_alive, 1);
	world_release(&w);
}
END_TEST

START_TEST(a_coroutine_switch_is_a_block_and_no_latency)
{
	struct world w;
	const struct stats_report *r;

	world_init(&w);
	world_go(&w, 1010, 1, GO_UNDETERMINED, GO_RUNNING);
	world_go_wire(&w, 1020, 2, EV_GO_CREATE_BLOCKED, GO_NOT_EXIST, GO_WAITING, 0, 0);
	world_go_wire(&w, 1100, 2, EV_GO_SWITCH, GO_WAITING, GO_RUNNABLE, 0, 0);
	world_block(&w, 1101, 1, 0, 0);
	world_run(&w, 1102, 2);
	world_go_wire(&w, 1150, 1, EV_GO_SWITCH_DESTROY, GO_WAITING, GO_RUNNABLE, 0, 0);
	world_go_wire(&w, 1151, 2, EV_GO_DESTROY, GO_RUNNING, GO_NOT_EXIST, 0, 0);
	world_run(&w, 1152, 1);
	r = world_finish(&w);
	check_dist(row(&r->blocks, STATS_COROUTINE), 1, 49, 0, 0);
	check_dist(&r->latency, 0, 0, 0, 0);
	ck_assert_uint_eq(r->coroutine_switches, 2);
	ck_assert_ptr_null(r->network);
	world_release(&w);
}
END_TEST

START_TEST(stacks_are_one_over_generations)
{
	struct world w;
	const struct stats_report *r;
	struct slice text;
	struct frame f;

	world_init(&w);
	world_go(&w, 1010, 1, GO_UNDETERMINED, GO_RUNNING);
	world_block(&w, 1100, 1, S_SYNC, 3); /* line 3 */
	world_wake(&w, 1200, 1);
	world_run(&w, 1210, 1);
	world_block(&w, 1220, 1, S_NETWORK, 3); /* the same place, another reason */
	world_wake(&w, 1221, 1);
	world_run(&w, 1222, 1);
	world_block(&w, 1230, 1, S_SYNC, 4); /* line 4 */
	world_wake(&w, 1235, 1);
	world_run(&w, 1240, 1);
	w.now = 1300;
	world_sync(&w);
	world_tables(&w, 2, 9); /* line 3 is stack 4 now, with another pc */
	world_block(&w, 1400, 1, S_SYNC, 4);
	world_wake(&w, 1450, 1);
	world_run(&w, 1460, 1);
	world_block(&w, 1470, 1, S_SYNC, 4);
	w.now = 1480;
	world_sync(&w);
	r = world_finish(&w);
	ck_assert_uint_eq(r->n_stacks, 3);
	ck_assert_uint_eq(r->n_top, 3);
	ck_assert_uint_eq(r->top[0]->count, 2);
	ck_assert_uint_eq(r->top[0]->total_ns, 150);
	ck_assert_uint_eq(r->top[0]->max_ns, 100);
	ck_assert_uint_eq(r->top[0]->cut, 1);
	ck_assert_uint_eq(r->top[0]->cut_ns, 10);
	ck_assert(slice_is(r->top[0]->reason->name, "sync"));
	ck_assert_uint_eq(r->top[1]->total_ns, 5);
	ck_assert_uint_eq(r->top[2]->total_ns, 1);
	text = r->top[0]->text;
	ck_assert(stats_frame_next(&text, &f));
	ck_assert(slice_is(f.func, "main.main") && slice_is(f.file, "main.go"));
	ck_assert_uint_eq(f.line, 3);
	ck_assert(!stats_frame_next(&text, &f));
	world_release(&w);
}
END_TEST

START_TEST(stacks_over_the_maximum_are_summed)
{
	const uint64_t n = MAX_STATS_STACKS + 5;
	struct world w;
	const struct stats_report *r;

	world_init(&w);
	world_tables(&w, 1, n);
	world_go(&w, 1010, 1, GO_UNDETERMINED, GO_RUNNING);
	for (uint64_t i = 0; i < n; i++) {
		world_block(&w, w.now + 10, 1, S_SYNC, i + 1);
		world_wake(&w, w.now + 3, 1);
		world_run(&w, w.now + 10, 1);
	}
	r = world_finish(&w);
	ck_assert_uint_eq(r->n_stacks, MAX_STATS_STACKS);
	ck_assert_uint_eq(r->n_top, STATS_TOP_STACKS);
	ck_assert_uint_eq(r->other_stacks->count, 5);
	ck_assert_uint_eq(r->other_stacks->total_ns, 15);
	check_dist(&r->all_blocks, n, 3 * n, 0, 0);
	world_release(&w);
}
END_TEST

START_TEST(tasks_by_type)
{
	struct world w;
	const struct stats_report *r;

	world_init(&w);
	world_task(&w, 1100, 5, true, S_TASK);
	world_task(&w, 1110, 6, true, S_LATE);
	world_task(&w, 1150, 5, false, 0);
	world_task(&w, 1160, 5, false, 0); /* again */
	world_task(&w, 1170, 4, false, 0); /* begun before the trace */
	w.now = 1200;
	world_sync(&w);
	world_task(&w, 1210, 5, true, S_TASK); /* an id may begin again */
	world_task(&w, 1310, 5, false, 0);
	world_task(&w, 1320, 9, true, S_TASK);
	w.now = 1330;
	world_sync(&w);
	r = world_finish(&w);
	ck_assert_uint_eq(r->tasks.n, 2);
	ck_assert_ptr_eq(&r->tasks.list[0]->dist, row(&r->tasks, "checkout"));
	check_dist(row(&r->tasks, "checkout"), 2, 150, 1, 10);
	ck_assert_uint_eq(dist_quantile(row(&r->tasks, "checkout"), 990), 100);
	check_dist(row(&r->tasks, "later"), 0, 0, 1, 220);
	ck_assert_uint_eq(r->unmatched_task_ends, 2);
	world_release(&w);
}
END_TEST

START_TEST(regions_by_type)
{
	struct world w;
	const struct stats_report *r;

	world_init(&w);
	world_go(&w, 1010, 1, GO_UNDETERMINED, GO_RUNNING);
	world_go(&w, 1020, 2, GO_NOT_EXIST, GO_RUNNING);
	world_region(&w, 1050, 1, false, S_LATE); /* begun before the trace */
	world_region(&w, 1100, 1, true, S_REGION);
	world_region(&w, 1110, 1, true, S_TASK);
	world_region(&w, 1120, 2, true, S_REGION);
	world_region(&w, 1130, 1, false, S_TASK);
	world_region(&w, 1200, 1, false, S_REGION);
	world_go(&w, 1220, 2, GO_RUNNING, GO_NOT_EXIST); /* inside it */
	world_region(&w, 1240, 1, true, S_LATE);
	w.now = 1300;
	world_sync(&w);
	r = world_finish(&w);
	check_dist(row(&r->regions, "lock"), 1, 100, 1, 100);
	check_dist(row(&r->regions, "checkout"), 1, 20, 0, 0);
	check_dist(row(&r->regions, "later"), 0, 0, 2, 50 + 60);
	world_release(&w);
}
END_TEST

START_TEST(garbage_collection)
{
	struct world w;
	const struct stats_report *r;

	world_init(&w);
	world_go(&w, 1010, 1, GO_UNDETERMINED, GO_RUNNING);
	world_range(&w, 1020, EVENT_RANGE_ACTIVE, EV_GC_ACTIVE, 0, 1); /* before the trace */
	world_range(&w, 1030, EVENT_RANGE_END, EV_GC_END, 0, 2);
	world_range(&w, 1100, EVENT_RANGE_BEGIN, EV_GC_BEGIN, 0, 3);
	world_range(&w, 1110, EVENT_RANGE_BEGIN, EV_GC_MARK_ASSIST_BEGIN, 1, 0);
	w.now = 1120;
	world_sync(&w);
	world_range(&w, 1125, EVENT_RANGE_ACTIVE, EV_GC_ACTIVE, 0, 4); /* told again */
	world_range(&w, 1126, EVENT_RANGE_ACTIVE, EV_GC_MARK_ASSIST_ACTIVE, 1, 1);
	world_range(&w, 1150, EVENT_RANGE_END, EV_GC_MARK_ASSIST_END, 1, 0);
	world_range(&w, 1160, EVENT_RANGE_END, EV_GC_END, 0, 5);
	world_range(&w, 1170, EVENT_RANGE_BEGIN, EV_GC_SWEEP_BEGIN, 0, 0);
	world_range(&w, 1175, EVENT_RANGE_BEGIN, EV_GC_SWEEP_BEGIN, 1, 0);
	world_range(&w, 1180, EVENT_RANGE_END, EV_GC_SWEEP_END, 0, 0);
	world_range(&w, 1190, EVENT_RANGE_BEGIN, EV_STW_BEGIN, 1, S_STW);
	world_range(&w, 1193, EVENT_RANGE_END, EV_STW_END, 1, S_STW);
	world_range(&w, 1194, EVENT_RANGE_BEGIN, EV_STW_BEGIN, 1, S_LATE);
	world_range(&w, 1199, EVENT_RANGE_END, EV_STW_END, 1, S_LATE);
	world_range(&w, 1200, EVENT_RANGE_BEGIN, EV_GC_BEGIN, 0, 6);
	world_range(&w, 1250, EVENT_RANGE_BEGIN, EV_STW_BEGIN, 1, S_LATE);
	w.now = 1300;
	world_sync(&w);
	r = world_finish(&w);
	check_dist(&r->gc_mark, 1, 60, 2, 30 + 100);
	check_dist(&r->mark_assist, 1, 40, 0, 0);
	check_dist(&r->sweep, 1, 10, 1, 125);
	check_dist(&r->all_stw, 2, 3 + 5, 1, 50);
	check_dist(row(&r->stw, "stop"), 1, 3, 0, 0);
	check_dist(row(&r->stw, "later"), 1, 5, 1, 50);
	world_release(&w);
}
END_TEST

START_TEST(the_trace_itself)
{
	static const struct {
		int64_t trace_ns, wall_sec;
		uint64_t wall_nsec;
		int64_t sec; /* at 1000 ns of trace time */
		uint32_t nsec;
	} clocks[] = {
		{ 1000, 50, 7, 50, 7 },		 { 3000000000, 50, 7, 47, 1007 },
		{ 1500, 50, 7, 49, 999999507 },	 { 400, 50, 999999600, 51, 200 },
		{ 1000, 50, 2000000003, 52, 3 }, /* a broken trace may say so */
		{ 1001, -5, 0, -6, 999999999 },
	};
	struct clock_snapshot clock = { .trace_ns = clocks[_i].trace_ns,
					.wall_sec = clocks[_i].wall_sec,
					.wall_nsec = clocks[_i].wall_nsec };
	struct world w;
	const struct stats_report *r;

	world_init(&w);
	w.now = 2000;
	world_feed(&w, (struct event){ .kind = EVENT_SYNC, .snapshot = &clock });
	world_user(&w, 2001, 1, EVENT_METRIC, EV_PROCS_CHANGE, 8, 0, 0);
	world_user(&w, 2002, 1, EVENT_METRIC, EV_PROCS_CHANGE, 4, 0, 0);
	world_user(&w, 2003, 1, EVENT_METRIC, EV_HEAP_ALLOC, 9, 0, 0);
	w.m = 7 + 256;
	world_user(&w, 2004, 1, EVENT_LOG, EV_USER_LOG, 0, 0, 0);
	w.m = 99;
	world_user(&w, 2005, 1, EVENT_STACK_SAMPLE, EV_CPU_SAMPLE, 0, 0, 0); /* not its thread */
	w.m = 7;
	world_user(&w, 2006, 1, EVENT_LABEL, EV_GO_LABEL, 0, 0, 0);
	r = world_finish(&w);
	ck_assert_int_eq(r->first_ns, 1000);
	ck_assert_int_eq(r->last_ns, 2006);
	ck_assert_uint_eq(r->n_events, 8);
	ck_assert_uint_eq(r->by_kind[EVENT_SYNC], 2);
	ck_assert_uint_eq(r->by_kind[EVENT_METRIC], 3);
	ck_assert_uint_eq(r->by_kind[EVENT_STACK_SAMPLE], 1);
	ck_assert_uint_eq(r->gomaxprocs, 4);
	ck_assert_uint_eq(r->n_threads, 2);
	ck_assert(r->has_wall);
	ck_assert_int_eq(r->wall_sec, clocks[_i].sec);
	ck_assert_uint_eq(r->wall_nsec, clocks[_i].nsec);
	world_release(&w);
}
END_TEST

START_TEST(names_over_the_maximum_share_a_row)
{
	struct stats_rows t;
	struct stats_row *first = NULL, *again, *out = NULL;
	struct err err = ERR_INIT;
	char name[16];

	stats_rows_init(&t, 100, "names");
	for (unsigned int i = 0; i < 300; i++) {
		int len = snprintf(name, sizeof(name), "n%u", i);

		ck_assert_int_eq(stats_rows_put(&t, i,
						(struct slice){ (uint8_t *)name, (size_t)len },
						&out, &err),
				 ST_OK);
		ck_assert_int_eq(dist_add(&out->dist, i, &err), ST_OK);
		ck_assert_ptr_eq(stats_rows_get(&t, i), out);
		first = first ? first : out;
	}
	stats_rows_new_generation(&t);
	ck_assert_ptr_null(stats_rows_get(&t, 0));
	ck_assert_ptr_null(stats_rows_get(&t, 299));
	ck_assert_int_eq(stats_rows_put(&t, 299, SLICE("n0"), &again, &err), ST_OK);
	ck_assert_ptr_eq(again, first);
	stats_rows_sort(&t);
	ck_assert_uint_eq(t.n, 101);
	ck_assert(t.list[100]->rest);
	ck_assert_uint_eq(t.list[100]->dist.count, 200);
	ck_assert(slice_is(t.list[0]->name, "n99"));
	stats_rows_release(&t);
}
END_TEST

/* A goroutine that is first seen in the middle of things, whatever it is that it does then. */
START_TEST(first_seen_by_any_event)
{
	static const struct {
		uint8_t wire, from, to;
	} rows[] = {
		{ EV_GO_START, GO_RUNNABLE, GO_RUNNING },
		{ EV_GO_STOP, GO_RUNNING, GO_RUNNABLE },
		{ EV_GO_BLOCK, GO_RUNNING, GO_WAITING },
		{ EV_GO_UNBLOCK, GO_WAITING, GO_RUNNABLE },
		{ EV_GO_SYSCALL_BEGIN, GO_RUNNING, GO_SYSCALL },
		{ EV_GO_SYSCALL_END, GO_SYSCALL, GO_RUNNING },
		{ EV_GO_SYSCALL_END_BLOCKED, GO_SYSCALL, GO_RUNNABLE },
		{ EV_GO_DESTROY, GO_RUNNING, GO_NOT_EXIST },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t want[GO_SYSCALL + 1] = { 0 };
		const struct stats_report *r;
		struct world w;

		world_init(&w);
		world_go_wire(&w, 1040, 7, rows[i].wire, rows[i].from, rows[i].to, S_SYNC, 1);
		/* It may have been in another state than the event says: that one counts. */
		world_go_wire(&w, 1100, 7, EV_GO_START, GO_RUNNABLE, GO_RUNNING, 0, 0);
		w.now = 1130;
		world_sync(&w);
		r = world_finish(&w);
		ck_assert_uint_eq(r->goroutines_seen, rows[i].to == GO_NOT_EXIST ? 2 : 1);
		ck_assert_uint_eq(r->goroutines_alive, 1);
		want[rows[i].from] += 40;
		want[rows[i].to == GO_NOT_EXIST ? GO_RUNNABLE : rows[i].to] +=
			rows[i].to == GO_NOT_EXIST ? 100 : 60;
		want[GO_RUNNING] += 30;
		for (size_t k = GO_RUNNABLE; k <= GO_SYSCALL; k++)
			ck_assert_uint_eq(r->state_ns[k], want[k]);
		world_release(&w);
	}
}
END_TEST

/* One of everything; the status of the first step that fails. */
static enum status torture(struct world *w, struct stats *s, void *notes, struct err *err)
{
	static const struct {
		uint8_t kind, wire, from, to;
		uint64_t args[3];
	} steps[] = {
		{ EVENT_STATE_TRANSITION, EV_GO_STATUS, GO_UNDETERMINED, GO_RUNNING, { 0 } },
		{ EVENT_TASK_BEGIN, EV_USER_TASK_BEGIN, 0, 0, { 5, NO_TASK, S_TASK } },
		{ EVENT_REGION_BEGIN, EV_USER_REGION_BEGIN, 0, 0, { 5, S_REGION } },
		{ EVENT_RANGE_BEGIN, EV_STW_BEGIN, 0, 0, { S_STW } },
		{ EVENT_RANGE_END, EV_STW_END, 0, 0, { S_STW } },
		{ EVENT_RANGE_BEGIN, EV_GC_SWEEP_BEGIN, 0, 0, { 0 } },
		{ EVENT_STATE_TRANSITION, EV_GO_BLOCK, GO_RUNNING, GO_WAITING, { S_SYNC, 3 } },
		{ EVENT_STATE_TRANSITION, EV_GO_UNBLOCK, GO_WAITING, GO_RUNNABLE, { 0 } },
		{ EVENT_STATE_TRANSITION, EV_GO_START, GO_RUNNABLE, GO_RUNNING, { 0 } },
		{ EVENT_REGION_END, EV_USER_REGION_END, 0, 0, { 5, S_REGION } },
		{ EVENT_TASK_END, EV_USER_TASK_END, 0, 0, { 5 } },
		{ EVENT_STATE_TRANSITION, EV_GO_BLOCK, GO_RUNNING, GO_WAITING, { S_NETWORK, 4 } },
	};

	memset(notes, 0, stats_note_bytes());
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct event ev = { .kind = steps[i].kind,
				    .wire = steps[i].wire,
				    .resource = RESOURCE_GOROUTINE,
				    .from = steps[i].from,
				    .to = steps[i].to,
				    .id = 1,
				    .g = 1,
				    .m = 3,
				    .time = 1000 * ((int64_t)i + 1),
				    .notes = notes,
				    .tables = &w->tables };
		enum status st;

		memcpy(ev.args, steps[i].args, sizeof(steps[i].args));
		st = stats_feed(s, &ev, err);
		if (st)
			return st;
	}
	return ST_OK;
}

START_TEST(no_memory_is_a_status)
{
	struct world w;
	uint64_t n = 0;
	bool failed = true;
	void *notes = malloc(stats_note_bytes());

	world_init(&w);
	while (failed) {
		struct err err = ERR_INIT;
		struct stats *s;
		enum status st = ST_NOMEM, end = ST_NOMEM;

		mem_fail_at(++n);
		s = stats_new();
		if (s) {
			st = torture(&w, s, notes, &err);
			/* What was taken in can be summed up still. */
			stats_cut(s, notes);
			end = stats_finish(s, &err);
		}
		failed = mem_count() >= n;
		mem_fail_at(0);
		ck_assert_int_eq(st || end ? ST_NOMEM : ST_OK, failed ? ST_NOMEM : ST_OK);
		stats_free(s);
	}
	ck_assert_uint_gt(n, 20);
	free(notes);
	world_release(&w);
}
END_TEST

Suite *stats_suite(void)
{
	Suite *s = suite_create("stats");
	TCase *tc = tcase_create("stats");

	tcase_add_test(tc, blocks_by_reason);
	tcase_add_test(tc, first_seen_by_any_event);
	tcase_add_test(tc, a_restated_state_goes_on);
	tcase_add_test(tc, system_calls);
	tcase_add_test(tc, a_coroutine_switch_is_a_block_and_no_latency);
	tcase_add_test(tc, stacks_are_one_over_generations);
	tcase_add_test(tc, stacks_over_the_maximum_are_summed);
	tcase_add_test(tc, tasks_by_type);
	tcase_add_test(tc, regions_by_type);
	tcase_add_test(tc, garbage_collection);
	tcase_add_loop_test(tc, the_trace_itself, 0, 6);
	tcase_add_test(tc, names_over_the_maximum_share_a_row);
	tcase_add_test(tc, no_memory_is_a_status);
	suite_add_tcase(s, tc);
	return s;
}
