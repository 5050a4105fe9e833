/*
 * gofunc: what a Go function's name tells: whose it is, and what is waited for.
 *
 * A name is spelled as in a stack: import path, dot, the rest
 * ("net/http.(*conn).serve"). Nothing here keeps state or owns memory.
 */
#ifndef MAPPING_GOFUNC_H
#define MAPPING_GOFUNC_H

#include "base/slice.h"

/*
 * Is it a function of the standard library? Told by the first element of the
 * import path, which for others is a domain, a module's name or "main".
 */
bool gofunc_is_standard(struct slice func);

/* What a stack adds to the runtime's word for a wait. */
enum wait_detail {
	DETAIL_NONE,
	DETAIL_MUTEX,
	DETAIL_RWMUTEX,
	DETAIL_WAITGROUP,
	DETAIL_ONCE,
	DETAIL_COND, /* has a word of its own: never found in a stack */
	DETAIL_READ,
	DETAIL_WRITE,
	DETAIL_ACCEPT,
	DETAIL_DIAL,
	DETAIL_TLS,
	DETAIL_HTTP_CLIENT,
	N_WAIT_DETAILS
};

/* "mutex", "http client"; empty for DETAIL_NONE. */
struct slice wait_detail_name(enum wait_detail detail);

/*
 * Looks at a stack frame by frame, leaf first. Of locks the outermost call of the
 * package counts (an RWMutex locks a Mutex, so does a Once), but only if nothing
 * else is called in between. Of the network the most telling call counts: a dial
 * or a TLS handshake inside the HTTP client is that, a read inside it is the HTTP client.
 */
struct detail_scan {
	enum wait_detail lock, network;
	bool beyond;	/* a frame that is not of package sync was seen */
	bool handshake; /* a TLS handshake was seen: more telling than who makes it */
};

void detail_scan_frame(struct detail_scan *scan, struct slice func);
enum wait_detail detail_scan_result(const struct detail_scan *scan);
/* Does the detail say anything of a wait with that word? */
bool wait_detail_fits(enum wait_detail detail, struct slice reason);

#endif /* MAPPING_GOFUNC_H */
