/*
 * fuzz: the shape of every fuzz target, for libFuzzer and for replay.c.
 *
 * A target takes any bytes and aborts where a promise is broken; what it
 * refuses, it refuses by an error. It keeps nothing from one call to the next.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The name and the result, always 0, are libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* TESTS_FUZZ_FUZZ_H */
