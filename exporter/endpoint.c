#include "exporter/endpoint.h"

#include <strings.h>

#include "base/curl.h"

#define TRACES_PATH "/v1/traces"
#define METRICS_PATH "/v1/metrics"
#define GRPC_PATH "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define GRPC_METRICS_PATH "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

/* One part of the URL into `to`; false if it does not fit or libcurl refuses. */
static bool get_part(CURLU *u, CURLUPart part, char *to, size_t cap)
{
	char *text = NULL;
	bool ok = curl_url_get(u, part, &text, 0) == CURLUE_OK && strlen(text) < cap;

	if (ok)
		memcpy(to, text, strlen(text) + 1);
	curl_free(text);
	return ok;
}

/* Metrics go beside the spans: a path that has v1/traces already gets the other. */
static bool append_path(CURLU *u, bool always, bool metrics)
{
	const size_t suffix = sizeof(TRACES_PATH) - 1;
	bool has;
	char path[MAX_URL_BYTES];
	size_t len;

	if (!get_part(u, CURLUPART_PATH, path, sizeof(path) - sizeof(METRICS_PATH)))
		return false;
	len = strlen(path);
	while (len && path[len - 1] == '/')
		path[--len] = '\0';
	has = !always && len >= suffix && !strcmp(path + len - suffix, TRACES_PATH);
	if (has && metrics)
		len -= suffix;
	if (metrics)
		memcpy(path + len, METRICS_PATH, sizeof(METRICS_PATH));
	else if (!has)
		memcpy(path + len, TRACES_PATH, sizeof(TRACES_PATH));
	return curl_url_set(u, CURLUPART_PATH, path, 0) == CURLUE_OK;
}

static bool set_path(CURLU *u, const struct otlp_settings *set)
{
	if (set->protocol == SETTING_GRPC)
		return !curl_url_set(u, CURLUPART_PATH,
				     set->metrics ? GRPC_METRICS_PATH : GRPC_PATH, 0) &&
		       !curl_url_set(u, CURLUPART_QUERY, NULL, 0);
	return set->path == SETTING_PATH_AS_IS ||
	       append_path(u, set->path == SETTING_PATH_APPEND, set->metrics);
}

static bool build(CURLU *u, const struct otlp_settings *set, struct endpoint *e)
{
	static const CURLUPart secrets[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
					     CURLUPART_QUERY };

	if (!set_path(u, set) || curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) ||
	    !get_part(u, CURLUPART_URL, e->url, sizeof(e->url)))
		return false;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		if (curl_url_set(u, secrets[i], NULL, 0))
			return false;
	}
	/* The method's path would only be noise. */
	if (set->protocol == SETTING_GRPC)
		curl_url_set(u, CURLUPART_PATH, NULL, 0);
	return get_part(u, CURLUPART_URL, e->shown, sizeof(e->shown));
}

static enum status parse_url(struct endpoint *e, const char *text, const struct otlp_settings *set,
			     struct err *err)
{
	enum status st = curl_load(err);
	CURLU *u = st ? NULL : curl_url();
	CURLUcode rc;
	char scheme[16];

	if (!u)
		return st ? st : err_nomem(err, "the endpoint");
	rc = curl_url_set(u, CURLUPART_URL, text, 0);
	if (rc == CURLUE_UNSUPPORTED_SCHEME || rc == CURLUE_BAD_SCHEME ||
	    (!rc && (!get_part(u, CURLUPART_SCHEME, scheme, sizeof(scheme)) ||
		     (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))))
		st = err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			     "the endpoint must begin with http:// or https://");
	else if (rc)
		st = err_set(err, ST_CONFIG, ERR_NO_OFFSET, "the endpoint is not a URL: %s",
			     curl_url_strerror(rc));
	else if (!build(u, set, e))
		st = err_set(err, ST_CONFIG, ERR_NO_OFFSET, "the endpoint is longer than %u bytes",
			     MAX_URL_BYTES);
	curl_url_cleanup(u);
	return st;
}

static enum status parse_unix(struct endpoint *e, const char *path, const struct otlp_settings *set,
			      struct err *err)
{
	size_t len;
	enum status st;

	/* unix:///absolute and unix:relative */
	if (strncmp(path, "//", 2) == 0)
		path += 2;
	len = strlen(path);
	if (!len || len >= sizeof(e->unix_socket))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			       "the endpoint's socket path must have 1 to %zu bytes",
			       sizeof(e->unix_socket) - 1);
	st = parse_url(e, set->insecure ? "http://localhost" : "https://localhost", set, err);
	memcpy(e->unix_socket, path, len + 1);
	snprintf(e->shown, sizeof(e->shown), "unix:%s", path);
	return st;
}

/* gRPC's way to name a server, without a scheme of ours. */
static enum status parse_target(struct endpoint *e, const char *text,
				const struct otlp_settings *set, struct err *err)
{
	char url[MAX_URL_BYTES];

	if (strncasecmp(text, "unix:", 5) == 0)
		return parse_unix(e, text + 5, set, err);
	if (strncasecmp(text, "dns:", 4) == 0) {
		text += 4;
		text += strspn(text, "/");
	}
	if (strstr(text, "://"))
		return parse_url(e, text, set, err);
	if (snprintf(url, sizeof(url), "%s://%s", set->insecure ? "http" : "https", text) >=
	    (int)sizeof(url))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			       "the endpoint is longer than %u bytes", MAX_URL_BYTES);
	return parse_url(e, url, set, err);
}

enum status endpoint_parse(struct endpoint *e, const struct otlp_settings *set, struct err *err)
{
	const char *text = set->endpoint;

	*e = (struct endpoint){ .url = "" };
	if (set->protocol != SETTING_GRPC || strncasecmp(text, "http:", 5) == 0 ||
	    strncasecmp(text, "https:", 6) == 0)
		return parse_url(e, text, set, err);
	return parse_target(e, text, set, err);
}
