/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Counting by client address. wire_count.h calls it, for each compared query.
 *
 * Hooks, which only this file calls: bpf/count.bpf.h supplies them for XDP and tc, wire_host.h for
 * user space.
 *   wire_source_may_hold  whether a look into a bucket can find something
 *   wire_source_bucket    a bucket of the table
 *   wire_take_way         enters a client, while other CPUs may enter theirs
 *   wire_source_samples   counts clients that have no place yet
 */
#ifndef CROSSTAP_WIRE_SOURCE_H
#define CROSSTAP_WIRE_SOURCE_H

#include "crosstap/wire_message.h"
#include "crosstap/wire_source_table.h"

/* A client of this tag; 0: a free way. True where nobody knows. A hook of its own: as a part of the
 * next one, clang 19 gives the calls more stack than the kernel has for all of them (512 bytes). */
CT_INLINE bool wire_source_may_hold(const struct wire_env *env, u32 index, u8 tag);
/* NULL: there is no such bucket. */
CT_INLINE struct wire_source_bucket *wire_source_bucket(const struct wire_env *env, u32 index);
/* wire_source_put() while nobody else does. */
CT_INLINE void wire_take_way(const struct wire_env *env, u32 index,
    struct wire_source_bucket *bucket, const struct wire_source_id *id, u8 tag);
/* Counts messages of clients that had no way, on this CPU. */
CT_INLINE u32 *wire_source_samples(const struct wire_env *env);

/* A client without a way. Where a flood leaves no room, user space's word lets only some try. */
CT_INLINE bool wire_source_enter(
    const struct wire_env *env, const struct wire_source_id *id, u32 hash)
{
	const u32 sampling = env->config->source_sampling;
	u32 *samples = wire_source_samples(env);

	if (!samples || sampling >= 32 || ++*samples & (u32)(((u64)1 << sampling) - 1))
		return false;
	for (u32 choice = 0; choice < 2; choice++) {
		const u32 index = wire_source_index(env->config, hash, choice);
		struct wire_source_bucket *bucket;

		if (!wire_source_may_hold(env, index, 0))
			continue;
		bucket = wire_source_bucket(env, index);
		if (!bucket || !wire_source_has_room(bucket))
			continue;
		wire_take_way(env, index, bucket, id, wire_source_tag(hash));
		if (wire_source_count(bucket, id, env->slot))
			return true;
	}
	return false;
}

CT_INLINE bool wire_source_known(
    const struct wire_env *env, const struct wire_source_id *id, u32 hash)
{
	for (u32 choice = 0; choice < 2; choice++) {
		const u32 index = wire_source_index(env->config, hash, choice);
		struct wire_source_bucket *bucket;

		if (!wire_source_may_hold(env, index, wire_source_tag(hash)))
			continue;
		bucket = wire_source_bucket(env, index);
		if (bucket && wire_source_count(bucket, id, env->slot))
			return true;
	}
	return false;
}

/* A compared query of this client. */
CT_INLINE void wire_add_source(const struct wire_env *env, const struct packet_address *client)
{
	const struct wire_source_id id = wire_source_id(client);
	const u32 hash = wire_source_hash(env->config, client);

	if (!wire_source_is_client(&id) ||
	    (!wire_source_known(env, &id, hash) && !wire_source_enter(env, &id, hash)))
		env->counters->sources_other++;
}

#endif
