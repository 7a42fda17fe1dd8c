/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE (2u << 20)
#define LEAST_MAP HUGE_PAGE /* below, a huge page would be mostly air */

void *pages_alloc(size_t size)
{
	char *memory, *aligned;
	size_t before;

	if (size < LEAST_MAP)
		return calloc(1, size);
	if (size > SIZE_MAX - HUGE_PAGE)
		return NULL;
	/* mmap() aligns to small pages: take one huge page more, give back both ends. */
	memory = mmap(
	    NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	aligned = (char *)(((uintptr_t)memory + HUGE_PAGE - 1) & ~((uintptr_t)HUGE_PAGE - 1));
	before = (size_t)(aligned - memory);
	if (before)
		munmap(memory, before);
	if (before < HUGE_PAGE)
		munmap(aligned + size, HUGE_PAGE - before);
	(void)madvise(aligned, size, MADV_HUGEPAGE); /* refused where the kernel has none */
	return aligned;
}

void pages_free(void *memory, size_t size)
{
	if (!memory)
		return;
	if (size < LEAST_MAP)
		free(memory);
	else
		munmap(memory, size);
}
