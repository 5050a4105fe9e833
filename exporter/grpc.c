#include "exporter/grpc.h"

#include <endian.h>

#include "base/num.h"
#include "exporter/classify.h"

void grpc_put_head(uint8_t to[GRPC_HEAD_BYTES], bool compressed, uint32_t len)
{
	uint32_t be = htobe32(len);

	to[0] = compressed;
	memcpy(to + 1, &be, sizeof(be));
}

bool grpc_message(struct slice body, struct slice *message, bool *compressed)
{
	uint32_t be;

	if (body.len < GRPC_HEAD_BYTES || body.ptr[0] > 1)
		return false;
	*compressed = body.ptr[0];
	memcpy(&be, body.ptr + 1, sizeof(be));
	*message = (struct slice){ body.ptr + GRPC_HEAD_BYTES, body.len - GRPC_HEAD_BYTES };
	return be32toh(be) == message->len;
}

int grpc_status(struct slice value)
{
	uint64_t n;

	return num_u64(value, INT32_MAX, &n) ? (int)n : GRPC_NONE;
}

const char *grpc_status_name(int status)
{
	static const char *const names[] = {
		"OK",
		"CANCELLED",
		"UNKNOWN",
		"INVALID_ARGUMENT",
		"DEADLINE_EXCEEDED",
		"NOT_FOUND",
		"ALREADY_EXISTS",
		"PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION",
		"ABORTED",
		"OUT_OF_RANGE",
		"UNIMPLEMENTED",
		"INTERNAL",
		"UNAVAILABLE",
		"DATA_LOSS",
		"UNAUTHENTICATED",
	};

	return status >= 0 && (size_t)status < sizeof(names) / sizeof(names[0]) ? names[status]
										: "";
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t grpc_unescape(struct slice value, uint8_t *to, size_t cap)
{
	size_t len = 0;

	for (size_t i = 0; i < value.len && len < cap; i++) {
		int high = -1, low = -1;

		if (value.ptr[i] == '%' && value.len - i > 2) {
			high = hex_digit(value.ptr[i + 1]);
			low = hex_digit(value.ptr[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			to[len++] = (uint8_t)(high << 4 | low);
			i += 2;
		} else {
			to[len++] = value.ptr[i];
		}
	}
	return len;
}

static int base64_digit(uint8_t c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

bool grpc_base64(struct slice value, uint8_t *to, size_t cap, size_t *len)
{
	uint32_t bits = 0;
	int n_bits = 0;

	*len = 0;
	while (value.len && value.ptr[value.len - 1] == '=')
		value.len--;
	if (value.len % 4 == 1)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		int digit = base64_digit(value.ptr[i]);

		if (digit < 0)
			return false;
		bits = (bits << 6 | (uint32_t)digit) & 0xffff;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		if (*len == cap)
			return false;
		n_bits -= 8;
		to[(*len)++] = (uint8_t)(bits >> n_bits);
	}
	return true;
}
