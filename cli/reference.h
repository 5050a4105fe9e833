/*
 * reference: the table of keys as a page for people, as a manual page and as a JSON Schema
 * for editors.
 *
 * docs/configuration.md, docs/flightspan.yaml.5 and docs/flightspan.schema.json are what
 * these write; a test compares. Failures stick in the buffer.
 */
#ifndef CLI_REFERENCE_H
#define CLI_REFERENCE_H

#include "base/buf.h"
#include "config/schema.h"

void reference_page(struct buf *b);
void reference_schema(struct buf *b);
void reference_man(struct buf *b);

/* What a value of the key looks like, in words. */
const char *reference_type(const struct key *k);
/* ", 1 to 5" or the like; nothing if there are no bounds. */
void reference_range(struct buf *b, const struct key *k);

#endif /* CLI_REFERENCE_H */
