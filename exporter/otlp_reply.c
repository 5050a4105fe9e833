#include "exporter/otlp_reply.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/utf8.h"
#include "exporter/json_scan.h"
#include "retry_info.pb-c.h"
#include "rpc_status.pb-c.h"
#include "trace_service.pb-c.h"

/* Shorter names for what protoc-c made of the full ones. */
#define response_unpack                                                                            \
	opentelemetry__proto__collector__trace__v1__export_trace_service_response__unpack
#define response_free                                                                              \
	opentelemetry__proto__collector__trace__v1__export_trace_service_response__free_unpacked
#define RESPONSE Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceResponse

/* An allowance that is not given back: freed memory counts, too. */
static void *bounded_alloc(void *left, size_t size)
{
	size_t *allowance = left;

	if (size > *allowance)
		return NULL;
	*allowance -= size;
	return mem_alloc(size);
}

static void bounded_free(void *left, void *p)
{
	(void)left;
	mem_free(p);
}

static bool is_blank(uint32_t rune)
{
	return rune <= ' ' || (rune >= 0x7f && rune < 0xa0);
}

void text_one_line(char *to, size_t cap, struct slice from)
{
	size_t len = 0;
	bool blank = false;

	while (from.len) {
		struct utf8_rune rune = utf8_decode(from);
		struct slice bytes = { from.ptr, rune.width };

		from.ptr += rune.width;
		from.len -= rune.width;
		if (is_blank(rune.value)) {
			blank = true;
			continue;
		}
		if (len + (blank && len) + utf8_repaired_len(bytes) >= cap)
			break;
		if (blank && len)
			to[len++] = ' ';
		blank = false;
		len = (size_t)(utf8_put((uint8_t *)to + len, bytes) - (uint8_t *)to);
	}
	to[len] = '\0';
}

/* A 64-bit number, which OTLP writes as a text. */
static int64_t json_int64(struct slice value)
{
	int64_t n = 0;

	if (value.len > 2 && *value.ptr == '"') {
		value.ptr++;
		value.len -= 2;
	}
	return num_i64(value, INT64_MIN, INT64_MAX, &n) ? n : 0;
}

static void set_partial(struct otlp_reply *r, int64_t rejected, struct slice message,
			size_t n_spans)
{
	text_one_line(r->text, sizeof(r->text), message);
	r->rejected = rejected > 0 ? (uint64_t)rejected : 0;
	if (r->rejected > n_spans)
		r->rejected = n_spans;
}

static void accepted_json(struct otlp_reply *r, struct slice body, size_t n_spans)
{
	struct slice partial, value;
	uint8_t text[2 * MAX_SERVER_TEXT];
	int64_t rejected = 0;
	size_t len = 0;

	r->unreadable = !json_is_object(body);
	if (r->unreadable || !json_member(body, "partialSuccess", &partial))
		return;
	r->unreadable = !json_is_object(partial) && !slice_is(partial, "null");
	if (json_member(partial, "rejectedSpans", &value))
		rejected = json_int64(value);
	if (json_member(partial, "errorMessage", &value))
		len = json_unquote(value, text, sizeof(text));
	set_partial(r, rejected, (struct slice){ text, len }, n_spans);
}

static void accepted_protobuf(struct otlp_reply *r, struct slice body, size_t n_spans)
{
	size_t left = MAX_RESPONSE_UNPACKED;
	ProtobufCAllocator allocator = { bounded_alloc, bounded_free, &left };
	RESPONSE *response = response_unpack(&allocator, body.len, body.ptr);

	r->unreadable = !response;
	if (!response)
		return;
	if (response->partial_success)
		set_partial(r, response->partial_success->rejected_spans,
			    slice_str(response->partial_success->error_message), n_spans);
	response_free(response, &allocator);
}

void otlp_reply_accepted(struct otlp_reply *r, struct slice body, enum body_form form,
			 size_t n_spans)
{
	*r = (struct otlp_reply){ 0 };
	if (!body.len)
		return;
	switch (form) {
	case BODY_PROTOBUF:
		accepted_protobuf(r, body, n_spans);
		break;
	case BODY_JSON:
		accepted_json(r, body, n_spans);
		break;
	case BODY_GRPC:
	case BODY_OTHER:
		break;
	}
}

/* The duration in ns; 0 if it is negative, at most what anybody waits. */
static uint64_t wait_of(const Google__Protobuf__Duration *d)
{
	const int64_t most = (int64_t)(RETRY_WAIT_MAX_NS / 1000000000);

	if (!d || d->seconds < 0 || (!d->seconds && d->nanos < 0))
		return 0;
	if (d->seconds >= most)
		return RETRY_WAIT_MAX_NS;
	return (uint64_t)(d->seconds * 1000000000 + d->nanos);
}

static void take_retry_info(struct otlp_reply *r, const Google__Protobuf__Any *any,
			    ProtobufCAllocator *allocator)
{
	const char *type = any->type_url ? strrchr(any->type_url, '/') : NULL;
	Google__Rpc__RetryInfo *info;

	if (!type || strcmp(type, "/google.rpc.RetryInfo") != 0)
		return;
	info = google__rpc__retry_info__unpack(allocator, any->value.len, any->value.data);
	if (!info)
		return;
	r->has_retry_info = true;
	r->retry_info_ns = wait_of(info->retry_delay);
	google__rpc__retry_info__free_unpacked(info, allocator);
}

/* False if it is no google.rpc.Status. */
static bool refused_protobuf(struct otlp_reply *r, struct slice body)
{
	size_t left = MAX_RESPONSE_UNPACKED;
	ProtobufCAllocator allocator = { bounded_alloc, bounded_free, &left };
	Google__Rpc__Status *status = google__rpc__status__unpack(&allocator, body.len, body.ptr);

	if (!status)
		return false;
	text_one_line(r->text, sizeof(r->text), slice_str(status->message));
	for (size_t i = 0; i < status->n_details; i++)
		take_retry_info(r, status->details[i], &allocator);
	google__rpc__status__free_unpacked(status, &allocator);
	return true;
}

static bool refused_json(struct otlp_reply *r, struct slice body)
{
	uint8_t text[2 * MAX_SERVER_TEXT];
	struct slice value;

	if (!json_is_object(body) || !json_member(body, "message", &value))
		return false;
	text_one_line(r->text, sizeof(r->text),
		      (struct slice){ text, json_unquote(value, text, sizeof(text)) });
	return true;
}

void otlp_reply_refused(struct otlp_reply *r, struct slice body, enum body_form form)
{
	bool known = form == BODY_PROTOBUF || form == BODY_JSON;

	*r = (struct otlp_reply){ 0 };
	if ((form == BODY_PROTOBUF && refused_protobuf(r, body)) ||
	    (form == BODY_JSON && refused_json(r, body)))
		return;
	r->unreadable = known;
	text_one_line(r->text, sizeof(r->text), body);
}
