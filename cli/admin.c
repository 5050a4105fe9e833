#include "cli/admin.h"

#include "base/mem.h"
#include "cli/run_worker.h"
#include "cli/send.h"
#include "collector/source/listener.h"

/* A worker that is silent for this long is not healthy. */
#define PATIENCE_NS ((uint64_t)120 * 1000000000)
#define MAX_PAGE_BYTES ((size_t)4 << 20)

struct admin {
	struct run *run;
	struct listener *listener;
	char token[MAX_SECRET_BYTES];
};

static enum MHD_Result plain(struct MHD_Connection *c, unsigned int status, const char *text)
{
	return listener_answer(c, status, "text/plain; charset=utf-8", slice_str(text),
			       status == 405   ? "Allow"
			       : status == 401 ? "WWW-Authenticate"
					       : NULL,
			       status == 405 ? "GET" : "Bearer");
}

static enum MHD_Result health(struct MHD_Connection *c, const struct run_view *v)
{
	if (worker_stuck(v->worker, PATIENCE_NS))
		return plain(c, 503, "the thread that reads snapshots hangs\n");
	return plain(c, 200, "ok\n");
}

/* A source that waits for its folder does not make the service beside us unready. */
static enum MHD_Result ready(struct MHD_Connection *c, const struct run_view *v)
{
	struct err err = ERR_INIT;
	uint64_t used, max;
	enum MHD_Result rc;
	struct buf b;
	bool good = !v->stopping && v->send;

	buf_init(&b, MAX_PAGE_BYTES);
	if (v->stopping)
		buf_str(&b, "stopping\n");
	else if (!v->send)
		buf_str(&b, "the queue cannot be opened\n");
	if (good && queue_usage(send_queue(v->send), &used, &max, &err)) {
		good = false;
		buf_printf(&b, "%s\n", err.msg);
	}
	for (size_t i = 0; i < v->n_sources; i++)
		buf_printf(&b, "source %s (%s): %s\n", v->sources[i].name, v->sources[i].kind,
			   v->sources[i].status.ready ? "ready" : "waiting");
	if (good)
		buf_str(&b, "ready\n");
	rc = listener_answer(c, good ? 200 : 503, "text/plain; charset=utf-8", buf_view(&b), NULL,
			     NULL);
	buf_release(&b);
	return rc;
}

static enum MHD_Result page(struct MHD_Connection *c, const struct run_view *v, const char *type,
			    void (*make)(struct buf *b, const struct run_view *v))
{
	enum MHD_Result rc;
	struct buf b;

	buf_init(&b, MAX_PAGE_BYTES);
	make(&b, v);
	rc = b.failed ? plain(c, 500, "out of memory\n")
		      : listener_answer(c, 200, type, buf_view(&b), NULL, NULL);
	buf_release(&b);
	return rc;
}

static enum MHD_Result route(struct MHD_Connection *c, const char *url, const struct run_view *v)
{
	if (!strcmp(url, "/healthz"))
		return health(c, v);
	if (!strcmp(url, "/readyz"))
		return ready(c, v);
	if (!strcmp(url, "/metrics"))
		return page(c, v, "text/plain; version=0.0.4; charset=utf-8", admin_metrics);
	if (!strcmp(url, "/captures"))
		return page(c, v, "application/json", admin_captures);
	return plain(c, 404,
		     "there are /healthz, /readyz, /metrics, /captures, and POST /trigger/NAME\n");
}

/* POST /trigger/NAME */
static enum MHD_Result pull_trigger(struct MHD_Connection *c, const char *name,
				    const struct run_view *v)
{
	switch (trigger_fire(v->triggers, name, "POST on the admin address")) {
	case TRIGGER_FIRED:
		return plain(c, 202, "fired\n");
	case TRIGGER_TOO_SOON:
		return plain(c, 429, "not now: cooldown or max_per_hour\n");
	default:
		return plain(c, 404, "no trigger of this name\n");
	}
}

static bool is_trigger(const char *method, const char *url)
{
	return !strcmp(method, "POST") && !strncmp(url, "/trigger/", 9);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *bytes, size_t *n,
			      void **state)
{
	static int seen;
	struct admin *a = arg;
	struct run_view v;
	enum MHD_Result rc;

	(void)version;
	(void)bytes;
	/* First the headers alone; the answer comes after the body, which nobody reads. */
	if (!*state) {
		*state = &seen;
		return MHD_YES;
	}
	if (*n) {
		*n = 0;
		return MHD_YES;
	}
	if (!listener_allows(c, a->token))
		return plain(c, 401, "a token is needed: Authorization: Bearer TOKEN\n");
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 && !is_trigger(method, url))
		return plain(c, 405, "GET only, and POST for /trigger/NAME\n");
	run_look(a->run, &v);
	rc = is_trigger(method, url) ? pull_trigger(c, url + 9, &v) : route(c, url, &v);
	run_look_end(a->run);
	return rc;
}

enum status admin_open(struct admin **out, struct run *r, const struct settings *s, struct err *err)
{
	struct admin *a = mem_zalloc(sizeof(*a));
	struct listener_settings l = { .listen = s->admin.listen,
				       .connections = 16,
				       .timeout_s = 10,
				       .handle = handle,
				       .arg = a };
	enum status st;

	if (!a)
		return err_nomem(err, "the admin address");
	a->run = r;
	st = secret_load(s->admin.token, s->admin.token_file, a->token, sizeof(a->token), err);
	if (!st)
		st = listener_open(&a->listener, &l, err);
	if (st) {
		err_wrap(err, "admin address");
		admin_close(a);
		return st;
	}
	*out = a;
	return ST_OK;
}

void admin_close(struct admin *a)
{
	if (!a)
		return;
	listener_close(a->listener);
	mem_free(a);
}
