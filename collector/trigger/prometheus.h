/*
 * prometheus: one metric of a page in Prometheus' text format.
 */
#ifndef COLLECTOR_TRIGGER_PROMETHEUS_H
#define COLLECTOR_TRIGGER_PROMETHEUS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * The largest sample of the metric: NAME for every set of labels, or NAME{label="value"}
 * for those that have these labels. False: the page has none that is a number.
 */
bool prometheus_find(struct slice page, const char *metric, double *out);

/* Read the page. ST_REMOTE: no such page, or no such metric on it. */
MUST_CHECK enum status prometheus_read(const char *url, const char *metric, const bool *stop,
				       double *out, struct err *err);

#endif /* COLLECTOR_TRIGGER_PROMETHEUS_H */
