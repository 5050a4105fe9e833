/*
 * grpc: the little of gRPC's wire format that HTTP/2 does not do.
 *
 * A message travels behind five bytes (is it compressed, how long is it), and the
 * outcome in trailers: a number, a percent-encoded text, and base64 details
 * (grpc's PROTOCOL-HTTP2.md). Everything that is parsed here comes from outside.
 */
#ifndef EXPORTER_GRPC_H
#define EXPORTER_GRPC_H

#include "base/slice.h"

#define GRPC_HEAD_BYTES 5

/* The bytes in front of a message of `len` bytes. */
void grpc_put_head(uint8_t to[GRPC_HEAD_BYTES], bool compressed, uint32_t len);

/* The one message of a body, and whether it is compressed; false if it is anything else. */
bool grpc_message(struct slice body, struct slice *message, bool *compressed);

/* The trailer's number, or GRPC_NONE (exporter/classify.h) if it is none. */
int grpc_status(struct slice value);

/* "UNAVAILABLE"; "" for a number without a name. */
const char *grpc_status_name(int status);

/* Undo percent-encoding into to[cap]; what is no valid escape stays. Returns the length. */
size_t grpc_unescape(struct slice value, uint8_t *to, size_t cap);

/*
 * Base64 of the standard alphabet, padded or not, into to[cap]; `*len` is what came
 * out. False for anything else, and for what does not fit.
 */
bool grpc_base64(struct slice value, uint8_t *to, size_t cap, size_t *len);

#endif /* EXPORTER_GRPC_H */
