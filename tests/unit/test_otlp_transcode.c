#include "exporter/otlp_transcode.h"

#include "base/mem.h"
#include "exporter/otlp_batch.h"
#include "tests/unit/span_gen.h"
#include "tests/unit/suites.h"

/* What protobuf leaves out, since it is the default, the JSON writer has. */
static void fill_defaults(struct span_gen *g, struct span *s)
{
	const struct slice name = SLICE("name");

	for (size_t i = 0; i < GEN_ATTRS; i++) {
		if (!g->attrs[i].key.len)
			g->attrs[i].key = name;
	}
	for (size_t i = 0; i < GEN_LISTS; i++) {
		if (!g->events[i].name.len)
			g->events[i].name = name;
		g->events[i].time_unix_ns |= 1;
	}
	if (!s->name.len)
		s->name = name;
	s->start_unix_ns |= 1;
	s->end_unix_ns |= 1;
	s->trace_id[0] |= 1;
	s->span_id[0] |= 1;
}

/* The writer of files, which works from spans, is the referee. */
START_TEST(as_the_json_writer)
{
	static struct span_gen gen;
	const struct attr service = { .key = SLICE("service.name"), .str = SLICE("a\"b\xff") };
	uint64_t seed = span_gen_seed();
	struct otlp_batch proto, json;
	struct slice bytes, text;
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, MAX_BATCH_BYTES);
	otlp_batch_init(&proto, OTLP_PROTO, DEFAULT_BATCH_BYTES, MAX_BATCH_SPANS);
	otlp_batch_init(&json, OTLP_JSON, MAX_BATCH_BYTES, MAX_BATCH_SPANS);
	ck_assert(!otlp_batch_resource(&proto, &(struct resource){ &service, 1 }, &err));
	ck_assert(!otlp_batch_resource(&json, &(struct resource){ &service, 1 }, &err));
	span_gen_init(&gen, seed);
	for (int i = 0; i < 500; i++) {
		struct span s = span_gen_next(&gen);

		fill_defaults(&gen, &s);
		/* A message begins with its largest scope: let it be the same in both forms. */
		if (i % 4)
			s.scope = SCOPE_SCHED;
		if (otlp_batch_add(&proto, &s, &err))
			break;
		ck_assert(!otlp_batch_add(&json, &s, &err));
	}
	ck_assert(proto.n_spans > 100);
	ck_assert(!otlp_batch_finish(&proto, &bytes, &err));
	ck_assert(!otlp_batch_finish(&json, &text, &err));
	ck_assert_msg(!otlp_transcode(bytes, &out, &err), "%s", err.msg);
	for (size_t i = 0; i < out.len || i < text.len; i++)
		ck_assert_msg(i < out.len && i < text.len && out.ptr[i] == text.ptr[i],
			      "seed %llu, byte %zu: %.60s, expected %.60s",
			      (unsigned long long)seed, i, (const char *)out.ptr + i,
			      (const char *)text.ptr + i);
	buf_release(&out);
	otlp_batch_release(&proto);
	otlp_batch_release(&json);
}
END_TEST

/* What our writer never writes; NULL: refused. Each is a ResourceSpans or its parts. */
static const struct {
	struct slice bytes;
	const char *text;
} rows[] = {
	{ SLICE(""), "{}" },
	{ SLICE("\x0a\x00"), "{\"resourceSpans\":[{}]}" },
	{ SLICE("\x0a\x00\x0a\x00"), "{\"resourceSpans\":[{},{}]}" },
	/* resource { attributes { key: "k" value { bytes_value: "Ab?" } } } */
	{ SLICE("\x0a\x10\x0a\x0e\x0a\x0c\x0a\x01"
		"k\x12\x07\x3a\x05"
		"Ab?>~"),
	  "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"k\",\"value\":{"
	  "\"bytesValue\":\"QWI/Pn4=\"}}]}}]}" },
	/* schema_url, and a field that nobody knows, of each wire type */
	{ SLICE("\x0a\x03\x1a\x01u\x78\x05\x79\x31\x32\x33\x34\x35\x36\x37\x38\x7d\x31\x32\x33"
		"\x34\x7a\x01x"),
	  "{\"resourceSpans\":[{\"schemaUrl\":\"u\"}]}" },
	/* a list in two parts, a value twice */
	{ SLICE("\x0a\x0a\x12\x00\x1a\x01u\x12\x00\x12\x01"), NULL },
	{ SLICE("\x0a\x06\x1a\x01u\x1a\x01u"), NULL },
	{ SLICE("\x0a\x02\x18\x01"), NULL }, /* a varint for a text */
	{ SLICE("\x0a\x05\x1a"), NULL },
	{ SLICE("\x0a"), NULL },
	{ SLICE("\x0b"), NULL },
	{ SLICE("\x00"), NULL },
	{ SLICE("\x80"), NULL },
};

START_TEST(other_bytes)
{
	struct err err = ERR_INIT;
	struct buf out;
	enum status st;

	buf_init(&out, 1000);
	buf_str(&out, ">");
	st = otlp_transcode(rows[_i].bytes, &out, &err);
	if (rows[_i].text) {
		ck_assert_msg(!st, "%d: %s", _i, err.msg);
		ck_assert_msg(slice_is((struct slice){ out.ptr + 1, out.len - 1 }, rows[_i].text),
			      "%.*s", SLICE_ARG(buf_view(&out)));
	} else {
		ck_assert_msg(st == ST_FORMAT, "%d: %.*s", _i, SLICE_ARG(buf_view(&out)));
		ck_assert_uint_eq(out.len, 1);
	}
	buf_release(&out);
}
END_TEST

/* An attribute in an attribute in an attribute. */
START_TEST(depth_is_bounded)
{
	struct err err = ERR_INIT;
	struct buf in = { 0 }, out;

	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	for (int depth = 0; depth < 200; depth++) {
		struct buf next;

		/* AnyValue { array_value { values: the one before } } */
		buf_init(&next, 1 << 20);
		buf_u8(&next, 0x0a);
		buf_uvarint(&next, in.len);
		buf_slice(&next, buf_view(&in));
		buf_clear(&in);
		buf_u8(&in, 0x2a);
		buf_uvarint(&in, next.len);
		buf_slice(&in, buf_view(&next));
		buf_release(&next);
	}
	for (const char *tags = "\x12\x0a\x0a\x0a"; *tags; tags++) {
		struct buf next;

		buf_init(&next, 1 << 20);
		buf_u8(&next, (uint8_t)*tags);
		buf_uvarint(&next, in.len);
		buf_slice(&next, buf_view(&in));
		buf_release(&in);
		in = next;
	}
	ck_assert_int_eq(otlp_transcode(buf_view(&in), &out, &err), ST_FORMAT);
	buf_release(&in);
	buf_release(&out);
}
END_TEST

START_TEST(noise_is_harmless)
{
	uint32_t noise = 7;
	uint8_t bytes[64];
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, 4096);
	for (int round = 0; round < 50000; round++) {
		size_t len = (noise >> 8) % sizeof(bytes);

		for (size_t i = 0; i < len; i++) {
			bytes[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
			if (i < 8 && i % 2 == 0)
				bytes[i] = i ? 0x12 : 0x0a;
			else if (i < 8)
				bytes[i] = (uint8_t)(len - i - 1);
		}
		buf_clear(&out);
		if (otlp_transcode((struct slice){ bytes, len }, &out, &err))
			ck_assert_uint_eq(out.len, 0);
		noise = noise * 1664525 + 1013904223;
	}
	buf_release(&out);
}
END_TEST

Suite *otlp_transcode_suite(void)
{
	Suite *s = suite_create("otlp_transcode");
	TCase *t = tcase_create("otlp_transcode");

	tcase_add_test(t, as_the_json_writer);
	tcase_add_loop_test(t, other_bytes, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(t, depth_is_bounded);
	tcase_add_test(t, noise_is_harmless);
	suite_add_tcase(s, t);
	return s;
}
