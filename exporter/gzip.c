#include "exporter/gzip.h"

#include <libdeflate.h>

#include "base/mem.h"

struct gzip {
	struct libdeflate_compressor *deflate;
};

enum status gzip_open(struct gzip **out, int level, struct err *err)
{
	struct gzip *z = mem_zalloc(sizeof(*z));

	if (!z)
		return err_nomem(err, "the compressor");
	/* Process-wide, and always the same two functions. */
	libdeflate_set_memory_allocator(mem_alloc, mem_free);
	z->deflate = libdeflate_alloc_compressor(level);
	if (!z->deflate) {
		mem_free(z);
		return err_nomem(err, "the compressor");
	}
	*out = z;
	return ST_OK;
}

enum status gzip_pack(struct gzip *z, struct slice in, struct buf *to, struct err *err)
{
	size_t bound = libdeflate_gzip_compress_bound(z->deflate, in.len);

	buf_clear(to);
	if (!buf_reserve(to, bound))
		return buf_status(to, "a compressed batch", err);
	to->len = libdeflate_gzip_compress(z->deflate, in.ptr, in.len, to->ptr, bound);
	return ST_OK;
}

void gzip_close(struct gzip *z)
{
	if (!z)
		return;
	libdeflate_free_compressor(z->deflate);
	mem_free(z);
}
