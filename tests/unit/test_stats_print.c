#include "base/utf8.h"
#include "cli/stats_print.h"

#include "tests/unit/stats_world.h"
#include "tests/unit/suites.h"

#define MAX_TEXT ((size_t)1 << 22)

/* A reader of JSON that knows its grammar and nothing else (RFC 8259). */
struct json {
	const char *at; /* NUL-terminated */
	int depth;
};

static bool json_value(struct json *j);

static bool eat(struct json *j, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(j->at, word, len) != 0)
		return false;
	j->at += len;
	return true;
}

static bool json_string(struct json *j)
{
	if (!eat(j, "\""))
		return false;
	while (*j->at != '"') {
		if ((unsigned char)*j->at < 0x20)
			return false;
		if (*j->at == '\\') {
			j->at++;
			if (*j->at == 'u') {
				if (strspn(j->at + 1, "0123456789abcdefABCDEF") < 4)
					return false;
				j->at += 4;
			} else if (!*j->at || !strchr("\"\\/bfnrt", *j->at)) {
				return false;
			}
		}
		j->at++;
	}
	j->at++;
	return true;
}

static bool json_digits(struct json *j)
{
	size_t n = strspn(j->at, "0123456789");

	j->at += n;
	return n > 0;
}

static bool json_number(struct json *j)
{
	eat(j, "-");
	if (*j->at == '0' && j->at[1] >= '0' && j->at[1] <= '9')
		return false;
	return json_digits(j) && (!eat(j, ".") || json_digits(j));
}

static bool json_list(struct json *j, const char *close, bool named)
{
	if (eat(j, close))
		return true;
	do {
		if (named && (!json_string(j) || !eat(j, ":")))
			return false;
		if (!json_value(j))
			return false;
	} while (eat(j, ","));
	return eat(j, close);
}

static bool json_value(struct json *j)
{
	bool ok;

	if (++j->depth > 20)
		return false;
	if (eat(j, "{"))
		ok = json_list(j, "}", true);
	else if (eat(j, "["))
		ok = json_list(j, "]", false);
	else if (*j->at == '"')
		ok = json_string(j);
	else
		ok = eat(j, "null") || eat(j, "true") || eat(j, "false") || json_number(j);
	j->depth--;
	return ok;
}

/* Everything that a name may do to a terminal, a JSON reader or a table. */
static const struct slice hostile[N_TEXTS] = {
	[S_NETWORK] = SLICE("network"),
	[S_SYNC] = SLICE("\x1b[31mred\x1b[0m\x07\x7f"),
	[S_MAIN] = SLICE("main.\xff\xfe\xc0\xaf\"q\"\\b\n\r\t\0x"),
	[S_FILE] = SLICE("/very/long/path/very/long/path/very/long/path/very/long/path/very/long/"
			 "path/very/long/path/\xe2\x80\xa8\xc2\x9b/main.go"),
	[S_TASK] = SLICE(
		"a name much longer than its column, with {\"json\": [1]} and \xc2\x85 inside"),
	[S_REGION] = SLICE("   "),
	[S_STW] = SLICE("\xf0\x9f\xa7\xbe\xf3\xa0\x81\x81 tag"),
	[S_LATE] = SLICE(""),
};

static void fill(struct world *w)
{
	world_init(w);
	w->texts = hostile;
	world_tables(w, 1, 9);
	world_go(w, 1010, 1, GO_UNDETERMINED, GO_RUNNING);
	world_block(w, 1100, 1, S_SYNC, 3);
	world_wake(w, 2100, 1);
	world_run(w, 2200, 1);
	world_task(w, 2300, 5, true, S_TASK);
	world_task(w, 2300, 6, true, S_LATE);
	world_region(w, 2310, 1, true, S_REGION);
	world_region(w, 2320, 1, false, S_REGION);
	world_task(w, 2400, 5, false, 0);
	world_range(w, 2500, EVENT_RANGE_BEGIN, EV_STW_BEGIN, 1, S_STW);
	world_range(w, 2600, EVENT_RANGE_END, EV_STW_END, 1, S_STW);
	world_block(w, 2700, 1, S_NETWORK, 4);
	w->now = 3000;
	world_sync(w);
}

static void check_terminal_safe(const struct buf *b, bool lines)
{
	ck_assert(utf8_valid(buf_view(b)));
	for (size_t i = 0; i < b->len; i++) {
		if (lines && b->ptr[i] == '\n')
			continue;
		ck_assert_msg(b->ptr[i] >= 0x20 && b->ptr[i] != 0x7f, "byte %zu is %02x", i,
			      b->ptr[i]);
		/* C1 controls and the direction marks, in UTF-8. */
		ck_assert(b->ptr[i] != 0xc2 || b->ptr[i + 1] >= 0xa0);
		ck_assert(b->ptr[i] != 0xe2 || b->ptr[i + 1] != 0x80);
	}
}

START_TEST(json_is_json)
{
	struct err error = { .offset = 77, .msg = "broken \"here\"\x01" };
	struct stats_source src = { .path = "a\"\n\xff.trace", .version = 26, .n_generations = 1 };
	struct world w;
	struct buf b;
	struct json j;

	fill(&w);
	src.error = _i ? &error : NULL;
	buf_init(&b, MAX_TEXT);
	stats_print_json(&b, world_finish(&w), &src);
	ck_assert_int_eq(b.failed, ST_OK);
	ck_assert(b.len && b.ptr[b.len - 1] == '\n');
	b.ptr[--b.len] = '\0';
	check_terminal_safe(&b, false);
	j = (struct json){ .at = (const char *)b.ptr };
	ck_assert_msg(json_value(&j) && !*j.at, "not JSON: ... %.40s", j.at);
	ck_assert_ptr_nonnull(strstr((char *)b.ptr, "\"a\\u0022\\u000a\xef\xbf\xbd.trace\""));
	ck_assert_ptr_nonnull(strstr((char *)b.ptr, "\\u001b[31mred\\u001b[0m\\u0007\\u007f"));
	ck_assert_ptr_nonnull(strstr((char *)b.ptr, "\xf0\x9f\xa7\xbe\\udb40\\udc41 tag"));
	ck_assert_ptr_nonnull(strstr((char *)b.ptr, _i ? "\"complete\":false" : "\"error\":null"));
	buf_release(&b);
	world_release(&w);
}
END_TEST

START_TEST(an_empty_report_is_json)
{
	struct stats_source src = { .path = "", .version = 22 };
	struct stats *s = stats_new();
	struct err err = ERR_INIT;
	struct buf b;
	struct json j;

	ck_assert_int_eq(stats_finish(s, &err), ST_OK);
	buf_init(&b, MAX_TEXT);
	stats_print_json(&b, stats_report(s), &src);
	buf_u8(&b, 0);
	j = (struct json){ .at = (const char *)b.ptr };
	ck_assert(json_value(&j) && !strcmp(j.at, "\n"));
	buf_release(&b);
	stats_free(s);
}
END_TEST

START_TEST(text_fits_a_terminal)
{
	struct err error = { .offset = 77, .msg = "broken" };
	struct stats_source src = { .path = "x\x1b.trace", .version = 26, .error = &error };
	struct world w;
	struct buf b;
	size_t line = 0;

	fill(&w);
	buf_init(&b, MAX_TEXT);
	stats_print_text(&b, world_finish(&w), &src);
	ck_assert_int_eq(b.failed, ST_OK);
	check_terminal_safe(&b, true);
	for (size_t i = 0; i < b.len; i++) {
		line = b.ptr[i] == '\n' ? 0 : line + 1;
		ck_assert_msg(line <= 100, "too long before byte %zu: %.100s", i,
			      (const char *)b.ptr + i - 100);
	}
	buf_u8(&b, 0);
	ck_assert_ptr_nonnull(strstr((char *)b.ptr, "0 of 1 goroutine blocks were on the network"));
	ck_assert_ptr_nonnull(strstr((char *)b.ptr, "\\x1b[31mred\\x1b[0m\\x07\\x7f"));
	ck_assert_ptr_nonnull(strstr((char *)b.ptr, "\"   \""));
	ck_assert_ptr_nonnull(strstr((char *)b.ptr, "DAMAGED"));
	buf_release(&b);
	world_release(&w);
}
END_TEST

static const struct {
	uint64_t ns;
	const char *text;
} durations[] = {
	{ 0, "0 ns" },
	{ 999, "999 ns" },
	{ 1000, "1.00 us" },
	{ 1234, "1.23 us" },
	{ 9994, "9.99 us" },
	{ 9996, "10.0 us" },
	{ 99949, "99.9 us" },
	{ 99951, "100 us" },
	{ 999499, "999 us" },
	{ 999501, "1.00 ms" },
	{ 12345678, "12.3 ms" },
	{ 999600000, "1.00 s" },
	{ 1500000000, "1.50 s" },
	{ 90000000000, "90.0 s" },
	{ 7200000000000, "7200 s" },
	{ 36000000000000, "10.0 h" },
	{ UINT64_MAX, "5124096 h" },
};

START_TEST(durations_have_three_digits)
{
	struct buf b;

	buf_init(&b, STATS_DURATION_CHARS);
	stats_print_ns(&b, durations[_i].ns);
	ck_assert_int_eq(b.failed, ST_OK);
	ck_assert_msg(slice_is(buf_view(&b), durations[_i].text), "%s: %.*s", durations[_i].text,
		      SLICE_ARG(buf_view(&b)));
	buf_release(&b);
}
END_TEST

Suite *stats_print_suite(void)
{
	Suite *s = suite_create("stats_print");
	TCase *tc = tcase_create("stats_print");

	tcase_add_loop_test(tc, json_is_json, 0, 2);
	tcase_add_test(tc, an_empty_report_is_json);
	tcase_add_test(tc, text_fits_a_terminal);
	tcase_add_loop_test(tc, durations_have_three_digits, 0,
			    (int)(sizeof(durations) / sizeof(durations[0])));
	suite_add_tcase(s, tc);
	return s;
}
