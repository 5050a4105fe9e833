/*
 * node: YAML text to a bounded tree. Damaged and hostile files are rows, each with
 * the whole error line.
 */
#include <check.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "config/node.h"

Suite *node_suite(void);

#define LEN(a) (sizeof(a) / sizeof(*(a)))

static const char *fake_get(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "WORD") ? NULL : "pear";
}

static const struct env fake = { .get = fake_get };

static struct doc doc;
static struct err err;

static enum status parse(struct slice bytes)
{
	doc_release(&doc);
	err = (struct err)ERR_INIT;
	return doc_parse(&doc, "f.yaml", bytes, &fake, &err);
}

static enum status parse_text(const char *text)
{
	return parse(slice_str(text));
}

static void finish(void)
{
	mem_fail_at(0);
	doc_release(&doc);
}

START_TEST(tree)
{
	const struct node *n;

	ck_assert_int_eq(parse_text("# a comment\n"
				    "one: { x: 1, y: [a, 'b', {z: c}] }\n"
				    "two:\n"
				    "  - p\n"
				    "  - q: |\n"
				    "      long\n"),
			 ST_OK);
	ck_assert_uint_eq(doc.n_nodes, 12);
	ck_assert_uint_eq(doc.root->n, 2);
	n = node_child(doc.root, SLICE("one"));
	ck_assert_int_eq(n->kind, NODE_MAP);
	ck_assert_uint_eq(n->key_place.line, 2);
	ck_assert_uint_eq(n->key_place.column, 1);
	ck_assert_uint_eq(n->place.column, 6);
	n = node_child(n, SLICE("y"));
	ck_assert_int_eq(n->kind, NODE_LIST);
	ck_assert_uint_eq(n->n, 3);
	ck_assert_uint_eq(n->key_place.column, 14);
	ck_assert(!n->first->quoted && n->first->next->quoted);
	ck_assert_str_eq((const char *)n->first->next->text.ptr, "b");
	ck_assert_ptr_nonnull(node_child(n->first->next->next, SLICE("z")));
	n = node_child(doc.root, SLICE("two"))->first->next;
	n = node_child(n, SLICE("q"));
	ck_assert_str_eq((const char *)n->text.ptr, "long\n");
	ck_assert(n->quoted);
	ck_assert_uint_eq(n->key_place.line, 5);
	ck_assert_ptr_null(node_child(n, SLICE("q")));
	ck_assert_ptr_null(node_child(NULL, SLICE("q")));
}
END_TEST

START_TEST(nothing)
{
	static const char *const rows[] = {
		"", "\n\n", "# only a comment\n", "---\n", "~\n", "--- null\n...\n", "\xef\xbb\xbf"
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		ck_assert_msg(parse_text(rows[i]) == ST_OK, "'%s': %s", rows[i], err.msg);
		ck_assert_ptr_null(doc.root);
	}
	ck_assert_int_eq(parse((struct slice){ 0 }), ST_OK);
}
END_TEST

#define EXPECTED                                                                                   \
	" is not a substitution: expected ${NAME}, ${env:NAME} or "                                \
	"${NAME:-default}, or $$ for a dollar sign"

START_TEST(refused)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key \"a\": given twice, first on line 1" },
		{ "a: { b: 1, \"b\": 2 }", "f.yaml:1:12: key \"b\": given twice, first on line 1" },
		{ "a: &x 1\n", "f.yaml:1:4: anchors and aliases are not supported: "
			       "write the value out" },
		{ "a: *x\n", "f.yaml:1:4: anchors and aliases are not supported: "
			     "write the value out" },
		{ "&k a: 1\n", "f.yaml:1:1: anchors and aliases are not supported: "
			       "write the value out" },
		{ "a: &x [1]\n", "f.yaml:1:4: anchors and aliases are not supported: "
				 "write the value out" },
		{ "*a : 1\n", "f.yaml:1:1: a key must be plain text" },
		{ "a: !!str 1\n", "f.yaml:1:4: tags are not supported: leave it out, or quote a "
				  "string" },
		{ "a: !x { b: c }\n", "f.yaml:1:4: tags are not supported: leave it out, or quote "
				      "a string" },
		{ "[a]: 1\n", "f.yaml:1:1: a key must be plain text" },
		{ "? {a: b}\n: 1\n", "f.yaml:1:3: a key must be plain text" },
		{ "a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document: one file holds one" },
		{ "a: \"x\\0y\"\n", "f.yaml:1:4: a NUL byte in a value" },
		{ "\"a\\0\": x\n", "f.yaml:1:1: key \"a\\x00\": holds a NUL byte" },
		{ "a: [1\nb: 2\n", "f.yaml:2:2: not YAML: while parsing a flow sequence: "
				   "did not find expected ',' or ']'" },
		{ "a:\n\t- b\n", "f.yaml:2:1: not YAML: while scanning for the next token: "
				 "found character that cannot start any token" },
		{ "a: 1\n\nb\xff: 2\n", "f.yaml:3:2: not YAML: invalid leading UTF-8 octet" },
		{ "a: \x01\n", "f.yaml:1:4: not YAML: control characters are not allowed" },
		{ "a: ${1A}\n", "f.yaml:1:4: \"${1A}\"" EXPECTED },
		{ "a: \xc3\xbc\xc3\xbc ${1A}\n", "f.yaml:1:7: \"${1A}\"" EXPECTED },
		{ "a: 'x ${WORD:?s3cret}'\n", "f.yaml:1:7: \"${WORD:?...}\"" EXPECTED },
		{ "a: \"\\t ${WORD:?s3cret}\"\n", "f.yaml:1:4: \"${WORD:?...}\"" EXPECTED },
		{ "a:\n  - |\n    x ${-}\n", "f.yaml:2:5: \"${-}\"" EXPECTED },
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		ck_assert_msg(parse_text(rows[i].text) == ST_CONFIG, "'%s'", rows[i].text);
		ck_assert_str_eq(err.msg, rows[i].want);
		ck_assert_uint_eq(err.offset, ERR_NO_OFFSET);
		ck_assert_ptr_null(strchr(err.msg, '\n'));
	}
}
END_TEST

/* `n` copies of `unit` between `head` and `tail`. */
static enum status parse_repeated(const char *head, const char *unit, size_t n, const char *tail)
{
	struct buf b;
	enum status st;

	buf_init(&b, (size_t)64 << 20);
	buf_str(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_str(&b, unit);
	buf_str(&b, tail);
	ck_assert_int_eq(b.failed, ST_OK);
	st = parse(buf_view(&b));
	buf_release(&b);
	return st;
}

START_TEST(limits)
{
	ck_assert_int_eq(parse_repeated("", "- ", MAX_CONFIG_DEPTH, "x"), ST_OK);
	ck_assert_int_eq(parse_repeated("", "- ", MAX_CONFIG_DEPTH + 1, "x"), ST_LIMIT);
	ck_assert_str_eq(err.msg, "f.yaml:1:67: nested deeper than 32 levels");
	ck_assert_int_eq(parse_repeated("", "[", 100000, ""), ST_LIMIT);
	ck_assert_int_eq(parse_repeated("", "{a: ", 100000, ""), ST_LIMIT);
	ck_assert_int_eq(parse_repeated("", "- ", 100000, ""), ST_LIMIT);
	ck_assert_int_eq(parse_repeated("[", "a,", MAX_CONFIG_NODES - 1, "]"), ST_OK);
	ck_assert_int_eq(parse_repeated("[", "a,", MAX_CONFIG_NODES, "]"), ST_LIMIT);
	ck_assert_str_eq(err.msg, "f.yaml:1:20000: more than 10000 values");
	ck_assert_int_eq(parse_repeated("a: ", "x", MAX_CONFIG_VALUE_BYTES, ""), ST_OK);
	ck_assert_int_eq(parse_repeated("a: ", "x", MAX_CONFIG_VALUE_BYTES + 1, ""), ST_LIMIT);
	ck_assert_str_eq(err.msg, "f.yaml:1:4: a value over 65536 bytes");
	ck_assert_int_eq(parse_repeated("#", "x", MAX_CONFIG_FILE_BYTES - 1, ""), ST_OK);
	ck_assert_int_eq(parse_repeated("#", "x", MAX_CONFIG_FILE_BYTES, ""), ST_LIMIT);
	ck_assert_str_eq(err.msg, "f.yaml: over 1048576 bytes");
}
END_TEST

static const char *huge_get(void *arg, const char *name)
{
	(void)name;
	return arg;
}

/* A small file cannot blow up through its variables: neither a value nor the sum. */
START_TEST(large_variables)
{
	char *value = malloc(MAX_CONFIG_VALUE_BYTES + 1);
	const struct env huge = { .get = huge_get, .arg = value };
	struct buf b;

	memset(value, 'v', MAX_CONFIG_VALUE_BYTES);
	value[MAX_CONFIG_VALUE_BYTES] = '\0';
	doc_release(&doc);
	ck_assert_int_eq(doc_parse(&doc, "f", SLICE("a: ${X}"), &huge, &err), ST_OK);
	doc_release(&doc);
	ck_assert_int_eq(doc_parse(&doc, "f", SLICE("a:\n - b${X}"), &huge, &err), ST_LIMIT);
	ck_assert_str_eq(err.msg,
			 "f:2:4: value after substitution: over the maximum of 65536 bytes");
	buf_init(&b, 100000);
	for (int i = 0; i < 1000; i++)
		buf_str(&b, "- ${X}\n");
	doc_release(&doc);
	ck_assert_int_eq(doc_parse(&doc, "f", buf_view(&b), &huge, &err), ST_LIMIT);
	ck_assert_str_eq(err.msg, "the configuration needs more than 16777216 bytes of memory");
	buf_release(&b);
	free(value);
}
END_TEST

/* Nine lists of nine references each would come to 9^9 values. */
START_TEST(alias_bomb)
{
	struct buf b;

	buf_init(&b, 10000);
	buf_str(&b, "l0: &l0 [x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 9; i++) {
		buf_printf(&b, "l%d: &l%d [", i, i);
		for (int k = 0; k < 9; k++)
			buf_printf(&b, "*l%d, ", i - 1);
		buf_str(&b, "]\n");
	}
	ck_assert_int_eq(parse(buf_view(&b)), ST_CONFIG);
	ck_assert_uint_le(doc.n_nodes, 2);
	buf_release(&b);
}
END_TEST

static const char sample[] = "a: { b: \"${WORD}\", c: [1, 2, \"${NOT_SET:-x}\"] }\n"
			     "d:\n  - e: f\n    g: >\n      folded\n      text\n";

START_TEST(out_of_memory)
{
	uint64_t n;

	ck_assert_int_eq(parse_text(sample), ST_OK);
	mem_fail_at(0);
	ck_assert_int_eq(parse_text(sample), ST_OK);
	n = mem_count();
	ck_assert_uint_ge(n, 2);
	for (uint64_t i = 1; i <= n; i++) {
		mem_fail_at(i);
		ck_assert_int_eq(parse_text(sample), ST_NOMEM);
		ck_assert_int_eq(err.code, ST_NOMEM);
	}
	mem_fail_at(n + 1);
	ck_assert_int_eq(parse_text(sample), ST_OK);
}
END_TEST

/* Every prefix and every one-byte change of a file is accepted or refused, no more. */
START_TEST(damaged)
{
	static const char odd[] = "\0\xff:[]{}&*!|>'\"%@`$-#\n\t ";
	char text[sizeof(sample)];

	for (size_t n = 0; n < sizeof(sample); n++)
		(void)!parse((struct slice){ (const uint8_t *)sample, n });
	for (size_t i = 0; i + 1 < sizeof(sample); i++) {
		for (size_t k = 0; k + 1 < sizeof(odd); k++) {
			enum status st;

			memcpy(text, sample, sizeof(sample));
			text[i] = odd[k];
			st = parse((struct slice){ (const uint8_t *)text, sizeof(text) - 1 });
			ck_assert(st == ST_OK || st == ST_CONFIG);
			ck_assert(st == ST_OK || !strncmp(err.msg, "f.yaml:", 7));
		}
	}
}
END_TEST

START_TEST(files)
{
	struct err e = ERR_INIT;
	char name[] = "node-XXXXXX";
	int fd = mkstemp(name);
	FILE *f = fdopen(fd, "w");

	fputs("a: [1, 2]\n", f);
	fclose(f);
	doc_release(&doc);
	ck_assert_int_eq(doc_load(&doc, name, &fake, &e), ST_OK);
	ck_assert_uint_eq(node_child(doc.root, SLICE("a"))->n, 2);
	remove(name);
	doc_release(&doc);
	ck_assert_int_eq(doc_load(&doc, "no/such\nfile", &fake, &e), ST_CONFIG);
	ck_assert_str_eq(e.msg, "no/such\\x0afile: No such file or directory");
	ck_assert_int_eq(doc_load(&doc, "/", &fake, &e), ST_CONFIG);
	ck_assert_str_eq(e.msg, "/: Is a directory");
	ck_assert_int_eq(doc_load(&doc, "/dev/zero", &fake, &e), ST_LIMIT);
}
END_TEST

Suite *node_suite(void)
{
	Suite *s = suite_create("node");
	TCase *t = tcase_create("node");

	tcase_add_checked_fixture(t, NULL, finish);
	tcase_add_test(t, tree);
	tcase_add_test(t, nothing);
	tcase_add_test(t, refused);
	tcase_add_test(t, limits);
	tcase_add_test(t, large_variables);
	tcase_add_test(t, alias_bomb);
	tcase_add_test(t, out_of_memory);
	tcase_add_test(t, damaged);
	tcase_add_test(t, files);
	suite_add_tcase(s, t);
	return s;
}
