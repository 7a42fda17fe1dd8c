/* SPDX-License-Identifier: BSD-2-Clause */
#include "simulation.h"

#include <stdlib.h>

static uint64_t one_in;
static bool failed, spared;

struct arena;
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_arena_alloc(struct arena *arena, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_arena_alloc(struct arena *arena, size_t size);

void sim_memory_fail(uint64_t n)
{
	one_in = n;
}

void sim_memory_spare(bool on)
{
	spared = on;
}

bool sim_memory_failed(void)
{
	const bool did = failed;

	failed = false;
	return did;
}

static bool fails(void)
{
	if (!sim_in_process() || spared)
		return false;
	if (!sim_every_here(SIM_EVERY_ALLOCATION) && (!one_in || !sim_once_in(one_in)))
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_arena_alloc(struct arena *arena, size_t size)
{
	return fails() ? NULL : __real_arena_alloc(arena, size);
}
