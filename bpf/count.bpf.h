/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The kernel side's hooks of wire_message.h, wire_source.h and wire_count.h: bytes, names, clients,
 * counters of the open slot. crosstap.bpf.c opens the environment (wire_env, wire_open_env), and
 * makes the functions that walk names and headers once for each type of context.
 */
#ifndef CROSSTAP_COUNT_BPF_H
#define CROSSTAP_COUNT_BPF_H

#include "maps.bpf.h"

/* Labels walked in each call of a function. */
#define WALK_TURNS 7

CT_INLINE struct wire_scratch *wire_scratch(u32 direction)
{
	return bpf_map_lookup_elem(&scratch, &direction);
}

CT_INLINE struct wire_counters *wire_find_counters(const struct wire_env *env)
{
	const u32 index = wire_counters_index(wire_interface, env->direction, env->slot);

	return bpf_map_lookup_elem(&counters, &index);
}

/* Configuration and open slot. */
CT_INLINE bool wire_open_env(struct wire_env *env)
{
	const u32 zero = 0;

	env->config = bpf_map_lookup_elem(&config, &zero);
	if (!env->config)
		return false;
	env->slot = env->config->slot & 1;
	return true;
}

CT_INLINE int wire_read(const struct wire_env *env, u64 at, u8 *to, u64 n)
{
	const u8 *p = ct_bytes(&env->view, at, n);

	if (p) {
		ct_copy(to, p, n);
		return 0;
	}
	if (env->access == WIRE_ACCESS_XDP)
		return -1;
	if (env->access == WIRE_ACCESS_XDP_FRAGS)
		return (int)bpf_xdp_load_bytes(env->context, (u32)at, to, (u32)n);
	return (int)bpf_skb_load_bytes(env->context, (u32)at, to, (u32)n);
}

/* Copies up to a name's length from `at` to the scratch buffer; returns how much, 0 if nothing. */
CT_INLINE u64 wire_fill_scratch(
    const struct wire_env *env, u64 packet_bytes, u64 at, u64 end, u8 *to)
{
	u64 n, last;
	long error;

	if (end > packet_bytes)
		end = packet_bytes;
	if (at >= end)
		return 0;
	n = end - at;
	if (n > DNS_MAX_NAME_BYTES + 1)
		n = DNS_MAX_NAME_BYTES + 1;
	/* For the verifier, 1 .. 256: before 6.8 it learns nothing from a comparison with 0. */
	last = n - 1;
	CT_OPAQUE(last);
	if (last > DNS_MAX_NAME_BYTES)
		return 0;
	CT_OPAQUE(last);
	n = last + 1;
	if (env->access == WIRE_ACCESS_XDP_FRAGS)
		error = bpf_xdp_load_bytes(env->context, (u32)at, to, (u32)n);
	else
		error = bpf_skb_load_bytes(env->context, (u32)at, to, (u32)n);
	return error ? 0 : n;
}

/* Walks on where direct access ended at `at`: over a copy. */
CT_INLINE u64 wire_walk_copy(
    const struct wire_env *env, u64 packet_bytes, u64 at, u64 end, u64 used)
{
	struct wire_scratch *copy = wire_scratch(env->direction);
	struct ct_view view = {};
	u64 n, walk, status;

	if (!copy)
		return (u64)DNS_WALK_VIEW << 32 | at;
	n = wire_fill_scratch(env, packet_bytes, at, end, copy->bytes);
	if (!n)
		return (u64)DNS_WALK_VIEW << 32 | at;
	view.data = copy->bytes;
	view.scratch = n;
	view.copied = true;
	walk = dns_walk(&view, 0, n, used, WALK_TURNS);
	status = DNS_WALK_STATUS(walk);
	if (status == DNS_WALK_END && at + n < end)
		status = DNS_WALK_VIEW;
	return status << 32 | (DNS_WALK_AT(walk) + at);
}

/* Each entry point's view of a packet: what its functions start from. */
CT_INLINE struct wire_env wire_env(void *context, u32 data, u32 data_end, u32 access, u32 direction)
{
	/* An argument without a use may arrive as anything, and the verifier wants a context. */
	asm volatile("" : : "r"(context));
	return (struct wire_env){
	    .context = context,
	    .view = {.data = (const u8 *)(long)data, .end = (const u8 *)(long)data_end},
	    .access = access,
	    .direction = direction,
	};
}
#define xdp_env(ctx)    wire_env(ctx, ctx->data, ctx->data_end, WIRE_ACCESS_XDP, WIRE_IN)
#define frags_env(ctx)  wire_env(ctx, ctx->data, ctx->data_end, WIRE_ACCESS_XDP_FRAGS, WIRE_IN)
#define tc_in_env(ctx)  wire_env(ctx, ctx->data, ctx->data_end, WIRE_ACCESS_TC, WIRE_IN)
#define tc_out_env(ctx) wire_env(ctx, ctx->data, ctx->data_end, WIRE_ACCESS_TC, WIRE_OUT)

CT_INLINE u64 wire_packet_bytes(const struct wire_env *env)
{
	if (env->access == WIRE_ACCESS_TC)
		return ((const struct __sk_buff *)env->context)->len;
	if (env->access == WIRE_ACCESS_XDP_FRAGS)
		return bpf_xdp_get_buff_len(env->context);
	return (u64)(env->view.end - env->view.data);
}

CT_INLINE u64 wire_segments(const struct wire_env *env)
{
	const struct __sk_buff *skb = env->context;

	return env->access == WIRE_ACCESS_TC && skb->gso_segs > 1 ? skb->gso_segs : 1;
}

CT_INLINE u64 walk(const struct wire_env *env, u64 at, u64 end, u64 used)
{
	const u64 result = dns_walk_long(&env->view, at, end, used, WALK_TURNS);
	const u64 behind = DNS_WALK_AT(result);

	if (env->access == WIRE_ACCESS_XDP || DNS_WALK_STATUS(result) != DNS_WALK_VIEW)
		return result;
	return wire_walk_copy(env, wire_packet_bytes(env), behind, end, used + behind - at);
}

/*
 * Global functions are verified once and on their own, whatever calls them: what they do does not
 * multiply with the paths that lead to them, and what they return comes without a history. They
 * take a context and numbers, nothing else (5.6).
 */
#define COUNT_FUNCTIONS(name, ctx_type)                                                            \
	__noinline u64 name##_walk(ctx_type *ctx, u64 at, u64 end, u64 used)                       \
	{                                                                                          \
		const struct wire_env env = name##_env(ctx);                                       \
                                                                                                   \
		return walk(&env, at, end, used);                                                  \
	}                                                                                          \
	__noinline u64 name##_walk_rest(ctx_type *ctx, u64 at, u64 end, u64 used)                  \
	{                                                                                          \
		const u64 begin = at - used;                                                       \
                                                                                                   \
		for (u32 i = 0; i < DNS_WALK_TURNS / WALK_TURNS; i++) {                            \
			const u64 result = name##_walk(ctx, at, end, at - begin);                  \
                                                                                                   \
			if (DNS_WALK_STATUS(result) != DNS_WALK_MORE)                              \
				return result;                                                     \
			at = DNS_WALK_AT(result);                                                  \
		}                                                                                  \
		return (u64)DNS_MALFORMED_NAME_LENGTH << 32;                                       \
	}                                                                                          \
	__noinline u64 name##_next_header(ctx_type *ctx, u64 chain)                                \
	{                                                                                          \
		const struct wire_env env = name##_env(ctx);                                       \
                                                                                                   \
		return packet_next_header(&env.view, chain);                                       \
	}                                                                                          \
	__noinline u64 name##_headers(ctx_type *ctx, u64 chain)                                    \
	{                                                                                          \
		for (u32 i = 0; i < PACKET_MAX_EXTENSIONS && !(chain & PACKET_CHAIN_END); i++)     \
			chain = name##_next_header(ctx, chain);                                    \
		return chain;                                                                      \
	}

COUNT_FUNCTIONS(xdp, struct xdp_md)
COUNT_FUNCTIONS(frags, struct xdp_md)
COUNT_FUNCTIONS(tc_in, struct __sk_buff)
COUNT_FUNCTIONS(tc_out, struct __sk_buff)

CT_INLINE u64 walk_call(const struct wire_env *env, u64 at, u64 end, u64 used)
{
	switch (env->access) {
	case WIRE_ACCESS_XDP:
		return xdp_walk(env->context, at, end, used);
	case WIRE_ACCESS_XDP_FRAGS:
		return frags_walk(env->context, at, end, used);
	default:
		return env->direction == WIRE_IN ? tc_in_walk(env->context, at, end, used)
						 : tc_out_walk(env->context, at, end, used);
	}
}

CT_INLINE u64 walk_rest_call(const struct wire_env *env, u64 at, u64 end, u64 used)
{
	switch (env->access) {
	case WIRE_ACCESS_XDP:
		return xdp_walk_rest(env->context, at, end, used);
	case WIRE_ACCESS_XDP_FRAGS:
		return frags_walk_rest(env->context, at, end, used);
	default:
		return env->direction == WIRE_IN ? tc_in_walk_rest(env->context, at, end, used)
						 : tc_out_walk_rest(env->context, at, end, used);
	}
}

/* One call is enough for nearly every name. */
CT_INLINE u64 wire_walk(const struct wire_env *env, u64 at, u64 end, u64 used)
{
	const u64 result = walk_call(env, at, end, used);
	const u64 behind = DNS_WALK_AT(result);

	if (DNS_WALK_STATUS(result) != DNS_WALK_MORE)
		return result;
	return walk_rest_call(env, behind, end, used + behind - at);
}

CT_INLINE u64 packet_follow(const struct ct_view *view CT_UNUSED, const void *reader, u64 chain)
{
	const struct wire_env *env = reader;

	switch (env->access) {
	case WIRE_ACCESS_XDP:
		return xdp_headers(env->context, chain);
	case WIRE_ACCESS_XDP_FRAGS:
		return frags_headers(env->context, chain);
	default:
		return env->direction == WIRE_IN ? tc_in_headers(env->context, chain)
						 : tc_out_headers(env->context, chain);
	}
}

CT_INLINE void wire_add_rare(const struct wire_env *env, u32 entry)
{
	const u32 index = wire_rare_index(wire_interface, env->slot) + entry;
	u64 *count = bpf_map_lookup_elem(&rare, &index);

	if (count)
		CT_ADD_SHARED(count, 1);
}

CT_INLINE u8 *wire_tags_of(u32 index)
{
	const u32 entry = index / WIRE_SOURCE_TAGGED;
	struct wire_source_tags *tags = bpf_map_lookup_elem(&source_tags, &entry);

	return tags ? tags->of[index % WIRE_SOURCE_TAGGED] : 0;
}

CT_INLINE bool wire_source_may_hold(const struct wire_env *env CT_UNUSED, u32 index, u8 tag)
{
	const u8 *tags = wire_tags_of(index);

	return tags && wire_source_tagged(tags, tag);
}

CT_INLINE struct wire_source_bucket *wire_source_bucket(
    const struct wire_env *env CT_UNUSED, u32 index)
{
	return bpf_map_lookup_elem(&sources, &index);
}

CT_INLINE void wire_take_way(const struct wire_env *env CT_UNUSED, u32 index,
    struct wire_source_bucket *bucket, const struct wire_source_id *id, u8 tag)
{
	const u32 which = index & (WIRE_SOURCE_LOCKS - 1);
	struct wire_source_lock *lock = bpf_map_lookup_elem(&source_locks, &which);
	u8 *tags = wire_tags_of(index);
	u32 way;

	if (!lock || !tags)
		return;
	bpf_spin_lock(&lock->lock);
	way = wire_source_put(bucket, id);
	if (way < WIRE_SOURCE_WAYS)
		tags[way] = tag;
	bpf_spin_unlock(&lock->lock);
}

CT_INLINE u32 *wire_source_samples(const struct wire_env *env)
{
	struct wire_scratch *local = wire_scratch(env->direction);

	return local ? &local->sampled : 0;
}

#endif
