/*
 * span: the span model, the one thing mapping and exporter share.
 *
 * It is the OpenTelemetry span (opentelemetry-proto trace.v1 Span) with Go's
 * values in it. Everything is borrowed: a sink may use a span, and all it points
 * at, only until emit() returns, and copies what it keeps. Texts are raw bytes
 * from the traced program: any encoder must replace what is not UTF-8.
 * Span kind is always INTERNAL and status always unset (otlp.md section 4).
 */
#ifndef MAPPING_SPAN_H
#define MAPPING_SPAN_H

#include "base/err.h"
#include "base/slice.h"

#define TRACE_ID_BYTES 16
#define SPAN_ID_BYTES 8

/* W3C and OTLP flag bits of span.flags and link.flags. */
#define SPAN_FLAG_SAMPLED 0x01u
#define SPAN_FLAG_HAS_IS_REMOTE 0x100u
#define SPAN_FLAG_IS_REMOTE 0x200u

enum attr_type { ATTR_STRING, ATTR_INT, ATTR_BOOL, ATTR_DOUBLE };

/*
 * A key as it goes into protobuf's KeyValue, tag and length first, so that an encoder
 * may copy all of it at once without looking: most attributes of spans have such keys.
 */
#define READY_KEY_TAG 0x0au
#define READY_KEY_TEXT 59u
/* What stands behind the text: a value that is a number, but for its length. */
#define READY_KEY_INT "\022\000\030"
struct ready_key {
	uint8_t tag, len;
	uint8_t text[READY_KEY_TEXT + sizeof(READY_KEY_INT) - 1];
};

struct attr {
	struct slice key;
	enum attr_type type;
	bool ready; /* the key is the text of a struct ready_key, and ASCII */
	union {
		struct slice str;
		int64_t i;
		bool b;
		double d;
	};
};

/* Which part of the mapper made a span: becomes the OTLP scope. */
enum span_scope {
	SCOPE_TASK,    /* "flightspan.task": tasks, regions, the capture's root */
	SCOPE_SCHED,   /* "flightspan.sched": blocking and system calls */
	SCOPE_RUNTIME, /* "flightspan.runtime": GC, stop-the-world */
	N_SCOPES
};

struct span_event {
	uint64_t time_unix_ns;
	struct slice name;
	const struct attr *attrs;
	size_t n_attrs;
	uint32_t dropped_attrs;
};

struct span_link {
	uint8_t trace_id[TRACE_ID_BYTES];
	uint8_t span_id[SPAN_ID_BYTES];
	const struct attr *attrs;
	size_t n_attrs;
	uint32_t dropped_attrs;
	uint32_t flags; /* SPAN_FLAG_* */
};

struct span {
	uint8_t trace_id[TRACE_ID_BYTES]; /* never all zero */
	uint8_t span_id[SPAN_ID_BYTES];	  /* never all zero */
	uint8_t parent_id[SPAN_ID_BYTES]; /* all zero: a root, nothing is sent */
	enum span_scope scope;
	struct slice name;
	uint64_t start_unix_ns;
	uint64_t end_unix_ns; /* >= start_unix_ns */
	uint32_t flags;	      /* SPAN_FLAG_* */
	const struct attr *attrs;
	size_t n_attrs;
	const struct span_event *events; /* in time order */
	size_t n_events;
	const struct span_link *links;
	size_t n_links;
	uint32_t dropped_attrs, dropped_events, dropped_links;
};

/*
 * A span as OTLP's Span message, as an encoder would write it: all texts are UTF-8, and
 * bytes and counts are all that a sink needs to know to keep its limits.
 */
struct packed_span {
	enum span_scope scope;
	struct slice bytes;
	size_t n_attrs, n_links;
	size_t most_event_attrs; /* of any of its events; links have none */
};

/* Where the spans of one run come from: the OTLP resource. Borrowed as spans are. */
struct resource {
	const struct attr *attrs;
	size_t n_attrs;
};

/*
 * Who takes finished spans. emit() is called once per span, in the order in
 * which spans end; any status but ST_OK stops the mapper and is handed up.
 */
struct span_sink {
	enum status (*emit)(void *arg, const struct span *span, struct err *err);
	void *arg;
	/*
	 * May be NULL. Is given spans as bytes first; where *taken stays false, emit() is
	 * given the same span next.
	 */
	enum status (*emit_packed)(void *arg, const struct packed_span *span, bool *taken,
				   struct err *err);
};

#endif /* MAPPING_SPAN_H */
