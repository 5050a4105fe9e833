/*
 * source: where captures come from, behind one interface.
 *
 * Each kind is one file and one row of source_kinds[]. A source is opened with its
 * settings, works in threads of its own, puts captures into the inbox, and tells a person
 * what he should know. It is stopped first (no new captures) and closed when it is idle.
 */
#ifndef COLLECTOR_SOURCE_SOURCE_H
#define COLLECTOR_SOURCE_SOURCE_H

#include "collector/source/inbox.h"
#include "collector/trigger/trigger.h"
#include "config/settings.h"

struct source_env {
	struct inbox *inbox; /* borrowed until close, as the settings */
	struct trigger_set *triggers;
	const char *spool; /* temporary files go beside this path */
	/* One line for a person about the source of this name; from any thread. */
	void (*tell)(const char *name, enum log_level level, const char *line);
	const char *name;
};

/* For people and /metrics. */
struct source_status {
	bool ready;	     /* the folder is there, the socket listens */
	uint64_t waiting;    /* captures that are not handed over yet */
	uint64_t left_out;   /* because a limit was reached */
	uint64_t open_tasks; /* of a stream, now */
};

struct source_kind {
	const char *word; /* its key in the file */
	MUST_CHECK enum status (*open)(void **out, const struct source_settings *set,
				       const struct source_env *env, struct err *err);
	/* A trigger wants a capture. False: not possible now. NULL: it has none to give. */
	bool (*ask)(void *source, const struct trigger_request *r);
	void (*stop)(void *source);
	/* Is nothing of it in the inbox, or being read? */
	bool (*idle)(void *source);
	void (*status)(void *source, struct source_status *out);
	void (*close)(void *source);
};

/* The row for these settings. */
const struct source_kind *source_kind_of(const struct source_settings *set);

/* Tell, if anybody listens. */
void source_tell(const struct source_env *env, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The same of a limit that was reached, at most once a minute: `told_ns`, zero at first, is of one
 * limit. Any thread.
 */
void source_tell_limit(const struct source_env *env, uint64_t *told_ns, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The decimal number of a header; UINT64_MAX if it is none. */
uint64_t source_number(const char *text);

extern const struct source_kind source_directory, source_pull, source_push, source_stream;

#endif /* COLLECTOR_SOURCE_SOURCE_H */
