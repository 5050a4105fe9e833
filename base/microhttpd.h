/*
 * microhttpd: libmicrohttpd's functions, in a library that is loaded when it is needed (late.h).
 *
 * Instead of microhttpd.h: from here on its names lead through a table. microhttpd_load() comes
 * first in whatever starts a daemon.
 */
#ifndef BASE_MICROHTTPD_H
#define BASE_MICROHTTPD_H

#include <microhttpd.h>

#include "base/err.h"

#define MICROHTTPD_FUNCTIONS(X)                                                                    \
	X(MHD_add_response_header)                                                                 \
	X(MHD_create_response_from_buffer)                                                         \
	X(MHD_destroy_response)                                                                    \
	X(MHD_get_daemon_info)                                                                     \
	X(MHD_lookup_connection_value)                                                             \
	X(MHD_queue_response)                                                                      \
	X(MHD_quiesce_daemon)                                                                      \
	X(MHD_resume_connection)                                                                   \
	X(MHD_start_daemon)                                                                        \
	X(MHD_stop_daemon)                                                                         \
	X(MHD_suspend_connection)

struct microhttpd_functions {
#define MICROHTTPD_FIELD(name) __typeof__(name) *(name);
	MICROHTTPD_FUNCTIONS(MICROHTTPD_FIELD)
#undef MICROHTTPD_FIELD
};

/* All NULL until microhttpd_load(). */
extern struct microhttpd_functions microhttpd_functions;

/* ST_IO: it is not there; another call tries again. */
MUST_CHECK enum status microhttpd_load(struct err *err);

#ifndef MICROHTTPD_FUNCTIONS_ONLY
#define MHD_add_response_header microhttpd_functions.MHD_add_response_header
#define MHD_create_response_from_buffer microhttpd_functions.MHD_create_response_from_buffer
#define MHD_destroy_response microhttpd_functions.MHD_destroy_response
#define MHD_get_daemon_info microhttpd_functions.MHD_get_daemon_info
#define MHD_lookup_connection_value microhttpd_functions.MHD_lookup_connection_value
#define MHD_queue_response microhttpd_functions.MHD_queue_response
#define MHD_quiesce_daemon microhttpd_functions.MHD_quiesce_daemon
#define MHD_resume_connection microhttpd_functions.MHD_resume_connection
#define MHD_start_daemon microhttpd_functions.MHD_start_daemon
#define MHD_stop_daemon microhttpd_functions.MHD_stop_daemon
#define MHD_suspend_connection microhttpd_functions.MHD_suspend_connection
#endif

#endif /* BASE_MICROHTTPD_H */
