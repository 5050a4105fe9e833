#include "exporter/hint.h"

#include <curl/curl.h>

#define WHICH_PORT "4318 is OTLP/HTTP, 4317 is gRPC"
#define GRPC_PORT "this looks like a gRPC port (4317); OTLP/HTTP is usually 4318"
#define MAYBE_GRPC_PORT "if this is a gRPC port (4317): OTLP/HTTP is usually 4318"
#define MAYBE_HTTP_PORT "if this is an OTLP/HTTP port (4318): gRPC is usually 4317"

/* Which protocols a row is about. */
enum { HTTP = 1, GRPC = 2, ANY = HTTP | GRPC };

/* The first row that fits. */
static const struct {
	int protocols;
	enum { RC, STATUS, CODE } by;
	long from, to;
	const char *hint;
} hints[] = {
	{ ANY, RC, CURLE_COULDNT_CONNECT, CURLE_COULDNT_CONNECT,
	  "is the receiver listening? " WHICH_PORT },
	{ ANY, RC, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_HOST,
	  "is the host name right?" },
	{ ANY, RC, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CONNECT_ERROR,
	  "does this port speak TLS? if not, the URL begins http://" },
	{ ANY, RC, CURLE_PEER_FAILED_VERIFICATION, CURLE_PEER_FAILED_VERIFICATION,
	  "does the CA file fit the receiver's certificate?" },
	{ ANY, RC, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CACERT_BADFILE,
	  "is the CA file there, in PEM format?" },
	{ ANY, RC, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CERTPROBLEM,
	  "are the certificate and the key there, in PEM format, and a pair?" },
	{ HTTP, RC, CURLE_UNSUPPORTED_PROTOCOL, CURLE_UNSUPPORTED_PROTOCOL, GRPC_PORT },
	{ HTTP, RC, CURLE_WEIRD_SERVER_REPLY, CURLE_WEIRD_SERVER_REPLY, GRPC_PORT },
	{ HTTP, RC, CURLE_GOT_NOTHING, CURLE_GOT_NOTHING, MAYBE_GRPC_PORT },
	{ HTTP, RC, CURLE_SEND_ERROR, CURLE_RECV_ERROR, MAYBE_GRPC_PORT },
	{ GRPC, RC, CURLE_UNSUPPORTED_PROTOCOL, CURLE_UNSUPPORTED_PROTOCOL, MAYBE_HTTP_PORT },
	{ GRPC, RC, CURLE_WEIRD_SERVER_REPLY, CURLE_WEIRD_SERVER_REPLY, MAYBE_HTTP_PORT },
	{ GRPC, RC, CURLE_HTTP2, CURLE_HTTP2, MAYBE_HTTP_PORT },
	{ GRPC, RC, CURLE_GOT_NOTHING, CURLE_GOT_NOTHING, MAYBE_HTTP_PORT },
	{ GRPC, RC, CURLE_SEND_ERROR, CURLE_RECV_ERROR, MAYBE_HTTP_PORT },
	{ ANY, STATUS, 300, 399, "redirects are not followed; give the final URL" },
	{ ANY, STATUS, 401, 401, "check the credentials in the headers" },
	{ ANY, STATUS, 403, 403, "check the credentials in the headers" },
	{ HTTP, STATUS, 404, 405, "check the path; OTLP/HTTP is usually BASE/v1/traces" },
	{ GRPC, STATUS, 404, 405, "does this port speak gRPC? " WHICH_PORT },
	{ ANY, STATUS, 407, 407, "check the credentials in the proxy's URL" },
	{ ANY, STATUS, 413, 413, "a single span is too large for this receiver" },
	{ HTTP, STATUS, 415, 415, "does this port speak OTLP/HTTP with protobuf?" },
	{ GRPC, STATUS, 415, 415, "does this port speak gRPC? " WHICH_PORT },
	{ GRPC, CODE, 7, 7, "check the credentials in the headers" },
	{ GRPC, CODE, 8, 8, "a single span is too large for this receiver, or it is overloaded" },
	{ GRPC, CODE, 12, 12, "does this receiver take traces?" },
	{ GRPC, CODE, 16, 16, "check the credentials in the headers" },
	{ GRPC, CODE, GRPC_NONE, GRPC_NONE,
	  "no grpc-status came; does this port speak gRPC, and does a proxy drop trailers?" },
};

const char *hint_for(enum setting_protocol protocol, enum send_class class, int rc,
		     long http_status, int grpc_status)
{
	int kind = protocol == SETTING_GRPC ? GRPC : HTTP;

	if (class == SEND_TLS && (rc == CURLE_RECV_ERROR || rc == CURLE_SEND_ERROR))
		return "does the receiver want a certificate of ours, and know its authority?";
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		bool of_status = !rc && http_status != 200;
		bool of_code = !rc && http_status == 200;
		long value = hints[i].by == RC	     ? rc
			     : hints[i].by == STATUS ? http_status
						     : grpc_status;

		if (!(hints[i].protocols & kind) || (hints[i].by == RC && !rc) ||
		    (hints[i].by == STATUS && !of_status) || (hints[i].by == CODE && !of_code))
			continue;
		if (value >= hints[i].from && value <= hints[i].to)
			return hints[i].hint;
	}
	return NULL;
}
