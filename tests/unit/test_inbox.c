/*
 * inbox: order, room, waiting threads, and that each capture is handed back once.
 */
#include "collector/source/inbox.h"

#include <fcntl.h>
#include <pthread.h>

#include "tests/unit/suites.h"

#define LONG_NS ((uint64_t)60000000000)

static struct inbox *box;
static struct err err;
static unsigned int n_back;

static void back(struct capture *c, enum capture_outcome outcome, const char *why)
{
	ck_assert_int_eq(outcome, CAPTURE_LATER);
	ck_assert_ptr_nonnull(why);
	c->arg = NULL;
	n_back++;
}

static void init(struct capture *c)
{
	*c = (struct capture){ .fd = open("/dev/null", O_RDONLY), .done = back };
}

static void start(void)
{
	n_back = 0;
	ck_assert_int_eq(inbox_open(&box, 2, &err), ST_OK);
}

static void finish(void)
{
	inbox_close(box);
}

START_TEST(order)
{
	struct capture c[3];
	bool yes = true;

	for (int i = 0; i < 3; i++)
		init(&c[i]);
	ck_assert(inbox_offer(box, &c[0]) && inbox_put(box, &c[1], NULL));
	ck_assert(!inbox_offer(box, &c[2]));
	ck_assert_uint_eq(inbox_length(box), 2);
	ck_assert_ptr_eq(inbox_take(box, LONG_NS, NULL), &c[0]);
	ck_assert(inbox_offer(box, &c[2]));
	ck_assert_ptr_eq(inbox_take(box, LONG_NS, NULL), &c[1]);
	ck_assert_ptr_eq(inbox_take(box, LONG_NS, NULL), &c[2]);
	ck_assert_ptr_null(inbox_take(box, 1, NULL));
	/* Who was told to stop before it began to wait does not wait. */
	ck_assert_ptr_null(inbox_take(box, LONG_NS, &yes));
}
END_TEST

struct putter {
	pthread_t thread;
	struct capture *c;
	bool stop, in;
};

static void *put(void *arg)
{
	struct putter *p = arg;

	p->in = inbox_put(box, p->c, &p->stop);
	return NULL;
}

/* One that waits gets the room that the taker makes; one that is told to stop gives up. */
START_TEST(waiting)
{
	struct capture c[3];
	struct putter p = { .c = &c[2] };

	for (int i = 0; i < 3; i++)
		init(&c[i]);
	ck_assert(inbox_offer(box, &c[0]) && inbox_offer(box, &c[1]));
	ck_assert_int_eq(pthread_create(&p.thread, NULL, put, &p), 0);
	ck_assert_ptr_eq(inbox_take(box, LONG_NS, NULL), &c[0]);
	pthread_join(p.thread, NULL);
	ck_assert(p.in);
	p = (struct putter){ .c = &c[0] };
	ck_assert_int_eq(pthread_create(&p.thread, NULL, put, &p), 0);
	__atomic_store_n(&p.stop, true, __ATOMIC_RELEASE);
	inbox_wake(box);
	pthread_join(p.thread, NULL);
	ck_assert(!p.in);
	ck_assert_ptr_eq(inbox_take(box, LONG_NS, NULL), &c[1]);
	ck_assert_ptr_eq(inbox_take(box, LONG_NS, NULL), &c[2]);
}
END_TEST

START_TEST(ended)
{
	struct capture c[2];

	init(&c[0]);
	init(&c[1]);
	ck_assert(inbox_offer(box, &c[0]));
	inbox_end(box);
	ck_assert(!inbox_offer(box, &c[1]) && !inbox_put(box, &c[1], NULL));
	inbox_close(box);
	ck_assert_uint_eq(n_back, 1);
	ck_assert_int_eq(inbox_open(&box, 1, &err), ST_OK);
}
END_TEST

Suite *inbox_suite(void)
{
	Suite *suite = suite_create("inbox");
	TCase *t = tcase_create("inbox");

	tcase_add_checked_fixture(t, start, finish);
	tcase_add_test(t, order);
	tcase_add_test(t, waiting);
	tcase_add_test(t, ended);
	suite_add_tcase(suite, t);
	return suite;
}
