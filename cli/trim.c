#include "cli/trim.h"

#include <link.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* The loader says where, as a number. */
static void give_back(uintptr_t from, size_t n)
{
	(void)madvise((void *)from, n, MADV_DONTNEED); // NOLINT(performance-no-int-to-ptr)
}

/*
 * Code alone: a private mapping of a file that nobody writes to has nothing to lose (neither we
 * nor Debian's libraries have relocations there). Data and what is relocated stay.
 */
static int drop(struct dl_phdr_info *object, size_t size, void *arg)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)arg;
	for (unsigned int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &object->dlpi_phdr[i];
		uintptr_t from = (object->dlpi_addr + p->p_vaddr + page - 1) & ~(page - 1);
		uintptr_t to = (object->dlpi_addr + p->p_vaddr + p->p_memsz) & ~(page - 1);

		if (p->p_type == PT_LOAD && p->p_flags & PF_X && !(p->p_flags & PF_W) && from < to)
			give_back(from, to - from);
	}
	return 0;
}

void trim_code(void)
{
	dl_iterate_phdr(drop, NULL);
}
