#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "collector/source/fetch.h"
#include "collector/source/listener.h"
#include "config/settings.h"

/* Less than what container engines wait for a health check. */
#define TIMEOUT_NS ((uint64_t)5 * 1000000000)

/* Where to connect to reach what listens there: an address of any is one of loopback. */
static void make_url(const struct listen_address *to, const char *page, char *url, size_t cap)
{
	char host[INET6_ADDRSTRLEN] = "localhost";
	const struct sockaddr_in *in4 = (const void *)&to->at;
	const struct sockaddr_in6 *in6 = (const void *)&to->at;

	if (to->is_unix) {
		snprintf(url, cap, "http://localhost/%s", page);
	} else if (to->at.ss_family == AF_INET6) {
		inet_ntop(AF_INET6,
			  IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) ? &in6addr_loopback
								   : &in6->sin6_addr,
			  host, sizeof(host));
		snprintf(url, cap, "http://[%s]:%u/%s", host, ntohs(in6->sin6_port), page);
	} else {
		const struct in_addr loopback = { htonl(INADDR_LOOPBACK) };

		inet_ntop(AF_INET, in4->sin_addr.s_addr == INADDR_ANY ? &loopback : &in4->sin_addr,
			  host, sizeof(host));
		snprintf(url, cap, "http://%s:%u/%s", host, ntohs(in4->sin_port), page);
	}
}

/* libcurl begins with "Failed to connect to HOST port N after M ms: ", which is said already. */
static enum status nobody(const char *listen, struct err *err)
{
	char why[sizeof(err->msg)];
	const char *at = strstr(err->msg, " ms: ");

	snprintf(why, sizeof(why), "%s", at ? at + strlen(" ms: ") : err->msg);
	return err_set(err, ST_REMOTE, ERR_NO_OFFSET, "nobody answers at %s: %s", listen, why);
}

/* Its answer, of which `cap` bytes are kept. ST_REMOTE: there was none. */
static enum status get(const struct listen_address *to, const char *listen, const char *page,
		       const char *token, char *text, size_t cap, long *status, struct err *err)
{
	char url[INET6_ADDRSTRLEN + 64];
	const struct fetch_settings set = { .url = url,
					    .timeout_ns = TIMEOUT_NS,
					    .token = token,
					    .direct = true,
					    .unix_socket =
						    to->is_unix ? listen + strlen("unix:") : NULL };
	struct fetch *f = NULL;
	size_t len = 0, n = 1;
	enum status st;

	make_url(to, page, url, sizeof(url));
	st = fetch_open(&f, &set, err);
	if (!st)
		*status = fetch_status(f);
	while (!st && n && len < cap - 1) {
		st = fetch_read(f, (uint8_t *)text + len, cap - 1 - len, &n, err);
		len += n;
	}
	text[len] = '\0';
	fetch_close(f);
	return st == ST_REMOTE ? nobody(listen, err) : st;
}

static int ask(const struct settings *s, const char *page, bool quiet)
{
	char token[MAX_SECRET_BYTES] = "", text[4096] = "", shown[2 * sizeof(text)];
	struct listen_address to;
	struct err err = ERR_INIT;
	enum status st;
	long status = 0;
	size_t len;

	if (!*s->admin.listen) {
		log_error("admin.listen is empty: there is nobody to ask");
		return EXIT_USAGE;
	}
	st = listen_parse(s->admin.listen, &to, &err);
	if (!st)
		st = secret_load(s->admin.token, s->admin.token_file, token, sizeof(token), &err);
	if (!st)
		st = get(&to, s->admin.listen, page, token, text, sizeof(text), &status, &err);
	explicit_bzero(token, sizeof(token));
	if (st) {
		log_error("%s", err.msg);
		return st == ST_CONFIG ? EXIT_USAGE : EXIT_FAILED;
	}
	for (len = strlen(text); len && text[len - 1] == '\n';)
		text[--len] = '\0';
	log_escape(slice_str(text), shown, sizeof(shown));
	if (status != 200)
		log_error("%s: HTTP status %ld: %s", page, status, shown);
	else if (!quiet)
		puts(text);
	return status == 200 ? EXIT_DONE : EXIT_FAILED;
}

enum { OPT_CONFIG, OPT_READY, OPT_QUIET, N_OPTIONS };

static const struct cli_option options[N_OPTIONS + 1] = {
	[OPT_CONFIG] = { "config", 'c', CLI_FILE, "the YAML file of the sidecar" },
	[OPT_READY] = { "ready", 0, NULL, "does it take snapshots?" },
	[OPT_QUIET] = { "quiet", 'q', NULL, "the exit status alone" },
};

static int run(int argc, char **argv)
{
	const char *config = NULL, *page = "healthz";
	struct env env = env_process();
	struct err err = ERR_INIT;
	struct settings s;
	bool quiet = false;
	int opt, status;

	while ((opt = cli_next(&cmd_health, argc, argv)) != CLI_END) {
		if (opt == CLI_WRONG)
			return EXIT_USAGE;
		if (opt == OPT_CONFIG)
			config = optarg;
		else if (opt == OPT_READY)
			page = "readyz";
		else
			quiet = true;
	}
	if (optind < argc)
		return cli_usage(&cmd_health, "unexpected argument %s", argv[optind]);
	if (settings_load(&s, config, &env, &err)) {
		log_error("%s", err.msg);
		return EXIT_USAGE;
	}
	status = ask(&s, page, quiet);
	settings_release(&s);
	return status;
}

const struct command cmd_health = {
	.name = "health",
	.args = "[-c CONFIG] [--ready] [-q]",
	.summary = "ask a running sidecar how it is",
	.help = "Asks the admin address of the configuration (admin.listen; without -c, its\n"
		"default) and exits with 0 if the sidecar is well, with 1 and one line if it is not\n"
		"or does not answer within five seconds. Meant for the health checks of containers,\n"
		"which need no shell and no curl for it.\n\n"
		"  -c, --config FILE  the YAML file that the sidecar runs with\n"
		"  --ready            whether it takes snapshots (/readyz), not only whether it\n"
		"                     works (/healthz)\n"
		"  -q, --quiet        the exit status alone tells\n\n"
		"Try: flightspan health -c flightspan.yaml --ready",
	.options = options,
	.run = run,
};
