/*
 * pairs: names to values in the form of OTEL_RESOURCE_ATTRIBUTES.
 *
 * `name=value,name2=value2`, each side percent-decoded, blanks around either
 * dropped (OpenTelemetry's environment variables; W3C baggage without metadata).
 * Everything that comes out belongs to the arena.
 */
#ifndef CONFIG_PAIRS_H
#define CONFIG_PAIRS_H

#include "config/arena.h"
#include "config/settings.h"

/*
 * Put a pair over the one of the same name, or behind the others. The array must
 * have room for one more. Nothing is copied.
 */
void pairs_put(struct setting_pairs *pairs, struct setting_pair pair);

/* *out = a copy of `old` with room for `more`. ST_LIMIT over MAX_CONFIG_PAIRS. */
MUST_CHECK enum status pairs_grow(struct setting_pairs old, size_t more, struct arena *arena,
				  struct setting_pairs *out, struct err *err);

/*
 * Read the whole text or nothing. What is wrong is told without any part of it:
 * ST_CONFIG, ST_LIMIT or ST_NOMEM. Values are strings, of ORIGIN_ENV.
 */
MUST_CHECK enum status pairs_parse(struct slice text, struct arena *arena,
				   struct setting_pairs *out, struct err *err);

#endif /* CONFIG_PAIRS_H */
