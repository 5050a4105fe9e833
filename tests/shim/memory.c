/*
 * The part of the shim that has the program run out of memory:
 *
 *	SHIM_MEMORY  "N": one in N of its own allocations fails, not those of libraries; which
 *		     ones is left to a counter
 *
 * glibc's other names of its allocator are called, since dlsym() itself allocates.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static uintptr_t low, high; /* where the program's own code is */
static uint64_t calls;	    /* atomic */

/* The first object is the program. */
static int measure(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t end = 0;

	(void)size;
	(void)arg;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_LOAD && h->p_vaddr + h->p_memsz > end)
			end = h->p_vaddr + h->p_memsz;
	}
	low = info->dlpi_addr;
	__atomic_store_n(&high, info->dlpi_addr + end, __ATOMIC_RELEASE);
	return 1;
}

static uint64_t one_in(const char *path)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	char text[24] = "";

	if (fd < 0)
		return 0;
	if (syscall(SYS_read, fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	syscall(SYS_close, fd);
	return strtoumax(text, NULL, 10);
}

static bool refused(const void *caller)
{
	const char *path = getenv("SHIM_MEMORY");
	int saved = errno;
	uint64_t n;

	if (!path)
		return false;
	if (!__atomic_load_n(&high, __ATOMIC_ACQUIRE))
		dl_iterate_phdr(measure, NULL);
	if ((uintptr_t)caller < low || (uintptr_t)caller >= high)
		return false;
	n = one_in(path);
	errno = saved;
	if (!n)
		return false;
	/* A hash of the count: no period that a loop of the program could have too. */
	n = ((__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) * 0x9e3779b97f4a7c15u) >> 32) % n;
	if (!n)
		errno = ENOMEM;
	return !n;
}

void *malloc(size_t size)
{
	return refused(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return refused(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return refused(__builtin_return_address(0)) ? NULL : __libc_realloc(p, size);
}
