#include "cli/restrict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/landlock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "collector/source/listener.h"

struct grant {
	char *path; /* without links */
	enum landlock_access access;
};

struct restriction {
	struct grant *list;
	size_t n, cap;
};

/* Where libraries look: the loader and the resolver, time zones, certificates. */
static const char *const system_paths[] = {
	"/etc",	      "/usr",	   "/lib",	   "/lib64", "/run/systemd/resolve",
	"/proc/self", "/dev/null", "/dev/urandom",
};

static const char *const certificate_variables[] = { "SSL_CERT_FILE", "SSL_CERT_DIR",
						     "CURL_CA_BUNDLE" };

static enum status add(struct restriction *r, const struct grant *g, struct err *err)
{
	enum status st = mem_grow((void **)&r->list, &r->cap, r->n + 1, sizeof(*r->list),
				  MAX_GRANTS, "folders", err);

	if (!st)
		r->list[r->n++] = *g;
	return st;
}

/* The path itself, or what there is of it: the folder that will have it one day. */
static char *existing(const char *path)
{
	char *part = strdup(path), *real = NULL, *slash;

	while (part && !(real = realpath(part, NULL))) {
		slash = strrchr(part, '/');
		if (!slash || !*part) {
			real = realpath(path[0] == '/' ? "/" : ".", NULL);
			break;
		}
		*slash = '\0';
		if (!*part)
			memcpy(part, "/", 2);
	}
	free(part);
	return real;
}

static enum status add_path(struct restriction *r, const char *path, enum landlock_access access,
			    struct err *err)
{
	struct grant g = { .path = existing(path), .access = access };
	enum status st;

	if (!g.path)
		return err_nomem(err, "what the program may touch");
	st = add(r, &g, err);
	if (st)
		free(g.path);
	return st;
}

/* The folder that holds it; path is cut there. */
static const char *folder_of(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return ".";
	slash[slash == path] = '\0';
	return path;
}

/* The folder of a file, for files are exchanged by renaming; if it is a link, of both its ends. */
static enum status add_folder_of(struct restriction *r, const char *file,
				 enum landlock_access access, struct err *err)
{
	char *path, *real;
	enum status st;

	if (!*file)
		return ST_OK;
	path = strdup(file);
	if (!path)
		return err_nomem(err, "what the program may touch");
	st = add_path(r, folder_of(path), access, err);
	free(path);
	real = st ? NULL : realpath(file, NULL);
	if (real)
		st = add_path(r, folder_of(real), access, err);
	free(real);
	return st;
}

static enum status add_listen(struct restriction *r, const char *text, struct err *err)
{
	struct listen_address a = { .len = 0 };
	struct err ignored = ERR_INIT;

	if (!*text || listen_parse(text, &a, &ignored))
		return ST_OK;
	return a.is_unix ? add_folder_of(r, text + strlen("unix:"), LANDLOCK_WRITE, err) : ST_OK;
}

static enum status add_source(struct restriction *r, const struct source_settings *s,
			      struct err *err)
{
	enum status st;

	if (s->is_directory)
		return add_path(r, s->directory.path, LANDLOCK_WRITE, err);
	if (s->is_pull)
		return add_folder_of(r, s->pull.token_file, LANDLOCK_READ, err);
	if (!s->is_push)
		return ST_OK;
	st = add_listen(r, s->push.listen, err);
	return st ? st : add_folder_of(r, s->push.token_file, LANDLOCK_READ, err);
}

static enum status add_exporter(struct restriction *r, const struct exporter_settings *s,
				struct err *err)
{
	const char *files[] = { s->otlp.tls.ca_file, s->otlp.tls.cert_file, s->otlp.tls.key_file };
	enum status st = ST_OK;

	if (s->is_file)
		return add_folder_of(r, s->file.path, LANDLOCK_WRITE, err);
	for (size_t i = 0; i < 3 && !st; i++)
		st = add_folder_of(r, files[i], LANDLOCK_READ, err);
	return st;
}

static enum status add_system(struct restriction *r, struct err *err)
{
	enum status st = ST_OK;
	const char *path;

	for (size_t i = 0; i < sizeof(system_paths) / sizeof(*system_paths) && !st; i++) {
		if (!access(system_paths[i], F_OK))
			st = add_path(r, system_paths[i], LANDLOCK_READ, err);
	}
	/* A link, on most machines: to systemd's, NetworkManager's or resolvconf's folder. */
	if (!st)
		st = add_folder_of(r, "/etc/resolv.conf", LANDLOCK_READ, err);
	for (size_t i = 0; i < sizeof(certificate_variables) / sizeof(char *) && !st; i++) {
		path = getenv(certificate_variables[i]);
		if (path && !access(path, F_OK))
			st = add_path(r, path, LANDLOCK_READ, err);
	}
	return st;
}

/* All that these settings need; NULL: err says why not. */
static struct restriction *collect(const struct settings *s, const char *config, struct err *err)
{
	struct restriction *r = mem_zalloc(sizeof(*r));
	enum status st;

	if (!r) {
		err_nomem(err, "what the program may touch");
		return NULL;
	}
	st = add_system(r, err);
	if (!st)
		st = add_folder_of(r, config, LANDLOCK_READ, err);
	if (!st)
		st = add_folder_of(r, s->queue.path, LANDLOCK_WRITE, err);
	if (!st)
		st = add_listen(r, s->admin.listen, err);
	if (!st)
		st = add_folder_of(r, s->admin.token_file, LANDLOCK_READ, err);
	for (size_t i = 0; i < s->sources.n && !st; i++)
		st = add_source(r, &s->sources.ptr[i], err);
	for (size_t i = 0; i < s->exporters.n && !st; i++)
		st = add_exporter(r, &s->exporters.ptr[i], err);
	if (!st)
		return r;
	restrict_free(r);
	return NULL;
}

static enum status enforce(const struct restriction *r, struct err *err)
{
	struct landlock l;
	enum status st = landlock_begin(&l, err);

	for (size_t i = 0; i < r->n && !st; i++)
		st = landlock_allow(&l, r->list[i].path, r->list[i].access, err);
	if (!st)
		st = landlock_enforce(&l, err);
	landlock_release(&l);
	return st;
}

enum status restrict_self(struct restriction **out, const struct settings *s, const char *config,
			  struct err *err)
{
	int abi = landlock_abi();
	enum status st;

	*out = NULL;
	if (!s->restricted) {
		log_info("not restricted to its folders: restrict is false");
		return ST_OK;
	}
	if (!abi) {
		if (errno == ENOSYS || errno == EOPNOTSUPP)
			log_info("not restricted to its folders: this kernel has no Landlock");
		else
			log_warn("not restricted to its folders: a filter of system calls refuses "
				 "Landlock (%s)",
				 strerror(errno));
		return ST_OK;
	}
	*out = collect(s, config, err);
	st = *out ? enforce(*out, err) : err->code;
	if (st) {
		restrict_free(*out);
		*out = NULL;
		err_wrap(err, "restrict");
		return st;
	}
	log_info("restricted to the folders of %s; executes nothing (Landlock %d)", config, abi);
	return ST_OK;
}

/* Is it the folder itself, or in it? */
static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	if (!strcmp(folder, "/"))
		return true;
	return !strncmp(path, folder, len) && (path[len] == '/' || !path[len]);
}

static bool permits(const struct restriction *r, const struct grant *want)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->list[i].access >= want->access && is_below(want->path, r->list[i].path))
			return true;
	}
	return false;
}

enum status restrict_permits(const struct restriction *r, const struct settings *s,
			     const char *config, struct err *err)
{
	struct restriction *want;
	enum status st = ST_OK;

	if (!r)
		return ST_OK;
	want = collect(s, config, err);
	if (!want)
		return err->code;
	for (size_t i = 0; i < want->n && !st; i++) {
		if (!permits(r, &want->list[i]))
			st = err_set(err, ST_CONFIG, ERR_NO_OFFSET,
				     "%s is not in the folders that the program has restricted"
				     " itself to at its start; restart it",
				     want->list[i].path);
	}
	restrict_free(want);
	return st;
}

void restrict_free(struct restriction *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		free(r->list[i].path);
	mem_free(r->list);
	mem_free(r);
}
