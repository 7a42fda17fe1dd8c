/* SPDX-License-Identifier: BSD-2-Clause */
#include "text/json_read.h"

#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What jansson is given at a time: so much of the text it still reads after memory ran out. */
#define PIECE_BYTES 64

struct text {
	const char *at;
	size_t left;
};

/* Only its last allocations come from here: those of one piece of text, which has at most
 * PIECE_BYTES values, each below 512 bytes; and what the whole text before it has doubled by them:
 * the buffer of a token and the string that it becomes (4 bytes for each of the text), the table of
 * an array (8 for each), that of an object (16 for each). */
struct reserve {
	uint8_t *at;
	size_t size, used;
	bool failed;
};

#define RESERVE_BYTES(length) (32 * (length) + PIECE_BYTES * 512)

/* jansson's allocator has no context. NULL: this thread reads no text. */
static _Thread_local struct reserve *reserve;

static void *take(size_t size)
{
	const size_t unit = alignof(max_align_t), room = (size + unit - 1) / unit * unit;
	void *memory = malloc(size);

	if (memory || !reserve)
		return memory;
	reserve->failed = true;
	if (room > reserve->size - reserve->used)
		return NULL;
	memory = reserve->at + reserve->used;
	reserve->used += room;
	return memory;
}

static void give_back(void *memory)
{
	const uintptr_t at = (uintptr_t)memory;

	if (reserve && at >= (uintptr_t)reserve->at && at - (uintptr_t)reserve->at < reserve->size)
		return;
	free(memory);
}

/* Before there is a second thread, which could ask for memory at the same time. */
__attribute__((constructor)) static void set_allocator(void)
{
	json_set_alloc_funcs(take, give_back);
}

static size_t next_piece(void *to, size_t room, void *context)
{
	struct text *text = context;
	size_t n = text->left < PIECE_BYTES ? text->left : PIECE_BYTES;

	if (reserve->failed)
		return 0;
	if (n > room)
		n = room;
	memcpy(to, text->at, n);
	text->at += n;
	text->left -= n;
	return n;
}

static int grow(struct json_reserve *kept, size_t length)
{
	void *larger;

	if (length > SIZE_MAX / 64)
		return -ENOMEM;
	if (kept->size >= RESERVE_BYTES(length))
		return 0;
	larger = malloc(RESERVE_BYTES(length));
	if (!larger)
		return -ENOMEM;
	free(kept->at);
	kept->at = larger;
	kept->size = RESERVE_BYTES(length);
	return 0;
}

void json_reserve_free(struct json_reserve *kept)
{
	free(kept->at);
	*kept = (struct json_reserve){0};
}

int json_read_with(struct json_reserve *kept, json_t **ret, const char *text, size_t length)
{
	struct text whole = {text, length};
	struct reserve own = {0};
	json_t *root;

	if (grow(kept, length) < 0)
		return -ENOMEM;
	own.at = kept->at;
	own.size = kept->size;
	reserve = &own;
	root = json_load_callback(next_piece, &whole, 0, NULL);
	if (own.failed) {
		json_decref(root);
		root = NULL;
	}
	reserve = NULL;
	if (!root)
		return own.failed ? -ENOMEM : -EINVAL;
	*ret = root;
	return 0;
}

int json_read(json_t **ret, const char *text, size_t length)
{
	struct json_reserve own = {0};
	const int r = json_read_with(&own, ret, text, length);

	json_reserve_free(&own);
	return r;
}
