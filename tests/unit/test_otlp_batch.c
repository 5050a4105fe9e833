#include "exporter/otlp_batch.h"

#include <inttypes.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "base/version.h"
#include "tests/unit/span_gen.h"
#include "tests/unit/suites.h"
#include "trace.pb-c.h"
#include "trace_service.pb-c.h"

typedef Opentelemetry__Proto__Trace__V1__TracesData TracesData;
typedef Opentelemetry__Proto__Trace__V1__ScopeSpans ScopeSpans;
typedef Opentelemetry__Proto__Trace__V1__Span Span;
typedef Opentelemetry__Proto__Common__V1__KeyValue KeyValue;
typedef Opentelemetry__Proto__Common__V1__AnyValue AnyValue;

#define unpack opentelemetry__proto__trace__v1__traces_data__unpack
#define free_unpacked opentelemetry__proto__trace__v1__traces_data__free_unpacked

static struct otlp_batch batch;
static struct err err;

static void setup(void)
{
	otlp_batch_init(&batch, OTLP_PROTO, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	err = (struct err)ERR_INIT;
}

static void teardown(void)
{
	otlp_batch_release(&batch);
}

/* ---- the referee: protobuf-c reads what the hot path wrote ---- */

static void same_text(const char *got, struct slice model)
{
	struct buf want;

	buf_init(&want, 3 * model.len + 1);
	utf8_append(&want, model);
	buf_u8(&want, '\0'); /* so that a longer text differs, too */
	ck_assert_mem_eq(got, want.ptr, want.len);
	buf_release(&want);
}

static void same_id(ProtobufCBinaryData got, const uint8_t *model, size_t len)
{
	ck_assert_uint_eq(got.len, len);
	if (len)
		ck_assert_mem_eq(got.data, model, len);
}

static void same_value(const AnyValue *got, const struct attr *model)
{
	switch (model->type) {
	case ATTR_STRING:
		ck_assert_int_eq(got->value_case, 1);
		same_text(got->string_value, model->str);
		break;
	case ATTR_BOOL:
		ck_assert_int_eq(got->value_case, 2);
		ck_assert_int_eq(got->bool_value, model->b);
		break;
	case ATTR_INT:
		ck_assert_int_eq(got->value_case, 3);
		ck_assert_int_eq(got->int_value, model->i);
		break;
	case ATTR_DOUBLE:
		ck_assert_int_eq(got->value_case, 4);
		ck_assert_mem_eq(&got->double_value, &model->d, sizeof(double));
		break;
	}
}

static void same_attrs(KeyValue *const *got, size_t n, const struct attr *model, size_t want)
{
	ck_assert_uint_eq(n, want);
	for (size_t i = 0; i < n; i++) {
		same_text(got[i]->key, model[i].key);
		same_value(got[i]->value, &model[i]);
	}
}

static void same_lists(const Span *got, const struct span *s)
{
	ck_assert_uint_eq(got->n_events, s->n_events);
	for (size_t i = 0; i < s->n_events; i++) {
		ck_assert_uint_eq(got->events[i]->time_unix_nano, s->events[i].time_unix_ns);
		same_text(got->events[i]->name, s->events[i].name);
		same_attrs(got->events[i]->attributes, got->events[i]->n_attributes,
			   s->events[i].attrs, s->events[i].n_attrs);
		ck_assert_uint_eq(got->events[i]->dropped_attributes_count,
				  s->events[i].dropped_attrs);
	}
	ck_assert_uint_eq(got->n_links, s->n_links);
	for (size_t i = 0; i < s->n_links; i++) {
		same_id(got->links[i]->trace_id, s->links[i].trace_id, TRACE_ID_BYTES);
		same_id(got->links[i]->span_id, s->links[i].span_id, SPAN_ID_BYTES);
		same_attrs(got->links[i]->attributes, got->links[i]->n_attributes,
			   s->links[i].attrs, s->links[i].n_attrs);
		ck_assert_uint_eq(got->links[i]->flags, s->links[i].flags);
	}
}

static void same_span(const Span *got, const struct span *s)
{
	static const uint8_t none[SPAN_ID_BYTES];
	bool root = memcmp(s->parent_id, none, SPAN_ID_BYTES) == 0;

	same_id(got->trace_id, s->trace_id, TRACE_ID_BYTES);
	same_id(got->span_id, s->span_id, SPAN_ID_BYTES);
	same_id(got->parent_span_id, s->parent_id, root ? 0 : SPAN_ID_BYTES);
	same_text(got->name, s->name);
	ck_assert_int_eq(got->kind, 1);
	ck_assert_uint_eq(got->start_time_unix_nano, s->start_unix_ns);
	ck_assert_uint_eq(got->end_time_unix_nano, s->end_unix_ns);
	same_attrs(got->attributes, got->n_attributes, s->attrs, s->n_attrs);
	ck_assert_uint_eq(got->dropped_attributes_count, s->dropped_attrs);
	ck_assert_uint_eq(got->dropped_events_count, s->dropped_events);
	ck_assert_uint_eq(got->dropped_links_count, s->dropped_links);
	ck_assert_uint_eq(got->flags, s->flags);
	ck_assert_ptr_null(got->status);
	ck_assert_str_eq(got->trace_state, "");
	ck_assert_uint_eq(got->base.n_unknown_fields, 0);
	same_lists(got, s);
}

static struct slice finish(void)
{
	struct slice out;

	ck_assert_int_eq(otlp_batch_finish(&batch, &out, &err), ST_OK);
	return out;
}

static TracesData *parse(struct slice bytes)
{
	TracesData *data = unpack(NULL, bytes.len, bytes.ptr);

	ck_assert_msg(data != NULL, "protobuf-c cannot read the message");
	ck_assert_uint_eq(data->n_resource_spans, 1);
	return data;
}

static const ScopeSpans *scope_of(const TracesData *data, enum span_scope scope)
{
	static const char *const names[] = { "flightspan.task", "flightspan.sched",
					     "flightspan.runtime" };

	for (size_t i = 0; i < data->resource_spans[0]->n_scope_spans; i++) {
		const ScopeSpans *spans = data->resource_spans[0]->scope_spans[i];

		ck_assert_str_eq(spans->scope->version, FLIGHTSPAN_VERSION);
		if (strcmp(spans->scope->name, names[scope]) == 0)
			return spans;
	}
	ck_abort_msg("no scope %s", names[scope]);
	return NULL;
}

static void add(const struct span *s)
{
	ck_assert_int_eq(otlp_batch_add(&batch, s, &err), ST_OK);
}

/* The only difference between our bytes and protobuf-c's would be an error of ours. */
static void packs_again(const TracesData *data, struct slice bytes)
{
	size_t len = opentelemetry__proto__trace__v1__traces_data__get_packed_size(data);
	uint8_t *again = mem_alloc(len);

	ck_assert_uint_eq(len, bytes.len);
	ck_assert_ptr_nonnull(again);
	opentelemetry__proto__trace__v1__traces_data__pack(data, again);
	ck_assert_mem_eq(again, bytes.ptr, len);
	mem_free(again);
}

static void round_trip(uint64_t seed, bool nul)
{
	static struct span_gen gen;
	size_t at[N_SCOPES] = { 0 };
	size_t n = seed % 40 + 1;
	struct resource resource;
	struct slice bytes;
	TracesData *data;

	span_gen_init(&gen, seed);
	resource = span_gen_resource(&gen, 8);
	ck_assert_int_eq(otlp_batch_resource(&batch, &resource, &err), ST_OK);
	gen.nul = nul;
	for (size_t i = 0; i < n; i++) {
		struct span s = span_gen_next(&gen);

		add(&s);
	}
	bytes = finish();
	data = parse(bytes);
	span_gen_init(&gen, seed);
	resource = span_gen_resource(&gen, 8);
	same_attrs(data->resource_spans[0]->resource->attributes,
		   data->resource_spans[0]->resource->n_attributes, resource.attrs,
		   resource.n_attrs);
	gen.nul = nul;
	for (size_t i = 0; i < n; i++) {
		struct span s = span_gen_next(&gen);

		same_span(scope_of(data, s.scope)->spans[at[s.scope]++], &s);
	}
	for (size_t i = 0; i < N_SCOPES; i++)
		ck_assert(!at[i] || scope_of(data, (enum span_scope)i)->n_spans == at[i]);
	if (!nul)
		packs_again(data, bytes);
	free_unpacked(data, NULL);
	otlp_batch_clear(&batch);
}

START_TEST(referee_agrees)
{
	uint64_t seed = span_gen_seed();

	printf("otlp_batch: SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	for (uint64_t i = 0; i < 300; i++)
		round_trip(seed + i, i % 2);
}
END_TEST

/* ---- limits ---- */

static const struct attr service = { .key = SLICE("service.name"), .str = SLICE("orders") };
static const struct resource orders = { &service, 1 };

static const struct span plain = {
	.trace_id = { 1 },
	.span_id = { 2 },
	.name = SLICE("GET /"),
	.start_unix_ns = 1,
	.end_unix_ns = 2,
};

static void use(size_t max_bytes, size_t max_spans)
{
	otlp_batch_release(&batch);
	otlp_batch_init(&batch, OTLP_PROTO, max_bytes, max_spans);
	ck_assert_int_eq(otlp_batch_resource(&batch, &orders, &err), ST_OK);
}

START_TEST(full_by_spans)
{
	use(MIN_BATCH_BYTES, 3);
	for (int round = 0; round < 3; round++) {
		TracesData *data;

		for (int i = 0; i < 3; i++)
			add(&plain);
		ck_assert_int_eq(otlp_batch_add(&batch, &plain, &err), ST_END);
		ck_assert_int_eq(otlp_batch_add(&batch, &plain, &err), ST_END);
		data = parse(finish());
		ck_assert_uint_eq(scope_of(data, SCOPE_TASK)->n_spans, 3);
		ck_assert_uint_eq(data->resource_spans[0]->n_scope_spans, 1);
		free_unpacked(data, NULL);
		otlp_batch_clear(&batch);
	}
}
END_TEST

START_TEST(full_by_bytes)
{
	static struct span_gen gen;
	enum status st = ST_OK;
	struct slice bytes;
	TracesData *data;
	size_t n = 0;

	use(MIN_BATCH_BYTES, MAX_BATCH_SPANS);
	span_gen_init(&gen, 7);
	for (; !st; n += !st) {
		struct span s = span_gen_next(&gen);

		st = otlp_batch_add(&batch, &s, &err);
	}
	ck_assert_int_eq(st, ST_END);
	bytes = finish();
	ck_assert_uint_le(bytes.len, MIN_BATCH_BYTES);
	ck_assert_uint_gt(bytes.len, MIN_BATCH_BYTES * 3 / 4);
	data = parse(bytes);
	for (size_t i = 0; i < N_SCOPES; i++)
		n -= scope_of(data, (enum span_scope)i)->n_spans;
	ck_assert_uint_eq(n, 0);
	free_unpacked(data, NULL);
}
END_TEST

START_TEST(empty_gives_nothing)
{
	use(MIN_BATCH_BYTES, 3);
	ck_assert_uint_eq(finish().len, 0);
	otlp_batch_clear(&batch);
	add(&plain);
	ck_assert_uint_gt(finish().len, 0);
}
END_TEST

/* ---- spans that are too large ---- */

#define BIG ((size_t)600 << 10)

static uint8_t big_text[2 * BIG];

static struct attr big_attr(size_t len, uint8_t byte)
{
	memset(big_text, byte, sizeof(big_text));
	return (struct attr){ .key = SLICE("k"), .str = { big_text, len } };
}

/* Add one span and hand it back as the receiver sees it. */
static TracesData *send_one(const struct span *s)
{
	struct slice bytes;

	use(DEFAULT_BATCH_BYTES, 10);
	add(s);
	bytes = finish();
	ck_assert_uint_le(bytes.len, MAX_SPAN_BYTES + 1024);
	return parse(bytes);
}

static const struct {
	const char *name;
	size_t n_events, n_attrs, n_links;
	size_t len; /* of each attribute's text */
	uint8_t byte;
	size_t kept_events, kept_attrs, kept_links;
} trims[] = {
	{ "fits", 0, 1, 0, BIG, 'x', 0, 1, 0 },
	{ "events go first", 2, 1, 1, BIG / 2, 'x', 1, 1, 1 },
	{ "then attributes", 1, 3, 1, BIG / 2, 'x', 0, 2, 1 },
	{ "then links", 1, 3, 3, BIG - 1024, 'x', 0, 0, 1 },
	{ "repair makes it too large", 1, 1, 0, BIG / 3, 0xff, 0, 1, 0 },
	{ "repair makes the rest too large", 1, 1, 1, BIG, 0xff, 0, 0, 0 },
};

START_TEST(trims_events_then_attributes)
{
	const struct attr a = big_attr(trims[_i].len, trims[_i].byte);
	const struct attr attrs[3] = { a, a, a };
	const struct span_event e = { .attrs = &a, .n_attrs = 1 };
	const struct span_event events[2] = { e, e };
	const struct span_link l = { .trace_id = { 3 }, .attrs = &a, .n_attrs = 1 };
	const struct span_link links[3] = { l, l, l };
	struct span s = plain;
	const Span *got;
	TracesData *data;

	s.attrs = attrs;
	s.n_attrs = trims[_i].n_attrs;
	s.events = events;
	s.n_events = trims[_i].n_events;
	s.links = links;
	s.n_links = trims[_i].n_links;
	s.dropped_attrs = 1;
	data = send_one(&s);
	got = scope_of(data, SCOPE_TASK)->spans[0];
	ck_assert_msg(got->n_events == trims[_i].kept_events, "%s", trims[_i].name);
	ck_assert_msg(got->n_attributes == trims[_i].kept_attrs, "%s", trims[_i].name);
	ck_assert_msg(got->n_links == trims[_i].kept_links, "%s", trims[_i].name);
	ck_assert_uint_eq(got->dropped_events_count, s.n_events - got->n_events);
	ck_assert_uint_eq(got->dropped_attributes_count, 1 + s.n_attrs - got->n_attributes);
	ck_assert_uint_eq(got->dropped_links_count, s.n_links - got->n_links);
	free_unpacked(data, NULL);
}
END_TEST

START_TEST(cuts_a_name)
{
	struct span s = plain;
	TracesData *data;

	s.name = big_attr(2 * BIG, 0xff).str;
	s.dropped_events = UINT32_MAX;
	data = send_one(&s);
	ck_assert_uint_gt(strlen(scope_of(data, SCOPE_TASK)->spans[0]->name), MAX_SPAN_BYTES / 2);
	free_unpacked(data, NULL);
}
END_TEST

START_TEST(trims_a_resource)
{
	struct attr attrs[3] = { service, big_attr(MAX_RESOURCE_BYTES, 'x'), service };
	TracesData *data;

	ck_assert_int_eq(otlp_batch_resource(&batch, &(struct resource){ attrs, 3 }, &err), ST_OK);
	add(&plain);
	data = parse(finish());
	ck_assert_uint_eq(data->resource_spans[0]->resource->n_attributes, 1);
	ck_assert_uint_eq(data->resource_spans[0]->resource->dropped_attributes_count, 2);
	free_unpacked(data, NULL);
}
END_TEST

/* ---- the same bytes every time, and no memory ---- */

static struct buf bytes_of(uint64_t seed)
{
	static struct span_gen gen;
	struct buf copy;

	buf_init(&copy, DEFAULT_BATCH_BYTES);
	span_gen_init(&gen, seed);
	for (int i = 0; i < 20; i++) {
		struct span s = span_gen_next(&gen);

		add(&s);
	}
	buf_slice(&copy, finish());
	otlp_batch_clear(&batch);
	return copy;
}

START_TEST(same_spans_same_bytes)
{
	struct buf first, again;

	use(DEFAULT_BATCH_BYTES, 100);
	first = bytes_of(3);
	again = bytes_of(4);
	ck_assert(!slice_eq(buf_view(&first), buf_view(&again)));
	buf_release(&again);
	again = bytes_of(3);
	ck_assert(slice_eq(buf_view(&first), buf_view(&again)));
	buf_release(&again);
	buf_release(&first);
}
END_TEST

static enum status whole_run(struct slice *out)
{
	enum status st = otlp_batch_resource(&batch, &orders, &err);

	if (!st)
		st = otlp_batch_add(&batch, &plain, &err);
	return st ? st : otlp_batch_finish(&batch, out, &err);
}

START_TEST(survives_no_memory)
{
	struct slice out;
	enum status st = ST_NOMEM;

	for (uint64_t n = 1; st; n++) {
		otlp_batch_release(&batch);
		mem_fail_at(n);
		st = whole_run(&out);
		mem_fail_at(0);
		ck_assert(!st || st == ST_NOMEM);
		ck_assert_uint_lt(n, 20);
	}
	free_unpacked(parse(out), NULL);
}
END_TEST

Suite *otlp_batch_suite(void)
{
	Suite *s = suite_create("otlp_batch");
	TCase *t = tcase_create("otlp_batch");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, referee_agrees);
	tcase_add_test(t, full_by_spans);
	tcase_add_test(t, full_by_bytes);
	tcase_add_test(t, empty_gives_nothing);
	tcase_add_loop_test(t, trims_events_then_attributes, 0, sizeof(trims) / sizeof(trims[0]));
	tcase_add_test(t, cuts_a_name);
	tcase_add_test(t, trims_a_resource);
	tcase_add_test(t, same_spans_same_bytes);
	tcase_add_test(t, survives_no_memory);
	suite_add_tcase(s, t);
	return s;
}
