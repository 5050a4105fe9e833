#include "mapping/gofunc.h"

#include <stdlib.h>

/* First elements of the standard library's import paths (`go list std`), sorted. */
static const char *const roots[] = {
	"archive", "arena",   "bufio",	  "builtin", "bytes",	"cmp",	    "compress", "container",
	"context", "crypto",  "database", "debug",   "embed",	"encoding", "errors",	"expvar",
	"flag",	   "fmt",     "go",	  "hash",    "html",	"image",    "index",	"internal",
	"io",	   "iter",    "log",	  "maps",    "math",	"mime",	    "net",	"os",
	"path",	   "plugin",  "reflect",  "regexp",  "runtime", "simd",	    "slices",	"sort",
	"strconv", "strings", "structs",  "sync",    "syscall", "testing",  "text",	"time",
	"unicode", "unique",  "unsafe",	  "uuid",    "vendor",	"weak",
};

static int by_name(const void *key, const void *element)
{
	const struct slice *s = key;
	const char *name = *(const char *const *)element;
	size_t len = strlen(name);
	int order = memcmp(s->ptr, name, s->len < len ? s->len : len);

	return order ? order : (s->len > len) - (s->len < len);
}

bool gofunc_is_standard(struct slice func)
{
	struct slice root = { func.ptr, 0 };

	while (root.len < func.len && func.ptr[root.len] != '/' && func.ptr[root.len] != '.')
		root.len++;
	/* Without a dot it is no Go function: C, or the assembler's. */
	return root.len == func.len ||
	       bsearch(&root, roots, sizeof(roots) / sizeof(roots[0]), sizeof(roots[0]), by_name);
}

struct slice wait_detail_name(enum wait_detail detail)
{
	static const char *const names[N_WAIT_DETAILS] = {
		[DETAIL_NONE] = "",	      [DETAIL_MUTEX] = "mutex",
		[DETAIL_RWMUTEX] = "rwmutex", [DETAIL_WAITGROUP] = "waitgroup",
		[DETAIL_ONCE] = "once",	      [DETAIL_COND] = "cond",
		[DETAIL_READ] = "read",	      [DETAIL_WRITE] = "write",
		[DETAIL_ACCEPT] = "accept",   [DETAIL_DIAL] = "dial",
		[DETAIL_TLS] = "tls",	      [DETAIL_HTTP_CLIENT] = "http client",
	};

	return slice_str(names[detail]);
}

static bool starts(struct slice s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.len >= n && !memcmp(s.ptr, prefix, n);
}

static const struct {
	const char *prefix;
	enum wait_detail detail;
} calls[] = {
	{ "sync.(*Mutex).", DETAIL_MUTEX },
	{ "internal/sync.(*Mutex).", DETAIL_MUTEX },
	{ "sync.(*RWMutex).", DETAIL_RWMUTEX },
	{ "sync.(*rlocker).", DETAIL_RWMUTEX },
	{ "sync.(*WaitGroup).", DETAIL_WAITGROUP },
	{ "sync.(*Once).", DETAIL_ONCE },
	{ "internal/poll.(*FD).Read", DETAIL_READ },
	{ "internal/poll.(*FD).Pread", DETAIL_READ },
	{ "internal/poll.(*FD).RawRead", DETAIL_READ },
	{ "internal/poll.(*FD).Write", DETAIL_WRITE },
	{ "internal/poll.(*FD).Pwrite", DETAIL_WRITE },
	{ "internal/poll.(*FD).RawWrite", DETAIL_WRITE },
	{ "internal/poll.Splice", DETAIL_WRITE },
	{ "internal/poll.SendFile", DETAIL_WRITE },
	{ "internal/poll.(*FD).Accept", DETAIL_ACCEPT },
	{ "net.(*netFD).connect", DETAIL_DIAL },
	{ "net.(*netFD).dial", DETAIL_DIAL },
	{ "net.(*sysDialer).", DETAIL_DIAL },
	{ "net.(*Dialer).", DETAIL_DIAL },
	{ "crypto/tls.(*Conn).", DETAIL_TLS },
	{ "net/http.(*persistConn).", DETAIL_HTTP_CLIENT },
	{ "net/http.(*Transport).", DETAIL_HTTP_CLIENT },
	{ "net/http.(*Client).", DETAIL_HTTP_CLIENT },
	{ "net/http.(*http2Transport).", DETAIL_HTTP_CLIENT },
	{ "net/http.(*http2ClientConn).", DETAIL_HTTP_CLIENT },
	{ "net/http.(*http2clientConnReadLoop).", DETAIL_HTTP_CLIENT },
	{ "net/http.(*http2clientStream).", DETAIL_HTTP_CLIENT },
	{ "golang.org/x/net/http2.(*Transport).", DETAIL_HTTP_CLIENT },
	{ "golang.org/x/net/http2.(*ClientConn).", DETAIL_HTTP_CLIENT },
	{ "golang.org/x/net/http2.(*clientConnReadLoop).", DETAIL_HTTP_CLIENT },
	{ "golang.org/x/net/http2.(*clientStream).", DETAIL_HTTP_CLIENT },
};

#define HANDSHAKE "crypto/tls.(*Conn).handshake"
#define HANDSHAKE_CALL "crypto/tls.(*Conn).Handshake"

/* Larger tells more. */
static unsigned int telling(enum wait_detail d)
{
	static const uint8_t order[N_WAIT_DETAILS] = {
		[DETAIL_READ] = 1,	  [DETAIL_WRITE] = 1, [DETAIL_TLS] = 2,
		[DETAIL_HTTP_CLIENT] = 3, [DETAIL_DIAL] = 5,  [DETAIL_ACCEPT] = 6,
	};

	return order[d];
}

static bool is_lock(enum wait_detail d)
{
	return d >= DETAIL_MUTEX && d <= DETAIL_ONCE;
}

void detail_scan_frame(struct detail_scan *scan, struct slice func)
{
	enum wait_detail d = DETAIL_NONE;

	for (size_t i = 0; !d && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (starts(func, calls[i].prefix))
			d = calls[i].detail;
	if (!starts(func, "sync.") && !starts(func, "internal/sync."))
		scan->beyond = true;
	if (is_lock(d)) {
		if (!scan->beyond)
			scan->lock = d;
		return;
	}
	if (starts(func, HANDSHAKE) || starts(func, HANDSHAKE_CALL))
		scan->handshake = true;
	if (d == DETAIL_HTTP_CLIENT && scan->handshake)
		return;
	if (telling(d) > telling(scan->network))
		scan->network = d;
}

enum wait_detail detail_scan_result(const struct detail_scan *scan)
{
	return scan->lock ? scan->lock : scan->network;
}

bool wait_detail_fits(enum wait_detail detail, struct slice reason)
{
	if (is_lock(detail))
		return slice_is(reason, "sync");
	/* The goroutine that asked waits in a select for the one that reads. */
	if (detail == DETAIL_HTTP_CLIENT && slice_is(reason, "select"))
		return true;
	return detail && slice_is(reason, "network");
}
