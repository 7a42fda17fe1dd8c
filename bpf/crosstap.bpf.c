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

#define PACKET_FUNCTIONS(name, ctx_type)                                                           \
	__noinline int name##_datagram(ctx_type *ctx, u64 place, u64 kind)                         \
	{                                                                                          \
		struct wire_env env = name##_env(ctx);                                             \
                                                                                                   \
		count_datagram(&env, place, kind);                                                 \
		return 0;                                                                          \
	}                                                                                          \
	__noinline int name##_segment(ctx_type *ctx)                                               \
	{                                                                                          \
		struct wire_env env = name##_env(ctx);                                             \
                                                                                                   \
		count_segment(&env);                                                               \
		return 0;                                                                          \
	}

PACKET_FUNCTIONS(xdp, struct xdp_md)
PACKET_FUNCTIONS(frags, struct xdp_md)
PACKET_FUNCTIONS(tc_in, struct __sk_buff)
PACKET_FUNCTIONS(tc_out, struct __sk_buff)

CT_INLINE void wire_pass_datagram(const struct wire_env *env, u64 place, u64 kind)
{
	if (env->access == WIRE_ACCESS_XDP)
		xdp_datagram(env->context, place, kind);
	else if (env->access == WIRE_ACCESS_XDP_FRAGS)
		frags_datagram(env->context, place, kind);
	else if (env->direction == WIRE_IN)
		tc_in_datagram(env->context, place, kind);
	else
		tc_out_datagram(env->context, place, kind);
}

CT_INLINE void wire_pass_segment(
    const struct wire_env *env, const struct wire_frame *frame, const struct packet *packet)
{
	struct wire_scratch *local = wire_scratch(env->direction);

	if (!local)
		return;
	local->frame = *frame;
	local->packet = *packet;
	if (env->access == WIRE_ACCESS_XDP)
		xdp_segment(env->context);
	else if (env->access == WIRE_ACCESS_XDP_FRAGS)
		frags_segment(env->context);
	else if (env->direction == WIRE_IN)
		tc_in_segment(env->context);
	else
		tc_out_segment(env->context);
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
