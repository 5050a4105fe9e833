/*
 * header: the 16 bytes every Go execution trace starts with (format section 1).
 */
#ifndef COLLECTOR_TRACE_HEADER_H
#define COLLECTOR_TRACE_HEADER_H

#include "base/err.h"
#include "base/slice.h"

#define TRACE_HEADER_BYTES 16

/*
 * The NN of "go 1.NN trace". `head` is what the file begins with, up to 16 bytes.
 * ST_FORMAT with one clear sentence: empty, too short, not a trace, or a trace
 * of Go 1.21 or older, or of a version that never was.
 */
MUST_CHECK enum status header_parse(struct slice head, unsigned int *version, struct err *err);

#endif /* COLLECTOR_TRACE_HEADER_H */
