#include "collector/source/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

#define RAW_BYTES ((size_t)128 << 10)
/* zstd does not say what it wrote before an error: no more than this is lost then. */
#define ZSTD_STEP ((size_t)16 << 10)

enum coding { UNKNOWN, PLAIN, ZSTD, GZIP };

struct file_source {
	int fd;
	enum coding coding;
	bool regular;
	bool ended;    /* the file has no more */
	bool in_frame; /* the decompressor waits for the rest of a frame */
	uint64_t size, mtime_ns, consumed;
	uint8_t *raw; /* RAW_BYTES: bytes of the file, [pos, len) not yet used */
	size_t pos, len;
	ZSTD_DStream *zstd;
	z_stream gzip;
	bool gzip_ready;
	uint8_t head[FILE_HEAD_BYTES]; /* peeked: [head_pos, head_len) comes first */
	size_t head_pos, head_len;
};

static uint64_t to_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static enum status inspect(struct file_source *f, struct err *err)
{
	struct timespec now;
	struct stat sb;

	if (fstat(f->fd, &sb))
		return err_errno(err, "cannot look at the file");
	if (S_ISDIR(sb.st_mode))
		return err_set(err, ST_IO, ERR_NO_OFFSET,
			       "is a directory, expected a file with a Go execution trace");
	f->regular = S_ISREG(sb.st_mode);
	if (f->regular) {
		f->size = (uint64_t)sb.st_size;
		f->mtime_ns = to_ns(&sb.st_mtim);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		f->mtime_ns = to_ns(&now);
	}
	return ST_OK;
}

struct file_source *file_source_open(const char *path, struct err *err)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

	if (fd < 0) {
		err_errno(err, "cannot open");
		return NULL;
	}
	return file_source_open_fd(fd, err);
}

struct file_source *file_source_open_fd(int fd, struct err *err)
{
	struct file_source *f = mem_zalloc(sizeof(*f));

	if (!f) {
		err_nomem(err, "a file");
		if (fd > STDIN_FILENO)
			close(fd);
		return NULL;
	}
	f->fd = fd;
	f->raw = mem_alloc(RAW_BYTES);
	if (!f->raw)
		err_nomem(err, "a file buffer");
	if (!f->raw || inspect(f, err)) {
		file_source_close(f);
		return NULL;
	}
	return f;
}

static void drop_decoders(struct file_source *f)
{
	ZSTD_freeDStream(f->zstd);
	f->zstd = NULL;
	if (f->gzip_ready)
		inflateEnd(&f->gzip);
	f->gzip_ready = false;
	f->in_frame = false;
	f->coding = UNKNOWN;
}

void file_source_close(struct file_source *f)
{
	if (!f)
		return;
	drop_decoders(f);
	if (f->fd > STDIN_FILENO)
		close(f->fd);
	mem_free(f->raw);
	mem_free(f);
}

bool file_source_seekable(const struct file_source *f)
{
	return f->regular;
}

enum status file_source_rewind(struct file_source *f, struct err *err)
{
	if (lseek(f->fd, 0, SEEK_SET) != 0)
		return err_errno(err, "cannot read the file again");
	drop_decoders(f);
	f->pos = f->len = 0;
	f->head_pos = f->head_len = 0;
	f->consumed = 0;
	f->ended = false;
	return ST_OK;
}

uint64_t file_source_mtime_ns(const struct file_source *f)
{
	return f->mtime_ns;
}

uint64_t file_source_size(const struct file_source *f)
{
	return f->size;
}

uint64_t file_source_consumed(const struct file_source *f)
{
	return f->consumed - (f->len - f->pos);
}

static enum status read_fd(struct file_source *f, uint8_t *dst, size_t cap, size_t *n,
			   struct err *err)
{
	ssize_t got;

	do
		got = read(f->fd, dst, cap);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_errno(err, "cannot read");
	*n = (size_t)got;
	f->consumed += *n;
	f->ended = !got;
	return ST_OK;
}

/* Have at least `want` unused raw bytes, fewer only at the end of the file. */
static enum status fill(struct file_source *f, size_t want, struct err *err)
{
	while (f->len - f->pos < want && !f->ended) {
		size_t n = 0;
		enum status st;

		memmove(f->raw, f->raw + f->pos, f->len - f->pos);
		f->len -= f->pos;
		f->pos = 0;
		st = read_fd(f, f->raw + f->len, RAW_BYTES - f->len, &n, err);
		if (st)
			return st;
		f->len += n;
	}
	return ST_OK;
}

/* What the first bytes say. */
static enum status detect(struct file_source *f, struct err *err)
{
	static const uint8_t zstd[4] = { 0x28, 0xb5, 0x2f, 0xfd };
	static const uint8_t gzip[2] = { 0x1f, 0x8b };
	enum status st = fill(f, sizeof(zstd), err);
	size_t have = f->len - f->pos;

	if (st)
		return st;
	f->coding = PLAIN;
	if (have >= sizeof(zstd) && !memcmp(f->raw + f->pos, zstd, sizeof(zstd))) {
		f->coding = ZSTD;
		f->zstd = ZSTD_createDStream();
		if (!f->zstd)
			return err_nomem(err, "zstd");
	} else if (have >= sizeof(gzip) && !memcmp(f->raw + f->pos, gzip, sizeof(gzip))) {
		f->coding = GZIP;
		/* 15 bits of window, 16: expect the gzip wrapper. */
		if (inflateInit2(&f->gzip, 15 + 16) != Z_OK)
			return err_nomem(err, "gzip");
		f->gzip_ready = true;
	}
	return ST_OK;
}

static enum status read_plain(struct file_source *f, uint8_t *dst, size_t cap, size_t *n,
			      struct err *err)
{
	size_t have = f->len - f->pos;

	if (!have)
		return f->ended ? ST_OK : read_fd(f, dst, cap, n, err);
	*n = have < cap ? have : cap;
	memcpy(dst, f->raw + f->pos, *n);
	f->pos += *n;
	return ST_OK;
}

/* One step of the decompressor over what is buffered. *made bytes came out. */
static enum status step_zstd(struct file_source *f, uint8_t *dst, size_t cap, size_t *made,
			     struct err *err)
{
	ZSTD_inBuffer in = { f->raw + f->pos, f->len - f->pos, 0 };
	ZSTD_outBuffer out = { dst, cap < ZSTD_STEP ? cap : ZSTD_STEP, 0 };
	size_t left = ZSTD_decompressStream(f->zstd, &out, &in);

	if (ZSTD_isError(left))
		return err_set(err, ST_FORMAT, ERR_NO_OFFSET, "damaged zstd data: %s",
			       ZSTD_getErrorName(left));
	f->in_frame = left != 0;
	f->pos += in.pos;
	*made = out.pos;
	return ST_OK;
}

static enum status step_gzip(struct file_source *f, uint8_t *dst, size_t cap, size_t *made,
			     struct err *err)
{
	int rc;

	f->gzip.next_in = f->raw + f->pos;
	f->gzip.avail_in = (uInt)(f->len - f->pos);
	f->gzip.next_out = dst;
	f->gzip.avail_out = (uInt)cap;
	rc = inflate(&f->gzip, Z_NO_FLUSH);
	*made = cap - f->gzip.avail_out;
	if (rc == Z_MEM_ERROR)
		return err_nomem(err, "gzip");
	/* What came before the damage first; the next call fails again. */
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR && !*made)
		return err_set(err, ST_FORMAT, ERR_NO_OFFSET, "damaged gzip data: %s",
			       f->gzip.msg ? f->gzip.msg : "unexpected end");
	f->in_frame = rc != Z_STREAM_END;
	f->pos = f->len - f->gzip.avail_in;
	/* A file may hold several members one behind the other. */
	if (rc == Z_STREAM_END)
		inflateReset(&f->gzip);
	return ST_OK;
}

static enum status read_packed(struct file_source *f, uint8_t *dst, size_t cap, size_t *n,
			       struct err *err)
{
	if (cap > (size_t)1 << 30)
		cap = (size_t)1 << 30;
	for (;;) {
		size_t before;
		enum status st = fill(f, 1, err);

		if (st)
			return st;
		before = f->pos;
		if (f->pos == f->len && !f->in_frame)
			return ST_OK;
		st = f->coding == ZSTD ? step_zstd(f, dst, cap, n, err)
				       : step_gzip(f, dst, cap, n, err);
		if (st || *n)
			return st;
		if (f->pos == before && f->ended)
			return err_set(err, ST_FORMAT, ERR_NO_OFFSET,
				       "the %s data ends early, the file was cut",
				       f->coding == ZSTD ? "zstd" : "gzip");
	}
}

static enum status read_some(void *arg, uint8_t *dst, size_t cap, size_t *n, struct err *err)
{
	struct file_source *f = arg;

	*n = 0;
	if (f->head_pos < f->head_len) {
		*n = f->head_len - f->head_pos < cap ? f->head_len - f->head_pos : cap;
		memcpy(dst, f->head + f->head_pos, *n);
		f->head_pos += *n;
		return ST_OK;
	}
	if (f->coding == UNKNOWN) {
		enum status st = detect(f, err);

		if (st)
			return st;
	}
	if (f->coding == PLAIN)
		return read_plain(f, dst, cap, n, err);
	return read_packed(f, dst, cap, n, err);
}

struct byte_source file_source_bytes(struct file_source *f)
{
	return (struct byte_source){ read_some, f };
}

enum status file_source_peek(struct file_source *f, struct slice *out, struct err *err)
{
	size_t len = 0, n = 1;

	while (!f->head_len && len < sizeof(f->head) && n) {
		enum status st = read_some(f, f->head + len, sizeof(f->head) - len, &n, err);

		if (st)
			return st;
		len += n;
	}
	if (!f->head_len)
		f->head_len = len;
	*out = (struct slice){ f->head, f->head_len };
	return ST_OK;
}

static enum status write_all(int fd, const uint8_t *bytes, size_t n, struct err *err)
{
	while (n) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno != EINTR)
			return err_errno(err, "cannot write a temporary copy");
		if (done > 0) {
			bytes += done;
			n -= (size_t)done;
		}
	}
	return ST_OK;
}

/* A file without a name in $TMPDIR or the usual place. */
static int open_nameless(void)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	if (!dir || !*dir)
		dir = P_tmpdir;
	if (snprintf(path, sizeof(path), "%s/flightspan-XXXXXX", dir) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

enum status file_source_spool(struct file_source *f, struct err *err)
{
	uint8_t *chunk = mem_alloc(RAW_BYTES);
	int fd = open_nameless();
	enum status st = ST_OK;
	size_t n = 1;

	if (!chunk)
		st = err_nomem(err, "a temporary copy");
	else if (fd < 0)
		st = err_errno(err, "cannot make a temporary copy of the input");
	while (chunk && !st && n) {
		st = read_some(f, chunk, RAW_BYTES, &n, err);
		if (!st)
			st = write_all(fd, chunk, n, err);
	}
	mem_free(chunk);
	if (st) {
		if (fd >= 0)
			close(fd);
		return st;
	}
	if (f->fd > STDIN_FILENO)
		close(f->fd);
	f->fd = fd;
	st = inspect(f, err);
	return st ? st : file_source_rewind(f, err);
}
