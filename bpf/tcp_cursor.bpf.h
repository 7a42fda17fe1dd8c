/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The kernel side's hooks of wire_tcp.h. One message is a global function, some messages a second
 * one, the segment a loop over that: the verifier sees each loop's body once, not 4,096 times.
 */
#ifndef CROSSTAP_TCP_CURSOR_BPF_H
#define CROSSTAP_TCP_CURSOR_BPF_H

#include "count.bpf.h"

CT_INLINE struct wire_flow *wire_find_flow(
    const struct wire_env *env, const struct wire_flow_key *key)
{
	return bpf_map_lookup_elem(&flows, key);
}

CT_INLINE void wire_put_flow(
    const struct wire_env *env, const struct wire_flow_key *key, const struct wire_flow *flow)
{
	bpf_map_update_elem(&flows, key, flow, BPF_ANY);
}

CT_INLINE struct wire_segment *wire_segment(const struct wire_env *env)
{
	struct wire_scratch *local = wire_scratch(env->direction);

	return local ? &local->segment : 0;
}

CT_INLINE int tcp_step(struct wire_env *env)
{
	struct wire_segment *segment = wire_segment(env);

	if (!segment || !wire_open_env(env))
		return 0;
	env->counters = wire_find_counters(env);
	if (!env->counters)
		return 0;
	return wire_tcp_step(env, segment);
}

#define TCP_FUNCTIONS(name, ctx_type)                                                              \
	__noinline int name##_tcp_step(ctx_type *ctx)                                              \
	{                                                                                          \
		struct wire_env env = name##_env(ctx);                                             \
                                                                                                   \
		return tcp_step(&env);                                                             \
	}                                                                                          \
	__noinline int name##_tcp_burst(ctx_type *ctx)                                             \
	{                                                                                          \
		for (u32 i = 0; i < WIRE_BURST_STEPS; i++)                                         \
			if (!name##_tcp_step(ctx))                                                 \
				return 0;                                                          \
		return 1;                                                                          \
	}

TCP_FUNCTIONS(xdp, struct xdp_md)
TCP_FUNCTIONS(frags, struct xdp_md)
TCP_FUNCTIONS(tc_in, struct __sk_buff)
TCP_FUNCTIONS(tc_out, struct __sk_buff)

CT_INLINE int tcp_burst(const struct wire_env *env)
{
	switch (env->access) {
	case WIRE_ACCESS_XDP:
		return xdp_tcp_burst(env->context);
	case WIRE_ACCESS_XDP_FRAGS:
		return frags_tcp_burst(env->context);
	default:
		return env->direction == WIRE_IN ? tc_in_tcp_burst(env->context)
						 : tc_out_tcp_burst(env->context);
	}
}

CT_INLINE void wire_tcp_steps(const struct wire_env *env, struct wire_segment *segment)
{
	for (u32 i = 0; i < WIRE_BURSTS; i++)
		if (!tcp_burst(env))
			break;
}

#endif
