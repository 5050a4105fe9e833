#include "mapping/ids.h"

#include <endian.h>

#include "base/hash.h"

/* Hash input is fixed little-endian words: the same on every machine. */
#define KEY_WORDS 5

static inline void put_key(uint64_t words[static KEY_WORDS], const struct id_key *key)
{
	words[0] = htole64(key->kind);
	words[1] = htole64(key->number);
	words[2] = htole64(key->number2);
	words[3] = htole64((uint64_t)key->time);
	words[4] = htole64(key->cut);
}

void id_seed_init(struct id_seed *seed, struct slice name, struct slice space,
		  struct slice instance)
{
	const struct slice parts[3] = { name, space, instance };
	uint64_t words[9];
	XXH128_hash_t h;

	/* Each part by itself, so that "ab" "c" is not "a" "bc". */
	for (size_t i = 0; i < 3; i++) {
		h = XXH3_128bits(parts[i].len ? (const void *)parts[i].ptr : words, parts[i].len);
		words[3 * i] = htole64(parts[i].len);
		words[3 * i + 1] = htole64(h.low64);
		words[3 * i + 2] = htole64(h.high64);
	}
	h = XXH3_128bits(words, sizeof(words));
	seed->words[0] = h.low64;
	seed->words[1] = h.high64;
}

uint64_t id_cut(int64_t capture_start, int64_t capture_end, uint64_t edges)
{
	const uint64_t words[3] = { htole64((uint64_t)capture_start),
				    htole64((uint64_t)capture_end), htole64(edges) };

	return XXH3_64bits(words, sizeof(words)) | 1;
}

uint64_t id_pair(const uint8_t trace[static TRACE_ID_BYTES],
		 const uint8_t span[static SPAN_ID_BYTES])
{
	uint8_t bytes[TRACE_ID_BYTES + SPAN_ID_BYTES];

	memcpy(bytes, trace, TRACE_ID_BYTES);
	memcpy(bytes + TRACE_ID_BYTES, span, SPAN_ID_BYTES);
	return XXH3_64bits(bytes, sizeof(bytes)) | 1;
}

uint64_t id_number(const struct id_seed *seed, const struct id_key *key)
{
	uint64_t words[2 + KEY_WORDS] = { htole64(seed->words[0]), htole64(seed->words[1]) };

	put_key(words + 2, key);
	return XXH3_64bits(words, sizeof(words));
}

void id_trace(const struct id_seed *seed, const struct id_key *key,
	      uint8_t out[static TRACE_ID_BYTES])
{
	static const uint8_t none[TRACE_ID_BYTES];
	uint64_t words[2 + KEY_WORDS] = { htole64(seed->words[0]), htole64(seed->words[1]) };
	XXH128_canonical_t c;

	put_key(words + 2, key);
	XXH128_canonicalFromHash(&c, XXH3_128bits(words, sizeof(words)));
	memcpy(out, c.digest, TRACE_ID_BYTES);
	/* All zero is not an id. */
	if (!memcmp(out, none, sizeof(none)))
		out[TRACE_ID_BYTES - 1] = 1;
}

void id_span(const uint8_t trace[static TRACE_ID_BYTES], const uint8_t parent[static SPAN_ID_BYTES],
	     const struct id_key *key, uint8_t out[static SPAN_ID_BYTES])
{
	uint64_t words[3 + KEY_WORDS], id;

	memcpy(words, trace, TRACE_ID_BYTES);
	memcpy(words + 2, parent, SPAN_ID_BYTES);
	put_key(words + 3, key);
	/* Big endian is xxhash's canonical form. */
	id = XXH3_64bits(words, sizeof(words));
	id = htobe64(id ? id : 1);
	memcpy(out, &id, SPAN_ID_BYTES);
}
