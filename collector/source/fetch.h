/*
 * fetch: one HTTP request whose answer is read as it comes, by libcurl.
 *
 * Pulled: fetch_read() waits for the next bytes, so a slow reader slows the sender down and
 * memory stays small. One thread; *stop, which another thread sets, ends it within a second.
 */
#ifndef COLLECTOR_SOURCE_FETCH_H
#define COLLECTOR_SOURCE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/settings.h"

struct fetch;

struct fetch_settings {
	const char *url;
	uint64_t timeout_ns;	      /* of the whole; 0: none */
	const bool *stop;	      /* borrowed until close */
	const char *method;	      /* NULL: GET; another is sent with an empty body */
	struct setting_pairs headers; /* borrowed until close; checked, values are secrets */
	const char *token;	      /* NULL or "": none; else Authorization: Bearer */
	const char *unix_socket;      /* NULL: TCP, to the URL's host */
	bool direct;		      /* through no proxy, whatever the environment says */
};

/*
 * Send it and wait for the status of the answer. ST_REMOTE: none came, *out is NULL. Any
 * status is a success. On success *out is the caller's until fetch_close().
 */
MUST_CHECK enum status fetch_open(struct fetch **out, const struct fetch_settings *set,
				  struct err *err);
long fetch_status(const struct fetch *f);
/* What the answer's Retry-After asks for, in seconds; 0: nothing. */
uint64_t fetch_retry_after(const struct fetch *f);
/* *n is 0 at the end, and when it was stopped. ST_REMOTE: it broke off. */
MUST_CHECK enum status fetch_read(struct fetch *f, uint8_t *dst, size_t cap, size_t *n,
				  struct err *err);
/* The first line of what an answer that is no success says, without control characters. */
void fetch_words(struct fetch *f, char *out, size_t cap);
/* NULL is fine. */
void fetch_close(struct fetch *f);

#endif /* COLLECTOR_SOURCE_FETCH_H */
