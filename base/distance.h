/*
 * distance: how far two short names are apart, for "did you mean".
 *
 * The distance counts added, dropped, changed and swapped neighbouring bytes.
 * It is bounded: names over DISTANCE_CHARS are never near anything. No
 * allocation. Letters differing only in case count as the same.
 */
#ifndef BASE_DISTANCE_H
#define BASE_DISTANCE_H

#include "base/slice.h"

#define DISTANCE_CHARS 48
#define DISTANCE_FAR SIZE_MAX

/* The number of edits from `a` to `b`, or DISTANCE_FAR if either is too long. */
size_t distance(struct slice a, struct slice b);

/*
 * distance(), or DISTANCE_FAR unless `known` is a plausible reading of `typed`:
 * one edit for each three letters, rounded up, and never the whole name.
 */
size_t distance_near(struct slice typed, struct slice known);

#endif /* BASE_DISTANCE_H */
