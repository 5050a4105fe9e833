#include "exporter/classify.h"

#include <curl/curl.h>
#include <strings.h>

/* Codes that stand for themselves; those not listed are SEND_TRANSPORT. */
static const struct {
	int rc;
	enum send_class class;
} codes[] = {
	{ CURLE_UNSUPPORTED_PROTOCOL, SEND_OURS },    { CURLE_FAILED_INIT, SEND_OURS },
	{ CURLE_URL_MALFORMAT, SEND_OURS },	      { CURLE_NOT_BUILT_IN, SEND_OURS },
	{ CURLE_OUT_OF_MEMORY, SEND_OURS },	      { CURLE_BAD_FUNCTION_ARGUMENT, SEND_OURS },
	{ CURLE_UNKNOWN_OPTION, SEND_OURS },	      { CURLE_QUIC_CONNECT_ERROR, SEND_OURS },
	{ CURLE_SSL_CERTPROBLEM, SEND_TLS },	      { CURLE_SSL_CIPHER, SEND_TLS },
	{ CURLE_PEER_FAILED_VERIFICATION, SEND_TLS }, { CURLE_SSL_CACERT_BADFILE, SEND_TLS },
	{ CURLE_SSL_CRL_BADFILE, SEND_TLS },	      { CURLE_SSL_ISSUER_ERROR, SEND_TLS },
	{ CURLE_SSL_PINNEDPUBKEYNOTMATCH, SEND_TLS }, { CURLE_SSL_INVALIDCERTSTATUS, SEND_TLS },
	{ CURLE_SSL_CLIENTCERT, SEND_TLS },
};

/* First match decides; what is in no row is SEND_PERMANENT. */
static const struct {
	long from, to;
	enum send_class class;
} statuses[] = {
	{ 200, 299, SEND_ACCEPTED }, { 300, 399, SEND_CONFIG }, { 401, 401, SEND_CONFIG },
	{ 403, 405, SEND_CONFIG },   { 407, 407, SEND_CONFIG }, { 413, 413, SEND_TOO_BIG },
	{ 415, 415, SEND_CONFIG },   { 417, 417, SEND_CONFIG }, { 429, 429, SEND_RETRY },
	{ 502, 504, SEND_RETRY },
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

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

/* How receivers that answer 400 say that the request was too large. */
static bool mentions_size(struct slice body)
{
	static const char *const words[] = { "too large",   "too big",	  "larger than max",
					     "exceeds max", "size limit", "batch size" };

	for (size_t i = 0; i < N(words); i++) {
		if (mentions(body, words[i]))
			return true;
	}
	return false;
}

static enum send_class class_of_status(long status, struct slice body)
{
	for (size_t i = 0; i < N(statuses); i++) {
		if (status >= statuses[i].from && status <= statuses[i].to)
			return statuses[i].class;
	}
	return status == 400 && mentions_size(body) ? SEND_TOO_BIG : SEND_PERMANENT;
}

static enum send_class class_of(const struct attempt *a)
{
	/* The answer's body was no use, but its first line says it all. */
	bool unread = a->rc == CURLE_WRITE_ERROR || a->rc == CURLE_BAD_CONTENT_ENCODING;

	if (a->rc == CURLE_OK || (unread && a->status))
		return class_of_status(a->status, a->body);
	for (size_t i = 0; i < N(codes); i++) {
		if (a->rc == codes[i].rc)
			return codes[i].class;
	}
	return SEND_TRANSPORT;
}

static bool is_protobuf(struct slice type)
{
	static const char name[] = "application/x-protobuf";
	const size_t len = sizeof(name) - 1;

	return type.len >= len && strncasecmp((const char *)type.ptr, name, len) == 0 &&
	       (type.len == len || type.ptr[len] == ';' || type.ptr[len] == ' ');
}

struct verdict classify(const struct attempt *a)
{
	struct verdict v = { .class = class_of(a) };

	v.protobuf = a->rc == CURLE_OK && is_protobuf(a->content_type);
	if (v.class == SEND_RETRY)
		v.wait_ns = retry_after_ns(a->retry_after, a->now_s);
	return v;
}

static uint64_t capped_ns(uint64_t seconds)
{
	const uint64_t max = RETRY_WAIT_MAX_NS / 1000000000;

	return (seconds < max ? seconds : max) * 1000000000;
}

uint64_t retry_after_ns(struct slice value, int64_t now_s)
{
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
	if (i || !value.len || value.len >= sizeof(date))
		return 0;
	memcpy(date, value.ptr, value.len);
	date[value.len] = '\0';
	at = curl_getdate(date, NULL);
	return at > now_s ? capped_ns((uint64_t)(at - now_s)) : 0;
}
