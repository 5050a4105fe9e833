/*
 * inbox: captures on their way from the sources to the one thread that reads them.
 *
 * A capture is the bytes of one trace, as an open file, and who wants to know what became
 * of it. Sources put captures in, each from its own thread, and wait while the inbox is
 * full; the reading thread takes them in order and calls `done` for each, exactly once,
 * after which nobody may use it. Bounded, so that memory and open files are. Any thread.
 */
#ifndef COLLECTOR_SOURCE_INBOX_H
#define COLLECTOR_SOURCE_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum capture_outcome {
	CAPTURE_QUEUED,	 /* its spans are safe in the queue */
	CAPTURE_KNOWN,	 /* they were before */
	CAPTURE_BAD,	 /* it cannot be read, now and ever */
	CAPTURE_CHANGED, /* somebody wrote to it meanwhile: nothing was kept */
	CAPTURE_LATER,	 /* we are to blame (the queue, a stop): nothing was kept */
};

/* Longest name of a capture, with the NUL. */
#define CAPTURE_NAME_BYTES 256u

struct capture {
	int fd;			       /* at its first byte; closed by whoever calls `done` */
	char name[CAPTURE_NAME_BYTES]; /* of the file, for people and the capture's span */
	char source[80];	       /* name of the source in the configuration */
	char trigger[80];	       /* name of the trigger that fired; "": none */
	char cause[256];	       /* on what, or the reason that a sender gave */
	char traceparent[64];	       /* W3C; of the request that it is about, or "" */
	bool in_place; /* a file that others may still write to, in a folder of theirs */
	/*
	 * Called by the reading thread. `why` is one line for CAPTURE_BAD and CAPTURE_LATER.
	 * Gives back the capture's memory.
	 */
	void (*done)(struct capture *c, enum capture_outcome outcome, const char *why);
	void *arg; /* of the source */
};

struct inbox;

/* On success *out is the caller's until inbox_close(). */
MUST_CHECK enum status inbox_open(struct inbox **out, size_t cap, struct err *err);
/* What is still inside is handed back as CAPTURE_LATER. NULL is fine. */
void inbox_close(struct inbox *b);

/*
 * Put it in, waiting for room while *stop (may be NULL) is false. False: it is stopped or
 * ended, and the capture is still the caller's.
 */
bool inbox_put(struct inbox *b, struct capture *c, const bool *stop);
/* The same without waiting. */
bool inbox_offer(struct inbox *b, struct capture *c);
/* The next one, waiting at most `ns` while *stop (may be NULL) is false; NULL: none came. */
struct capture *inbox_take(struct inbox *b, uint64_t ns, const bool *stop);

/* Let those that wait look at their *stop. */
void inbox_wake(struct inbox *b);
/* Nothing goes in any more. */
void inbox_end(struct inbox *b);
size_t inbox_length(struct inbox *b);

#endif /* COLLECTOR_SOURCE_INBOX_H */
