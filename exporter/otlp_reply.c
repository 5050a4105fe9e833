#include "exporter/otlp_reply.h"

#include "base/mem.h"
#include "base/utf8.h"
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

void otlp_reply_accepted(struct otlp_reply *r, struct slice body, bool protobuf, size_t n_spans)
{
	size_t left = MAX_RESPONSE_UNPACKED;
	ProtobufCAllocator allocator = { bounded_alloc, bounded_free, &left };
	RESPONSE *response;

	*r = (struct otlp_reply){ 0 };
	if (!protobuf || !body.len)
		return;
	response = response_unpack(&allocator, body.len, body.ptr);
	if (!response) {
		r->unreadable = true;
		return;
	}
	if (response->partial_success) {
		int64_t rejected = response->partial_success->rejected_spans;

		text_one_line(r->text, sizeof(r->text),
			      slice_str(response->partial_success->error_message));
		r->rejected = rejected > 0 ? (uint64_t)rejected : 0;
		if (r->rejected > n_spans)
			r->rejected = n_spans;
	}
	response_free(response, &allocator);
}

void otlp_reply_refused(struct otlp_reply *r, struct slice body, bool protobuf)
{
	size_t left = MAX_RESPONSE_UNPACKED;
	ProtobufCAllocator allocator = { bounded_alloc, bounded_free, &left };
	Google__Rpc__Status *status = NULL;

	*r = (struct otlp_reply){ 0 };
	if (protobuf)
		status = google__rpc__status__unpack(&allocator, body.len, body.ptr);
	r->unreadable = protobuf && !status;
	text_one_line(r->text, sizeof(r->text), status ? slice_str(status->message) : body);
	if (status)
		google__rpc__status__free_unpacked(status, &allocator);
}
