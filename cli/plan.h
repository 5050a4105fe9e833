/*
 * plan: what settings become before a snapshot is read.
 *
 * The resource whose spans these are and the mapper's options, shared by the
 * commands that convert. Texts are borrowed from the settings.
 */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "config/settings.h"
#include "exporter/span_limit.h"
#include "mapping/mapper.h"

/*
 * Fill *r; its attributes are allocated and given back by plan_resource_release(),
 * which is safe on zeroed memory.
 */
MUST_CHECK enum status plan_resource(struct resource *r, const struct service_settings *s,
				     struct err *err);
void plan_resource_release(struct resource *r);

void plan_mapper(struct mapper_options *o, const struct settings *s);

/*
 * The sampling policies that are for captures of `source` (NULL: those that are for all), for
 * the mapper's options; *out is freed with mem_free().
 */
MUST_CHECK enum status plan_sampling(struct sampling_rule **out, struct mapper_options *o,
				     const struct settings *s, const char *source, struct err *err);

struct span_limits plan_limits(const struct settings *s);

#endif /* CLI_PLAN_H */
