#include "cli/run_plan.h"

#include "base/mem.h"
#include "collector/source/listener.h"
#include "collector/source/source.h"
#include "exporter/transport.h"

static enum status at(const struct settings *s, struct err *err, const char *list, size_t i,
		      const char *key)
{
	char path[96];

	snprintf(path, sizeof(path), "%s[%zu]%s%s", list, i, *key ? "." : "", key);
	settings_at(s, path, err);
	return ST_CONFIG;
}

/* Off loopback, everybody can speak: a token is needed. */
static enum status check_listen(const char *listen, bool has_token, struct err *err)
{
	struct listen_address a;
	enum status st = listen_parse(listen, &a, err);

	if (!st && !a.local && !has_token)
		st = err_set(
			err, ST_CONFIG, ERR_NO_OFFSET,
			"%s can be reached from elsewhere: set token or token_file, or listen on "
			"127.0.0.1",
			listen);
	return st;
}

static enum status check_source(const struct settings *s, size_t i, struct err *err)
{
	const struct source_settings *a = &s->sources.ptr[i];

	if (a->is_push && check_listen(a->push.listen, *a->push.token || *a->push.token_file, err))
		return at(s, err, "sources", i, "push.listen");
	for (size_t j = 0; j < i && a->is_directory; j++) {
		const struct source_settings *b = &s->sources.ptr[j];

		if (!b->is_directory || strcmp(a->directory.path, b->directory.path) != 0)
			continue;
		err_set(err, ST_CONFIG, ERR_NO_OFFSET, "source %s watches this folder already",
			b->name);
		return at(s, err, "sources", i, "directory.path");
	}
	return ST_OK;
}

/* Those that are about events are met only where events are seen. */
static enum status check_seen(const struct settings *s, size_t i, struct err *err)
{
	const struct trigger_settings *t = &s->triggers.ptr[i];

	if (!t->by_task && !t->by_block && !t->by_region && !t->by_stop && !t->by_runnable &&
	    !t->by_log && !t->by_metric)
		return ST_OK;
	for (size_t k = 0; k < s->sources.n; k++) {
		if (s->sources.ptr[k].is_stream)
			return ST_OK;
	}
	err_set(err, ST_CONFIG, ERR_NO_OFFSET,
		"is about events, which only a stream source watches, and there is none");
	return at(s, err, "triggers", i, "");
}

/* Does it name sources, and such that can capture? */
static enum status check_trigger(const struct settings *s, size_t i, struct err *err)
{
	const struct setting_texts *names = &s->triggers.ptr[i].capture;

	for (size_t j = 0; j < names->n; j++) {
		const struct source_settings *found = NULL;

		for (size_t k = 0; k < s->sources.n; k++) {
			if (!strcmp(s->sources.ptr[k].name, names->ptr[j]))
				found = &s->sources.ptr[k];
		}
		if (found && source_kind_of(found)->ask)
			continue;
		err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			found ? "source %s cannot capture: that is for stream and pull"
			      : "there is no source %s",
			names->ptr[j]);
		return at(s, err, "triggers", i, "capture");
	}
	return check_seen(s, i, err);
}

/* Does a policy name sources that exist? */
static enum status check_sampling(const struct settings *s, size_t i, struct err *err)
{
	const struct setting_texts *names = &s->sampling.ptr[i].sources;

	for (size_t j = 0; j < names->n; j++) {
		bool found = false;

		for (size_t k = 0; k < s->sources.n; k++)
			found |= !strcmp(s->sources.ptr[k].name, names->ptr[j]);
		if (found)
			continue;
		err_set(err, ST_CONFIG, ERR_NO_OFFSET, "there is no source %s", names->ptr[j]);
		return at(s, err, "sampling", i, "sources");
	}
	return ST_OK;
}

/* Only what the text of the settings tells; nothing is connected. */
static enum status check_exporter(const struct settings *s, size_t i, struct err *err)
{
	struct transport *t;
	enum status st = transport_open(&t, &s->exporters.ptr[i], NULL, err);

	if (!st) {
		transport_close(t);
		return ST_OK;
	}
	return st == ST_CONFIG ? at(s, err, "exporters", i, "") : st;
}

static bool any_receiver(const struct settings *s)
{
	for (size_t i = 0; i < s->exporters.n; i++) {
		if (s->exporters.ptr[i].is_otlp)
			return true;
	}
	return false;
}

enum status run_check(const struct settings *s, struct err *err)
{
	enum status st = ST_OK;

	if (!s->sources.n) {
		err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			"run needs at least one, such as a directory to watch");
		return settings_at(s, "sources", err);
	}
	if (!s->exporters.n) {
		err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			"run needs at least one, such as otlp: { endpoint: ... }");
		return settings_at(s, "exporters", err);
	}
	for (size_t i = 0; i < s->triggers.n && !st; i++)
		st = check_trigger(s, i, err);
	for (size_t i = 0; i < s->sampling.n && !st; i++)
		st = check_sampling(s, i, err);
	if (st)
		return st;
	if (*s->admin.listen) {
		st = check_listen(s->admin.listen, *s->admin.token || *s->admin.token_file, err);
		if (st)
			return settings_at(s, "admin.listen", err);
	}
	if (s->mapping.metrics && !any_receiver(s)) {
		err_set(err, ST_CONFIG, ERR_NO_OFFSET,
			"metrics go to exporters by otlp, and there is none");
		return settings_at(s, "mapping.metrics", err);
	}
	for (size_t i = 0; i < s->sources.n && !st; i++)
		st = check_source(s, i, err);
	for (size_t i = 0; i < s->exporters.n && !st; i++)
		st = check_exporter(s, i, err);
	return st;
}

static enum status fill(struct run_plan *p, const char *path, struct err *err)
{
	/* Outlives the plan: the settings keep it. */
	static struct env env;
	enum status st;

	env = env_process();
	st = settings_load(&p->settings, path, &env, err);
	if (!st)
		st = run_check(&p->settings, err);
	if (!st)
		st = plan_resource(&p->resource, &p->settings.service, err);
	if (st)
		return st;
	plan_mapper(&p->mapper, &p->settings);
	p->limits = plan_limits(&p->settings);
	return ST_OK;
}

enum status run_plan_load(struct run_plan **out, const char *path, struct err *err)
{
	struct run_plan *p = mem_zalloc(sizeof(*p));
	enum status st;

	if (!p)
		return err_nomem(err, "the configuration");
	p->refs = 1;
	st = fill(p, path, err);
	if (st)
		run_plan_unref(p);
	else
		*out = p;
	return st;
}

struct run_plan *run_plan_ref(struct run_plan *p)
{
	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void run_plan_unref(struct run_plan *p)
{
	if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL))
		return;
	plan_resource_release(&p->resource);
	settings_release(&p->settings);
	mem_free(p);
}
