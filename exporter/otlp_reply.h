/*
 * otlp_reply: what a receiver's answer says, in a form fit for people.
 *
 * Bodies come from outside: they are unpacked by protobuf-c with an allocator
 * that stops at MAX_RESPONSE_UNPACKED, or looked through as JSON, may be cut,
 * empty, HTML or garbage, and nothing in here fails because of that. Texts lose their control
 * characters and invalid bytes and are at most MAX_SERVER_TEXT bytes.
 */
#ifndef EXPORTER_OTLP_REPLY_H
#define EXPORTER_OTLP_REPLY_H

#include "base/limits.h"
#include "base/slice.h"
#include "exporter/classify.h"

struct otlp_reply {
	uint64_t rejected;		/* spans, at most what was sent */
	bool unreadable;		/* it has a form that we know and could not be read */
	bool has_retry_info;		/* a refusal with a google.rpc.RetryInfo */
	uint64_t retry_info_ns;		/* 0 if what it asks for is past */
	char text[MAX_SERVER_TEXT + 1]; /* the server's words, or "" */
};

/*
 * The body of an acknowledgement: an ExportTraceServiceResponse as protobuf or JSON,
 * else ignored. `n_spans` is how many were sent.
 */
void otlp_reply_accepted(struct otlp_reply *r, struct slice body, enum body_form form,
			 size_t n_spans);

/* The body of a refusal: a google.rpc.Status as protobuf or JSON, else any text. */
void otlp_reply_refused(struct otlp_reply *r, struct slice body, enum body_form form);

/*
 * Copy `from` as one clean line into to[cap], NUL-terminated: runs of blanks and
 * control characters become one space, what does not fit is cut between runes.
 */
void text_one_line(char *to, size_t cap, struct slice from);

#endif /* EXPORTER_OTLP_REPLY_H */
