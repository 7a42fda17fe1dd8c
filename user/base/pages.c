/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE (2u << 20) /* below that size, one would be mostly air */
#define LEAST_MAP (128u << 10)
#define LINE      64 /* no entry of a table lies on two cache lines */

static void *alloc_small(size_t size)
{
	const size_t whole = (size + LINE - 1) & ~(size_t)(LINE - 1);
	void *memory = aligned_alloc(LINE, whole);

	return memory ? memset(memory, 0, whole) : NULL;
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* mmap() aligns to small pages: take one huge page more, give back both ends. */
static void *map_aligned(size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t size = (bytes + page - 1) & ~(page - 1);
	char *memory, *aligned;
	size_t before;

	if (bytes > SIZE_MAX - 2 * (size_t)HUGE_PAGE)
		return NULL;
	memory = map(size + HUGE_PAGE);
	if (!memory)
		return NULL;
	aligned = (char *)(((uintptr_t)memory + HUGE_PAGE - 1) & ~((uintptr_t)HUGE_PAGE - 1));
	before = (size_t)(aligned - memory);
	if (before)
		munmap(memory, before);
	if (before < HUGE_PAGE)
		munmap(aligned + size, HUGE_PAGE - before);
	return aligned;
}

/* `advice` is refused where the kernel has no huge pages. */
static void *map_advised(size_t size, int advice)
{
	void *memory;

	if (size < LEAST_MAP)
		return alloc_small(size);
	if (size < HUGE_PAGE)
		return map(size);
	memory = map_aligned(size);
	if (memory)
		(void)madvise(memory, size, advice);
	return memory;
}

void *pages_reserve(size_t size)
{
	return map_advised(size, MADV_NOHUGEPAGE);
}

void *pages_alloc(size_t size)
{
	return map_advised(size, MADV_HUGEPAGE);
}

void pages_clear(void *memory, size_t size)
{
	/* Not of memory that is locked: that stays, and has to be written. */
	if (size < LEAST_MAP || madvise(memory, size, MADV_DONTNEED) < 0)
		memset(memory, 0, size);
}

void pages_renew(void *memory, size_t size)
{
	/* Small pages go, where there were any, to come again as huge ones. */
	if (size >= HUGE_PAGE && madvise(memory, size, MADV_HUGEPAGE) == 0)
		(void)madvise(memory, size, MADV_DONTNEED);
	memset(memory, 0, size);
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
