/*
 * bench_send FILE PORT [QUEUE]: batches of a file through compression and socket.
 *
 * FILE is what "convert --format otlp-proto" writes. Sends it to a receiver on the
 * loopback, over and over for two seconds at least, and prints how many spans that
 * were, how many seconds, and how many seconds of CPU. With QUEUE, a file that is not
 * there, all goes through the durable queue and a sender's thread: a transaction for
 * each FILE, as for a snapshot. What tests/bench/export does with the Go SDK.
 */
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "exporter/delivery.h"
#include "exporter/otlp_wire.h"
#include "exporter/transport.h"

#define LEAST_NS ((uint64_t)2 * 1000000000)

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
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
		if (tag == WIRE_BYTES(path[0]))
			n += path[1] ? count(content, path + 1) : 1;
	}
	return n;
}

static bool read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char chunk[1 << 16];
	size_t n;

	buf_init(out, (size_t)1 << 30);
	while (f && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(out, chunk, n);
	if (f)
		fclose(f);
	return f && !out->failed;
}

static void end(const char *why)
{
	fprintf(stderr, "bench_send: %s\n", why);
	exit(1);
}

/* Where batches go. */
struct way {
	struct transport *transport;
	struct queue *queue; /* NULL: straight into the socket */
	struct queue_entry *entry;
	struct delivery *delivery;
	struct err err;
};

static void attempt(void *arg, struct slice batch, size_t n_spans, struct attempt_result *out)
{
	transport_attempt(arg, batch, n_spans, out);
}

static void open_way(struct way *w, const char *url, const char *queue)
{
	static const char *const names[] = { "sink" };
	const struct exporter_settings set = {
		.is_otlp = true,
		.otlp = { .compression = SETTING_GZIP,
			  .timeout_ns = (uint64_t)60 * 1000000000,
			  .endpoint = url },
	};
	const struct queue_settings to = { .path = queue,
					   .max_bytes = (uint64_t)1 << 30,
					   .full = QUEUE_BLOCK,
					   .destinations = names,
					   .n_destinations = 1 };
	static struct delivery_target target = { .shown = "the sink", .attempt = attempt };
	struct delivery_settings d = { .targets = &target,
				       .n_targets = 1,
				       .give_up_ns = SENDER_NEVER };

	if (transport_open(&w->transport, &set, NULL, &w->err))
		end(w->err.msg);
	if (!queue)
		return;
	target.arg = w->transport;
	if (queue_open(&w->queue, &to, &w->err) || queue_begin(w->queue, &w->entry, &w->err))
		end(w->err.msg);
	d.queue = w->queue;
	if (delivery_start(&w->delivery, &d, &w->err))
		end(w->err.msg);
}

static void send_batch(struct way *w, struct slice batch, size_t n)
{
	struct attempt_result result;

	if (w->queue) {
		if (queue_add(w->entry, batch, n, &w->err))
			end(w->err.msg);
		return;
	}
	transport_attempt(w->transport, batch, n, &result);
	if (result.class != SEND_ACCEPTED)
		end(result.outcome);
}

/* Every batch once; how many spans. */
static uint64_t send_all(struct way *w, struct slice file)
{
	static const uint8_t spans[] = { 1, 2, 2, 0 };
	uint64_t sent = 0;
	uint32_t be;

	while (file.len >= sizeof(be)) {
		struct slice batch = { file.ptr + sizeof(be), 0 };
		size_t n;

		memcpy(&be, file.ptr, sizeof(be));
		batch.len = be32toh(be);
		n = count(batch, spans);
		send_batch(w, batch, n);
		sent += n;
		file.ptr += sizeof(be) + batch.len;
		file.len -= sizeof(be) + batch.len;
	}
	if (w->queue && queue_commit(w->entry, NULL, &w->err))
		end(w->err.msg);
	return sent;
}

/* All of it acknowledged. */
static void finish(struct way *w, uint64_t spans)
{
	struct delivery_status status;

	if (!w->queue)
		return;
	if (!delivery_wait(w->delivery, (uint64_t)120 * 1000000000))
		end("it did not end");
	delivery_status(w->delivery, 0, &status);
	if (status.stats.spans_accepted != spans)
		end("not all was acknowledged");
}

int main(int argc, char **argv)
{
	struct way w = { .err = ERR_INIT };
	uint64_t spans = 0, start;
	double cpu;
	struct buf file;
	char url[64];

	if (argc < 3 || argc > 4 || !read_file(argv[1], &file)) {
		fprintf(stderr, "usage: bench_send FILE PORT [QUEUE]\n");
		return 2;
	}
	snprintf(url, sizeof(url), "http://127.0.0.1:%s", argv[2]);
	open_way(&w, url, argc == 4 ? argv[3] : NULL);
	cpu = cpu_seconds();
	start = now_ns();
	while (now_ns() - start < LEAST_NS)
		spans += send_all(&w, buf_view(&file));
	finish(&w, spans);
	printf("%" PRIu64 " %.3f %.3f\n", spans, (double)(now_ns() - start) / 1e9,
	       cpu_seconds() - cpu);
	queue_abort(w.entry);
	delivery_close(w.delivery);
	queue_close(w.queue);
	transport_close(w.transport);
	buf_release(&file);
	return 0;
}
