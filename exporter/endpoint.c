#include "exporter/endpoint.h"

#include <curl/curl.h>
#include <stdbool.h>

#define TRACES_PATH "/v1/traces"

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

static bool append_traces(CURLU *u)
{
	const size_t suffix = sizeof(TRACES_PATH) - 1;
	char path[MAX_URL_BYTES];
	size_t len;

	if (!get_part(u, CURLUPART_PATH, path, sizeof(path) - sizeof(TRACES_PATH)))
		return false;
	len = strlen(path);
	while (len && path[len - 1] == '/')
		path[--len] = '\0';
	if (len < suffix || strcmp(path + len - suffix, TRACES_PATH) != 0)
		memcpy(path + len, TRACES_PATH, sizeof(TRACES_PATH));
	return curl_url_set(u, CURLUPART_PATH, path, 0) == CURLUE_OK;
}

static bool build(CURLU *u, struct endpoint *e)
{
	static const CURLUPart secrets[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
					     CURLUPART_QUERY };

	if (!append_traces(u) || curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) ||
	    !get_part(u, CURLUPART_URL, e->url, sizeof(e->url)))
		return false;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		if (curl_url_set(u, secrets[i], NULL, 0))
			return false;
	}
	return get_part(u, CURLUPART_URL, e->shown, sizeof(e->shown));
}

enum status endpoint_parse(struct endpoint *e, const char *base, struct err *err)
{
	CURLU *u = curl_url();
	enum status st = ST_OK;
	CURLUcode rc;
	char scheme[16];

	if (!u)
		return err_nomem(err, "the endpoint");
	rc = curl_url_set(u, CURLUPART_URL, base, 0);
	if (rc == CURLUE_UNSUPPORTED_SCHEME || rc == CURLUE_BAD_SCHEME ||
	    (!rc && (!get_part(u, CURLUPART_SCHEME, scheme, sizeof(scheme)) ||
		     (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))))
		st = err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			     "the endpoint must begin with http:// or https://");
	else if (rc)
		st = err_set(err, ST_CONFIG, ERR_NO_OFFSET, "the endpoint is not a URL: %s",
			     curl_url_strerror(rc));
	else if (!build(u, e))
		st = err_set(err, ST_CONFIG, ERR_NO_OFFSET, "the endpoint is longer than %u bytes",
			     MAX_URL_BYTES);
	curl_url_cleanup(u);
	return st;
}
