#include "exporter/otlp_json.h"

#include <math.h>

#include "base/mem.h"
#include "base/version.h"
#include "exporter/otlp_batch.h"
#include "exporter/otlp_wire.h"
#include "tests/unit/span_gen.h"
#include "tests/unit/suites.h"

#define BAD "\xef\xbf\xbd"
#define STR(v)                                                                                     \
	{                                                                                          \
		.key = SLICE("k"), .type = ATTR_STRING, .str = SLICE(v)                            \
	}
#define NUM(v)                                                                                     \
	{                                                                                          \
		.key = SLICE("k"), .type = ATTR_INT, .i = (v)                                      \
	}
#define DBL(v)                                                                                     \
	{                                                                                          \
		.key = SLICE("k"), .type = ATTR_DOUBLE, .d = (v)                                   \
	}

/* The JSON text of the AnyValue object of one attribute. */
static const struct {
	struct attr attr;
	const char *value;
} values[] = {
	{ STR(""), "\"stringValue\":\"\"" },
	{ STR("plain ASCII, longer than a word"),
	  "\"stringValue\":\"plain ASCII, longer than a word\"" },
	{ STR("a \"quote\" and a \\"), "\"stringValue\":\"a \\\"quote\\\" and a \\\\\"" },
	{ STR("tab\tline\nreturn\rback\bfeed\f"),
	  "\"stringValue\":\"tab\\tline\\nreturn\\rback\\bfeed\\f\"" },
	{ STR("nul\0 one\x01 last\x1f del\x7f"),
	  "\"stringValue\":\"nul\\u0000 one\\u0001 last\\u001f del\x7f\"" },
	{ STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 ok"),
	  "\"stringValue\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 ok\"" },
	{ STR("bad\xff\xc3 end"), "\"stringValue\":\"bad" BAD BAD " end\"" },
	{ STR("</script>"), "\"stringValue\":\"</script>\"" },
	{ NUM(0), "\"intValue\":\"0\"" },
	{ NUM(7), "\"intValue\":\"7\"" },
	{ NUM(10), "\"intValue\":\"10\"" },
	{ NUM(100), "\"intValue\":\"100\"" },
	{ NUM(-1), "\"intValue\":\"-1\"" },
	{ NUM(INT64_MAX), "\"intValue\":\"9223372036854775807\"" },
	{ NUM(INT64_MIN), "\"intValue\":\"-9223372036854775808\"" },
	{ { .key = SLICE("k"), .type = ATTR_BOOL, .b = true }, "\"boolValue\":true" },
	{ { .key = SLICE("k"), .type = ATTR_BOOL }, "\"boolValue\":false" },
	{ DBL(1.5), "\"doubleValue\":1.5" },
	{ DBL(0.1), "\"doubleValue\":0.1" },
	{ DBL(1.0 / 3), "\"doubleValue\":0.3333333333333333" },
	{ DBL(-0.0), "\"doubleValue\":-0.0" },
	{ DBL(7), "\"doubleValue\":7.0" },
	{ DBL(1e300), "\"doubleValue\":1e+300" },
	{ DBL(NAN), "\"doubleValue\":\"NaN\"" },
	{ DBL(INFINITY), "\"doubleValue\":\"Infinity\"" },
	{ DBL(-INFINITY), "\"doubleValue\":\"-Infinity\"" },
};

START_TEST(writes_values)
{
	const struct resource r = { &values[_i].attr, 1 };
	char got[256], want[256];
	uint8_t *end = json_resource_put((uint8_t *)got, &r, 1);

	*end = '\0';
	ck_assert_uint_le((size_t)((char *)end - got), json_resource_bound(&r, 1));
	snprintf(want, sizeof(want), "{\"attributes\":[{\"key\":\"k\",\"value\":{%s}}]}",
		 values[_i].value);
	ck_assert_str_eq(got, want);
}
END_TEST

static const struct attr service = { .key = SLICE("service.name"), .str = SLICE("orders") };

static const struct span_event event = {
	.time_unix_ns = 150,
	.name = SLICE("cache"),
	.attrs = &service,
	.n_attrs = 1,
	.dropped_attrs = 4,
};

static const struct span_link linked = { .trace_id = { 0xff }, .span_id = { 0x10 }, .flags = 1 };

static const struct span full = {
	.trace_id = { 0xab, [15] = 1 },
	.span_id = { 0xcd, [7] = 2 },
	.parent_id = { 0xef, [7] = 3 },
	.name = SLICE("GET /"),
	.start_unix_ns = 1763900000000000000,
	.end_unix_ns = UINT64_MAX,
	.flags = 0x101,
	.attrs = &service,
	.n_attrs = 1,
	.events = &event,
	.n_events = 1,
	.links = &linked,
	.n_links = 1,
	.dropped_attrs = 1,
	.dropped_events = 2,
	.dropped_links = UINT32_MAX,
};

static const struct span bare = { .trace_id = { 1 }, .span_id = { 2 }, .scope = SCOPE_SCHED };

#define ATTRS "\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"orders\"}}]"
#define SCOPE(name) "{\"scope\":{\"name\":\"" name "\",\"version\":\"" FLIGHTSPAN_VERSION "\"}"
#define FULL                                                                                       \
	"{\"traceId\":\"ab000000000000000000000000000001\",\"spanId\":\"cd00000000000002\","       \
	"\"parentSpanId\":\"ef00000000000003\",\"name\":\"GET /\",\"kind\":1,"                     \
	"\"startTimeUnixNano\":\"1763900000000000000\","                                           \
	"\"endTimeUnixNano\":\"18446744073709551615\"," ATTRS ",\"droppedAttributesCount\":1,"     \
	"\"events\":[{\"timeUnixNano\":\"150\",\"name\":\"cache\"," ATTRS                          \
	",\"droppedAttributesCount\":4}],\"droppedEventsCount\":2,"                                \
	"\"links\":[{\"traceId\":\"ff000000000000000000000000000000\","                            \
	"\"spanId\":\"1000000000000000\",\"flags\":1}],\"droppedLinksCount\":4294967295,"          \
	"\"flags\":257}"
#define BARE                                                                                       \
	"{\"traceId\":\"01000000000000000000000000000000\",\"spanId\":\"0200000000000000\","       \
	"\"name\":\"\",\"kind\":1,\"startTimeUnixNano\":\"0\",\"endTimeUnixNano\":\"0\"}"

START_TEST(writes_a_batch)
{
	struct otlp_batch b;
	struct err err = ERR_INIT;
	struct slice out;

	otlp_batch_init(&b, OTLP_JSON, MIN_BATCH_BYTES, 10);
	ck_assert(!otlp_batch_resource(&b, &(struct resource){ &service, 1 }, &err));
	ck_assert(!otlp_batch_add(&b, &bare, &err));
	ck_assert(!otlp_batch_add(&b, &full, &err));
	ck_assert(!otlp_batch_add(&b, &bare, &err));
	ck_assert(!otlp_batch_finish(&b, &out, &err));
	ck_assert_msg(
		slice_is(out,
			 "{\"resourceSpans\":[{\"resource\":{" ATTRS "},\"scopeSpans\":[" SCOPE(
				 "flightspan.task") ",\"spans\":[" FULL
						    "]}," SCOPE(
							    "flightspan.sched") ",\"spans\":[" BARE
										"," BARE "]}]}]}"),
		"%.*s", SLICE_ARG(out));
	otlp_batch_release(&b);
}
END_TEST

/* The caller's reservation is all that stands between the writer and the heap's end. */
START_TEST(stays_in_its_bound)
{
	static struct span_gen gen;

	span_gen_init(&gen, 11);
	gen.nul = true;
	for (int i = 0; i < 2000; i++) {
		struct span s = span_gen_next(&gen);
		size_t bound = json_span_bound(&s, wire_span_size(&s, false));
		uint8_t *text = mem_alloc(bound);

		ck_assert_ptr_nonnull(text);
		ck_assert_uint_le((size_t)(json_span_put(text, &s) - text), bound);
		mem_free(text);
	}
}
END_TEST

/* Fixed words with the fewest protobuf bytes behind them. */
START_TEST(bound_holds_without_texts)
{
	struct attr attrs[200];
	struct span_event e = { UINT64_MAX, SLICE(""), attrs, 200, UINT32_MAX };
	struct span_link l = { .attrs = attrs, .n_attrs = 200, .flags = UINT32_MAX };
	struct span s = full;
	uint8_t text[1 << 15];

	for (size_t i = 0; i < 200; i++)
		attrs[i] = (struct attr){ .type = ATTR_BOOL };
	s.start_unix_ns = UINT64_MAX;
	s.dropped_attrs = s.dropped_events = s.flags = UINT32_MAX;
	s.events = &e;
	s.links = &l;
	s.attrs = attrs;
	s.n_attrs = 200;
	ck_assert_uint_le((size_t)(json_span_put(text, &s) - text),
			  json_span_bound(&s, wire_span_size(&s, false)));
}
END_TEST

/* As much text as the fewest protobuf bytes can become. */
START_TEST(takes_a_span_of_nothing_but_events)
{
	static struct span_event none[MAX_SPAN_BYTES / 2];
	struct span s = bare;
	struct otlp_batch b;
	struct err err = ERR_INIT;
	struct slice out;

	s.events = none;
	s.n_events = sizeof(none) / sizeof(none[0]);
	otlp_batch_init(&b, OTLP_JSON, MIN_BATCH_BYTES, 10);
	ck_assert(!otlp_batch_resource(&b, &(struct resource){ &service, 1 }, &err));
	ck_assert_msg(otlp_batch_add(&b, &s, &err) == ST_OK, "%s", err.msg);
	ck_assert_int_eq(otlp_batch_add(&b, &bare, &err), ST_END);
	ck_assert_int_eq(otlp_batch_finish(&b, &out, &err), ST_OK);
	ck_assert_uint_gt(out.len, 15 * MAX_SPAN_BYTES);
	otlp_batch_release(&b);
}
END_TEST

Suite *otlp_json_suite(void)
{
	Suite *s = suite_create("otlp_json");
	TCase *t = tcase_create("otlp_json");

	tcase_add_loop_test(t, writes_values, 0, sizeof(values) / sizeof(values[0]));
	tcase_add_test(t, writes_a_batch);
	tcase_add_test(t, stays_in_its_bound);
	tcase_add_test(t, bound_holds_without_texts);
	tcase_add_test(t, takes_a_span_of_nothing_but_events);
	suite_add_tcase(s, t);
	return s;
}
