#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "collector/source/listener.h"
#include "config/settings.h"

/* Less than what container engines wait for a health check. */
#define TIMEOUT_MS 5000L

/* What is printed of the answer. */
struct answer {
	char text[4096];
	size_t len;
};

static size_t keep(char *bytes, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;
	size_t room = sizeof(a->text) - a->len;

	(void)size;
	memcpy(a->text + a->len, bytes, n < room ? n : room);
	a->len += n < room ? n : room;
	return n;
}

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

/* *status is that of the answer. ST_REMOTE: there was none. */
static enum status get(const struct listen_address *to, const char *listen, const char *page,
		       const char *token, struct answer *a, long *status, struct err *err)
{
	char url[INET6_ADDRSTRLEN + 64], header[MAX_SECRET_BYTES + 32];
	struct curl_slist *headers = NULL;
	CURL *c = curl_easy_init();
	CURLcode rc;

	make_url(to, page, url, sizeof(url));
	snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
	if (*token)
		headers = curl_slist_append(NULL, header);
	if (!c || (*token && !headers)) {
		curl_easy_cleanup(c);
		return err_nomem(err, "a request");
	}
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
	if (to->is_unix)
		curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, listen + strlen("unix:"));
	rc = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
	if (rc)
		return err_set(err, ST_REMOTE, ERR_NO_OFFSET, "nobody answers at %s: %s", listen,
			       curl_easy_strerror(rc));
	return ST_OK;
}

static int ask(const struct settings *s, const char *page, bool quiet)
{
	char token[MAX_SECRET_BYTES], shown[2 * sizeof(((struct answer *)0)->text)];
	struct answer a = { .len = 0 };
	struct listen_address to;
	struct err err = ERR_INIT;
	enum status st;
	long status = 0;

	if (!*s->admin.listen) {
		log_error("admin.listen is empty: there is nobody to ask");
		return EXIT_USAGE;
	}
	st = listen_parse(s->admin.listen, &to, &err);
	if (!st)
		st = secret_load(s->admin.token, s->admin.token_file, token, sizeof(token), &err);
	if (!st)
		st = get(&to, s->admin.listen, page, token, &a, &status, &err);
	if (st) {
		log_error("%s", err.msg);
		return st == ST_CONFIG ? EXIT_USAGE : EXIT_FAILED;
	}
	while (a.len && a.text[a.len - 1] == '\n')
		a.len--;
	log_escape((struct slice){ (const uint8_t *)a.text, a.len }, shown, sizeof(shown));
	if (status != 200)
		log_error("%s: HTTP status %ld: %s", page, status, shown);
	else if (!quiet)
		printf("%.*s\n", (int)a.len, a.text);
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
