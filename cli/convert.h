/*
 * convert: one snapshot through reader and mapper into a sink.
 *
 * The pipeline of design section 2 for bytes at rest; `convert` runs it for each
 * of its files. A damaged snapshot gives the spans of what is whole before the
 * damage and of what can be salvaged, and says so.
 */
#ifndef CLI_CONVERT_H
#define CLI_CONVERT_H

#include "base/err.h"
#include "collector/source/file.h"
#include "mapping/mapper.h"

struct convert_result {
	struct mapper_summary summary;
	unsigned int version; /* of the trace format */
	bool damaged;
	struct err damage; /* if damaged: where the reading ended, and why */
	bool salvaged;	   /* the last generation was cut, what is left of it is converted */
};

/* Called now and then while a trace is read. A failure ends the conversion. */
struct convert_watch {
	/* bytes; total 0: unknown */
	enum status (*fn)(void *arg, uint64_t done, uint64_t total, struct err *err);
	void *arg;
};

/*
 * Convert the file at `path` ("-": standard input). `options` are a template:
 * source and clock are filled in here. ST_OK with result->damaged set means that
 * something was read before the damage. A failure of the sink is its own.
 */
MUST_CHECK enum status convert_file(const char *path, const struct mapper_options *options,
				    struct span_sink sink, struct metrics_sink metrics,
				    bool progress, struct convert_result *result, struct err *err);

/* The same of a source that is open; `name` is for people. Either function may be NULL. */
MUST_CHECK enum status convert_source(struct file_source *f, const char *name,
				      const struct mapper_options *options, struct span_sink sink,
				      struct metrics_sink metrics, struct convert_watch watch,
				      struct convert_result *result, struct err *err);

#endif /* CLI_CONVERT_H */
