/*
 * listener: an HTTP server on an address of ours, by libmicrohttpd.
 *
 * What the admin address and push sources share: where to listen, who may speak, how many
 * at once. HOST:PORT with a numeric host (or localhost, or none: every address), or
 * unix:PATH. One thread of the library serves all connections; handlers must not block for
 * long, except that a push is answered later (MHD_suspend_connection).
 */
#ifndef COLLECTOR_SOURCE_LISTENER_H
#define COLLECTOR_SOURCE_LISTENER_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/microhttpd.h"
#include "base/slice.h"

struct listen_address {
	struct sockaddr_storage at;
	socklen_t len;
	bool local; /* loopback, or a unix socket: no token is needed */
	bool is_unix;
};

/* ST_CONFIG tells what was expected. */
MUST_CHECK enum status listen_parse(const char *text, struct listen_address *out, struct err *err);

struct listener;

struct listener_settings {
	const char *listen;
	unsigned int connections; /* at once */
	unsigned int timeout_s;	  /* without a byte */
	MHD_AccessHandlerCallback handle;
	MHD_RequestCompletedCallback completed;
	void *arg;
};

MUST_CHECK enum status listener_open(struct listener **out, const struct listener_settings *set,
				     struct err *err);
/* No new connections; those that are there go on. */
void listener_quiesce(struct listener *l);
/* Ends all connections. None may be suspended. NULL is fine. */
void listener_close(struct listener *l);
/* Connections now. */
unsigned int listener_connections(struct listener *l);

/* Does the request show `token` (Authorization: Bearer)? An empty token is always shown. */
bool listener_allows(struct MHD_Connection *c, const char *token);

/* Answer with a line of text; `more` may be "Name: value" or NULL. */
enum MHD_Result listener_answer(struct MHD_Connection *c, unsigned int status, const char *type,
				struct slice body, const char *name, const char *value);

/* Compares in a time that does not tell where they differ. */
bool secret_equal(struct slice a, struct slice b);

/*
 * The secret of `text`, or of the first line of the file at `path` if there is one. At most
 * `cap` bytes with the NUL. ST_CONFIG: the file cannot be read, is empty or too long.
 */
MUST_CHECK enum status secret_load(const char *text, const char *path, char *out, size_t cap,
				   struct err *err);

#define MAX_SECRET_BYTES 1024u

#endif /* COLLECTOR_SOURCE_LISTENER_H */
