/*
 * subst and scalar: what a scalar of the configuration comes to.
 *
 * The rows restate the cases of OpenTelemetry's Configuration Data Model with our
 * own names and values, and add those that its grammar leaves to a reader. They go
 * through the whole YAML reader, since quotes decide the type.
 */
#include <check.h>
#include <math.h>

#include "base/buf.h"
#include "base/limits.h"
#include "config/node.h"
#include "config/scalar.h"
#include "config/subst.h"

Suite *subst_suite(void);

#define LEN(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	const char *name, *value;
} variables[] = {
	{ "WORD", "pear" },	  { "YES", "true" },
	{ "ONE", "1" },		  { "HALF", "0.5" },
	{ "HEX", "0xc0ffee" },	  { "LINES", "pear\nkind: apple" },
	{ "UNREACHED", "never" }, { "REFERENCE", "${UNREACHED}" },
	{ "DOLLARS", "pay$$" },	  { "EMPTY", "" },
	{ "_x9", "under" },	  { "LIST", "[a, b]" },
	{ "TILDE", "~" },
};

static const char *fake_get(void *arg, const char *name)
{
	(void)arg;
	for (size_t i = 0; i < LEN(variables); i++) {
		if (!strcmp(variables[i].name, name))
			return variables[i].value;
	}
	return NULL;
}

static const struct env fake = { .get = fake_get };

static struct doc doc;
static struct err err;

static enum status parse_text(const char *text)
{
	doc_release(&doc);
	err = (struct err)ERR_INIT;
	return doc_parse(&doc, "f.yaml", slice_str(text), &fake, &err);
}

static void finish(void)
{
	doc_release(&doc);
}

struct subst_row {
	const char *in;
	const char *want; /* NULL: refused */
	enum scalar_type type;
};

static const struct subst_row subst_rows[] = {
	{ "${WORD}", "pear", SCALAR_STRING },
	{ "${YES}", "true", SCALAR_BOOL },
	{ "${ONE}", "1", SCALAR_INT },
	{ "${HALF}", "0.5", SCALAR_FLOAT },
	{ "${HEX}", "0xc0ffee", SCALAR_INT },
	{ "\"${WORD}\"", "pear", SCALAR_STRING },
	{ "\"${YES}\"", "true", SCALAR_STRING },
	{ "\"${ONE}\"", "1", SCALAR_STRING },
	{ "'${HALF}'", "0.5", SCALAR_STRING },
	{ "\"${HEX}\"", "0xc0ffee", SCALAR_STRING },
	{ "\"${NOT_SET}\"", "", SCALAR_STRING },
	{ "${env:WORD}", "pear", SCALAR_STRING },
	{ "${env:NOT_SET:-plum}", "plum", SCALAR_STRING },
	{ "${LINES}", "pear\nkind: apple", SCALAR_STRING },
	{ "${LIST}", "[a, b]", SCALAR_STRING },
	{ "a ${WORD} ${HALF} z", "a pear 0.5 z", SCALAR_STRING },
	{ "${ONE}${ONE}", "11", SCALAR_INT },
	{ "${NOT_SET}", "", SCALAR_NULL },
	{ "${EMPTY}", "", SCALAR_NULL },
	{ "${TILDE}", "~", SCALAR_NULL },
	{ "${NOT_SET:-plum}", "plum", SCALAR_STRING },
	{ "${EMPTY:-plum}", "plum", SCALAR_STRING },
	{ "${WORD:-plum}", "pear", SCALAR_STRING },
	{ "${NOT_SET:-}", "", SCALAR_NULL },
	{ "${NOT_SET:-7}", "7", SCALAR_INT },
	{ "${NOT_SET:-a b:-c}", "a b:-c", SCALAR_STRING },
	{ "${NOT_SET:-gr\xc3\xbcn}", "gr\xc3\xbcn", SCALAR_STRING },
	{ "${_x9}", "under", SCALAR_STRING },
	/* Neither what was put in nor a default is resolved again. */
	{ "${REFERENCE}", "${UNREACHED}", SCALAR_STRING },
	{ "${NOT_SET:-${WORD}}", "${WORD}", SCALAR_STRING },
	{ "${DOLLARS}", "pay$$", SCALAR_STRING },
	/* Escapes are taken from left to right and cut references apart. */
	{ "$${WORD}", "${WORD}", SCALAR_STRING },
	{ "$$${WORD}", "$pear", SCALAR_STRING },
	{ "$$$${WORD}", "$${WORD}", SCALAR_STRING },
	{ "$${WORD:-plum}", "${WORD:-plum}", SCALAR_STRING },
	{ "$${WORD:-${WORD}}", "${WORD:-pear}", SCALAR_STRING },
	{ "${NOT_SET:-$${NOT_SET}}", "${NOT_SET:-${NOT_SET}}", SCALAR_STRING },
	{ "$${WORD} ${ONE} $${HALF}", "${WORD} 1 ${HALF}", SCALAR_STRING },
	{ "a $$ b", "a $ b", SCALAR_STRING },
	{ "a $ b", "a $ b", SCALAR_STRING },
	{ "$WORD", "$WORD", SCALAR_STRING },
	{ "$", "$", SCALAR_STRING },
	{ "$$", "$", SCALAR_STRING },
	{ "${", "${", SCALAR_STRING },
	{ "${WORD", "${WORD", SCALAR_STRING },
	{ "\"${WORD\\n}\"", "${WORD\n}", SCALAR_STRING },
	/* What looks like a reference and is none is an error. */
	{ "${WORD:?no pear}", NULL, SCALAR_NULL },
	{ "${1A}", NULL, SCALAR_NULL },
	{ "${}", NULL, SCALAR_NULL },
	{ "${ WORD}", NULL, SCALAR_NULL },
	{ "${WORD }", NULL, SCALAR_NULL },
	{ "${WO-RD}", NULL, SCALAR_NULL },
	{ "${WORD:}", NULL, SCALAR_NULL },
	{ "${WORD-plum}", NULL, SCALAR_NULL },
	{ "${A_$WORD}", NULL, SCALAR_NULL },
	{ "${env:}", NULL, SCALAR_NULL },
	{ "${env:1A}", NULL, SCALAR_NULL },
	{ "${sys:WORD}", NULL, SCALAR_NULL },
	{ "${w\xc3\xb6rd}", NULL, SCALAR_NULL },
	{ "x ${WORD} ${WORD:?}", NULL, SCALAR_NULL },
};

START_TEST(substitution)
{
	const struct subst_row *row = &subst_rows[_i];
	char text[128];
	const struct node *n;

	snprintf(text, sizeof(text), "key: %s\n", row->in);
	if (!row->want) {
		ck_assert_int_eq(parse_text(text), ST_CONFIG);
		ck_assert_msg(strstr(err.msg, "is not a substitution") != NULL, "%s", err.msg);
		return;
	}
	ck_assert_msg(parse_text(text) == ST_OK, "%s: %s", row->in, err.msg);
	n = node_child(doc.root, SLICE("key"));
	ck_assert_str_eq((const char *)n->text.ptr, row->want);
	ck_assert_uint_eq(n->text.len, strlen(row->want));
	ck_assert_int_eq(scalar_read(n->text, n->quoted).type, row->type);
	ck_assert_int_eq(node_is_null(n), row->type == SCALAR_NULL);
}
END_TEST

START_TEST(names)
{
	char text[300];

	for (int n = SUBST_NAME_CHARS; n <= SUBST_NAME_CHARS + 1; n++) {
		snprintf(text, sizeof(text), "a: ${%0*d}\n", n, 0);
		text[5] = 'N';
		ck_assert_int_eq(parse_text(text), n == SUBST_NAME_CHARS ? ST_OK : ST_CONFIG);
	}
	ck_assert_str_eq(err.msg, "f.yaml:1:4: name of a variable over 255 characters");
}
END_TEST

/* Openings that never close must not be searched from each one anew. */
START_TEST(never_closed)
{
	struct buf b;

	buf_init(&b, MAX_CONFIG_VALUE_BYTES + 16);
	buf_str(&b, "a: '");
	while (b.len < MAX_CONFIG_VALUE_BYTES)
		buf_str(&b, "${A${");
	buf_str(&b, "'");
	buf_u8(&b, 0);
	ck_assert_int_eq(parse_text((const char *)b.ptr), ST_OK);
	ck_assert(slice_eq(doc.root->first->text, doc.root->first->source));
	buf_clear(&b);
	buf_str(&b, "a: '${B ${WORD $$ ${WORD} ${C'");
	buf_u8(&b, 0);
	ck_assert_int_eq(parse_text((const char *)b.ptr), ST_OK);
	ck_assert_str_eq((const char *)doc.root->first->text.ptr, "${B ${WORD $ pear ${C");
	buf_release(&b);
}
END_TEST

START_TEST(keys_are_not_resolved)
{
	ck_assert_int_eq(parse_text("${WORD}: ${WORD}\n$$: $$\n${1A}: x\n"), ST_OK);
	ck_assert_str_eq((const char *)node_child(doc.root, SLICE("${WORD}"))->text.ptr, "pear");
	ck_assert_str_eq((const char *)node_child(doc.root, SLICE("$$"))->text.ptr, "$");
	ck_assert_ptr_nonnull(node_child(doc.root, SLICE("${1A}")));
}
END_TEST

/* What a file says is kept beside what it comes to: messages show the former. */
START_TEST(source_is_kept)
{
	const struct node *n;

	ck_assert_int_eq(parse_text("a: x${WORD}$$\nb: plain"), ST_OK);
	n = node_child(doc.root, SLICE("a"));
	ck_assert_str_eq((const char *)n->text.ptr, "xpear$");
	ck_assert_str_eq((const char *)n->source.ptr, "x${WORD}$$");
	n = node_child(doc.root, SLICE("b"));
	ck_assert_str_eq((const char *)n->source.ptr, "plain");
}
END_TEST

START_TEST(typing)
{
	static const struct {
		const char *text;
		enum scalar_type type;
		int64_t i;
		double d;
	} rows[] = {
		{ "", SCALAR_NULL, 0, 0 },
		{ "~", SCALAR_NULL, 0, 0 },
		{ "null", SCALAR_NULL, 0, 0 },
		{ "nULL", SCALAR_STRING, 0, 0 },
		{ "True", SCALAR_BOOL, 1, 0 },
		{ "FALSE", SCALAR_BOOL, 0, 0 },
		{ "yes", SCALAR_STRING, 0, 0 },
		{ "off", SCALAR_STRING, 0, 0 },
		{ "tRUE", SCALAR_STRING, 0, 0 },
		{ "0", SCALAR_INT, 0, 0 },
		{ "-12", SCALAR_INT, -12, 0 },
		{ "+12", SCALAR_INT, 12, 0 },
		{ "010", SCALAR_INT, 10, 0 },
		{ "0o17", SCALAR_INT, 15, 0 },
		{ "0xff", SCALAR_INT, 255, 0 },
		{ "0x", SCALAR_STRING, 0, 0 },
		{ "-0x1", SCALAR_STRING, 0, 0 },
		{ "9223372036854775807", SCALAR_INT, INT64_MAX, 0 },
		{ "9223372036854775808", SCALAR_STRING, 0, 0 },
		{ "1.0", SCALAR_FLOAT, 0, 1 },
		{ "1e3", SCALAR_FLOAT, 0, 1000 },
		{ ".5", SCALAR_FLOAT, 0, 0.5 },
		{ "-.inf", SCALAR_FLOAT, 0, -HUGE_VAL },
		{ "+.INF", SCALAR_FLOAT, 0, HUGE_VAL },
		{ ".inF", SCALAR_STRING, 0, 0 },
		{ "1.2.3", SCALAR_STRING, 0, 0 },
		{ "300ms", SCALAR_STRING, 0, 0 },
		{ "1_000", SCALAR_STRING, 0, 0 },
		{ "12:30", SCALAR_STRING, 0, 0 },
		{ "-", SCALAR_STRING, 0, 0 },
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		struct scalar v = scalar_read(slice_str(rows[i].text), false);

		ck_assert_msg(v.type == rows[i].type, "'%s': %d", rows[i].text, v.type);
		if (v.type == SCALAR_INT)
			ck_assert_int_eq(v.i, rows[i].i);
		if (v.type == SCALAR_BOOL)
			ck_assert_int_eq(v.b, rows[i].i);
		if (v.type == SCALAR_FLOAT)
			ck_assert(v.d == rows[i].d);
		v = scalar_read(slice_str(rows[i].text), true);
		ck_assert_int_eq(v.type, SCALAR_STRING);
	}
	ck_assert(isnan(scalar_read(SLICE(".NaN"), false).d));
}
END_TEST

Suite *subst_suite(void)
{
	Suite *s = suite_create("subst");
	TCase *t = tcase_create("subst");

	tcase_add_checked_fixture(t, NULL, finish);
	tcase_add_loop_test(t, substitution, 0, (int)LEN(subst_rows));
	tcase_add_test(t, names);
	tcase_add_test(t, never_closed);
	tcase_add_test(t, keys_are_not_resolved);
	tcase_add_test(t, source_is_kept);
	tcase_add_test(t, typing);
	suite_add_tcase(s, t);
	return s;
}
