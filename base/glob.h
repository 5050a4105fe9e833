/*
 * glob: patterns of texts in which `*` stands for any bytes, also none.
 *
 * Everything else stands for itself; there is no way to mean a star. Names and
 * messages of a traced program may hold any bytes.
 */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include "base/slice.h"

/* Does all of `text` match? Takes at most both lengths multiplied. */
bool glob_match(struct slice pattern, struct slice text);

#endif /* BASE_GLOB_H */
