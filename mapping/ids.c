#include "mapping/ids.h"

#include <xxhash.h>

/* Hash input is fixed little-endian words: the same on every machine. */
static void put(uint8_t **at, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		*(*at)++ = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void put_key(uint8_t **at, const struct id_key *key)
{
	put(at, key->kind);
	put(at, key->number);
	put(at, key->number2);
	put(at, (uint64_t)key->time);
	put(at, key->cut);
}

void id_seed_init(struct id_seed *seed, struct slice name, struct slice space,
		  struct slice instance)
{
	const struct slice parts[3] = { name, space, instance };
	uint8_t bytes[3 * 24], *at = bytes;
	XXH128_hash_t h;

	/* Each part by itself, so that "ab" "c" is not "a" "bc". */
	for (int i = 0; i < 3; i++) {
		h = XXH3_128bits(parts[i].len ? parts[i].ptr : bytes, parts[i].len);
		put(&at, parts[i].len);
		put(&at, h.low64);
		put(&at, h.high64);
	}
	h = XXH3_128bits(bytes, sizeof(bytes));
	seed->words[0] = h.low64;
	seed->words[1] = h.high64;
}

uint64_t id_cut(int64_t capture_start, int64_t capture_end, uint64_t edges)
{
	uint8_t bytes[24], *at = bytes;

	put(&at, (uint64_t)capture_start);
	put(&at, (uint64_t)capture_end);
	put(&at, edges);
	return XXH3_64bits(bytes, sizeof(bytes)) | 1;
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
	uint8_t bytes[7 * 8], *at = bytes;

	put(&at, seed->words[0]);
	put(&at, seed->words[1]);
	put_key(&at, key);
	return XXH3_64bits(bytes, sizeof(bytes));
}

void id_trace(const struct id_seed *seed, const struct id_key *key,
	      uint8_t out[static TRACE_ID_BYTES])
{
	uint8_t bytes[7 * 8], *at = bytes;
	XXH128_canonical_t c;

	put(&at, seed->words[0]);
	put(&at, seed->words[1]);
	put_key(&at, key);
	XXH128_canonicalFromHash(&c, XXH3_128bits(bytes, sizeof(bytes)));
	memcpy(out, c.digest, TRACE_ID_BYTES);
	/* All zero is not an id. */
	if (!get(out) && !get(out + 8))
		out[TRACE_ID_BYTES - 1] = 1;
}

void id_span(const uint8_t trace[static TRACE_ID_BYTES], const uint8_t parent[static SPAN_ID_BYTES],
	     const struct id_key *key, uint8_t out[static SPAN_ID_BYTES])
{
	uint8_t bytes[8 * 8], *at = bytes;
	XXH64_canonical_t c;

	memcpy(at, trace, TRACE_ID_BYTES);
	at += TRACE_ID_BYTES;
	memcpy(at, parent, SPAN_ID_BYTES);
	at += SPAN_ID_BYTES;
	put_key(&at, key);
	XXH64_canonicalFromHash(&c, XXH3_64bits(bytes, sizeof(bytes)));
	memcpy(out, c.digest, SPAN_ID_BYTES);
	if (!get(out))
		out[SPAN_ID_BYTES - 1] = 1;
}
