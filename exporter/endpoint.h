/*
 * endpoint: from what the user wrote to the URL that spans are posted to.
 *
 * The user's URL is a base, as OTEL_EXPORTER_OTLP_ENDPOINT is: /v1/traces is
 * appended to its path unless it is there already. Two forms come out: one for
 * libcurl, and one for people, without user name, password and query, which may
 * be secrets. No error message here quotes the input, for the same reason.
 */
#ifndef EXPORTER_ENDPOINT_H
#define EXPORTER_ENDPOINT_H

#include "base/err.h"
#include "base/limits.h"

struct endpoint {
	char url[MAX_URL_BYTES];
	char shown[MAX_URL_BYTES];
};

/* ST_CONFIG if `base` is not an http or https URL with a host, or is too long. */
MUST_CHECK enum status endpoint_parse(struct endpoint *e, const char *base, struct err *err);

#endif /* EXPORTER_ENDPOINT_H */
