/*
 * admin: health, metrics and captures over HTTP, for machines and for people at night.
 *
 *   GET /healthz    200 while the program works       GET /metrics    Prometheus text
 *   GET /readyz     200 while it takes snapshots      GET /captures   JSON, the last hundred
 *   POST /trigger/NAME    202 fired, 404 no such, 429 too soon
 */
#ifndef CLI_ADMIN_H
#define CLI_ADMIN_H

#include "base/buf.h"
#include "cli/run.h"

struct admin;

/* On success *out is the caller's until admin_close(). */
MUST_CHECK enum status admin_open(struct admin **out, struct run *r, const struct settings *s,
				  struct err *err);
/* NULL is fine. */
void admin_close(struct admin *a);

/* The two long answers; admin_pages.c. Failures stick in the buffer. */
void admin_metrics(struct buf *b, const struct run_view *v);
void admin_captures(struct buf *b, const struct run_view *v);

#endif /* CLI_ADMIN_H */
