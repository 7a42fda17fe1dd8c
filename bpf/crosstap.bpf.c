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

CT_INLINE struct wire_frame frame_of(const struct wire_env *env)
{
	const u64 bytes = wire_packet_bytes(env);

	return (struct wire_frame){
	    .bytes = bytes,
	    .readable = bytes,
	    .segments = wire_segments(env),
	    .raw = wire_raw,
	};
}

CT_INLINE u32 take_step(struct wire_env *env, enum wire_step step)
{
	struct wire_scratch *local = wire_scratch(env->direction);

	if (!local || !wire_open_env(env))
		return 0;
	if (step == WIRE_PARSE)
		local->work.frame = frame_of(env);
	return wire_take_step(env, &local->work, step);
}

#define STEP_FUNCTION(name, ctx_type, step)                                                        \
	__noinline u32 name##_##step(ctx_type *ctx)                                                \
	{                                                                                          \
		struct wire_env env = name##_env(ctx);                                             \
                                                                                                   \
		return take_step(&env, step);                                                      \
	}
#define STEP_FUNCTIONS(name, ctx_type)                                                             \
	STEP_FUNCTION(name, ctx_type, WIRE_PARSE)                                                  \
	STEP_FUNCTION(name, ctx_type, WIRE_DATAGRAM)                                               \
	STEP_FUNCTION(name, ctx_type, WIRE_SEGMENT)                                                \
	STEP_FUNCTION(name, ctx_type, WIRE_HANDSHAKE)                                              \
	STEP_FUNCTION(name, ctx_type, WIRE_STREAM)                                                 \
	CT_INLINE u32 name##_step(ctx_type *ctx, enum wire_step step)                              \
	{                                                                                          \
		return step == WIRE_PARSE    ? name##_WIRE_PARSE(ctx)                              \
		    : step == WIRE_DATAGRAM  ? name##_WIRE_DATAGRAM(ctx)                           \
		    : step == WIRE_SEGMENT   ? name##_WIRE_SEGMENT(ctx)                            \
		    : step == WIRE_HANDSHAKE ? name##_WIRE_HANDSHAKE(ctx)                          \
					     : name##_WIRE_STREAM(ctx);                            \
	}

STEP_FUNCTIONS(xdp, struct xdp_md)
STEP_FUNCTIONS(frags, struct xdp_md)
STEP_FUNCTIONS(tc_in, struct __sk_buff)
STEP_FUNCTIONS(tc_out, struct __sk_buff)

/* The entry point's own instance of a step: constants choose it. */
CT_INLINE u32 wire_do(const struct wire_env *env, enum wire_step step)
{
	switch (env->access) {
	case WIRE_ACCESS_XDP:
		return xdp_step(env->context, step);
	case WIRE_ACCESS_XDP_FRAGS:
		return frags_step(env->context, step);
	default:
		return env->direction == WIRE_IN ? tc_in_step(env->context, step)
						 : tc_out_step(env->context, step);
	}
}

CT_INLINE void count_packet(struct wire_env *env)
{
	struct wire_frame frame = frame_of(env);

	if (wire_open_env(env))
		wire_count_packet(env, &frame);
}

SEC("xdp")
int xdp_ingress(struct xdp_md *ctx)
{
	struct wire_env env = xdp_env(ctx);

	count_packet(&env);
	return XDP_PASS;
}

/* For devices whose frames may lie in several buffers (5.18). */
SEC("xdp.frags")
int xdp_ingress_frags(struct xdp_md *ctx)
{
	struct wire_env env = frags_env(ctx);

	count_packet(&env);
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
	count_packet(&env);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tc_egress(struct __sk_buff *skb)
{
	struct wire_env env;

	make_linear(skb);
	env = tc_out_env(skb);
	count_packet(&env);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
