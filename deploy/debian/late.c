/* All that flightspan calls in libraries that it loads by name: dpkg-shlibdeps asks it for them. */
#define CURL_FUNCTIONS_ONLY
#define MICROHTTPD_FUNCTIONS_ONLY
#include "base/curl.h"
#include "base/microhttpd.h"

#define ADDRESS(name) (void *)name,
extern void *const functions[];
void *const functions[] = { CURL_FUNCTIONS(ADDRESS) MICROHTTPD_FUNCTIONS(ADDRESS) };
