#include "exporter/otlp_split.h"

#include "base/mem.h"
#include "exporter/otlp_batch.h"
#include "tests/unit/suites.h"
#include "trace.pb-c.h"

#define N_SPANS 30
#define unpack opentelemetry__proto__trace__v1__traces_data__unpack
#define free_unpacked opentelemetry__proto__trace__v1__traces_data__free_unpacked

static struct otlp_batch batch;
static struct slice message;
static struct buf part;
static struct err err;

/* Span i has id i + 1; scopes in turns, so the message has 0, 3, 6 ... then 1, 4 ... */
static void setup(void)
{
	const struct attr service = { .key = SLICE("service.name"), .str = SLICE("orders") };

	err = (struct err)ERR_INIT;
	buf_init(&part, MAX_BATCH_BYTES);
	otlp_batch_init(&batch, OTLP_PROTO, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	ck_assert(!otlp_batch_resource(&batch, &(struct resource){ &service, 1 }, &err));
	for (uint8_t i = 0; i < N_SPANS; i++) {
		const struct span s = {
			.trace_id = { 1 },
			.span_id = { (uint8_t)(i + 1) },
			.scope = (enum span_scope)(i % N_SCOPES),
			.name = { (const uint8_t *)"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", i },
		};

		ck_assert(!otlp_batch_add(&batch, &s, &err));
	}
	ck_assert(!otlp_batch_finish(&batch, &message, &err));
}

static void teardown(void)
{
	otlp_batch_release(&batch);
	buf_release(&part);
}

/* The ids in the order of the message; returns how many. */
static size_t ids(struct slice bytes, uint8_t *id)
{
	Opentelemetry__Proto__Trace__V1__TracesData *data = unpack(NULL, bytes.len, bytes.ptr);
	Opentelemetry__Proto__Trace__V1__ResourceSpans *rs;
	size_t n = 0;

	ck_assert_ptr_nonnull(data);
	rs = data->resource_spans[0];
	ck_assert_str_eq(rs->resource->attributes[0]->value->string_value, "orders");
	for (size_t i = 0; i < rs->n_scope_spans; i++) {
		ck_assert_uint_gt(rs->scope_spans[i]->n_spans, 0);
		ck_assert_uint_gt(strlen(rs->scope_spans[i]->scope->name), 0);
		for (size_t k = 0; k < rs->scope_spans[i]->n_spans; k++)
			id[n++] = rs->scope_spans[i]->spans[k]->span_id.data[0];
	}
	free_unpacked(data, NULL);
	return n;
}

START_TEST(every_range_is_what_it_says)
{
	uint8_t all[N_SPANS], some[N_SPANS];

	ck_assert_uint_eq(ids(message, all), N_SPANS);
	for (size_t first = 0; first < N_SPANS; first++) {
		for (size_t n = 1; first + n <= N_SPANS; n++) {
			ck_assert(!otlp_split(message, first, n, &part, &err));
			ck_assert_uint_eq(ids(buf_view(&part), some), n);
			ck_assert_mem_eq(some, all + first, n);
		}
	}
}
END_TEST

START_TEST(the_whole_is_the_same_bytes)
{
	ck_assert(!otlp_split(message, 0, N_SPANS, &part, &err));
	ck_assert(slice_eq(buf_view(&part), message));
}
END_TEST

START_TEST(what_is_not_there_is_refused)
{
	ck_assert_int_eq(otlp_split(message, 0, N_SPANS + 1, &part, &err), ST_FORMAT);
	ck_assert_int_eq(otlp_split(message, N_SPANS, 1, &part, &err), ST_FORMAT);
	ck_assert_int_eq(otlp_split(message, 1, SIZE_MAX, &part, &err), ST_FORMAT);
	ck_assert_uint_eq(part.len, 0);
}
END_TEST

/* Damage must be found or be harmless, whatever byte it hits. */
START_TEST(damage_is_survived)
{
	uint8_t *copy = mem_alloc(message.len);

	ck_assert_ptr_nonnull(copy);
	for (size_t i = 0; i < message.len; i++) {
		memcpy(copy, message.ptr, message.len);
		copy[i] ^= (uint8_t)(1 + i % 255);
		if (otlp_split((struct slice){ copy, message.len }, 3, 9, &part, &err))
			ck_assert_uint_eq(part.len, 0);
		memcpy(copy, message.ptr, i);
		ck_assert(otlp_split((struct slice){ copy, i }, 3, 9, &part, &err) == ST_FORMAT);
	}
	mem_free(copy);
}
END_TEST

START_TEST(no_memory_is_an_error)
{
	buf_release(&part);
	mem_fail_at(1);
	ck_assert_int_eq(otlp_split(message, 0, 1, &part, &err), ST_NOMEM);
	mem_fail_at(0);
	ck_assert_uint_eq(part.len, 0);
}
END_TEST

Suite *otlp_split_suite(void)
{
	Suite *s = suite_create("otlp_split");
	TCase *t = tcase_create("otlp_split");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, every_range_is_what_it_says);
	tcase_add_test(t, the_whole_is_the_same_bytes);
	tcase_add_test(t, what_is_not_there_is_refused);
	tcase_add_test(t, damage_is_survived);
	tcase_add_test(t, no_memory_is_an_error);
	suite_add_tcase(s, t);
	return s;
}
