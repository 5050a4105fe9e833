#include "exporter/classify.h"

#include <strings.h>

#include "base/curl.h"

/*
 * The first row that fits decides. Each kind is looked up only where it has a say,
 * in this order: see class_of(). In no row: SEND_TRANSPORT for libcurl's codes,
 * SEND_PERMANENT for a status.
 */
static const struct row {
	enum { BY_CURL, BY_HTTP, BY_GRPC } kind;
	int from, to;
	enum send_class class;
} table[] = {
	{ BY_CURL, CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, SEND_OURS },
	{ BY_CURL, CURLE_NOT_BUILT_IN, CURLE_NOT_BUILT_IN, SEND_OURS },
	{ BY_CURL, CURLE_OUT_OF_MEMORY, CURLE_OUT_OF_MEMORY, SEND_OURS },
	{ BY_CURL, CURLE_BAD_FUNCTION_ARGUMENT, CURLE_BAD_FUNCTION_ARGUMENT, SEND_OURS },
	{ BY_CURL, CURLE_UNKNOWN_OPTION, CURLE_UNKNOWN_OPTION, SEND_OURS },
	{ BY_CURL, CURLE_QUIC_CONNECT_ERROR, CURLE_QUIC_CONNECT_ERROR, SEND_OURS },
	{ BY_CURL, CURLE_SSL_CERTPROBLEM, CURLE_PEER_FAILED_VERIFICATION, SEND_TLS },
	{ BY_CURL, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CACERT_BADFILE, SEND_TLS },
	{ BY_CURL, CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, SEND_TLS },
	{ BY_CURL, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS, SEND_TLS },
	{ BY_CURL, CURLE_SSL_CLIENTCERT, CURLE_SSL_CLIENTCERT, SEND_TLS },
	{ BY_HTTP, 200, 299, SEND_ACCEPTED },
	{ BY_HTTP, 300, 399, SEND_CONFIG },
	{ BY_HTTP, 401, 401, SEND_CONFIG },
	{ BY_HTTP, 403, 405, SEND_CONFIG },
	{ BY_HTTP, 407, 407, SEND_CONFIG },
	{ BY_HTTP, 413, 413, SEND_TOO_BIG },
	{ BY_HTTP, 415, 415, SEND_CONFIG },
	{ BY_HTTP, 417, 417, SEND_CONFIG },
	{ BY_HTTP, 429, 429, SEND_RETRY },
	{ BY_HTTP, 502, 504, SEND_RETRY },
	{ BY_GRPC, 0, 0, SEND_ACCEPTED },
	{ BY_GRPC, 1, 1, SEND_RETRY },	  /* CANCELLED */
	{ BY_GRPC, 4, 4, SEND_RETRY },	  /* DEADLINE_EXCEEDED */
	{ BY_GRPC, 7, 7, SEND_CONFIG },	  /* PERMISSION_DENIED */
	{ BY_GRPC, 8, 8, SEND_TOO_BIG },  /* RESOURCE_EXHAUSTED, unless with RetryInfo */
	{ BY_GRPC, 10, 11, SEND_RETRY },  /* ABORTED, OUT_OF_RANGE */
	{ BY_GRPC, 12, 12, SEND_CONFIG }, /* UNIMPLEMENTED */
	{ BY_GRPC, 14, 15, SEND_RETRY },  /* UNAVAILABLE, DATA_LOSS */
	{ BY_GRPC, 16, 16, SEND_CONFIG }, /* UNAUTHENTICATED */
};

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define RESOURCE_EXHAUSTED 8
#define UNIMPLEMENTED 12

static enum send_class look_up(int kind, long value, enum send_class otherwise)
{
	for (size_t i = 0; i < N(table); i++) {
		if ((int)table[i].kind == kind && value >= table[i].from && value <= table[i].to)
			return table[i].class;
	}
	return otherwise;
}

/* Does the text hold the words, in whatever case? */
static bool mentions(struct slice text, const char *words)
{
	size_t len = strlen(words);

	for (size_t i = 0; i + len <= text.len; i++) {
		if (strncasecmp((const char *)text.ptr + i, words, len) == 0)
			return true;
	}
	return false;
}

static bool mentions_any(struct slice text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (mentions(text, words[i]))
			return true;
	}
	return false;
}

/* How receivers that answer 400 say that the request was too large. */
static bool mentions_size(struct slice words)
{
	static const char *const sizes[] = { "too large",   "too big",	  "larger than max",
					     "exceeds max", "size limit", "batch size" };

	return mentions_any(words, sizes, N(sizes));
}

static bool refuses_compression(const struct attempt *a)
{
	static const char *const complaints[] = { "encoding", "compress", "zstd" };

	if (a->status != 400 && a->status != 415 && !(a->grpc && a->grpc_status == UNIMPLEMENTED))
		return false;
	return mentions_any(a->words, complaints, N(complaints)) ||
	       (a->status == 415 && !a->words.len);
}

static enum send_class class_of_status(const struct attempt *a)
{
	if (!a->grpc || a->status < 200 || a->status > 299) {
		if (a->status == 400 && mentions_size(a->words))
			return SEND_TOO_BIG;
		return look_up(BY_HTTP, a->status, SEND_PERMANENT);
	}
	/*
	 * No status, so nobody knows what became of the batch. A proxy may have dropped
	 * the trailers, or libcurl, when a GOAWAY overtook them. But a message that was
	 * too long for us to wait for its end is an acknowledgement: refusals have none.
	 */
	if (a->grpc_status == GRPC_NONE)
		return a->rc == CURLE_WRITE_ERROR ? SEND_ACCEPTED : SEND_TRANSPORT;
	if (a->grpc_status == RESOURCE_EXHAUSTED && a->has_retry_info)
		return SEND_RETRY;
	return look_up(BY_GRPC, a->grpc_status, SEND_PERMANENT);
}

/*
 * In TLS 1.3 a client learns that its certificate is not liked, or that one was wanted,
 * when it reads: as an alert, under a code that otherwise is the network's.
 */
static bool is_alert(const struct attempt *a)
{
	static const char *const alerts[] = { "alert certificate", "alert bad certificate",
					      "alert unsupported certificate", "alert unknown ca",
					      "alert access denied" };

	return (a->rc == CURLE_RECV_ERROR || a->rc == CURLE_SEND_ERROR ||
		a->rc == CURLE_SSL_CONNECT_ERROR) &&
	       mentions_any(a->error, alerts, N(alerts));
}

static enum send_class class_of(const struct attempt *a)
{
	/* The answer's body was no use, but its first line says it all. */
	bool unread = a->rc == CURLE_WRITE_ERROR || a->rc == CURLE_BAD_CONTENT_ENCODING;
	enum send_class class, status;

	if (a->rc == CURLE_OK || (unread && a->status))
		return class_of_status(a);
	class = is_alert(a) ? SEND_TLS : look_up(BY_CURL, a->rc, SEND_TRANSPORT);
	if (class != SEND_TRANSPORT || !a->status)
		return class;
	/*
	 * An answer that came while we were still sending, after which the receiver hung
	 * up. A refusal counts for what it says, unless it is for ever: that needs a
	 * whole answer, and so does success.
	 */
	status = class_of_status(a);
	if (status == SEND_ACCEPTED || (status == SEND_PERMANENT && !a->grpc))
		return SEND_TRANSPORT;
	return status;
}

struct verdict classify(const struct attempt *a)
{
	struct verdict v = { .class = class_of(a) };
	uint64_t asked;

	v.compression_refused = v.class != SEND_ACCEPTED && refuses_compression(a);
	if (v.class != SEND_RETRY)
		return v;
	v.wait_ns = retry_after_ns(a->retry_after, a->now_s);
	asked = a->has_retry_info ? a->retry_info_ns : 0;
	if (asked > v.wait_ns)
		v.wait_ns = asked < RETRY_WAIT_MAX_NS ? asked : RETRY_WAIT_MAX_NS;
	return v;
}

enum body_form classify_body(int rc, struct slice content_type)
{
	static const struct {
		const char *name;
		enum body_form form;
	} types[] = {
		{ "application/x-protobuf", BODY_PROTOBUF },
		{ "application/json", BODY_JSON },
		{ "application/grpc", BODY_GRPC },
		{ "application/grpc+proto", BODY_GRPC },
	};

	for (size_t i = 0; rc == CURLE_OK && i < N(types); i++) {
		size_t len = strlen(types[i].name);

		if (content_type.len < len ||
		    strncasecmp((const char *)content_type.ptr, types[i].name, len) != 0)
			continue;
		if (content_type.len == len || strchr("; ", content_type.ptr[len]))
			return types[i].form;
	}
	return BODY_OTHER;
}

static uint64_t capped_ns(uint64_t seconds)
{
	const uint64_t max = RETRY_WAIT_MAX_NS / 1000000000;

	return (seconds < max ? seconds : max) * 1000000000;
}

uint64_t retry_after_ns(struct slice value, int64_t now_s)
{
	struct err err = ERR_INIT;
	uint64_t seconds = 0;
	size_t i = 0;
	char date[64];
	time_t at;

	for (; i < value.len && value.ptr[i] >= '0' && value.ptr[i] <= '9'; i++) {
		if (seconds <= UINT32_MAX)
			seconds = seconds * 10 + (value.ptr[i] - '0');
	}
	if (i && i == value.len)
		return capped_ns(seconds);
	/* Whatever has an answer has libcurl. */
	if (i || !value.len || value.len >= sizeof(date) || curl_load(&err))
		return 0;
	memcpy(date, value.ptr, value.len);
	date[value.len] = '\0';
	at = curl_getdate(date, NULL);
	return at > now_s ? capped_ns((uint64_t)(at - now_s)) : 0;
}
