/*
 * bench_send FILE PORT: batches of a file through compression and socket.
 *
 * FILE is what "convert --format otlp-proto" writes. Sends it to a receiver on the
 * loopback, over and over for two seconds at least, and prints how many spans that
 * were and how many seconds. What tests/bench/export does with the Go SDK.
 */
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "exporter/otlp_wire.h"
#include "exporter/transport.h"

#define LEAST_NS ((uint64_t)2 * 1000000000)

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Fields of length-delimited messages at the given depth below `message`, all number `path`. */
static size_t count(struct slice message, const uint8_t *path)
{
	struct cursor c;
	struct slice content;
	uint64_t len;
	size_t n = 0;
	uint8_t tag;

	cursor_init(&c, message);
	while (cursor_u8(&c, &tag) && cursor_uvarint(&c, &len) && cursor_bytes(&c, len, &content)) {
		if (tag == WIRE_TAG(path[0]))
			n += path[1] ? count(content, path + 1) : 1;
	}
	return n;
}

static bool read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char block[1 << 16];
	size_t n;

	buf_init(out, (size_t)1 << 30);
	while (f && (n = fread(block, 1, sizeof(block), f)) > 0)
		buf_add(out, block, n);
	if (f)
		fclose(f);
	return f && !out->failed;
}

/* Every batch once; how many spans were acknowledged. */
static uint64_t send_all(struct transport *t, struct slice file)
{
	static const uint8_t spans[] = { 1, 2, 2, 0 };
	struct attempt_result result;
	uint64_t sent = 0;
	uint32_t be;

	while (file.len >= sizeof(be)) {
		struct slice batch = { file.ptr + sizeof(be), 0 };
		size_t n;

		memcpy(&be, file.ptr, sizeof(be));
		batch.len = be32toh(be);
		n = count(batch, spans);
		transport_attempt(t, batch, n, &result);
		if (result.class != SEND_ACCEPTED) {
			fprintf(stderr, "bench_send: %s\n", result.outcome);
			exit(1);
		}
		sent += n;
		file.ptr += sizeof(be) + batch.len;
		file.len -= sizeof(be) + batch.len;
	}
	return sent;
}

int main(int argc, char **argv)
{
	struct exporter_settings set = {
		.is_otlp = true,
		.otlp = { .compression = SETTING_GZIP, .timeout_ns = (uint64_t)60 * 1000000000 },
	};
	struct err err = ERR_INIT;
	struct transport *t;
	uint64_t spans = 0, start;
	struct buf file;
	char url[64];

	if (argc != 3 || !read_file(argv[1], &file)) {
		fprintf(stderr, "usage: bench_send FILE PORT\n");
		return 2;
	}
	snprintf(url, sizeof(url), "http://127.0.0.1:%s", argv[2]);
	set.otlp.endpoint = url;
	if (transport_open(&t, &set, NULL, &err)) {
		fprintf(stderr, "bench_send: %s\n", err.msg);
		return 1;
	}
	start = now_ns();
	while (now_ns() - start < LEAST_NS)
		spans += send_all(t, buf_view(&file));
	printf("%" PRIu64 " %.3f\n", spans, (double)(now_ns() - start) / 1e9);
	transport_close(t);
	buf_release(&file);
	return 0;
}
