/* SPDX-License-Identifier: BSD-2-Clause */
/* A damaged or hostile file of the resolvers, which has the right hash: it is read or not, and
 * nothing that was read is out of its range. */
#include "enrich/resolvers_file.h"

#include "folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define MOST  4096
#define LIMIT 32
#define NOW_S 1800000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct resolver *resolver)
{
	if ((resolver->family != 4 && resolver->family != 6) ||
	    resolver->icmp_rtt_us > RESOLVER_MAX_RTT_US || resolver->icmp_s > NOW_S ||
	    resolver->tcp_rtt_us > RESOLVER_MAX_RTT_US || resolver->tcp_s > NOW_S ||
	    resolver->credit > RESOLVER_MAX_CREDIT || resolver->day.signs & ~CLIENT_SIGNS ||
	    resolver->day.before >> CLIENT_TRAIT_COUNT)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[MOST + sizeof(uint64_t)];
	static struct resolvers *resolvers;
	static char path[256];
	const struct hash_seed seed = {1, 2};
	uint64_t hash;
	int r;

	if (size > MOST)
		return 0;
	if (!resolvers) {
		snprintf(path, sizeof(path), "%s/state", folder_path());
		if (resolvers_new(&resolvers, LIMIT, &seed) < 0)
			abort();
	}
	hash = XXH3_64bits(data, size);
	memcpy(file, data, size);
	memcpy(file + size, &hash, sizeof(hash));
	folder_write("state", file, size + sizeof(hash));
	r = resolvers_load(resolvers, path, NOW_S);
	if ((r != 0 && r != -EBADMSG) || resolvers_count(resolvers) > LIMIT)
		abort();
	for (size_t i = 0; i < resolvers_count(resolvers); i++)
		check(resolvers_at(resolvers, i));
	resolvers_reset(resolvers);
	return 0;
}
