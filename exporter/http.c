#include "exporter/http.h"

#include <strings.h>

#include "base/buf.h"
#include "base/curl.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/version.h"

#define USER_AGENT "flightspan/" FLIGHTSPAN_VERSION " OTel-OTLP-Exporter-C/" FLIGHTSPAN_VERSION

/* Before 8.0.0 the second request on a connection of prior knowledge fails (curl #10634). */
#define VERSION_REUSES_H2C 0x080000u
/* These strip "te: trailers", without which gRPC servers refuse (curl #17122). */
#define VERSION_STRIPS_TE 0x080c00u
#define VERSION_KEEPS_TE 0x080e00u

struct http {
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	struct buf header[N_HTTP_HEADERS]; /* of the last answer */
	bool http2, tls;
	bool plain_h2; /* the kept connection speaks HTTP/2 in plain text */
	char error[CURL_ERROR_SIZE];
};

static const char *const header_names[N_HTTP_HEADERS] = {
	[HTTP_CONTENT_TYPE] = "content-type",
	[HTTP_CONTENT_ENCODING] = "content-encoding",
	[HTTP_RETRY_AFTER] = "retry-after",
	[HTTP_GRPC_ENCODING] = "grpc-encoding",
	[HTTP_GRPC_STATUS] = "grpc-status",
	[HTTP_GRPC_MESSAGE] = "grpc-message",
	[HTTP_GRPC_DETAILS] = "grpc-status-details-bin",
};

/* Returning less than came makes libcurl stop with CURLE_WRITE_ERROR. */
static size_t on_body(char *bytes, size_t one, size_t len, void *arg)
{
	struct buf *body = arg;

	(void)one;
	buf_add(body, bytes, len);
	return body->failed ? 0 : len;
}

static void clear_headers(struct http *h)
{
	for (size_t i = 0; i < N_HTTP_HEADERS; i++)
		buf_clear(&h->header[i]);
}

static struct slice trimmed(struct slice s)
{
	while (s.len && (*s.ptr == ' ' || *s.ptr == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len && s.ptr[s.len - 1] <= ' ')
		s.len--;
	return s;
}

/*
 * Headers and trailers alike: libcurl hands both to this callback, and files HTTP/2
 * trailers wrongly elsewhere. A status line begins anew, as after a 100.
 */
static size_t on_header(char *bytes, size_t one, size_t len, void *arg)
{
	struct http *h = arg;
	struct slice line = { (const uint8_t *)bytes, len };

	(void)one;
	if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		clear_headers(h);
		return len;
	}
	for (size_t i = 0; i < N_HTTP_HEADERS; i++) {
		size_t n = strlen(header_names[i]);

		if (line.len <= n || bytes[n] != ':' || strncasecmp(bytes, header_names[i], n) != 0)
			continue;
		line.ptr += n + 1;
		line.len -= n + 1;
		buf_clear(&h->header[i]);
		buf_slice(&h->header[i], trimmed(line));
		if (h->header[i].failed)
			buf_clear(&h->header[i]);
		break;
	}
	return len;
}

static bool add_header(struct http *h, const char *line)
{
	struct curl_slist *grown = curl_slist_append(h->headers, line);

	if (grown)
		h->headers = grown;
	return grown;
}

static bool is_token(const char *name)
{
	for (const char *c = name; *c; c++) {
		if (*c <= ' ' || *c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", *c))
			return false;
	}
	return *name;
}

/* No character that could begin another header. */
static bool is_one_line(const char *value)
{
	for (const char *c = value; *c; c++) {
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
			return false;
	}
	return true;
}

/* "Name: value", or "Name;" as libcurl wants it for no value. HTTP/2 has small letters. */
static enum status add_pair(struct http *h, const struct setting_pair *p, size_t number,
			    struct err *err)
{
	size_t size = strlen(p->name) + strlen(p->text) + 3;
	char *line;
	bool ok;

	if (!is_token(p->name) || !is_one_line(p->text))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			       "header %zu is not a name and a value of one line", number);
	line = mem_alloc(size);
	if (!line)
		return err_nomem(err, "the request headers");
	snprintf(line, size, *p->text ? "%s: %s" : "%s;", p->name, p->text);
	for (char *c = line; h->http2 && *c != ':' && *c != ';'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
	ok = add_header(h, line);
	explicit_bzero(line, size);
	mem_free(line);
	return ok ? ST_OK : err_nomem(err, "the request headers");
}

static enum status add_headers(struct http *h, const struct http_settings *set, struct err *err)
{
	/* No "Expect": a receiver that does not know it would cost a second per batch. */
	bool ok = add_header(h, "Expect:");
	enum status st = ST_OK;

	for (size_t i = 0; ok && i < set->n_own; i++)
		ok = add_header(h, set->own[i]);
	if (!ok)
		return err_nomem(err, "the request headers");
	for (size_t i = 0; !st && i < set->headers.n; i++)
		st = add_pair(h, &set->headers.ptr[i], i + 1, err);
	return st;
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
		{ CURLOPT_TIMEOUT_MS, timeout_ms },
		{ CURLOPT_CONNECTTIMEOUT_MS, timeout_ms },
		/* A peer that stands still, whatever the timeout. */
		{ CURLOPT_LOW_SPEED_LIMIT, 1 },
		{ CURLOPT_LOW_SPEED_TIME, 30 },
		{ CURLOPT_TCP_KEEPALIVE, 1 },
		/* Follow a service whose address moves: seconds. */
		{ CURLOPT_DNS_CACHE_TIMEOUT, 10 },
		{ CURLOPT_MAXAGE_CONN, 60 },
		{ CURLOPT_MAXLIFETIME_CONN, 300 },
		{ CURLOPT_MAXCONNECTS, 1 },
		/* A CA file that was mended counts from the next connection on. */
		{ CURLOPT_CA_CACHE_TIMEOUT, 0 },
		/* Who is told to stop does not wait for a name that nobody resolves. */
		{ CURLOPT_QUICK_EXIT, 1 },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!set_number(easy, numbers[i].option, numbers[i].number))
			return false;
	}
	return true;
}

/* libcurl asks at least once a second. */
static int progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const bool *interrupted = arg;

	(void)a, (void)b, (void)c, (void)d;
	return __atomic_load_n(interrupted, __ATOMIC_RELAXED);
}

static bool set_interrupt(CURL *easy, const bool *interrupted)
{
	if (!interrupted)
		return true;
	return set_number(easy, CURLOPT_NOPROGRESS, 0) &&
	       !curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, progress) &&
	       !curl_easy_setopt(easy, CURLOPT_XFERINFODATA, interrupted);
}

/* Given authorities are the only ones: the system's are not trusted beside them. */
static bool set_authorities(CURL *easy, const char *file)
{
	if (!file || !*file)
		return true;
	return !curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) &&
	       !curl_easy_setopt(easy, CURLOPT_CAINFO, file);
}

static bool set_options(struct http *h, const struct http_settings *set)
{
	uint64_t ms = (set->timeout_ns + 999999) / 1000000;
	CURL *easy = h->easy;

	return set_numbers(easy, ms < INT32_MAX ? (long)ms : INT32_MAX) &&
	       set_interrupt(easy, set->interrupted) && set_text(easy, CURLOPT_URL, set->url) &&
	       set_text(easy, CURLOPT_UNIX_SOCKET_PATH, set->unix_socket) &&
	       set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       set_text(easy, CURLOPT_USERAGENT, USER_AGENT) &&
	       set_authorities(easy, set->ca_file) &&
	       set_text(easy, CURLOPT_SSLCERT, set->cert_file) &&
	       set_text(easy, CURLOPT_SSLKEY, set->key_file) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, h->headers) &&
	       !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, h->error) &&
	       !curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) &&
	       !curl_easy_setopt(easy, CURLOPT_HEADERDATA, h) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEDATA, &h->body);
}

static enum status check_http2(struct err *err)
{
	const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);

	if (!(v->features & CURL_VERSION_HTTP2))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			       "gRPC needs HTTP/2, which this libcurl (%s) was built without; "
			       "use http/protobuf",
			       v->version);
	if (v->version_num >= VERSION_STRIPS_TE && v->version_num < VERSION_KEEPS_TE)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			       "libcurl %s drops a header that gRPC needs; use 8.14 or newer, or "
			       "http/protobuf",
			       v->version);
	return ST_OK;
}

enum status http_open(struct http **out, const struct http_settings *set, struct err *err)
{
	struct http *h = mem_zalloc(sizeof(*h));
	enum status st;

	if (!h)
		return err_nomem(err, "the HTTP client");
	h->http2 = set->http2;
	h->tls = strncasecmp(set->url, "https:", 6) == 0;
	buf_init(&h->body, MAX_RESPONSE_BYTES);
	for (size_t i = 0; i < N_HTTP_HEADERS; i++)
		buf_init(&h->header[i], MAX_RESPONSE_HEADER);
	st = curl_load(err);
	if (!st)
		h->easy = curl_easy_init();
	/* The verdict itself must not be lost for want of memory. */
	if (!st && (!h->easy || !buf_reserve(&h->header[HTTP_GRPC_STATUS], 16)))
		st = err_nomem(err, "the HTTP client");
	if (!st && h->http2)
		st = check_http2(err);
	if (!st)
		st = add_headers(h, set, err);
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

/*
 * Which HTTP to ask for. An old libcurl cannot reuse a plain HTTP/2 connection if it
 * is asked for prior knowledge again; asked for HTTP/2 as such, it does. On a new
 * connection that would be HTTP/1.1 with Upgrade, which gRPC servers do not speak.
 */
static bool choose_version(struct http *h, bool fresh)
{
	bool new_curl = curl_version_info(CURLVERSION_NOW)->version_num >= VERSION_REUSES_H2C;
	long version = CURL_HTTP_VERSION_1_1;

	if (fresh)
		h->plain_h2 = false;
	if (h->http2 && h->tls)
		version = CURL_HTTP_VERSION_2TLS;
	else if (h->http2 && (new_curl || !h->plain_h2))
		version = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
	else if (h->http2)
		version = CURL_HTTP_VERSION_2_0;
	if (version == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE && !new_curl)
		fresh = true;
	return set_number(h->easy, CURLOPT_HTTP_VERSION, version) &&
	       set_number(h->easy, CURLOPT_FRESH_CONNECT, fresh);
}

static void perform(struct http *h, struct slice body, bool fresh, struct http_reply *reply)
{
	long version = 0;

	buf_clear(&h->body);
	clear_headers(h);
	h->error[0] = '\0';
	*reply = (struct http_reply){ .rc = CURLE_OUT_OF_MEMORY };
	if (choose_version(h, fresh) &&
	    !curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) &&
	    !curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, body.ptr))
		reply->rc = (int)curl_easy_perform(h->easy);
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &reply->status);
	curl_easy_getinfo(h->easy, CURLINFO_HTTP_VERSION, &version);
	reply->http2 = version == CURL_HTTP_VERSION_2_0;
	/* An answer without an end came from a connection that is no more. */
	h->plain_h2 =
		!h->tls && reply->rc == CURLE_OK && reply->http2 && h->header[HTTP_GRPC_STATUS].len;
	/* Not too much of an answer, but no memory for it. */
	if (h->http2 && reply->rc == CURLE_WRITE_ERROR && h->body.failed == ST_NOMEM)
		reply->rc = CURLE_OUT_OF_MEMORY;
}

/*
 * libcurl replaces a kept HTTP/1.1 connection that was closed meanwhile by itself.
 * Of HTTP/2 it does not notice always, and in plain text it goes on with HTTP/1.1.
 */
static bool was_stale(const struct http *h, bool plain_h2, const struct http_reply *r)
{
	long new_connections = 0;

	if (!h->http2 || r->rc == CURLE_OPERATION_TIMEDOUT || r->rc == CURLE_OUT_OF_MEMORY)
		return false;
	if (plain_h2 && !r->http2)
		return true;
	curl_easy_getinfo(h->easy, CURLINFO_NUM_CONNECTS, &new_connections);
	return r->rc && !r->status && !new_connections;
}

void http_post(struct http *h, struct slice body, struct http_reply *reply)
{
	bool plain_h2 = h->plain_h2;

	perform(h, body, false, reply);
	if (was_stale(h, plain_h2, reply))
		perform(h, body, true, reply);
	reply->body = buf_view(&h->body);
	for (size_t i = 0; i < N_HTTP_HEADERS; i++)
		reply->header[i] = buf_view(&h->header[i]);
	reply->error = h->error[0] ? h->error : curl_easy_strerror((CURLcode)reply->rc);
}

void http_close(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->easy);
	for (struct curl_slist *l = h->headers; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(h->headers);
	buf_release(&h->body);
	for (size_t i = 0; i < N_HTTP_HEADERS; i++)
		buf_release(&h->header[i]);
	mem_free(h);
}
