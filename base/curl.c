#define CURL_FUNCTIONS_ONLY
#include "base/curl.h"

#include <stdarg.h>

#include "base/late.h"

/* Whoever calls them has had the arguments checked by these. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

static struct {
	__typeof__(curl_easy_setopt) *setopt;
	__typeof__(curl_easy_getinfo) *getinfo;
} wrapped;

struct curl_functions curl_functions;

static const struct late_function functions[] = {
#define FUNCTION(name) { #name, &curl_functions.name },
	CURL_FUNCTIONS(FUNCTION)
#undef FUNCTION
		{ "curl_easy_setopt", &wrapped.setopt },
	{ "curl_easy_getinfo", &wrapped.getinfo },
};

static bool begin(void)
{
	return curl_functions.curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

LATE_NOTE(curl_note, "[{\"feature\":\"http\",\"description\":\"sends OTLP, fetches captures\","
		     "\"priority\":\"required\",\"soname\":[\"libcurl.so.4\"]}]");

static struct late curl = {
	.soname = "libcurl.so.4",
	.what = "libcurl, which sends and fetches",
	.functions = functions,
	.n = sizeof(functions) / sizeof(functions[0]),
	.begin = begin,
	.mutex = PTHREAD_MUTEX_INITIALIZER,
};

enum status curl_load(struct err *err)
{
	return late_load(&curl, err);
}

CURLcode curl_easy_setopt(CURL *h, CURLoption option, ...)
{
	CURLcode rc;
	va_list ap;

	va_start(ap, option);
	if (option < CURLOPTTYPE_OBJECTPOINT)
		rc = wrapped.setopt(h, option, va_arg(ap, long));
	else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
		rc = wrapped.setopt(h, option, va_arg(ap, curl_off_t));
	else
		rc = wrapped.setopt(h, option, va_arg(ap, void *));
	va_end(ap);
	return rc;
}

CURLcode curl_easy_getinfo(CURL *h, CURLINFO info, ...)
{
	CURLcode rc;
	va_list ap;

	va_start(ap, info);
	rc = wrapped.getinfo(h, info, va_arg(ap, void *));
	va_end(ap);
	return rc;
}
