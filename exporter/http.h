/*
 * http: one POST at a time to one URL, over libcurl.
 *
 * HTTP/1.1, or HTTP/2 for gRPC: by prior knowledge in plain text, by ALPN over
 * TLS. The connection is kept between attempts. http and https only, no
 * redirects, no signals, every wait bounded by a timeout, and at most
 * MAX_RESPONSE_BYTES of an answer, which is never decompressed. Certificates and
 * keys are read again with every new connection. What an outcome means is not
 * judged here: an unanswered request is a reply, too. One object is used by one
 * thread, and is created after any fork.
 */
#ifndef EXPORTER_HTTP_H
#define EXPORTER_HTTP_H

#include "base/err.h"
#include "base/slice.h"
#include "config/settings.h"

struct http;

/* Borrowed during http_open() only. Empty or NULL texts are not set. */
struct http_settings {
	const char *url;	 /* may hold a user name and a password */
	const char *unix_socket; /* path to connect to instead of the URL's host */
	const char *const *own;	 /* "Name: value" lines of the protocol */
	size_t n_own;
	struct setting_pairs headers; /* the user's; values are secrets */
	bool http2;
	uint64_t timeout_ns; /* of a whole attempt, connecting included; not 0 */
	const char *ca_file, *cert_file, *key_file; /* PEM */
	const bool *interrupted; /* once true, a request ends within a second; until close */
};

/* The headers of an answer that anybody asks for, trailers among them. */
enum http_header {
	HTTP_CONTENT_TYPE,
	HTTP_CONTENT_ENCODING,
	HTTP_RETRY_AFTER,
	HTTP_GRPC_ENCODING,
	HTTP_GRPC_STATUS,
	HTTP_GRPC_MESSAGE,
	HTTP_GRPC_DETAILS,
	N_HTTP_HEADERS
};

/* One attempt's outcome; everything is borrowed until the next attempt or close. */
struct http_reply {
	int rc;	     /* CURLcode */
	long status; /* HTTP status, 0 if none came */
	bool http2;  /* the answer came over HTTP/2 */
	struct slice body;
	struct slice header[N_HTTP_HEADERS]; /* values, empty if absent; the last one counts */
	const char *error;		     /* libcurl's words if rc is not 0, never secret */
};

/*
 * ST_CONFIG for a header that is not one line (its value is not shown), or if this
 * libcurl has no usable HTTP/2. On success *out is the caller's until http_close().
 */
MUST_CHECK enum status http_open(struct http **out, const struct http_settings *set,
				 struct err *err);

/*
 * POST `body`, which is borrowed until the return. A kept connection that turns
 * out to be closed is replaced once, at once; a failed one is not used again.
 */
void http_post(struct http *h, struct slice body, struct http_reply *reply);

/* NULL is fine. */
void http_close(struct http *h);

#endif /* EXPORTER_HTTP_H */
