/*
 * hint: what usually is wrong when an attempt ends so.
 *
 * The mistakes that everybody makes once: the other port, the missing path, a URL
 * without TLS. A hint is one constant phrase for the end of an error message.
 */
#ifndef EXPORTER_HINT_H
#define EXPORTER_HINT_H

#include "config/settings.h"
#include "exporter/classify.h"

/* NULL if nothing is known. `grpc_status` is GRPC_NONE if none came. */
const char *hint_for(enum setting_protocol protocol, enum send_class class, int rc,
		     long http_status, int grpc_status);

#endif /* EXPORTER_HINT_H */
