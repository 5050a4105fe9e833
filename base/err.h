/*
 * err: one status code and one message, both on the caller's stack.
 *
 * Every fallible function returns an enum status and takes a struct err last.
 * The innermost function fills the err with err_set(); each layer on the way
 * out may put its own context in front with err_wrap(). On success nobody
 * touches the err. There is no allocation: a message that does not fit is cut.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdint.h>

/* 0: go on; above 0: a normal end; below 0: failed. */
enum status {
	ST_OK = 0,
	ST_END = 1,	/* no more items */
	ST_FORMAT = -1, /* bytes from outside break the rules */
	ST_LIMIT = -2,	/* a named maximum (base/limits.h) is reached */
	ST_NOMEM = -3,	/* out of memory */
	ST_IO = -4,	/* the operating system refused */
	ST_REMOTE = -5, /* a peer refused or did not answer */
	ST_CONFIG = -6, /* the user's settings or arguments are wrong */
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* For what a hot function does once in a million times: kept out of its way. */
#define COLD __attribute__((cold, noinline))

/* For the parts of a hot loop, where a call would cost as much as what it does. */
#define HOT static inline __attribute__((always_inline))

/* A function that is called all the time, though all it calls may fail: not to be made small. */
#define HOT_CALL __attribute__((hot, noinline))

/* All it calls becomes a part of it, but for what is COLD or APART: keep those out of a loop. */
#define FLAT __attribute__((flatten))

/* What a hot function does at times: a call, so that its own frame stays small. */
#define APART __attribute__((noinline))

/* What a hot loop nearly always, or nearly never, finds true. */
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* `offset` of an err that is not about a place in the input. */
#define ERR_NO_OFFSET UINT64_MAX

struct err {
	enum status code;
	uint64_t offset; /* byte offset in the input, or ERR_NO_OFFSET */
	char msg[400];	 /* one line, no newline, NUL-terminated */
};

/* An err that holds nothing yet. */
#define ERR_INIT                                                                                   \
	{                                                                                          \
		.code = ST_OK, .offset = ERR_NO_OFFSET, .msg = ""                                  \
	}

/* Fill `err` (may be NULL) and return `code`, so that callers can return it. */
enum status err_set(struct err *err, enum status code, uint64_t offset, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Put "context: " in front of the message; returns err->code. */
enum status err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The usual out-of-memory error, naming what could not be had. */
enum status err_nomem(struct err *err, const char *what);

/* The usual failed-system-call error: "what: strerror(errno)". */
enum status err_errno(struct err *err, const char *what);

#endif /* BASE_ERR_H */
