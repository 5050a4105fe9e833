/*
 * push: snapshots that are sent to us, by PUT or POST to any path.
 *
 * The body goes to a file without a name as it comes (a push never fills memory), then to
 * the inbox, and the sender is answered once its fate is known: 200 only when the spans are
 * safe in the queue. Other answers:
 *
 *   400 empty, or no trace (with the reason)    401 no token, or a wrong one
 *   405 another method     413 over max_size    429 too much at once: Retry-After
 *   503 it could not be queued now: Retry-After
 *
 * A connection waits suspended while its snapshot is in the inbox, so that one thread of
 * the HTTP server is enough. The reason is Flightspan-Reason or ?reason=, the name is
 * Flightspan-Name or ?name=, and traceparent is the request that was slow; all for the
 * capture's span.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "collector/source/listener.h"
#include "collector/source/source.h"
#include "collector/source/spool.h"

#define IDLE_S 30u
#define MAX_SENDERS 32u /* that send or wait at once; more are refused at accept */

struct push {
	const struct source_settings *set;
	struct source_env env;
	struct listener *listener;
	char token[MAX_SECRET_BYTES];
	bool stop; /* atomic */
	pthread_mutex_t mutex;
	size_t n_asked;
	uint64_t refused;
	uint64_t told_large_ns, told_full_ns; /* that a limit was reached */
};

enum push_state { RECEIVING, REFUSED, ASKED, ANSWERED };

/* One request. Belongs to the library's thread but while it is ASKED. */
struct pushed {
	struct capture c;
	struct push *p;
	struct MHD_Connection *connection;
	enum push_state state;
	int fd;
	uint64_t bytes;
	unsigned int status;
	char why[400];
};

static enum MHD_Result answer(struct pushed *r)
{
	char text[512];

	snprintf(text, sizeof(text), "%s\n", r->why);
	r->state = ANSWERED;
	return listener_answer(r->connection, r->status, "text/plain", slice_str(text),
			       r->status == 429 || r->status == 503 ? "Retry-After"
			       : r->status == 401		    ? "WWW-Authenticate"
			       : r->status == 405		    ? "Allow"
								    : NULL,
			       r->status == 401	  ? "Bearer"
			       : r->status == 405 ? "POST, PUT"
						  : "1");
}

/* Remembered until the body is over: most clients do not read before. */
static void refuse(struct pushed *r, unsigned int status, const char *why)
{
	r->state = REFUSED;
	r->status = status;
	snprintf(r->why, sizeof(r->why), "%s", why);
	pthread_mutex_lock(&r->p->mutex);
	r->p->refused++;
	pthread_mutex_unlock(&r->p->mutex);
	if (status == 413 || status == 429)
		source_tell_limit(&r->p->env,
				  status == 413 ? &r->p->told_large_ns : &r->p->told_full_ns,
				  "a push was refused (%u): %s", status, why);
}

/* The reader of the inbox knows what became of it. */
static void done(struct capture *c, enum capture_outcome outcome, const char *why)
{
	struct pushed *r = c->arg;
	struct push *p = r->p;

	r->fd = -1;
	switch (outcome) {
	case CAPTURE_QUEUED:
		r->status = 200;
		snprintf(r->why, sizeof(r->why), "queued");
		break;
	case CAPTURE_KNOWN:
		r->status = 200;
		snprintf(r->why, sizeof(r->why), "queued before");
		break;
	case CAPTURE_BAD:
		r->status = 400;
		snprintf(r->why, sizeof(r->why), "%s", why);
		source_tell(&p->env, LOG_LEVEL_WARN, "%s: refused: %s", c->name, why);
		break;
	default:
		r->status = 503;
		snprintf(r->why, sizeof(r->why), "not now: %s", why);
	}
	pthread_mutex_lock(&p->mutex);
	p->n_asked--;
	/* The connection may be closed, and p with it, from here on. */
	MHD_resume_connection(r->connection);
	pthread_mutex_unlock(&p->mutex);
}

static const char *said(struct MHD_Connection *c, const char *header, const char *argument)
{
	const char *text = MHD_lookup_connection_value(c, MHD_HEADER_KIND, header);

	return text ? text : MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, argument);
}

static void describe(struct pushed *r)
{
	const char *reason = said(r->connection, "Flightspan-Reason", "reason");
	const char *name = said(r->connection, "Flightspan-Name", "name");
	const char *parent = said(r->connection, "traceparent", "traceparent");

	snprintf(r->c.name, sizeof(r->c.name), "%s", name && *name ? name : "pushed");
	snprintf(r->c.source, sizeof(r->c.source), "%s", r->p->set->name);
	snprintf(r->c.cause, sizeof(r->c.cause), "%s", reason ? reason : "");
	snprintf(r->c.traceparent, sizeof(r->c.traceparent), "%s", parent ? parent : "");
}

static enum MHD_Result begin(struct push *p, struct MHD_Connection *c, const char *method,
			     void **state)
{
	struct pushed *r = mem_zalloc(sizeof(*r));
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
	struct err err = ERR_INIT;

	if (!r)
		return MHD_NO;
	*r = (struct pushed){ .p = p, .connection = c, .fd = -1 };
	*state = r;
	if (!listener_allows(c, p->token))
		refuse(r, 401, "a token is needed: Authorization: Bearer TOKEN");
	else if (strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0)
		refuse(r, 405, "send a snapshot by POST or PUT");
	else if (__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE))
		refuse(r, 503, "stopping");
	else if (inbox_length(p->env.inbox) >= MAX_WAITING_CAPTURES)
		refuse(r, 429, "too many snapshots wait to be read");
	else if (length && (strlen(length) > 15 || source_number(length) > p->set->push.max_bytes))
		refuse(r, 413, "larger than max_size");
	else if (spool_open(p->env.spool, &r->fd, &err)) {
		source_tell(&p->env, LOG_LEVEL_ERROR, "%s", err.msg);
		refuse(r, 503, "cannot be stored now");
	} else
		describe(r);
	/* Before the body is sent, if the client waits for a word (Expect: 100-continue). */
	return r->state == REFUSED && length && source_number(length) > 1 << 20 ? answer(r)
										: MHD_YES;
}

static void receive(struct pushed *r, const char *bytes, size_t n)
{
	struct err err = ERR_INIT;

	if (r->state != RECEIVING)
		return;
	r->bytes += n;
	if (r->bytes > r->p->set->push.max_bytes) {
		refuse(r, 413, "larger than max_size");
	} else if (spool_write(r->fd, bytes, n, &err)) {
		source_tell(&r->p->env, LOG_LEVEL_ERROR, "%s", err.msg);
		refuse(r, 503, "cannot be stored now");
	}
}

static enum MHD_Result hand_over(struct pushed *r)
{
	struct push *p = r->p;

	if (!r->bytes) {
		refuse(r, 400, "an empty body: no trace");
		return answer(r);
	}
	if (lseek(r->fd, 0, SEEK_SET) != 0) {
		refuse(r, 503, "cannot be stored now");
		return answer(r);
	}
	r->c.fd = r->fd;
	r->c.done = done;
	r->c.arg = r;
	r->state = ASKED;
	pthread_mutex_lock(&p->mutex);
	MHD_suspend_connection(r->connection);
	p->n_asked++;
	pthread_mutex_unlock(&p->mutex);
	if (inbox_offer(p->env.inbox, &r->c))
		return MHD_YES;
	pthread_mutex_lock(&p->mutex);
	p->n_asked--;
	p->refused++;
	r->status = 429;
	snprintf(r->why, sizeof(r->why), "too many snapshots wait to be read");
	source_tell_limit(&p->env, &p->told_full_ns, "a push was refused (429): %s", r->why);
	MHD_resume_connection(r->connection);
	pthread_mutex_unlock(&p->mutex);
	return MHD_YES;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *bytes, size_t *n,
			      void **state)
{
	struct pushed *r = *state;

	(void)url;
	(void)version;
	if (!r)
		return begin(arg, c, method, state);
	if (*n) {
		receive(r, bytes, *n);
		*n = 0;
		return MHD_YES;
	}
	return r->state == RECEIVING ? hand_over(r) : answer(r);
}

static void completed(void *arg, struct MHD_Connection *c, void **state,
		      enum MHD_RequestTerminationCode why)
{
	struct pushed *r = *state;

	(void)arg;
	(void)c;
	(void)why;
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	mem_free(r);
}

static void stop(void *source)
{
	struct push *p = source;

	__atomic_store_n(&p->stop, true, __ATOMIC_RELEASE);
	listener_quiesce(p->listener);
}

static bool idle(void *source)
{
	struct push *p = source;
	bool is;

	pthread_mutex_lock(&p->mutex);
	is = !p->n_asked;
	pthread_mutex_unlock(&p->mutex);
	return is;
}

static void status(void *source, struct source_status *out)
{
	struct push *p = source;

	pthread_mutex_lock(&p->mutex);
	*out = (struct source_status){ .ready = !__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE),
				       .waiting = p->n_asked,
				       .left_out = p->refused };
	pthread_mutex_unlock(&p->mutex);
}

static void push_close(void *source)
{
	struct push *p = source;

	listener_close(p->listener);
	pthread_mutex_destroy(&p->mutex);
	mem_free(p);
}

static enum status push_open(void **out, const struct source_settings *set,
			     const struct source_env *env, struct err *err)
{
	struct push *p = mem_zalloc(sizeof(*p));
	struct listener_settings l = { .listen = set->push.listen,
				       .connections = MAX_SENDERS,
				       .timeout_s = IDLE_S,
				       .handle = handle,
				       .completed = completed,
				       .arg = p };
	enum status st;

	if (!p)
		return err_nomem(err, "a source");
	p->set = set;
	p->env = *env;
	pthread_mutex_init(&p->mutex, NULL);
	st = secret_load(set->push.token, set->push.token_file, p->token, sizeof(p->token), err);
	if (!st)
		st = listener_open(&p->listener, &l, err);
	if (st)
		push_close(p);
	else
		*out = p;
	return st;
}

const struct source_kind source_push = {
	.word = "push",
	.open = push_open,
	.stop = stop,
	.idle = idle,
	.status = status,
	.close = push_close,
};
