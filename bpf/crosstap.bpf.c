// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The kernel side: counts packets, changes none, decides nothing. XDP passes everything on and tc
 * leaves the verdict to the next filter, whatever happened here.
 *
 * What is counted and how is in include/crosstap/wire_packet.h, which user space compiles too.
 */
#include "count.bpf.h"
#include "handshake.bpf.h"
#include "tcp_cursor.bpf.h"

/* Where less than this is linear, headers are pulled there. A TCP segment on its way out has more.
 */
#define LINEAR_BYTES 54
#define PULLED_BYTES 128

CT_INLINE void count_packet(struct wire_env *env, u64 segments)
{
	struct wire_frame frame = {.segments = segments, .raw = wire_raw};

	frame.bytes = frame.readable = wire_packet_bytes(env);
	if (wire_open_env(env))
		wire_count_packet(env, &frame);
}

CT_INLINE void count_datagram(struct wire_env *env, u64 place, u64 kind)
{
	if (wire_open_env(env))
		wire_count_datagram(env, place, kind);
}

CT_INLINE void count_segment(struct wire_env *env)
{
	const struct wire_scratch *local = wire_scratch(env->direction);

	if (local && wire_open_env(env))
		wire_count_segment(env, &local->frame, &local->packet);
}

/* With counters, as whoever passed the packet on had them. */
CT_INLINE bool open_counters(struct wire_env *env)
{
	if (!wire_open_env(env))
		return false;
	env->counters = wire_find_counters(env);
	return env->counters;
}

CT_INLINE void time_handshake(struct wire_env *env)
{
	const struct wire_scratch *local = wire_scratch(env->direction);

	if (local && open_counters(env))
		wire_handshake(env, &local->packet, &local->peer);
}

CT_INLINE void count_stream(struct wire_env *env)
{
	const struct wire_scratch *local = wire_scratch(env->direction);

	if (local && open_counters(env))
		wire_count_stream(
		    env, &local->packet, &local->key, &local->peer, local->frame.readable);
}

#define PACKET_FUNCTION(name, ctx_type, function)                                                  \
	__noinline int name##_##function(ctx_type *ctx)                                            \
	{                                                                                          \
		struct wire_env env = name##_env(ctx);                                             \
                                                                                                   \
		function(&env);                                                                    \
		return 0;                                                                          \
	}
#define PACKET_FUNCTIONS(name, ctx_type)                                                           \
	__noinline int name##_count_datagram(ctx_type *ctx, u64 place, u64 kind)                   \
	{                                                                                          \
		struct wire_env env = name##_env(ctx);                                             \
                                                                                                   \
		count_datagram(&env, place, kind);                                                 \
		return 0;                                                                          \
	}                                                                                          \
	PACKET_FUNCTION(name, ctx_type, time_handshake)                                            \
	PACKET_FUNCTION(name, ctx_type, count_stream)                                              \
	PACKET_FUNCTION(name, ctx_type, count_segment)

PACKET_FUNCTIONS(xdp, struct xdp_md)
PACKET_FUNCTIONS(frags, struct xdp_md)
PACKET_FUNCTIONS(tc_in, struct __sk_buff)
PACKET_FUNCTIONS(tc_out, struct __sk_buff)

/* Calls the entry point's own instance of a function. */
#define PASS(env, function, ...)                                                                   \
	do {                                                                                       \
		if ((env)->access == WIRE_ACCESS_XDP)                                              \
			xdp_##function((env)->context, ##__VA_ARGS__);                             \
		else if ((env)->access == WIRE_ACCESS_XDP_FRAGS)                                   \
			frags_##function((env)->context, ##__VA_ARGS__);                           \
		else if ((env)->direction == WIRE_IN)                                              \
			tc_in_##function((env)->context, ##__VA_ARGS__);                           \
		else                                                                               \
			tc_out_##function((env)->context, ##__VA_ARGS__);                          \
	} while (0)

CT_INLINE void wire_pass_datagram(const struct wire_env *env, u64 place, u64 kind)
{
	PASS(env, count_datagram, place, kind);
}

CT_INLINE void wire_pass_segment(
    const struct wire_env *env, const struct wire_frame *frame, const struct packet *packet)
{
	struct wire_scratch *local = wire_scratch(env->direction);

	if (!local)
		return;
	local->frame = *frame;
	local->packet = *packet;
	local->todo = 0;
	PASS(env, count_segment);
	if (local->todo & WIRE_TODO_HANDSHAKE)
		PASS(env, time_handshake);
	if (local->todo & WIRE_TODO_STREAM)
		PASS(env, count_stream);
}

/* Side by side and not one inside the other: the stacks of nested functions add up to 512 bytes at
 * most. The packet is in the scratch buffer already. */
CT_INLINE void wire_pass_handshake(
    const struct wire_env *env, const struct packet *packet, const struct wire_peer *peer)
{
	struct wire_scratch *local = wire_scratch(env->direction);

	/* An inbound SYN is timed only where nothing sees the SYN-ACK: spare a flood the call. */
	if (!local ||
	    (packet->tcp_flags & PACKET_SYN && env->direction == WIRE_IN &&
		!(env->config->options & WIRE_RTT_SYN)))
		return;
	local->peer = *peer;
	local->todo |= WIRE_TODO_HANDSHAKE;
}

CT_INLINE void wire_pass_stream(const struct wire_env *env, const struct packet *packet,
    const struct wire_flow_key *key, const struct wire_peer *peer, u64 readable)
{
	struct wire_scratch *local = wire_scratch(env->direction);

	if (!local)
		return;
	local->peer = *peer;
	local->key = *key;
	local->todo |= WIRE_TODO_STREAM;
}

SEC("xdp")
int xdp_ingress(struct xdp_md *ctx)
{
	struct wire_env env = xdp_env(ctx);

	count_packet(&env, 1);
	return XDP_PASS;
}

/* For devices whose frames may lie in several buffers (5.18). */
SEC("xdp.frags")
int xdp_ingress_frags(struct xdp_md *ctx)
{
	struct wire_env env = frags_env(ctx);

	count_packet(&env, 1);
	return XDP_PASS;
}

CT_INLINE void make_linear(struct __sk_buff *skb)
{
	const u32 linear = skb->data_end - skb->data;

	if (linear < LINEAR_BYTES && linear < skb->len)
		bpf_skb_pull_data(skb, skb->len < PULLED_BYTES ? skb->len : PULLED_BYTES);
}

SEC("tc")
int tc_ingress(struct __sk_buff *skb)
{
	struct wire_env env;

	make_linear(skb);
	env = tc_in_env(skb);
	count_packet(&env, skb->gso_segs > 1 ? skb->gso_segs : 1);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tc_egress(struct __sk_buff *skb)
{
	struct wire_env env;

	make_linear(skb);
	env = tc_out_env(skb);
	count_packet(&env, skb->gso_segs > 1 ? skb->gso_segs : 1);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
