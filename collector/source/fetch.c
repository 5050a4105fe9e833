#include "collector/source/fetch.h"

#include "base/buf.h"
#include "base/curl.h"
#include "base/log.h"
#include "base/mem.h"

/* What is held before the reader asks; more, and the sender has to wait. */
#define HELD_BYTES ((size_t)1 << 20)
#define CONNECT_MS 5000L
#define LOOK_MS 500

struct fetch {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	const bool *stop;
	struct buf in;
	size_t pos;
	bool paused, over;
	CURLcode rc;
	char words[CURL_ERROR_SIZE];
};

static bool stopped(const struct fetch *f)
{
	return f->stop && __atomic_load_n(f->stop, __ATOMIC_ACQUIRE);
}

static size_t take(char *bytes, size_t size, size_t n, void *arg)
{
	struct fetch *f = arg;

	if (f->in.len - f->pos >= HELD_BYTES) {
		f->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	buf_add(&f->in, bytes, size * n);
	return f->in.failed ? 0 : size * n;
}

static void step(struct fetch *f, bool wait)
{
	const CURLMsg *m;
	int running = 0, left;

	if (wait)
		curl_multi_poll(f->multi, NULL, 0, LOOK_MS, NULL);
	if (curl_multi_perform(f->multi, &running) != CURLM_OK)
		f->over = true, f->rc = CURLE_FAILED_INIT;
	while ((m = curl_multi_info_read(f->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		f->over = true;
		f->rc = m->data.result;
	}
}

static enum status failed(const struct fetch *f, struct err *err)
{
	return err_set(err, ST_REMOTE, ERR_NO_OFFSET, "%s",
		       *f->words ? f->words : curl_easy_strerror(f->rc));
}

/* "Name: value", or "Name;" as libcurl wants it for no value. */
static bool add_header(struct fetch *f, const char *name, const char *between, const char *value)
{
	size_t size = strlen(name) + strlen(between) + strlen(value) + 1;
	char *line = mem_alloc(size);
	struct curl_slist *grown = NULL;

	if (line) {
		snprintf(line, size, "%s%s%s", name, between, value);
		grown = curl_slist_append(f->headers, line);
		explicit_bzero(line, size);
	}
	if (grown)
		f->headers = grown;
	mem_free(line);
	return grown;
}

static bool add_headers(struct fetch *f, const struct fetch_settings *set)
{
	bool ok = true;

	if (set->token && *set->token)
		ok = add_header(f, "Authorization", ": Bearer ", set->token);
	for (size_t i = 0; i < set->headers.n && ok; i++)
		ok = add_header(f, set->headers.ptr[i].name, *set->headers.ptr[i].text ? ": " : ";",
				set->headers.ptr[i].text);
	return ok && !curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers);
}

/* Of another method than GET, an empty body: its length is sent, no type. */
static bool set_method(struct fetch *f, const char *method)
{
	if (!method || !strcmp(method, "GET"))
		return true;
	return add_header(f, "Content-Type", ":", "") &&
	       !curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE, 0L) &&
	       !curl_easy_setopt(f->easy, CURLOPT_COPYPOSTFIELDS, "") &&
	       !curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, method);
}

static bool set_up(struct fetch *f, const struct fetch_settings *set)
{
	CURL *e = f->easy;

	if (!set_method(f, set->method) || !add_headers(f, set))
		return false;
	if ((set->unix_socket && curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, set->unix_socket)) ||
	    (set->direct && curl_easy_setopt(e, CURLOPT_PROXY, "")))
		return false;
	return !curl_easy_setopt(e, CURLOPT_URL, set->url) &&
	       !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) &&
	       !curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(set->timeout_ns / 1000000)) &&
	       !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->words) &&
	       !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take) &&
	       !curl_easy_setopt(e, CURLOPT_WRITEDATA, f) && !curl_multi_add_handle(f->multi, e);
}

enum status fetch_open(struct fetch **out, const struct fetch_settings *set, struct err *err)
{
	struct fetch *f = mem_zalloc(sizeof(*f));

	*out = NULL;
	if (!f)
		return err_nomem(err, "a request");
	if (curl_load(err)) {
		mem_free(f);
		return err->code;
	}
	f->stop = set->stop;
	buf_init(&f->in, 4 * HELD_BYTES);
	f->multi = curl_multi_init();
	f->easy = curl_easy_init();
	if (!f->multi || !f->easy || !set_up(f, set)) {
		fetch_close(f);
		return err_nomem(err, "a request");
	}
	step(f, false);
	while (!f->over && !stopped(f) && f->in.len == f->pos)
		step(f, true);
	if (f->over && f->rc) {
		failed(f, err);
		fetch_close(f);
		return err->code;
	}
	*out = f;
	return ST_OK;
}

long fetch_status(const struct fetch *f)
{
	long code = 0;

	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &code);
	return code;
}

uint64_t fetch_retry_after(const struct fetch *f)
{
	curl_off_t s = 0;

	curl_easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &s);
	return s > 0 ? (uint64_t)s : 0;
}

enum status fetch_read(struct fetch *f, uint8_t *dst, size_t cap, size_t *n, struct err *err)
{
	*n = 0;
	while (f->pos == f->in.len) {
		buf_clear(&f->in);
		f->pos = 0;
		if (f->over)
			return f->rc ? failed(f, err) : ST_OK;
		if (stopped(f))
			return ST_OK;
		if (f->paused) {
			f->paused = false;
			curl_easy_pause(f->easy, CURLPAUSE_CONT);
		}
		step(f, !f->in.len);
	}
	*n = f->in.len - f->pos < cap ? f->in.len - f->pos : cap;
	memcpy(dst, f->in.ptr + f->pos, *n);
	f->pos += *n;
	return ST_OK;
}

void fetch_words(struct fetch *f, char *out, size_t cap)
{
	const uint8_t *at = f->in.ptr + f->pos;
	size_t n = 0, most = f->in.len - f->pos;

	while (n < most && n < 200 && at[n] != '\n')
		n++;
	if (n)
		log_escape((struct slice){ at, n }, out, cap);
	else
		snprintf(out, cap, "no more is said");
}

void fetch_close(struct fetch *f)
{
	if (!f)
		return;
	if (f->multi && f->easy)
		curl_multi_remove_handle(f->multi, f->easy);
	curl_easy_cleanup(f->easy);
	curl_multi_cleanup(f->multi);
	for (struct curl_slist *l = f->headers; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(f->headers);
	buf_release(&f->in);
	mem_free(f);
}
