/*
 * http: one POST at a time to one URL, over libcurl.
 *
 * The connection is kept between attempts. HTTP/1.1, http and https only, no
 * redirects, no signals, every wait bounded by a timeout, and at most
 * MAX_RESPONSE_BYTES of an answer. What an outcome means is not judged here: an
 * unanswered request is a reply, too. One object is used by one thread, and is
 * created after any fork.
 */
#ifndef EXPORTER_HTTP_H
#define EXPORTER_HTTP_H

#include "base/err.h"
#include "base/slice.h"

struct http;

/* Borrowed during http_open() only. Empty or NULL texts are not set. */
struct http_settings {
	const char *url;	      /* may hold a user name and a password */
	const char *content_type;     /* of every body */
	const char *content_encoding; /* of every body */
	const char *const *headers;   /* more of them, "Name: value" */
	size_t n_headers;
	uint64_t timeout_ns; /* of a whole attempt, connecting included; not 0 */
	const char *ca_file, *cert_file, *key_file; /* PEM */
};

/* One attempt's outcome; everything is borrowed until the next attempt or close. */
struct http_reply {
	int rc;	     /* CURLcode */
	long status; /* HTTP status, 0 if none came */
	struct slice body;
	struct slice content_type, retry_after; /* header values, empty if absent */
	const char *error;			/* libcurl's words if rc is not 0, never secret */
	bool reused;				/* an older connection carried it */
};

/*
 * ST_CONFIG for a header that is not "Name: value" in one line (its value is not
 * shown). On success *out is the caller's until http_close().
 */
MUST_CHECK enum status http_open(struct http **out, const struct http_settings *set,
				 struct err *err);

/*
 * POST `body`, which is borrowed until the return. A kept connection that turns
 * out to be closed is replaced, and a failed one is not used again: libcurl's doing.
 */
void http_post(struct http *h, struct slice body, struct http_reply *reply);

/* NULL is fine. */
void http_close(struct http *h);

#endif /* EXPORTER_HTTP_H */
