/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/image.h"

#include "base/unused.h"

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Only of segments that nobody could have written to: all that is in them is in the file. */
static int settle(struct dl_phdr_info *object, size_t size UNUSED, void *context)
{
	const uintptr_t page = *(const uintptr_t *)context;

	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		const uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			(void)madvise((void *)begin, /* NOLINT(performance-no-int-to-ptr) */
			    object->dlpi_addr + segment->p_vaddr + segment->p_memsz - begin,
			    MADV_DONTNEED);
	}
	return 0;
}

void image_settle(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	dl_iterate_phdr(settle, &page);
}
