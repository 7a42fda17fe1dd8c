/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK_BYTES 4096
#define MAX_BLOCK_BYTES   (1 << 20)

struct block {
	struct block *next;
	size_t size, used; /* of data[] */
	_Alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct block *current; /* newest first */
	struct block *first;
	size_t size;
};

static struct block *block_new(size_t size)
{
	struct block *block = malloc(sizeof(*block) + size);

	if (!block)
		return NULL;
	block->next = NULL;
	block->size = size;
	block->used = 0;
	return block;
}

int arena_new(struct arena **ret)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (!arena)
		return -ENOMEM;
	arena->first = arena->current = block_new(FIRST_BLOCK_BYTES);
	if (!arena->first) {
		free(arena);
		return -ENOMEM;
	}
	arena->size = FIRST_BLOCK_BYTES;
	*ret = arena;
	return 0;
}

static void free_all_but_first(struct arena *arena)
{
	while (arena->current != arena->first) {
		struct block *next = arena->current->next;

		arena->size -= arena->current->size;
		free(arena->current);
		arena->current = next;
	}
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	free_all_but_first(arena);
	free(arena->first);
	free(arena);
}

void arena_wipe(struct arena *arena)
{
	struct block *block = arena ? arena->current : NULL;

	for (; block; block = block->next)
		explicit_bzero(block->data, block->size);
	arena_free(arena);
}

void arena_reset(struct arena *arena)
{
	free_all_but_first(arena);
	arena->first->used = 0;
}

size_t arena_size(const struct arena *arena)
{
	return arena->size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct block *block = arena->current;
	void *memory;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + align - 1) & ~(align - 1);
	if (block->size - block->used < size) {
		size_t want = block->size * 2 > MAX_BLOCK_BYTES ? MAX_BLOCK_BYTES : block->size * 2;

		if (want < size)
			want = size;
		block = block_new(want);
		if (!block)
			return NULL;
		block->next = arena->current;
		arena->current = block;
		arena->size += want;
	}
	memory = block->data + block->used;
	block->used += size;
	return memset(memory, 0, size);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	if (copy)
		memcpy(copy, text, length);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char *text;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
	if (text)
		vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}
