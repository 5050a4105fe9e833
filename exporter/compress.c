#include "exporter/compress.h"

#include <libdeflate.h>
#include <pthread.h>
#include <strings.h>
#include <zstd.h>

#include "base/mem.h"

struct compressor {
	struct libdeflate_compressor *deflate; /* one of these */
	ZSTD_CCtx *zstd;
};

static pthread_once_t deflate_once = PTHREAD_ONCE_INIT;

static void start_deflate(void)
{
	libdeflate_set_memory_allocator(mem_alloc, mem_free);
}

static bool open_deflate(struct compressor *c)
{
	pthread_once(&deflate_once, start_deflate);
	c->deflate = libdeflate_alloc_compressor(GZIP_LEVEL);
	return c->deflate;
}

static bool open_zstd(struct compressor *c)
{
	static const struct {
		ZSTD_cParameter name;
		int value;
	} parameters[] = {
		{ ZSTD_c_compressionLevel, ZSTD_LEVEL },
		{ ZSTD_c_windowLog, ZSTD_WINDOW_LOG },
		{ ZSTD_c_contentSizeFlag, 1 },
		{ ZSTD_c_checksumFlag, 1 },
	};

	c->zstd = ZSTD_createCCtx();
	for (size_t i = 0; c->zstd && i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		if (ZSTD_isError(ZSTD_CCtx_setParameter(c->zstd, parameters[i].name,
							parameters[i].value)))
			return false;
	}
	return c->zstd;
}

enum status compressor_open(struct compressor **out, enum setting_compression kind, struct err *err)
{
	struct compressor *c = mem_zalloc(sizeof(*c));

	if (!c)
		return err_nomem(err, "the compressor");
	if (kind == SETTING_ZSTD ? !open_zstd(c) : !open_deflate(c)) {
		compressor_close(c);
		return err_nomem(err, "the compressor");
	}
	*out = c;
	return ST_OK;
}

enum status compressor_pack(struct compressor *c, struct slice in, size_t head, struct buf *to,
			    struct err *err)
{
	size_t bound = c->zstd ? ZSTD_compressBound(in.len)
			       : libdeflate_gzip_compress_bound(c->deflate, in.len);
	size_t n;

	buf_clear(to);
	if (!buf_reserve(to, head + bound))
		return buf_status(to, "a compressed batch", err);
	if (c->zstd) {
		n = ZSTD_compress2(c->zstd, to->ptr + head, bound, in.ptr, in.len);
		if (ZSTD_isError(n))
			return err_nomem(err, "a compressed batch");
	} else {
		n = libdeflate_gzip_compress(c->deflate, in.ptr, in.len, to->ptr + head, bound);
	}
	to->len = head + n;
	return ST_OK;
}

static bool unpack_gzip(struct slice in, struct buf *to)
{
	struct libdeflate_decompressor *d;
	size_t n = 0;
	bool ok;

	pthread_once(&deflate_once, start_deflate);
	d = libdeflate_alloc_decompressor();
	ok = d && libdeflate_gzip_decompress(d, in.ptr, in.len, to->ptr, to->cap, &n) ==
			  LIBDEFLATE_SUCCESS;
	libdeflate_free_decompressor(d);
	to->len = ok ? n : 0;
	return ok;
}

bool decompress(enum setting_compression kind, struct slice in, struct buf *to)
{
	size_t n;

	buf_clear(to);
	if (kind == SETTING_NONE) {
		buf_slice(to, in);
		return !to->failed;
	}
	/* Nobody knows how much will come out: room for the most. */
	if (!buf_reserve(to, to->max))
		return false;
	if (kind == SETTING_GZIP)
		return unpack_gzip(in, to);
	n = ZSTD_decompress(to->ptr, to->cap, in.ptr, in.len);
	to->len = ZSTD_isError(n) ? 0 : n;
	return !ZSTD_isError(n);
}

bool compression_by_name(struct slice name, enum setting_compression *kind)
{
	for (int i = SETTING_NONE; i <= SETTING_ZSTD; i++) {
		const char *known = compression_name((enum setting_compression)i);

		if (name.len == strlen(known) &&
		    strncasecmp((const char *)name.ptr, known, name.len) == 0) {
			*kind = (enum setting_compression)i;
			return true;
		}
	}
	return false;
}

const char *compression_name(enum setting_compression kind)
{
	static const char *const names[] = {
		[SETTING_NONE] = "identity",
		[SETTING_GZIP] = "gzip",
		[SETTING_ZSTD] = "zstd",
	};

	return names[kind];
}

void compressor_close(struct compressor *c)
{
	if (!c)
		return;
	libdeflate_free_compressor(c->deflate);
	ZSTD_freeCCtx(c->zstd);
	mem_free(c);
}
