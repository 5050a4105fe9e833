#include "base/late.h"

#include <dlfcn.h>
#include <string.h>

static enum status load(struct late *l, struct err *err)
{
	void *library = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return err_set(err, ST_IO, ERR_NO_OFFSET, "cannot load %s: %s", l->what, dlerror());
	for (size_t i = 0; i < l->n; i++) {
		const struct late_function *f = &l->functions[i];
		void *found = dlsym(library, f->name);

		memcpy(f->place, &found, sizeof(found));
		if (!found)
			return err_set(err, ST_IO, ERR_NO_OFFSET, "%s is too old: it lacks %s",
				       l->soname, f->name);
	}
	if (l->begin && !l->begin())
		return err_set(err, ST_IO, ERR_NO_OFFSET, "cannot begin with %s", l->soname);
	l->loaded = true;
	return ST_OK;
}

enum status late_load(struct late *l, struct err *err)
{
	enum status st = ST_OK;

	pthread_mutex_lock(&l->mutex);
	if (!l->loaded)
		st = load(l, err);
	pthread_mutex_unlock(&l->mutex);
	return st;
}
