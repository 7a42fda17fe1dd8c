/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hash.h"

#include <sys/random.h>

void hash_seed_random(struct hash_seed *ret)
{
	uint64_t words[2];

	/* Up to 256 bytes come whole; it waits, at most, for the pool of a machine that just
	 * booted. */
	while (getrandom(words, sizeof(words), 0) != (ssize_t)sizeof(words))
		continue;
	ret->a = words[0] | 1;
	ret->b = words[1] | 1;
}
