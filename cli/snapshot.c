#include "cli/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/mem.h"

#define CHUNK_BYTES ((size_t)1 << 18)

static enum status hash_file(int fd, uint64_t hash[2], struct err *err)
{
	uint8_t *chunk = mem_alloc(CHUNK_BYTES);
	XXH3_state_t *state = XXH3_createState();
	enum status st = ST_OK;
	XXH128_hash_t h;
	ssize_t n;

	if (!chunk || !state || XXH3_128bits_reset(state) == XXH_ERROR) {
		st = err_nomem(err, "a hash");
	} else {
		while ((n = read(fd, chunk, CHUNK_BYTES)) > 0)
			XXH3_128bits_update(state, chunk, (size_t)n);
		if (n < 0)
			st = err_errno(err, "cannot read");
		h = XXH3_128bits_digest(state);
		hash[0] = h.high64;
		hash[1] = h.low64;
	}
	XXH3_freeState(state);
	mem_free(chunk);
	return st;
}

enum status snapshot_place(int fd, struct queue_snapshot *out, struct err *err)
{
	struct stat s;

	*out = (struct queue_snapshot){ 0 };
	if (fstat(fd, &s))
		return err_errno(err, "cannot look at it");
	out->device = s.st_dev;
	out->inode = s.st_ino;
	out->size = (uint64_t)s.st_size;
	out->mtime_ns = s.st_mtim.tv_sec * (int64_t)1000000000 + s.st_mtim.tv_nsec;
	out->ctime_s = s.st_ctim.tv_sec;
	return ST_OK;
}

enum status snapshot_hash(int fd, struct queue_snapshot *out, struct err *err)
{
	enum status st = hash_file(fd, out->hash, err);

	if (!st && lseek(fd, 0, SEEK_SET) != 0)
		return err_errno(err, "cannot read it again");
	return st;
}

enum status snapshot_identify(const char *path, struct queue_snapshot *out, struct err *err)
{
	struct stat s;
	enum status st;
	int fd;

	*out = (struct queue_snapshot){ 0 };
	/* A pipe can be read once only, and not by us. */
	if (!stat(path, &s) && !S_ISREG(s.st_mode))
		return ST_END;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "cannot open");
	st = snapshot_place(fd, out, err);
	if (!st)
		st = hash_file(fd, out->hash, err);
	close(fd);
	return st;
}
