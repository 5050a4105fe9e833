#include "collector/source/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"

struct listener {
	struct MHD_Daemon *daemon;
	char unlink_path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "": none */
	int fd;							       /* after quiesce; -1: none */
};

static enum status parse_unix(const char *path, struct listen_address *out, struct err *err)
{
	struct sockaddr_un *un = (void *)&out->at;
	size_t len = strlen(path);

	if (!len || len >= sizeof(un->sun_path))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			       "expected unix: and a path of up to %zu bytes",
			       sizeof(un->sun_path) - 1);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len + 1);
	out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	out->local = out->is_unix = true;
	return ST_OK;
}

static bool parse_host(const char *host, uint16_t port, struct listen_address *out)
{
	struct sockaddr_in *in = (void *)&out->at;
	struct sockaddr_in6 *in6 = (void *)&out->at;
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;

	if (!strcmp(host, "localhost"))
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		out->len = sizeof(*in);
		out->local = ntohl(in->sin_addr.s_addr) >> 24 == 127;
		return true;
	}
	/* No host: every address, of both families. */
	if (*host && inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return false;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	out->len = sizeof(*in6);
	out->local = *host && !memcmp(&in6->sin6_addr, &loopback, sizeof(loopback));
	return true;
}

enum status listen_parse(const char *text, struct listen_address *out, struct err *err)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	char host[64];
	uint64_t port;

	*out = (struct listen_address){ .len = 0 };
	if (!strncmp(text, "unix:", 5))
		return parse_unix(text + 5, out, err);
	if (colon && len < sizeof(host) && num_u64(slice_str(colon + 1), 65535, &port)) {
		memcpy(host, text, len);
		host[len] = '\0';
		if (len > 1 && host[0] == '[' && host[len - 1] == ']') {
			memmove(host, host + 1, len - 2);
			host[len - 2] = '\0';
		}
		if (parse_host(host, (uint16_t)port, out))
			return ST_OK;
	}
	return err_set(
		err, ST_CONFIG, ERR_NO_OFFSET,
		"expected an address such as 127.0.0.1:9464, [::1]:9464, :9464 or unix:PATH");
}

/* A socket that a crash left is removed; one that somebody serves is not. */
static enum status free_path(const struct listen_address *a, struct err *err)
{
	const struct sockaddr_un *un = (const void *)&a->at;
	struct stat st;
	int fd, rc;

	if (lstat(un->sun_path, &st))
		return ST_OK;
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "%s: is there, and is no socket",
			       un->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, "cannot make a socket");
	rc = connect(fd, (const struct sockaddr *)un, a->len);
	close(fd);
	if (!rc)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "%s: another process listens there",
			       un->sun_path);
	return unlink(un->sun_path) ? err_errno(err, "cannot remove the old socket") : ST_OK;
}

static int bind_to(const struct listen_address *a)
{
	int on = 1, off = 0;
	int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (!a->is_unix)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->at.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, (const struct sockaddr *)&a->at, a->len) || listen(fd, 128)) {
		int why = errno;

		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

enum status listener_open(struct listener **out, const struct listener_settings *set,
			  struct err *err)
{
	struct listener *l = mem_zalloc(sizeof(*l));
	struct listen_address a;
	enum status st;
	int fd = -1;

	if (!l)
		return err_nomem(err, "an HTTP server");
	l->fd = -1;
	st = listen_parse(set->listen, &a, err);
	if (!st)
		st = microhttpd_load(err);
	if (!st && a.is_unix)
		st = free_path(&a, err);
	if (!st) {
		fd = bind_to(&a);
		if (fd < 0)
			st = err_errno(err, "cannot listen");
	}
	if (!st && a.is_unix)
		snprintf(l->unlink_path, sizeof(l->unlink_path), "%s",
			 ((const struct sockaddr_un *)(const void *)&a.at)->sun_path);
	if (!st)
		l->daemon =
			MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL |
						 MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME,
					 0, NULL, NULL, set->handle, set->arg,
					 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
					 set->connections, MHD_OPTION_CONNECTION_TIMEOUT,
					 set->timeout_s, MHD_OPTION_NOTIFY_COMPLETED,
					 set->completed, set->arg, MHD_OPTION_END);
	if (!st && !l->daemon) {
		close(fd);
		st = err_set(err, ST_NOMEM, ERR_NO_OFFSET, "cannot start the HTTP server");
	}
	if (st) {
		if (st != ST_NOMEM)
			err_wrap(err, "%s", set->listen);
		listener_close(l);
		return st;
	}
	*out = l;
	return ST_OK;
}

void listener_quiesce(struct listener *l)
{
	if (l->fd < 0)
		l->fd = MHD_quiesce_daemon(l->daemon);
	if (*l->unlink_path)
		unlink(l->unlink_path);
	*l->unlink_path = '\0';
}

void listener_close(struct listener *l)
{
	if (!l)
		return;
	if (l->daemon)
		MHD_stop_daemon(l->daemon);
	if (l->fd >= 0)
		close(l->fd);
	if (*l->unlink_path)
		unlink(l->unlink_path);
	mem_free(l);
}

unsigned int listener_connections(struct listener *l)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info ? info->num_connections : 0;
}

bool secret_equal(struct slice a, struct slice b)
{
	unsigned int differs = a.len != b.len;

	for (size_t i = 0; i < a.len; i++)
		differs |= a.ptr[i] ^ (b.len ? b.ptr[i % b.len] : 0u);
	return !differs;
}

bool listener_allows(struct MHD_Connection *c, const char *token)
{
	static const char scheme[] = "Bearer ";
	const char *shown;

	if (!*token)
		return true;
	shown = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
	return shown && !strncasecmp(shown, scheme, sizeof(scheme) - 1) &&
	       secret_equal(slice_str(shown + sizeof(scheme) - 1), slice_str(token));
}

enum MHD_Result listener_answer(struct MHD_Connection *c, unsigned int status, const char *type,
				struct slice body, const char *name, const char *value)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		body.len, (void *)(uintptr_t)body.ptr, // NOLINT(performance-no-int-to-ptr)
		MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", type);
	if (name)
		MHD_add_response_header(r, name, value);
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

enum status secret_load(const char *text, const char *path, char *out, size_t cap, struct err *err)
{
	FILE *in;
	size_t n;

	if (!*path) {
		if (strlen(text) >= cap)
			return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "over %zu bytes", cap - 1);
		memcpy(out, text, strlen(text) + 1);
		return ST_OK;
	}
	in = fopen(path, "re");
	if (!in)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "%s: %s", path, strerror(errno));
	n = fread(out, 1, cap, in);
	fclose(in);
	if (n == cap)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "%s: over %zu bytes", path, cap - 1);
	out[n] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	if (!*out)
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "%s: is empty", path);
	return ST_OK;
}
