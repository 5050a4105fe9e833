#include "exporter/transport.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "exporter/compress.h"
#include "exporter/endpoint.h"
#include "exporter/grpc.h"
#include "exporter/hint.h"
#include "exporter/http.h"
#include "exporter/otlp_reply.h"
#include "exporter/otlp_transcode.h"
#include "exporter/span_file.h"

/* So many headers does a protocol need of its own, at most. */
#define OWN_HEADERS 4

struct transport {
	struct span_file *file; /* NULL: a receiver, and all that follows is about it */
	enum setting_protocol protocol;
	enum setting_compression compression;
	size_t max_request;		    /* uncompressed */
	struct setting_pairs headers;	    /* copies; values are secrets */
	struct http_settings http_settings; /* texts belong to the arena below */
	struct http *http;
	struct compressor *compressor; /* NULL: bodies are sent as they are */
	struct buf texts;	       /* the copies of settings, NUL after NUL */
	struct buf json;	       /* the batch, if that is what goes out */
	struct buf body;	       /* as it goes out */
	struct buf words;	       /* an unescaped grpc-message or its details */
	struct buf plain;	       /* an answer that came compressed, unpacked */
	bool interrupted;	       /* atomic */
	struct retry_clock clock;
	struct endpoint endpoint;
	struct otlp_reply reply; /* the last answer's */
};

/* ---- opening ---- */

/* A copy in t->texts, whose room was made before, so that it does not move. */
static const char *keep(struct transport *t, const char *text)
{
	const char *copy = (const char *)t->texts.ptr + t->texts.len;

	buf_add(&t->texts, text ? text : "", text ? strlen(text) + 1 : 1);
	return copy;
}

static enum status keep_settings(struct transport *t, const struct otlp_settings *o,
				 struct err *err)
{
	const char *const files[] = { o->tls.ca_file, o->tls.cert_file, o->tls.key_file };
	struct http_settings *h = &t->http_settings;
	size_t size = 0;

	for (size_t i = 0; i < 3; i++)
		size += files[i] ? strlen(files[i]) + 1 : 1;
	for (size_t i = 0; i < o->headers.n; i++)
		size += strlen(o->headers.ptr[i].name) + strlen(o->headers.ptr[i].text) + 2;
	t->headers.ptr = mem_zalloc((o->headers.n + 1) * sizeof(*t->headers.ptr));
	if (!t->headers.ptr || !buf_reserve(&t->texts, size))
		return err_nomem(err, "the settings of an exporter");
	for (size_t i = 0; i < o->headers.n; i++) {
		t->headers.ptr[i].name = keep(t, o->headers.ptr[i].name);
		t->headers.ptr[i].text = keep(t, o->headers.ptr[i].text);
	}
	t->headers.n = o->headers.n;
	h->headers = t->headers;
	h->url = t->endpoint.url;
	h->unix_socket = t->endpoint.unix_socket;
	h->http2 = o->protocol == SETTING_GRPC;
	h->timeout_ns = o->timeout_ns;
	h->interrupted = &t->interrupted;
	h->ca_file = keep(t, files[0]);
	h->cert_file = keep(t, files[1]);
	h->key_file = keep(t, files[2]);
	return ST_OK;
}

/* Connection and compressor anew, for the compression that t has now. */
static enum status connect_anew(struct transport *t, struct err *err)
{
	static const char *const types[] = {
		[SETTING_HTTP_PROTOBUF] = "Content-Type: application/x-protobuf",
		[SETTING_HTTP_JSON] = "Content-Type: application/json",
		[SETTING_GRPC] = "content-type: application/grpc",
	};
	const char *own[OWN_HEADERS] = { types[t->protocol] };
	char encoding[48];
	size_t n = 1;
	enum status st = ST_OK;

	if (t->compression != SETTING_NONE) {
		snprintf(encoding, sizeof(encoding), "%s: %s",
			 t->protocol == SETTING_GRPC ? "grpc-encoding" : "Content-Encoding",
			 compression_name(t->compression));
		own[n++] = encoding;
	}
	if (t->protocol == SETTING_GRPC)
		own[n++] = "te: trailers";
	/* Borrowed by http_open() alone. */
	t->http_settings.own = own;
	t->http_settings.n_own = n;
	http_close(t->http);
	compressor_close(t->compressor);
	t->http = NULL;
	t->compressor = NULL;
	if (t->compression != SETTING_NONE)
		st = compressor_open(&t->compressor, t->compression, err);
	return st ? st : http_open(&t->http, &t->http_settings, err);
}

static enum status open_otlp(struct transport *t, const struct otlp_settings *o, struct err *err)
{
	enum status st = endpoint_parse(&t->endpoint, o, err);

	t->protocol = o->protocol;
	t->compression = o->compression;
	t->max_request = o->max_request_bytes	       ? o->max_request_bytes
			 : o->protocol == SETTING_GRPC ? MAX_GRPC_REQUEST
						       : MAX_HTTP_REQUEST;
	t->json.max = t->max_request;
	if (!st)
		st = keep_settings(t, o, err);
	return st ? st : connect_anew(t, err);
}

static enum status open_file(struct transport *t, const struct file_settings *set, struct err *err)
{
	snprintf(t->endpoint.shown, sizeof(t->endpoint.shown), "%s", set->path);
	t->max_request = MAX_HTTP_REQUEST;
	/* As JSON or as it is; nobody answers. */
	t->protocol =
		set->encoding == SETTING_OTLP_JSON ? SETTING_HTTP_JSON : SETTING_HTTP_PROTOBUF;
	return span_file_open(&t->file, set, &t->clock, err);
}

enum status transport_open(struct transport **out, const struct exporter_settings *set,
			   const struct retry_clock *clock, struct err *err)
{
	struct transport *t = mem_zalloc(sizeof(*t));
	enum status st;

	if (!t)
		return err_nomem(err, "an exporter");
	buf_init(&t->texts, MAX_CONFIG_BYTES);
	buf_init(&t->json, MAX_HTTP_REQUEST);
	buf_init(&t->body, 2 * MAX_BATCH_BYTES);
	buf_init(&t->words, MAX_RESPONSE_HEADER);
	buf_init(&t->plain, MAX_RESPONSE_BYTES);
	t->clock = clock ? *clock : retry_clock_system;
	st = set->is_file ? open_file(t, &set->file, err) : open_otlp(t, &set->otlp, err);
	if (st) {
		transport_close(t);
		return st;
	}
	*out = t;
	return ST_OK;
}

void transport_close(struct transport *t)
{
	if (!t)
		return;
	span_file_close(t->file);
	http_close(t->http);
	compressor_close(t->compressor);
	if (t->texts.ptr)
		explicit_bzero(t->texts.ptr, t->texts.len);
	mem_free(t->headers.ptr);
	buf_release(&t->texts);
	buf_release(&t->json);
	buf_release(&t->body);
	buf_release(&t->words);
	buf_release(&t->plain);
	mem_free(t);
}

void transport_interrupt(struct transport *t)
{
	__atomic_store_n(&t->interrupted, true, __ATOMIC_RELAXED);
}

const char *transport_shown(const struct transport *t)
{
	return t->endpoint.shown;
}

/* ---- what goes out ---- */

/* The body of a request for `batch`, borrowed until the next one. */
static enum status encode(struct transport *t, struct slice batch, struct slice *body,
			  struct err *err)
{
	size_t head = t->protocol == SETTING_GRPC ? GRPC_HEAD_BYTES : 0;
	enum status st = ST_OK;

	if (t->protocol == SETTING_HTTP_JSON) {
		buf_clear(&t->json);
		st = otlp_transcode(batch, &t->json, err);
		batch = buf_view(&t->json);
	}
	if (st)
		return st;
	if (!head && !t->compressor) {
		*body = batch;
		return ST_OK;
	}
	if (t->compressor) {
		st = compressor_pack(t->compressor, batch, head, &t->body, err);
	} else {
		buf_clear(&t->body);
		buf_add(&t->body, "\0\0\0\0\0", head);
		buf_slice(&t->body, batch);
		st = buf_status(&t->body, "a request", err);
	}
	if (!st && head)
		grpc_put_head(t->body.ptr, t->compressor, (uint32_t)(t->body.len - head));
	*body = buf_view(&t->body);
	return st;
}

/* ---- what comes back ---- */

/*
 * The message of a body, unpacked if the receiver compressed it, which gRPC servers
 * do as the request was, asked or not. False if it cannot be read.
 */
static bool unwrap(struct transport *t, const struct http_reply *r, enum body_form *form,
		   struct slice *message)
{
	struct slice name =
		r->header[*form == BODY_GRPC ? HTTP_GRPC_ENCODING : HTTP_CONTENT_ENCODING];
	enum setting_compression kind = SETTING_NONE;
	bool compressed = name.len;

	*message = r->body;
	if (*form == BODY_GRPC && message->len) {
		if (!grpc_message(r->body, message, &compressed))
			return false;
		*form = BODY_PROTOBUF;
	}
	if (!compressed || !message->len)
		return true;
	if (!compression_by_name(name, &kind) || !decompress(kind, *message, &t->plain))
		return false;
	*message = buf_view(&t->plain);
	return true;
}

/* RetryInfo is in the details; the words are in a trailer of their own. */
static void read_trailers(struct transport *t, const struct http_reply *r, struct attempt *a)
{
	struct slice message = r->header[HTTP_GRPC_MESSAGE];
	struct slice details = r->header[HTTP_GRPC_DETAILS];
	size_t len;

	a->grpc_status = grpc_status(r->header[HTTP_GRPC_STATUS]);
	buf_clear(&t->words);
	if (buf_reserve(&t->words, details.len) &&
	    grpc_base64(details, t->words.ptr, details.len, &len))
		otlp_reply_refused(&t->reply, (struct slice){ t->words.ptr, len }, BODY_PROTOBUF);
	if (a->grpc_status == GRPC_NONE) {
		otlp_reply_refused(&t->reply, r->body, BODY_OTHER);
		return;
	}
	buf_clear(&t->words);
	if (message.len && buf_reserve(&t->words, message.len)) {
		len = grpc_unescape(message, t->words.ptr, message.len);
		text_one_line(t->reply.text, sizeof(t->reply.text),
			      (struct slice){ t->words.ptr, len });
	}
}

static struct verdict judge(struct transport *t, const struct http_reply *r, enum body_form form,
			    struct slice body, struct attempt_result *out)
{
	struct attempt a = {
		.rc = r->rc,
		.status = r->status,
		.grpc = t->protocol == SETTING_GRPC,
		.grpc_status = GRPC_NONE,
		.content_type = r->header[HTTP_CONTENT_TYPE],
		.retry_after = r->header[HTTP_RETRY_AFTER],
		.error = slice_str(r->error),
		.now_s = t->clock.wall_s(t->clock.arg),
	};

	t->reply = (struct otlp_reply){ 0 };
	if (a.grpc)
		read_trailers(t, r, &a);
	else
		otlp_reply_refused(&t->reply, body, form);
	a.has_retry_info = t->reply.has_retry_info;
	a.retry_info_ns = t->reply.retry_info_ns;
	/* What is unreadable as a message may still have the words in it. */
	a.words = a.grpc ? slice_str(t->reply.text) : body;
	out->grpc_status = a.grpc_status;
	return classify(&a);
}

static void tell_outcome(const struct http_reply *r, struct attempt_result *out)
{
	/* A body that we would not read to its end takes nothing from the status. */
	if (r->rc && !(r->rc == CURLE_WRITE_ERROR && r->status))
		snprintf(out->outcome, sizeof(out->outcome), "%s", r->error);
	else if (r->status == 200 && out->grpc_status > 0)
		snprintf(out->outcome, sizeof(out->outcome), "gRPC status %d%s%s", out->grpc_status,
			 *grpc_status_name(out->grpc_status) ? " " : "",
			 grpc_status_name(out->grpc_status));
	else
		snprintf(out->outcome, sizeof(out->outcome), "HTTP status %ld", r->status);
}

static void fill_result(struct transport *t, const struct http_reply *r, const struct verdict *v,
			enum body_form form, struct slice body, size_t n_spans,
			struct attempt_result *out)
{
	out->class = v->class;
	out->wait_ns = v->wait_ns;
	out->rc = r->rc;
	out->http_status = r->status;
	tell_outcome(r, out);
	if (v->class == SEND_ACCEPTED) {
		otlp_reply_accepted(&t->reply, body, form, n_spans);
		out->spans_rejected = t->reply.rejected;
		out->unreadable = t->reply.unreadable || r->rc != CURLE_OK;
	} else {
		out->hint = hint_for(t->protocol, v->class, r->rc, r->status, out->grpc_status);
	}
	/* The beginning of an answer is no answer. */
	if (v->class != SEND_TRANSPORT || !r->rc)
		memcpy(out->text, t->reply.text, sizeof(out->text));
}

/* ---- an attempt ---- */

static void fail_locally(struct attempt_result *out, enum send_class class, const char *text)
{
	out->class = class;
	text_one_line(out->outcome, sizeof(out->outcome), slice_str(text));
}

/* Before anything went out. As JSON it may be too much; as it is it never gets better. */
static void fail_encoding(struct attempt_result *out, const struct err *err)
{
	fail_locally(out,
		     err->code == ST_LIMIT    ? SEND_TOO_BIG
		     : err->code == ST_FORMAT ? SEND_PERMANENT
					      : SEND_OURS,
		     err->msg);
}

/* A disk that is full or broken is waited for; all else is for a person to mend. */
static void attempt_file(struct transport *t, struct slice batch, struct attempt_result *out)
{
	struct err err = ERR_INIT;
	struct slice message;

	if (encode(t, batch, &message, &err)) {
		fail_encoding(out, &err);
		return;
	}
	if (span_file_add(t->file, message, &out->rc, &err)) {
		bool full = out->rc == ENOSPC || out->rc == EDQUOT || out->rc == EFBIG ||
			    out->rc == EIO || out->rc == EINTR || out->rc == EMFILE ||
			    out->rc == ENFILE;

		fail_locally(out, full ? SEND_RETRY : SEND_CONFIG, err.msg);
		return;
	}
	out->bytes_sent = message.len;
	out->class = SEND_ACCEPTED;
}

/* The receiver does not read zstd: gzip from now on. False if that is no way out. */
static bool fall_back(struct transport *t, struct attempt_result *out)
{
	struct err err = ERR_INIT;

	if (t->compression != SETTING_ZSTD)
		return false;
	t->compression = SETTING_GZIP;
	if (connect_anew(t, &err)) {
		fail_locally(out, SEND_OURS, err.msg);
		return false;
	}
	out->notice = "the receiver does not take zstd; gzip from now on";
	return true;
}

/* True if it has to be done again at once. */
static bool attempt(struct transport *t, struct slice batch, size_t n_spans,
		    struct attempt_result *out)
{
	struct err err = ERR_INIT;
	struct http_reply r;
	struct verdict v;
	struct slice body, answer;
	enum body_form form;
	bool readable;

	/* A fallback may have failed before. */
	if ((!t->http && connect_anew(t, &err)) || encode(t, batch, &body, &err)) {
		fail_encoding(out, &err);
		return false;
	}
	http_post(t->http, body, &r);
	form = classify_body(r.rc, r.header[HTTP_CONTENT_TYPE]);
	readable = unwrap(t, &r, &form, &answer);
	if (!readable)
		form = BODY_OTHER;
	v = judge(t, &r, form, answer, out);
	out->bytes_sent = body.len;
	fill_result(t, &r, &v, form, answer, n_spans, out);
	out->unreadable |= v.class == SEND_ACCEPTED && !readable;
	return v.compression_refused && fall_back(t, out);
}

void transport_attempt(struct transport *t, struct slice batch, size_t n_spans,
		       struct attempt_result *out)
{
	assert(batch.len && n_spans);
	*out = (struct attempt_result){ .grpc_status = GRPC_NONE };
	if (batch.len > t->max_request) {
		fail_locally(out, SEND_TOO_BIG, "the request would be larger than receivers take");
		return;
	}
	if (t->file) {
		attempt_file(t, batch, out);
		return;
	}
	if (attempt(t, batch, n_spans, out)) {
		const char *notice = out->notice;

		*out = (struct attempt_result){ .grpc_status = GRPC_NONE };
		attempt(t, batch, n_spans, out);
		out->notice = notice;
	}
}

/* A cut message must not end within a rune. */
static void end_at_a_rune(char *text)
{
	size_t valid = utf8_valid_prefix(slice_str(text));

	if (strlen(text) - valid < 4)
		text[valid] = '\0';
}

void attempt_describe(const struct attempt_result *r, unsigned int attempts, char *to, size_t cap)
{
	char count[32] = "";

	if (attempts)
		snprintf(count, sizeof(count), " (%u attempt%s)", attempts,
			 attempts == 1 ? "" : "s");
	snprintf(to, cap, "%s%s%s%s%s%s", r->outcome, count, r->hint ? "; " : "",
		 r->hint ? r->hint : "", r->text[0] ? "; the server says: " : "", r->text);
	end_at_a_rune(to);
}
