/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/unite.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_text(const struct hash_seed *seed, const char *text)
{
	uint64_t hash = 0;

	for (; *text; text++)
		hash = hash_u64(seed, hash ^ (unsigned char)*text);
	return hash;
}

/* Which of the first `n` has this hash; `n`: none. Lists are short. */
static size_t find(const uint64_t *hashes, size_t n, uint64_t hash)
{
	size_t i = 0;

	while (i < n && hashes[i] != hash)
		i++;
	return i;
}

/* Those that are left; `hashes` has room for n. */
static size_t unite(
    struct privacy *privacy, const struct unite_rows *kind, char *rows, size_t n, uint64_t *hashes)
{
	char text[PRIVACY_NAME_SIZE];
	struct hash_seed seed;
	size_t left = 0;

	hash_seed_random(&seed);
	for (size_t i = 0; i < n; i++) {
		const char *row = rows + i * kind->size;
		size_t first = left;

		kind->text(privacy, row, text);
		hashes[left] = hash_text(&seed, text);
		if (*text)
			first = find(hashes, left, hashes[left]);
		if (first < left)
			kind->add(rows + first * kind->size, row);
		else
			memmove(rows + left++ * kind->size, row, kind->size);
	}
	return left;
}

void *encode_unite(struct points *points, const struct encode_context *context,
    const struct unite_rows *kind, const void *rows, size_t n, size_t *ret_n)
{
	const bool unites = context->top_key == TOP_KEY_VALUE;
	char *copy = calloc(n + 1, kind->size);
	uint64_t *hashes = unites ? calloc(n + 1, sizeof(*hashes)) : NULL;

	*ret_n = n;
	if (!copy || (unites && !hashes)) {
		points_fail(points, -ENOMEM);
		free(copy);
		copy = NULL;
	} else if (n) {
		memcpy(copy, rows, n * kind->size);
		if (unites)
			*ret_n = unite(context->privacy, kind, copy, n, hashes);
	}
	free(hashes);
	return copy;
}
