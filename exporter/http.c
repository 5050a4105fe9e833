#include "exporter/http.h"

#include <curl/curl.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/version.h"

#define USER_AGENT "flightspan/" FLIGHTSPAN_VERSION " OTel-OTLP-Exporter-C/" FLIGHTSPAN_VERSION

struct http {
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	/* Of the last answer: libcurl lends its own only until the next question. */
	char content_type[128], retry_after[64];
	char error[CURL_ERROR_SIZE];
};

static bool curl_ready;

static void start_curl(void)
{
	curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

/* Returning less than came makes libcurl stop with CURLE_WRITE_ERROR. */
static size_t on_body(char *bytes, size_t one, size_t len, void *arg)
{
	struct buf *body = arg;

	(void)one;
	buf_add(body, bytes, len);
	return body->failed ? 0 : len;
}

static bool add_header(struct http *h, const char *line)
{
	struct curl_slist *grown = curl_slist_append(h->headers, line);

	if (grown)
		h->headers = grown;
	return grown;
}

static bool add_named(struct http *h, const char *name, const char *value)
{
	char line[256];

	if (!value || !*value)
		return true;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	return add_header(h, line);
}

/* A name, a colon, and no character that could begin another header. */
static bool is_header(const char *line)
{
	const char *colon = strchr(line, ':');

	if (!colon || colon == line)
		return false;
	for (const char *c = line; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f || (c < colon && *c == ' '))
			return false;
	}
	return true;
}

static enum status add_headers(struct http *h, const struct http_settings *set, struct err *err)
{
	/* No "Expect": a receiver that does not know it would cost a second per batch. */
	bool ok = add_named(h, "Content-Type", set->content_type) &&
		  add_named(h, "Content-Encoding", set->content_encoding) &&
		  add_header(h, "Expect:");

	for (size_t i = 0; ok && i < set->n_headers; i++) {
		if (!is_header(set->headers[i]))
			return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
				       "header %zu is not of the form \"Name: value\"", i + 1);
		ok = add_header(h, set->headers[i]);
	}
	return ok ? ST_OK : err_nomem(err, "the request headers");
}

static bool set_text(CURL *easy, CURLoption option, const char *text)
{
	return !text || !*text || curl_easy_setopt(easy, option, text) == CURLE_OK;
}

static bool set_number(CURL *easy, CURLoption option, long number)
{
	return curl_easy_setopt(easy, option, number) == CURLE_OK;
}

static bool set_numbers(CURL *easy, long timeout_ms)
{
	const struct {
		CURLoption option;
		long number;
	} numbers[] = {
		{ CURLOPT_POST, 1 },
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_TIMEOUT_MS, timeout_ms },
		{ CURLOPT_CONNECTTIMEOUT_MS, timeout_ms },
		/* A peer that stands still, whatever the timeout. */
		{ CURLOPT_LOW_SPEED_LIMIT, 1 },
		{ CURLOPT_LOW_SPEED_TIME, 30 },
		{ CURLOPT_TCP_KEEPALIVE, 1 },
		/* Follow a service whose address moves: seconds. */
		{ CURLOPT_MAXAGE_CONN, 60 },
		{ CURLOPT_MAXLIFETIME_CONN, 300 },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!set_number(easy, numbers[i].option, numbers[i].number))
			return false;
	}
	return true;
}

static bool set_options(struct http *h, const struct http_settings *set)
{
	uint64_t ms = (set->timeout_ns + 999999) / 1000000;
	CURL *easy = h->easy;

	return set_numbers(easy, ms < INT32_MAX ? (long)ms : INT32_MAX) &&
	       set_text(easy, CURLOPT_URL, set->url) &&
	       set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       set_text(easy, CURLOPT_USERAGENT, USER_AGENT) &&
	       set_text(easy, CURLOPT_CAINFO, set->ca_file) &&
	       set_text(easy, CURLOPT_SSLCERT, set->cert_file) &&
	       set_text(easy, CURLOPT_SSLKEY, set->key_file) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, h->headers) &&
	       !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, h->error) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEDATA, &h->body);
}

enum status http_open(struct http **out, const struct http_settings *set, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http *h = mem_zalloc(sizeof(*h));
	enum status st;

	if (!h)
		return err_nomem(err, "the HTTP client");
	buf_init(&h->body, MAX_RESPONSE_BYTES);
	pthread_once(&once, start_curl);
	h->easy = curl_ready ? curl_easy_init() : NULL;
	st = h->easy ? add_headers(h, set, err) : err_nomem(err, "the HTTP client");
	if (!st && !set_options(h, set))
		st = err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			     "the HTTP library refuses the URL or the TLS files");
	if (st) {
		http_close(h);
		return st;
	}
	*out = h;
	return ST_OK;
}

static struct slice header(struct http *h, const char *name, char *copy, size_t cap)
{
	struct curl_header *found;

	if (curl_easy_header(h->easy, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
		return (struct slice){ 0 };
	snprintf(copy, cap, "%s", found->value);
	return slice_str(copy);
}

void http_post(struct http *h, struct slice body, struct http_reply *reply)
{
	buf_clear(&h->body);
	h->error[0] = '\0';
	*reply = (struct http_reply){ .rc = CURLE_OUT_OF_MEMORY };
	if (!curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) &&
	    !curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, body.ptr))
		reply->rc = (int)curl_easy_perform(h->easy);
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &reply->status);
	reply->body = buf_view(&h->body);
	reply->content_type = header(h, "Content-Type", h->content_type, sizeof(h->content_type));
	reply->retry_after = header(h, "Retry-After", h->retry_after, sizeof(h->retry_after));
	reply->error = h->error[0] ? h->error : curl_easy_strerror((CURLcode)reply->rc);
}

void http_close(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->easy);
	curl_slist_free_all(h->headers);
	buf_release(&h->body);
	mem_free(h);
}
