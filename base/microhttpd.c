#define MICROHTTPD_FUNCTIONS_ONLY
#include "base/microhttpd.h"

#include "base/late.h"

struct microhttpd_functions microhttpd_functions;

static const struct late_function functions[] = {
#define FUNCTION(name) { #name, &microhttpd_functions.name },
	MICROHTTPD_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

LATE_NOTE(microhttpd_note,
	  "[{\"feature\":\"listen\",\"description\":\"push sources, the admin address\","
	  "\"priority\":\"required\",\"soname\":[\"libmicrohttpd.so.12\"]}]");

static struct late microhttpd = {
	.soname = "libmicrohttpd.so.12",
	.what = "libmicrohttpd, which listens",
	.functions = functions,
	.n = sizeof(functions) / sizeof(functions[0]),
	.mutex = PTHREAD_MUTEX_INITIALIZER,
};

enum status microhttpd_load(struct err *err)
{
	return late_load(&microhttpd, err);
}
