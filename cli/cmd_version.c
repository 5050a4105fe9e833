#include <libdeflate.h>
#include <protobuf-c/protobuf-c.h>
#include <sqlite3.h>
#include <utf8proc.h>
#include <zlib.h>
#include <zstd.h>

#include "base/curl.h"
#include "base/version.h"
#include "cli/cli.h"

static int run(int argc, char **argv)
{
	struct err err = ERR_INIT;

	(void)argv;
	if (argc > 1)
		return cli_usage(&cmd_version, "expected no arguments");
	printf("flightspan %s\n"
	       "trace formats: go 1.22, 1.23, 1.25, 1.26 (written by Go 1.22 to 1.27)\n"
	       "libraries: libcurl %s, protobuf-c %s, zstd %s, libdeflate %s, zlib %s,"
	       " utf8proc %s, sqlite %s\n",
	       FLIGHTSPAN_VERSION,
	       curl_load(&err) ? "missing" : curl_version_info(CURLVERSION_NOW)->version,
	       protobuf_c_version(), ZSTD_versionString(), LIBDEFLATE_VERSION_STRING, zlibVersion(),
	       utf8proc_version(), sqlite3_libversion());
	return EXIT_DONE;
}

const struct command cmd_version = {
	.name = "version",
	.args = "",
	.summary = "print the version, the trace formats and the libraries",
	.help = "Prints the version of flightspan, the trace format versions it reads and the\n"
		"versions of the libraries it runs with.",
	.run = run,
};
