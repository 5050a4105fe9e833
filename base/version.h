/*
 * version: the one place where the program's version is written.
 *
 * It goes into the instrumentation scope of every span, into the User-Agent and
 * into `flightspan version`. Semantic versioning; the changelog has the same
 * number.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define FLIGHTSPAN_VERSION "0.1.0"

#endif /* BASE_VERSION_H */
