/*
 * curl: libcurl's functions, in a library that is loaded when it is needed (late.h).
 *
 * Instead of curl/curl.h: from here on its names lead through a table. curl_load() comes first
 * in whatever calls them. Two have to stay functions, since the header wraps them in macros
 * that check their arguments.
 */
#ifndef BASE_CURL_H
#define BASE_CURL_H

#include <curl/curl.h>

#include "base/err.h"

#define CURL_FUNCTIONS(X)                                                                          \
	X(curl_easy_cleanup)                                                                       \
	X(curl_easy_init)                                                                          \
	X(curl_easy_pause)                                                                         \
	X(curl_easy_perform)                                                                       \
	X(curl_easy_strerror)                                                                      \
	X(curl_free)                                                                               \
	X(curl_getdate)                                                                            \
	X(curl_global_init)                                                                        \
	X(curl_multi_add_handle)                                                                   \
	X(curl_multi_cleanup)                                                                      \
	X(curl_multi_info_read)                                                                    \
	X(curl_multi_init)                                                                         \
	X(curl_multi_perform)                                                                      \
	X(curl_multi_poll)                                                                         \
	X(curl_multi_remove_handle)                                                                \
	X(curl_slist_append)                                                                       \
	X(curl_slist_free_all)                                                                     \
	X(curl_url)                                                                                \
	X(curl_url_cleanup)                                                                        \
	X(curl_url_get)                                                                            \
	X(curl_url_set)                                                                            \
	X(curl_url_strerror)                                                                       \
	X(curl_version_info)

struct curl_functions {
#define CURL_FIELD(name) __typeof__(name) *(name);
	CURL_FUNCTIONS(CURL_FIELD)
#undef CURL_FIELD
};

/* All NULL until curl_load(). */
extern struct curl_functions curl_functions;

/* libcurl is ready for any thread. ST_IO: it is not there; another call tries again. */
MUST_CHECK enum status curl_load(struct err *err);

#ifndef CURL_FUNCTIONS_ONLY
#define curl_easy_cleanup curl_functions.curl_easy_cleanup
#define curl_easy_init curl_functions.curl_easy_init
#define curl_easy_pause curl_functions.curl_easy_pause
#define curl_easy_perform curl_functions.curl_easy_perform
#define curl_easy_strerror curl_functions.curl_easy_strerror
#define curl_free curl_functions.curl_free
#define curl_getdate curl_functions.curl_getdate
#define curl_multi_add_handle curl_functions.curl_multi_add_handle
#define curl_multi_cleanup curl_functions.curl_multi_cleanup
#define curl_multi_info_read curl_functions.curl_multi_info_read
#define curl_multi_init curl_functions.curl_multi_init
#define curl_multi_perform curl_functions.curl_multi_perform
#define curl_multi_poll curl_functions.curl_multi_poll
#define curl_multi_remove_handle curl_functions.curl_multi_remove_handle
#define curl_slist_append curl_functions.curl_slist_append
#define curl_slist_free_all curl_functions.curl_slist_free_all
#define curl_url curl_functions.curl_url
#define curl_url_cleanup curl_functions.curl_url_cleanup
#define curl_url_get curl_functions.curl_url_get
#define curl_url_set curl_functions.curl_url_set
#define curl_url_strerror curl_functions.curl_url_strerror
#define curl_version_info curl_functions.curl_version_info
#endif

#endif /* BASE_CURL_H */
