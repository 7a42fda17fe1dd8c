/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The kernel side's hooks of wire_tcp.h. One message is a global function, some messages a second
 * one, many a third: the verifier sees each loop's body once, not 4,096 times.
 */
#ifndef CROSSTAP_TCP_CURSOR_BPF_H
#define CROSSTAP_TCP_CURSOR_BPF_H

#include "count.bpf.h"

CT_INLINE struct wire_flow *wire_find_flow(
    const struct wire_env *env CT_UNUSED, const struct wire_flow_key *key)
{
	return bpf_map_lookup_elem(&flows, key);
}

CT_INLINE void wire_put_flow(const struct wire_env *env CT_UNUSED, const struct wire_flow_key *key,
    const struct wire_flow *flow)
{
	bpf_map_update_elem(&flows, key, flow, BPF_ANY);
}

CT_INLINE struct wire_segment *wire_segment(const struct wire_env *env)
{
	struct wire_scratch *local = wire_scratch(env->direction);

	return local ? &local->segment : 0;
}

/* Not for a SYN: a flood of them would cost a look at `flows` each. */
CT_INLINE u8 wire_stream_flags(const struct wire_env *env CT_UNUSED)
{
	return PACKET_FIN | PACKET_RST;
}

CT_INLINE struct wire_segment *tcp_open(struct wire_env *env)
{
	if (!wire_open_env(env))
		return 0;
	env->counters = wire_find_counters(env);
	return env->counters ? wire_segment(env) : 0;
}

CT_INLINE int tcp_message(struct wire_env *env)
{
	struct wire_segment *segment = tcp_open(env);

	if (segment)
		wire_tcp_message(env, segment);
	return 0;
}

CT_INLINE int tcp_step(struct wire_env *env)
{
	struct wire_segment *segment = tcp_open(env);

	return segment ? wire_tcp_step(env, segment) : 0;
}

#define TCP_FUNCTION(name, ctx_type, function)                                                     \
	__noinline int name##_##function(ctx_type *ctx)                                            \
	{                                                                                          \
		struct wire_env env = name##_env(ctx);                                             \
                                                                                                   \
		return function(&env);                                                             \
	}
#define TCP_BURST(name, ctx_type, function, step)                                                  \
	__noinline int name##_##function(ctx_type *ctx)                                            \
	{                                                                                          \
		for (u32 i = 0; i < WIRE_BURST; i++)                                               \
			if (!name##_##step(ctx))                                                   \
				return 0;                                                          \
		return 1;                                                                          \
	}
#define TCP_BURSTS(name, ctx_type)                                                                 \
	TCP_BURST(name, ctx_type, tcp_burst, tcp_step)                                             \
	TCP_BURST(name, ctx_type, tcp_bursts, tcp_burst)                                           \
	TCP_BURST(name, ctx_type, tcp_steps, tcp_bursts)

TCP_FUNCTION(xdp, struct xdp_md, tcp_message)
TCP_FUNCTION(frags, struct xdp_md, tcp_message)
TCP_FUNCTION(tc_in, struct __sk_buff, tcp_message)
TCP_FUNCTION(tc_out, struct __sk_buff, tcp_message)

/* Calls the entry point's own instance of a function. */
#define TCP_CALL(env, function)                                                                    \
	do {                                                                                       \
		if ((env)->access == WIRE_ACCESS_XDP)                                              \
			xdp_##function((env)->context);                                            \
		else if ((env)->access == WIRE_ACCESS_XDP_FRAGS)                                   \
			frags_##function((env)->context);                                          \
		else if ((env)->direction == WIRE_IN)                                              \
			tc_in_##function((env)->context);                                          \
		else                                                                               \
			tc_out_##function((env)->context);                                         \
	} while (0)

CT_INLINE void wire_tcp_complete(const struct wire_env *env, struct wire_segment *segment CT_UNUSED)
{
	TCP_CALL(env, tcp_message);
}

TCP_FUNCTION(xdp, struct xdp_md, tcp_step)
TCP_FUNCTION(frags, struct xdp_md, tcp_step)
TCP_FUNCTION(tc_in, struct __sk_buff, tcp_step)
TCP_FUNCTION(tc_out, struct __sk_buff, tcp_step)
TCP_BURSTS(xdp, struct xdp_md)
TCP_BURSTS(frags, struct xdp_md)
TCP_BURSTS(tc_in, struct __sk_buff)
TCP_BURSTS(tc_out, struct __sk_buff)

CT_INLINE void wire_tcp_steps(const struct wire_env *env, struct wire_segment *segment CT_UNUSED)
{
	TCP_CALL(env, tcp_steps);
}

#endif
