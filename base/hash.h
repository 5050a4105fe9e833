/*
 * hash: xxhash, compiled in where it hashes short things of a known length often.
 *
 * Include this instead of <xxhash.h> there: a call into the library costs as much as
 * the hash of a few words.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#endif /* BASE_HASH_H */
