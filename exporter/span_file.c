#include "exporter/span_file.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "exporter/compress.h"

/* A rotated file is compressed in frames of this many bytes. */
#define CHUNK_BYTES ((size_t)1 << 20)
/* -YYYY-MM-DDTHH-MM-SS.mmm */
#define STAMP_CHARS 24

struct span_file {
	struct file_settings set;
	struct retry_clock clock;
	char path[PATH_MAX];
	char folder[PATH_MAX];	      /* of the path, ends in a slash, or "" */
	char stem[NAME_MAX + 1];      /* the name up to its extension */
	char extension[NAME_MAX + 1]; /* with the dot, or "" */
	int fd;			      /* -1: closed */
	ino_t inode;
	uint64_t size;	  /* of whole messages */
	time_t rotated_s; /* Unix time in the last rotated name */
	unsigned int rotated_ms;
	struct buf chunk, packed; /* while compressing */
};

enum status span_file_open(struct span_file **out, const struct file_settings *set,
			   const struct retry_clock *clock, struct err *err)
{
	struct span_file *f = mem_zalloc(sizeof(*f));
	const char *slash = strrchr(set->path, '/');
	const char *name = slash ? slash + 1 : set->path;
	const char *dot = strrchr(name, '.');

	if (!f)
		return err_nomem(err, "the file exporter");
	f->fd = -1;
	f->set = *set;
	f->clock = *clock;
	buf_init(&f->chunk, CHUNK_BYTES);
	buf_init(&f->packed, 2 * CHUNK_BYTES);
	if (!*name || strlen(name) + STAMP_CHARS + 16 > NAME_MAX ||
	    strlen(set->path) + STAMP_CHARS + 16 > PATH_MAX) {
		span_file_close(f);
		return err_set(err, ST_CONFIG, ERR_NO_OFFSET, "%s: expected the name of a file",
			       set->path);
	}
	if (!dot || dot == name)
		dot = name + strlen(name);
	snprintf(f->path, sizeof(f->path), "%s", set->path);
	snprintf(f->folder, sizeof(f->folder), "%.*s", (int)(name - set->path), set->path);
	snprintf(f->stem, sizeof(f->stem), "%.*s", (int)(dot - name), name);
	snprintf(f->extension, sizeof(f->extension), "%s", dot);
	f->set.path = f->path;
	*out = f;
	return ST_OK;
}

static void let_go(struct span_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

void span_file_close(struct span_file *f)
{
	if (!f)
		return;
	let_go(f);
	buf_release(&f->chunk);
	buf_release(&f->packed);
	mem_free(f);
}

static enum status failed(const char *path, const char *what, int *code, struct err *err)
{
	char text[sizeof(err->msg)];

	*code = errno;
	snprintf(text, sizeof(text), "cannot %s %.300s", what, path);
	errno = *code;
	return err_errno(err, text);
}

/* ---- what a crash left ---- */

/* Where the last whole line ends. */
static bool end_of_lines(int fd, uint64_t size, uint64_t *end)
{
	char block[4096];

	while (size) {
		size_t n = size < sizeof(block) ? (size_t)size : sizeof(block);

		if (pread(fd, block, n, (off_t)(size - n)) != (ssize_t)n)
			return false;
		for (size_t i = n; i; i--) {
			if (block[i - 1] == '\n') {
				*end = size - n + i;
				return true;
			}
		}
		size -= n;
	}
	*end = 0;
	return true;
}

/* Where the last whole message ends. */
static bool end_of_messages(int fd, uint64_t size, uint64_t *end)
{
	uint32_t be;

	*end = 0;
	while (size - *end >= sizeof(be)) {
		if (pread(fd, &be, sizeof(be), (off_t)*end) != (ssize_t)sizeof(be))
			return false;
		if (be32toh(be) > size - *end - sizeof(be))
			break;
		*end += sizeof(be) + be32toh(be);
	}
	return true;
}

static bool cut_torn_end(struct span_file *f, uint64_t size)
{
	bool ok = f->set.encoding == SETTING_OTLP_JSON ? end_of_lines(f->fd, size, &f->size)
						       : end_of_messages(f->fd, size, &f->size);

	return ok && (f->size == size || ftruncate(f->fd, (off_t)f->size) == 0);
}

/* ---- opening ---- */

static enum status open_file(struct span_file *f, int *code, struct err *err)
{
	enum status st = ST_OK;
	struct stat s = { 0 };

	f->fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	if (f->fd < 0)
		return failed(f->path, "open", code, err);
	if (flock(f->fd, LOCK_EX | LOCK_NB)) {
		*code = errno;
		st = err_set(err, ST_IO, ERR_NO_OFFSET, "%s: another process writes it", f->path);
	} else if (fstat(f->fd, &s)) {
		st = failed(f->path, "look at", code, err);
	} else if (!S_ISREG(s.st_mode)) {
		*code = EINVAL;
		st = err_set(err, ST_IO, ERR_NO_OFFSET, "%s: expected a plain file", f->path);
	} else if (!cut_torn_end(f, (uint64_t)s.st_size)) {
		st = failed(f->path, "mend the end of", code, err);
	}
	f->inode = s.st_ino;
	if (st)
		let_go(f);
	return st;
}

/* Somebody may have moved or removed the file since. */
static enum status ready(struct span_file *f, int *code, struct err *err)
{
	struct stat s;

	if (f->fd >= 0 && (stat(f->path, &s) || s.st_ino != f->inode))
		let_go(f);
	return f->fd >= 0 ? ST_OK : open_file(f, code, err);
}

/* ---- rotation ---- */

static int is_ours(const struct span_file *f, const char *name)
{
	size_t stem = strlen(f->stem);

	/* The stem, a stamp, the extension, and perhaps .zst or .gz. */
	return strncmp(name, f->stem, stem) == 0 && name[stem] == '-' &&
	       strlen(name) >= stem + STAMP_CHARS + strlen(f->extension) && name[stem + 5] == '-' &&
	       name[stem + 11] == 'T' &&
	       strncmp(name + stem + STAMP_CHARS, f->extension, strlen(f->extension)) == 0;
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

/* The oldest rotated file, and how many there are; half-made ones go. */
static size_t find_oldest(const struct span_file *f, char *oldest, size_t cap)
{
	DIR *d = opendir(*f->folder ? f->folder : ".");
	const struct dirent *e;
	char path[PATH_MAX + NAME_MAX];
	size_t n = 0;

	while (d && (e = readdir(d))) {
		if (!is_ours(f, e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s%s", f->folder, e->d_name);
		if (ends_in(e->d_name, ".tmp")) {
			unlink(path);
			continue;
		}
		if (!n++ || strcmp(path, oldest) < 0)
			snprintf(oldest, cap, "%s", path);
	}
	if (d)
		closedir(d);
	return n;
}

/* Names sort by time. At most one file comes with each rotation: no endless loop. */
static void remove_oldest(const struct span_file *f)
{
	char oldest[PATH_MAX + NAME_MAX];
	size_t n = find_oldest(f, oldest, sizeof(oldest));

	for (; n > f->set.keep; n--) {
		if (unlink(oldest))
			return;
		find_oldest(f, oldest, sizeof(oldest));
	}
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* Frame after frame; false leaves the original in place, and no harm is done. */
static bool compress_into(struct span_file *f, struct compressor *c, int from, int to)
{
	struct err err = ERR_INIT;
	ssize_t n;

	if (!buf_reserve(&f->chunk, CHUNK_BYTES))
		return false;
	while ((n = read(from, f->chunk.ptr, CHUNK_BYTES)) > 0) {
		struct slice in = { f->chunk.ptr, (size_t)n };

		if (compressor_pack(c, in, 0, &f->packed, &err) ||
		    !write_all(to, f->packed.ptr, f->packed.len))
			return false;
	}
	return n == 0 && fsync(to) == 0;
}

static void compress_file(struct span_file *f, const char *path)
{
	char temp[PATH_MAX + 16], final[PATH_MAX + 16];
	struct compressor *c = NULL;
	struct err err = ERR_INIT;
	int from, to;
	bool ok;

	if (compressor_open(&c, f->set.compression, &err))
		return;
	snprintf(final, sizeof(final), "%s.%s", path,
		 f->set.compression == SETTING_ZSTD ? "zst" : "gz");
	snprintf(temp, sizeof(temp), "%s.tmp", path);
	from = open(path, O_RDONLY | O_CLOEXEC);
	to = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	ok = from >= 0 && to >= 0 && compress_into(f, c, from, to);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	if (ok && rename(temp, final) == 0)
		unlink(path);
	else
		unlink(temp);
	buf_release(&f->chunk);
	buf_release(&f->packed);
	compressor_close(c);
}

static bool is_taken(const char *path)
{
	static const char *const endings[] = { "", ".zst", ".gz" };
	char packed[PATH_MAX + 8];

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		snprintf(packed, sizeof(packed), "%s%s", path, endings[i]);
		if (access(packed, F_OK) == 0)
			return true;
	}
	return false;
}

/*
 * A name that is not taken and comes after the ones before, whatever the clock does:
 * thousandths only count within a second.
 */
static bool rotated_name(struct span_file *f, char *to, size_t cap)
{
	int64_t now = f->clock.wall_s(f->clock.arg);
	char stamp[32];
	struct tm tm;

	if (now > f->rotated_s) {
		f->rotated_s = now;
		f->rotated_ms = 0;
	}
	for (int i = 0; i < 10000; i++) {
		if (f->rotated_ms == 1000) {
			f->rotated_s++;
			f->rotated_ms = 0;
		}
		gmtime_r(&f->rotated_s, &tm);
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H-%M-%S", &tm);
		if (snprintf(to, cap, "%s%s-%s.%03u%s", f->folder, f->stem, stamp, f->rotated_ms++,
			     f->extension) >= (int)cap)
			return false;
		if (!is_taken(to))
			return true;
	}
	errno = EEXIST;
	return false;
}

static enum status rotate(struct span_file *f, int *code, struct err *err)
{
	char name[PATH_MAX];

	if (!rotated_name(f, name, sizeof(name)) || rename(f->path, name))
		return failed(f->path, "rotate", code, err);
	let_go(f);
	if (f->set.compression != SETTING_NONE)
		compress_file(f, name);
	remove_oldest(f);
	return open_file(f, code, err);
}

/* ---- writing ---- */

enum status span_file_add(struct span_file *f, struct slice message, int *code, struct err *err)
{
	bool json = f->set.encoding == SETTING_OTLP_JSON;
	uint32_t frame = htobe32((uint32_t)message.len);
	uint64_t more = message.len + (json ? 1 : sizeof(frame));
	enum status st = ready(f, code, err);

	if (!st && f->set.rotate_bytes && f->size && f->size + more > f->set.rotate_bytes)
		st = rotate(f, code, err);
	if (st)
		return st;
	if ((json || write_all(f->fd, (const uint8_t *)&frame, sizeof(frame))) &&
	    write_all(f->fd, message.ptr, message.len) &&
	    (!json || write_all(f->fd, (const uint8_t *)"\n", 1)) && fdatasync(f->fd) == 0) {
		f->size += more;
		return ST_OK;
	}
	st = failed(f->path, "write", code, err);
	/* What came of it goes again, now or when the file is opened next. */
	if (ftruncate(f->fd, (off_t)f->size))
		let_go(f);
	return st;
}
