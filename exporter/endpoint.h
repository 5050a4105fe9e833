/*
 * endpoint: from what the user wrote to the URL that spans are posted to.
 *
 * The rules are OpenTelemetry's (protocol/exporter.md). For OTLP/HTTP the URL is a
 * base that gets v1/traces, or is taken as it is. For gRPC it is http or https with
 * host and port, or host:port, dns:///host:port or unix:path without a scheme, where
 * `insecure` decides about TLS; a path is ignored. Two forms come out: one for
 * libcurl, and one for people, without user name, password and query, which may
 * be secrets. No error message here quotes the input, for the same reason.
 */
#ifndef EXPORTER_ENDPOINT_H
#define EXPORTER_ENDPOINT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/limits.h"
#include "config/settings.h"

struct endpoint {
	char url[MAX_URL_BYTES];
	char shown[MAX_URL_BYTES];
	char unix_socket[108]; /* path, or "" */
};

/* ST_CONFIG if it is not an address with a host, or is too long. */
MUST_CHECK enum status endpoint_parse(struct endpoint *e, const struct otlp_settings *set,
				      struct err *err);

#endif /* EXPORTER_ENDPOINT_H */
