/*
 * classify: what one send attempt's outcome means.
 *
 * A pure function over one table: first libcurl's code, then the HTTP status, then
 * the gRPC status, then words in the body. The rules are OTLP's (only 429, 502, 503
 * and 504 may be sent again, and a few gRPC codes) plus what real receivers do (a
 * Collector says "too large" with 400). Nothing is logged, sent or kept here.
 */
#ifndef EXPORTER_CLASSIFY_H
#define EXPORTER_CLASSIFY_H

#include "base/slice.h"

enum send_class {
	SEND_ACCEPTED,	/* acknowledged; the body may tell of rejected spans */
	SEND_RETRY,	/* the receiver asks for patience: same bytes again, later */
	SEND_TRANSPORT, /* no or half an answer: same bytes again on a new connection */
	SEND_TOO_BIG,	/* fewer spans at once may pass */
	SEND_CONFIG,	/* address, path, credentials or headers are wrong; not the data's fault */
	SEND_TLS,	/* certificates or keys are wrong */
	SEND_PERMANENT, /* these bytes will never be taken */
	SEND_OURS,	/* our bug, or no memory */
};

/* No grpc-status came. */
#define GRPC_NONE (-1)

/* What came back; texts are borrowed and may be empty. */
struct attempt {
	int rc;			   /* CURLcode */
	long status;		   /* HTTP status, 0 if none came */
	bool grpc;		   /* a 200 means nothing by itself */
	int grpc_status;	   /* GRPC_NONE, or the code */
	struct slice content_type; /* header value */
	struct slice retry_after;  /* header value */
	bool has_retry_info;	   /* a google.rpc.RetryInfo came */
	uint64_t retry_info_ns;	   /* what it asks for */
	struct slice words;	   /* the receiver's: the body, or grpc-message */
	struct slice error;	   /* libcurl's words, if rc is not 0 */
	int64_t now_s;		   /* Unix time, for a Retry-After that is a date */
};

/* How the whole body of an answer is encoded, by its own account. */
enum body_form { BODY_OTHER, BODY_PROTOBUF, BODY_JSON, BODY_GRPC };

struct verdict {
	enum send_class class;
	uint64_t wait_ns;	  /* what Retry-After or RetryInfo ask for; 0 if they do not */
	bool compression_refused; /* it cannot read how the body was compressed */
};

struct verdict classify(const struct attempt *a);

/* BODY_OTHER also for a body that is not whole. */
enum body_form classify_body(int rc, struct slice content_type);

/*
 * A Retry-After value: seconds, or an HTTP date. 0 if it is neither, or is past.
 * At most RETRY_WAIT_MAX_NS.
 */
uint64_t retry_after_ns(struct slice value, int64_t now_s);

#define RETRY_WAIT_MAX_NS ((uint64_t)600 * 1000000000)

#endif /* EXPORTER_CLASSIFY_H */
