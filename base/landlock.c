#include "base/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Older headers lack what newer kernels know: all numbers are here. */
enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_MAKE_SOCK = 1 << 9,
	FS_ALL_1 = (1 << 13) - 1,
	FS_REFER = 1 << 13,	/* 2: rename or link into another folder */
	FS_TRUNCATE = 1 << 14,	/* 3 */
	FS_IOCTL_DEV = 1 << 15, /* 5 */
};
enum { SCOPE_SIGNAL = 1 << 1 }; /* 6: to processes outside */
enum { RULE_PATH_BENEATH = 1 };
enum { CREATE_RULESET_VERSION = 1 };

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_beneath_attr {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

static enum status refused(struct err *err, const char *what)
{
	return err_set(err, ST_IO, ERR_NO_OFFSET, "Landlock: cannot %s: %s", what, strerror(errno));
}

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	if (abi == 1)
		errno = EOPNOTSUPP;
	return abi < 2 ? 0 : (int)abi;
}

/* All that the version knows of files. */
static uint64_t all_of(int abi)
{
	uint64_t all = FS_ALL_1 | FS_REFER;

	if (abi >= 3)
		all |= FS_TRUNCATE;
	if (abi >= 5)
		all |= FS_IOCTL_DEV;
	return all;
}

enum status landlock_begin(struct landlock *l, struct err *err)
{
	struct ruleset_attr a = { 0 };
	size_t size = sizeof(a.fs);

	*l = (struct landlock){ .fd = -1, .abi = landlock_abi() };
	a.fs = all_of(l->abi);
	if (l->abi >= 6) {
		a.scoped = SCOPE_SIGNAL;
		size = sizeof(a);
	}
	l->fd = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
	return l->fd < 0 ? refused(err, "make a rule set") : ST_OK;
}

enum status landlock_allow(struct landlock *l, const char *path, enum landlock_access access,
			   struct err *err)
{
	struct path_beneath_attr a = { .allowed = FS_READ_FILE | FS_READ_DIR };
	enum status st = ST_OK;
	struct stat s;

	a.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (a.parent_fd < 0)
		return err_set(err, ST_IO, ERR_NO_OFFSET, "%s: %s", path, strerror(errno));
	if (access == LANDLOCK_WRITE)
		a.allowed |= FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
			     FS_MAKE_REG | FS_MAKE_SOCK | FS_REFER | FS_TRUNCATE;
	/* A file has fewer rights to give. */
	if (!fstat(a.parent_fd, &s) && !S_ISDIR(s.st_mode))
		a.allowed &= FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE;
	a.allowed &= all_of(l->abi);
	if (syscall(SYS_landlock_add_rule, l->fd, RULE_PATH_BENEATH, &a, 0))
		st = refused(err, "add a rule");
	close(a.parent_fd);
	return st;
}

enum status landlock_enforce(struct landlock *l, struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return refused(err, "give up new privileges");
	return syscall(SYS_landlock_restrict_self, l->fd, 0) ? refused(err, "enforce the rules")
							     : ST_OK;
}

void landlock_release(struct landlock *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
