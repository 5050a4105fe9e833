/*
 * reference: the table of keys as a page for people and as a JSON Schema for editors.
 *
 * docs/configuration.md and docs/flightspan.schema.json are what these write; a test
 * compares. Failures stick in the buffer.
 */
#ifndef CLI_REFERENCE_H
#define CLI_REFERENCE_H

#include "base/buf.h"

void reference_page(struct buf *b);
void reference_schema(struct buf *b);

#endif /* CLI_REFERENCE_H */
