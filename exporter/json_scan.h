/*
 * json_scan: a few members out of a JSON object that came from outside.
 *
 * Receivers that speak OTLP/JSON answer with a handful of known members. They are
 * looked up in the bytes, with no tree and no memory: what stands between them is
 * stepped over, strings and brackets with care, the rest loosely. Cut and broken
 * texts give false, never more. (jansson writes out of bounds when memory is out.)
 */
#ifndef EXPORTER_JSON_SCAN_H
#define EXPORTER_JSON_SCAN_H

#include "base/slice.h"

/* Is the text one object, whole, with nothing but blanks around it? */
bool json_is_object(struct slice text);

/* The value of the first such member of the object `text`, as it stands there. */
bool json_member(struct slice text, const char *name, struct slice *value);

/*
 * What the string `value` says into to[cap], cut where it does not fit, surrogate
 * pairs joined; returns the length, 0 if it is no string.
 */
size_t json_unquote(struct slice value, uint8_t *to, size_t cap);

#endif /* EXPORTER_JSON_SCAN_H */
