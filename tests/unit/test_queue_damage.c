#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "tests/unit/queue_fixture.h"
#include "tests/unit/suites.h"

/* Bytes between two flips; DAMAGE_STEP says otherwise. All of them take half an hour. */
#define STEP 1499

static uint8_t *image;
static size_t image_len;

static size_t step(void)
{
	const char *text = getenv("DAMAGE_STEP");
	uint64_t n;

	return text && num_u64(slice_str(text), 1 << 20, &n) && n ? (size_t)n : STEP;
}

static void put_image(void)
{
	int fd = open(qf.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert(fd >= 0 && write(fd, image, image_len) == (ssize_t)image_len);
	close(fd);
}

static void get_image(void)
{
	struct stat st;
	int fd = open(qf.path, O_RDONLY);

	ck_assert(fd >= 0 && !fstat(fd, &st));
	image_len = (size_t)st.st_size;
	image = malloc(image_len);
	ck_assert(read(fd, image, image_len) == (ssize_t)image_len);
	close(fd);
}

/* All files that were set aside go; how many there were. */
static size_t forget_damaged(void)
{
	char pattern[160];
	glob_t g;
	size_t n;

	snprintf(pattern, sizeof(pattern), "%s.damaged-*", qf.path);
	if (glob(pattern, 0, NULL, &g))
		return 0;
	n = g.gl_pathc;
	for (size_t i = 0; i < n; i++)
		unlink(g.gl_pathv[i]);
	globfree(&g);
	return n;
}

/* As drain(), from a file that may turn out to be damaged: the call after has a new one. */
static void drain_damaged(struct span_set *into)
{
	struct queue_item item;
	enum status st = ST_OK;

	ok(queue_item_init(&item, 0, &qf.err));
	for (int failed = 0; st != ST_END;) {
		st = queue_take(qf.q, 0, QUEUE_OLDEST, 0, &item, &qf.err);
		if (!st) {
			span_set_message(into, item.bytes);
			st = queue_acknowledge(qf.q, 0, &item, item.first, item.n, 0, &qf.err);
		}
		failed += st < 0;
		ck_assert_msg(failed < 3, "%s", qf.err.msg);
	}
	queue_item_release(&item);
}

/*
 * Open what is there and take all of it. Whatever was flipped: it opens, no span
 * comes out that did not go in, and one that is missing is counted, or in a file
 * that was set aside. Returns how many are missing.
 */
static size_t survive(struct span_set *in, size_t at)
{
	struct span_set out = { 0 };
	struct queue_counts c;
	size_t aside, missing;

	queue_reopen();
	drain_damaged(&out);
	ck_assert_msg(span_set_sort(&out) == 0, "byte %zu: a span came twice", at);
	ck_assert_msg(span_set_within(&out, in), "byte %zu: a span that nobody sent", at);
	c = counts_of(0);
	missing = in->n - out.n;
	queue_close(qf.q);
	qf.q = NULL;
	aside = forget_damaged();
	ck_assert_msg(!missing || aside || c.dropped[QUEUE_CORRUPT] >= missing,
		      "byte %zu: %zu spans are missing, %lu were counted", at, missing,
		      (unsigned long)c.dropped[QUEUE_CORRUPT]);
	ck_assert_msg((!aside && !c.dropped[QUEUE_CORRUPT]) || qf.n_told,
		      "byte %zu: nobody was told", at);
	span_set_release(&out);
	unlink(qf.path);
	return missing;
}

START_TEST(flipped_bits)
{
	struct span_set in = { 0 };
	size_t lost = 0, harmless = 0;

	queue_reopen();
	put_batches(12, 10, 700, &in);
	span_set_sort(&in);
	queue_close(qf.q);
	qf.q = NULL;
	get_image();
	for (size_t at = (size_t)_i; at < image_len; at += step()) {
		uint8_t was = image[at];
		size_t missing;

		qf.told[0] = '\0';
		qf.n_told = 0;
		image[at] ^= (uint8_t)(1u << (at % 8));
		put_image();
		missing = survive(&in, at);
		lost += missing != 0;
		harmless += missing == 0;
		image[at] = was;
	}
	/* A test that damages nothing shows nothing. */
	ck_assert_uint_gt(lost, 5);
	ck_assert_uint_gt(harmless, 1);
	free(image);
	span_set_release(&in);
}
END_TEST

/* One batch of many is damaged: only its spans are lost, and it is told which. */
START_TEST(only_the_damaged_batch_is_lost)
{
	struct span_set in = { 0 }, bad = { 0 }, out = { 0 };

	queue_reopen();
	put_batches(5, 10, 300, &in);
	put_batches(1, 10, 300, &bad);
	put_batches(5, 10, 300, &in);
	queue_close(qf.q);
	qf.q = NULL;
	run_sql("UPDATE batches SET frame = CAST(substr(frame, 1, 400) || x'00' ||"
		" substr(frame, 402) AS BLOB) WHERE id = 6");
	queue_reopen();
	drain(0, &out);
	ck_assert(span_set_same(&in, &out));
	ck_assert_uint_eq(counts_of(0).dropped[QUEUE_CORRUPT], 10);
	/* For the other destination as well, which has not come across it yet. */
	ck_assert_uint_eq(counts_of(1).dropped[QUEUE_CORRUPT], 10);
	ck_assert_uint_eq(counts_of(1).queued, 100);
	check_sums();
	ck_assert_uint_eq(qf.n_told, 1);
	contains(qf.told, "batch 6 is damaged (");
	contains(qf.told, "its spans are lost, the others are not");
	span_set_release(&in);
	span_set_release(&bad);
	span_set_release(&out);
}
END_TEST

/* The file breaks while it is in use: it is set aside, and work goes on in a new one. */
START_TEST(damaged_while_open)
{
	struct span_set in = { 0 }, out = { 0 };
	uint8_t junk[4096];
	int fd;

	queue_reopen();
	put_batches(1500, 1, 3500, NULL); /* more than SQLite keeps in memory */
	memset(junk, 0x5a, sizeof(junk));
	queue_close(qf.q);
	qf.q = NULL;
	queue_reopen();
	fd = open(qf.path, O_WRONLY);
	for (off_t page = 900; page < 1000; page++)
		ck_assert(pwrite(fd, junk, sizeof(junk), page * 4096) == sizeof(junk));
	close(fd);
	drain_damaged(&out);
	put_batches(3, 5, 5, &in);
	span_set_release(&out);
	drain(0, &out);
	ck_assert(span_set_same(&in, &out));
	contains(qf.told, "the file is now ");
	check_sums();
	ck_assert_uint_eq(forget_damaged() > 0, 1);
	span_set_release(&in);
	span_set_release(&out);
}
END_TEST

Suite *queue_damage_suite(void)
{
	Suite *s = suite_create("queue_damage");
	TCase *t = tcase_create("queue_damage");

	tcase_add_checked_fixture(t, queue_setup, queue_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, flipped_bits);
	tcase_add_test(t, only_the_damaged_batch_is_lost);
	tcase_add_test(t, damaged_while_open);
	suite_add_tcase(s, t);
	return s;
}
