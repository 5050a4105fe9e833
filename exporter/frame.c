#include "exporter/frame.h"

#include <zstd.h>

#include "base/mem.h"

/* Spans shrink about ten times at the lowest level already. */
#define LEVEL 1

struct frame {
	ZSTD_CCtx *packer;
	ZSTD_DCtx *unpacker;
};

enum status frame_open(struct frame **out, struct err *err)
{
	struct frame *f = mem_zalloc(sizeof(*f));

	if (!f)
		return err_nomem(err, "the queue's compressor");
	f->packer = ZSTD_createCCtx();
	f->unpacker = ZSTD_createDCtx();
	if (!f->packer || !f->unpacker ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(f->packer, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(f->packer, ZSTD_c_checksumFlag, 1))) {
		frame_close(f);
		return err_nomem(err, "the queue's compressor");
	}
	*out = f;
	return ST_OK;
}

void frame_close(struct frame *f)
{
	if (!f)
		return;
	ZSTD_freeCCtx(f->packer);
	ZSTD_freeDCtx(f->unpacker);
	mem_free(f);
}

enum status frame_pack(struct frame *f, struct slice in, struct buf *to, struct err *err)
{
	size_t bound = ZSTD_compressBound(in.len);
	size_t n;

	buf_clear(to);
	if (!buf_reserve(to, bound))
		return buf_status(to, "a packed batch", err);
	n = ZSTD_compress2(f->packer, to->ptr, bound, in.ptr, in.len);
	if (ZSTD_isError(n))
		return err_set(err, ST_NOMEM, ERR_NO_OFFSET, "cannot compress a batch: %s",
			       ZSTD_getErrorName(n));
	to->len = n;
	return ST_OK;
}

enum status frame_unpack(struct frame *f, struct slice in, size_t size, struct buf *to,
			 struct err *err)
{
	unsigned long long said = ZSTD_getFrameContentSize(in.ptr, in.len);
	size_t n;

	buf_clear(to);
	if (said != size)
		return err_set(err, ST_FORMAT, ERR_NO_OFFSET, "not a frame of %zu bytes", size);
	if (!buf_reserve(to, size))
		return buf_status(to, "a batch", err);
	n = ZSTD_decompressDCtx(f->unpacker, to->ptr, size, in.ptr, in.len);
	if (ZSTD_isError(n) || n != size)
		return err_set(err, ST_FORMAT, ERR_NO_OFFSET, "%s",
			       ZSTD_isError(n) ? ZSTD_getErrorName(n) : "the frame is too short");
	to->len = n;
	return ST_OK;
}
