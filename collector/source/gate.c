#include "collector/source/gate.h"

#include <pthread.h>
#include <string.h>

#include "base/limits.h"

static struct {
	pthread_mutex_t mutex;
	const char *busy[MAX_PULLS]; /* URLs that are being fetched */
} gate = { .mutex = PTHREAD_MUTEX_INITIALIZER };

/* "http://host:port" of the URL: how much of it. */
static size_t authority(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	return (size_t)(host - url) + strcspn(host, "/?#");
}

static bool same_program(const char *a, const char *b)
{
	size_t n = authority(a);

	return n == authority(b) && !strncasecmp(a, b, n);
}

bool gate_enter(const char *url)
{
	size_t place = MAX_PULLS;
	bool busy = false;

	pthread_mutex_lock(&gate.mutex);
	for (size_t i = 0; i < MAX_PULLS; i++) {
		if (!gate.busy[i])
			place = i;
		else
			busy |= same_program(gate.busy[i], url);
	}
	busy |= place == MAX_PULLS;
	if (!busy)
		gate.busy[place] = url;
	pthread_mutex_unlock(&gate.mutex);
	return !busy;
}

void gate_leave(const char *url)
{
	pthread_mutex_lock(&gate.mutex);
	for (size_t i = 0; i < MAX_PULLS; i++) {
		if (gate.busy[i] == url)
			gate.busy[i] = NULL;
	}
	pthread_mutex_unlock(&gate.mutex);
}
